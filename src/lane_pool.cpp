#include "lane_pool.h"

#include <algorithm>
#include <system_error>
#include <thread>

#include "thread.h"

namespace switchyard {

using Clock = Lane::Clock;

class LanePool::Runner final : public LaneRunner {
 public:
  Runner(LanePool& pool, Lane& lane, bool computes) : lane(lane), computes(computes), pool_(pool) {}
  ~Runner() override { pool_.remove(*this); }
  void prepare() override {}
  void wake() noexcept override { pool_.wake(*this); }

  // All below: under the pool's mutex.
  enum class State { Idle, Waiting, Inside };
  Lane& lane;
  const bool computes;
  State state = State::Idle;
  bool again = false;  // woken while a thread was inside
  Clock::time_point restAt = Clock::time_point::max();

 private:
  LanePool& pool_;
};

LanePool::LanePool(Options options) : options_(std::move(options)) {}

LanePool::~LanePool() {
  std::unique_lock lock(mutex_);
  ended_ = true;
  restWake_.notify_all();
  left_.wait(lock, [&] { return !resting_ && items_ == 0; });
}

std::unique_ptr<LaneRunner> LanePool::makeRunner(Lane& lane, bool computes) {
  auto runner = std::make_unique<Runner>(*this, lane, computes);
  std::lock_guard lock(mutex_);
  all_.push_back(runner.get());
  return runner;
}

void LanePool::remove(Runner& runner) {
  std::unique_lock lock(mutex_);
  left_.wait(lock, [&] { return runner.state != Runner::State::Inside; });
  std::erase(waiting_, &runner);
  std::erase(all_, &runner);
  noteWaiting();
}

void LanePool::noteWaiting() {
  waitingCount_ = waiting_.size();
  othersWait_ = threads_ == 1 || waiting_.size() > asked_ + spinning_;
}

bool LanePool::enqueue(Runner& runner) {
  if (!threads_) {
    threads_ = std::max<size_t>(options_.threads(), 1);
    most_ = std::max<size_t>(threads_ - 1, 1);
  }
  runner.state = Runner::State::Waiting;
  waiting_.push_back(&runner);
  const bool begins = waiting_.size() > asked_ + spinning_ && items_ < most_;
  if (begins) ++items_, ++asked_;
  noteWaiting();
  return begins;
}

void LanePool::wake(Runner& runner) noexcept {
  bool begins = false;
  {
    std::lock_guard lock(mutex_);
    if (runner.state == Runner::State::Inside) runner.again = true;
    if (runner.state == Runner::State::Idle) begins = enqueue(runner);
  }
  if (begins) options_.beginItem();
}

void LanePool::runItem() noexcept {
  std::optional<ComputeTurn> computing;  // from the first lane that computes: it takes three system calls
  std::unique_lock lock(mutex_);
  --asked_;
  const auto until = Clock::now() + options_.turn;
  bool spins = false;
  for (;;) {
    if (waiting_.empty() && !(spins && spin(lock))) break;
    if (threads_ == 1 && Clock::now() >= until) {  // behind what the pool has been given since
      ++asked_;
      noteWaiting();
      lock.unlock();
      options_.beginItem();
      return;
    }
    Runner& runner = *waiting_.front();
    waiting_.pop_front();
    spins = runner.computes;
    stay(runner, lock, computing);
  }
  --items_;
  noteWaiting();
  if (ended_) left_.notify_all();
}

void LanePool::stay(Runner& runner, std::unique_lock<std::mutex>& lock, std::optional<ComputeTurn>& computing) {
  runner.state = Runner::State::Inside;
  runner.again = false;
  noteWaiting();
  lock.unlock();
  if (runner.computes && !computing) computing.emplace();
  const bool more = runner.lane.drain(
      {.runner = &runner, .mayWait = false, .othersWait = &othersWait_, .until = Clock::now() + options_.turn});
  lock.lock();
  leave(runner, more);
}

void LanePool::leave(Runner& runner, bool more) {
  if (more || runner.again) {
    runner.state = Runner::State::Waiting;
    waiting_.push_back(&runner);
    noteWaiting();
  } else {
    runner.state = Runner::State::Idle;
    rest(runner);
  }
  left_.notify_all();
}

// Whether there is something to do again.
bool LanePool::spin(std::unique_lock<std::mutex>& lock) {
  if (threads_ == 1) return false;  // which others may want
  ++spinning_;
  noteWaiting();
  lock.unlock();
  const auto until = Clock::now() + kLaneSpin;
  while (waitingCount_.load(std::memory_order_acquire) == 0 && Clock::now() < until) std::this_thread::yield();
  lock.lock();
  --spinning_;
  noteWaiting();
  return !waiting_.empty();
}

// ---- what lanes do when they have had nothing to do for long

void LanePool::rest(Runner& runner) {
  runner.restAt = Clock::now() + options_.idleBeforeRest;
  if (resting_) return;
  try {
    std::thread([this] { restLoop(); }).detach();
    resting_ = true;
  } catch (const std::system_error&) {
    // The system has no thread now: the next job's end tries again.
  }
}

// One thread, while there are lanes that have not come to rest. It may be late, never early: nothing wakes it for a
// lane that has had work again.
void LanePool::restLoop() {
  becomeServiceThread("switchyard-rest");
  std::unique_lock lock(mutex_);
  for (;;) {
    auto next = std::ranges::min_element(all_, {}, &Runner::restAt);
    if (ended_ || next == all_.end() || (*next)->restAt == Clock::time_point::max()) break;
    Runner& runner = **next;
    if (const auto at = runner.restAt; Clock::now() < at) {
      restWake_.wait_until(lock, at);
      continue;
    }
    runner.restAt = Clock::time_point::max();
    if (runner.state != Runner::State::Idle) continue;  // its end sets the time anew
    runner.state = Runner::State::Inside;
    runner.again = false;
    lock.unlock();
    runner.lane.rest();
    lock.lock();
    runner.state = Runner::State::Idle;
    const bool begins = runner.again && enqueue(runner);
    left_.notify_all();
    if (!begins) continue;
    lock.unlock();
    options_.beginItem();
    lock.lock();
  }
  resting_ = false;
  left_.notify_all();
}

}  // namespace switchyard
