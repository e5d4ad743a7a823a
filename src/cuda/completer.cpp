// Polling with a short spin and a sleep that grows with the wait: a host function or a blocking wait would never return
// after some errors.
#include "completer.h"

#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <utility>

#include "copy.h"

namespace switchyard::cuda {
namespace {

using std::chrono::microseconds;

constexpr auto kSpin = microseconds(50);  // longer than a small job and a thread's wake take
constexpr auto kShortestSleep = microseconds(20), kLongestSleep = microseconds(1000);
constexpr auto kIdleBeforeTrim = std::chrono::seconds(30);

double millisecondsBetween(cudaEvent_t begin, cudaEvent_t end) noexcept {
  float ms = 0;
  if (!begin || !end) return 0;
  if (cudaEventElapsedTime(&ms, begin, end) != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  return std::max(ms, 0.0f);
}

QueueTimings timingsOf(const Submission& s) noexcept {
  const Marks& m = s.marks;
  QueueTimings timings;
  const cudaEvent_t uploadEnd = m.uploadEnd      ? m.uploadEnd
                                : m.computeBegin ? m.computeBegin
                                : m.computeEnd   ? m.computeEnd
                                                 : s.end;
  timings.uploadMs = millisecondsBetween(m.uploadBegin, uploadEnd);
  timings.computeMs = millisecondsBetween(m.computeBegin, m.computeEnd ? m.computeEnd : s.end);
  timings.readbackMs = millisecondsBetween(m.computeEnd, s.end);
  return timings;
}

}  // namespace

QueueState::~QueueState() {
  if (state_->lost() || cudaSetDevice(state_->ordinal) != cudaSuccess) return;
  for (cudaEvent_t event : events_) cudaEventDestroy(event);
}

cudaEvent_t QueueState::takeEvent() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!events_.empty()) {
      const cudaEvent_t event = events_.back();
      events_.pop_back();
      return event;
    }
    events_.reserve(++eventCount_);  // giveBack() must not allocate
  }
  cudaEvent_t event = nullptr;
  state_->check(cudaEventCreateWithFlags(&event, cudaEventDefault), "cudaEventCreate");
  return event;
}

void QueueState::giveBack(cudaEvent_t event) noexcept {
  if (!event) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  events_.push_back(event);
}

void QueueState::giveBack(const Marks& marks) noexcept {
  for (cudaEvent_t event : {marks.uploadBegin, marks.uploadEnd, marks.computeBegin, marks.computeEnd}) giveBack(event);
}

struct Completer::Shared {
  std::shared_ptr<DeviceState> state;
  std::shared_ptr<PinnedPool> pool;
  std::shared_ptr<DeviceMemory> memory;
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<std::shared_ptr<QueueState>> queues;
  uint64_t queuesVersion = 0;
  size_t pending = 0;              // submissions that wait, on all queues
  Clock::time_point lastActivity;  // a push, or an event that came
  bool stop = false;
  std::atomic<bool> unloading{false};  // the process is leaving: nothing more will be settled
  std::atomic<std::thread::id> thread{};

  bool onThread() const { return thread.load() == std::this_thread::get_id(); }
  void run();
  bool serveAll(const std::vector<std::shared_ptr<QueueState>>& served);
  bool serve(QueueState& queue);
  bool finished(cudaEvent_t end, std::exception_ptr& error);
  void settle(QueueState& queue, Submission submission, std::exception_ptr error);
  void watch();                            // under mutex: a queue past the watchdog's time, and the card is lost
  void restart(Clock::time_point pushed);  // the watchdog, for what came later
};

// Whether the event has come, or never will (then `error` says why).
bool Completer::Shared::finished(cudaEvent_t end, std::exception_ptr& error) {
  if (state->lost()) {
    error = state->lostError();
    return true;
  }
  if (!end) return true;
  const cudaError_t status = cudaEventQuery(end);
  if (status == cudaSuccess) return true;
  if (status == cudaErrorNotReady) return false;
  if (status == cudaErrorCudartUnloading) {
    unloading = true;
    return false;
  }
  cudaGetLastError();
  // Sticky or not: without its event nobody knows when the card is done with this memory.
  state->lose(toError(status, "waiting for the card").what(), endsProcess(status));
  error = state->lostError();
  return true;
}

bool Completer::Shared::serve(QueueState& queue) {
  Submission submission;
  std::exception_ptr error;
  {
    cudaEvent_t end;
    {
      const std::lock_guard<std::mutex> lock(queue.mutex_);
      if (queue.waiting_.empty()) return false;
      end = queue.waiting_.front().end;
    }
    if (!finished(end, error)) return false;
    const auto now = Clock::now();
    Clock::duration waited;
    {
      const std::lock_guard<std::mutex> lock(queue.mutex_);
      submission = std::move(queue.waiting_.front());
      queue.waiting_.pop_front();
      ++queue.settling_;
      waited = now - std::exchange(queue.since_, now);
    }
    // It may be what others that came after it waited for, so their time begins now; not that of one which was there
    // before: a queue that goes on submitting would hide that another one is not answered.
    if (waited > watchdog.load() / 10) restart(submission.pushed);
  }
  {
    const std::lock_guard<std::mutex> lock(mutex);
    --pending;
    lastActivity = Clock::now();
    state->lastActive = lastActivity;
  }
  state->unfinished.fetch_sub(1, std::memory_order_relaxed);
  if (!error) error = submission.error;
  settle(queue, std::move(submission), error);
  {
    const std::lock_guard<std::mutex> lock(queue.mutex_);
    --queue.settling_;
  }
  queue.idle_.notify_all();
  return true;
}

void Completer::Shared::settle(QueueState& queue, Submission s, std::exception_ptr error) {
  QueueTimings timings;
  if (!error) {
    const auto begin = Clock::now();
    for (const CopyOut& copy : s.copies) copyBytes(copy.to, copy.from, copy.bytes);
    timings = timingsOf(s);
    if (!s.copies.empty())
      timings.readbackMs += std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  }
  // What the next submission needs is free before `done` can ask for it.
  queue.giveBack(s.end);
  queue.giveBack(s.marks);
  for (const PinnedBlock& block : s.blocks) pool->giveBack(block);
  {
    const std::lock_guard<std::mutex> lock(queue.mutex_);
    if (s.done)
      error = error ? error : queue.partError_, queue.partError_ = nullptr;
    else if (error && !queue.partError_)
      queue.partError_ = error;
  }
  queue.settled_.fetch_add(1, std::memory_order_release);
  if (s.done) s.done(error, timings);
}

void Completer::Shared::watch() {
  const auto now = Clock::now();
  std::chrono::milliseconds patience = watchdog;
  Clock::duration longest{0};
  for (const auto& queue : queues) {
    const std::lock_guard<std::mutex> lock(queue->mutex_);
    if (queue->waiting_.empty()) continue;
    patience = std::max(patience, queue->waiting_.front().limit);
    longest = std::max(longest, now - queue->since_);
  }
  if (longest > patience)
    state->lose("no answer for " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(longest).count()) +
                " s");
}

void Completer::Shared::restart(Clock::time_point pushed) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto now = Clock::now();
  for (const auto& queue : queues) {
    const std::lock_guard<std::mutex> queueLock(queue->mutex_);
    if (!queue->waiting_.empty() && queue->waiting_.front().pushed >= pushed) queue->since_ = now;
  }
}

bool Completer::Shared::serveAll(const std::vector<std::shared_ptr<QueueState>>& served) {
  bool any = false;
  for (const auto& queue : served) any = serve(*queue) || any;
  return any;
}

void Completer::Shared::run() {
  pthread_setname_np(pthread_self(), "switchyard-cuda");
  prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);  // ns: sleeps of 20 us would else take 70
  const cudaError_t current = cudaSetDevice(state->ordinal);
  if (current != cudaSuccess)
    state->lose(toError(current, "the completion thread can't use the card").what(), endsProcess(current));
  std::vector<std::shared_ptr<QueueState>> served;
  uint64_t version = 0;
  std::unique_lock<std::mutex> lock(mutex);
  while (!unloading) {
    if (pending == 0) {
      served.clear();  // a queue's memory is not kept by a thread that sleeps
      version = 0;
      if (stop) return;
      if (wake.wait_for(lock, kIdleBeforeTrim, [&] { return stop || pending > 0; })) continue;
      memory->trimPinned();
      wake.wait(lock, [&] { return stop || pending > 0; });
      continue;
    }
    if (version != queuesVersion) served = queues, version = queuesVersion;
    lock.unlock();
    const bool progressed = serveAll(served);
    lock.lock();
    if (progressed || pending == 0) continue;
    if (const auto waited = Clock::now() - lastActivity; waited > kSpin) {
      watch();
      wake.wait_for(lock, std::clamp<Clock::duration>(waited / 8, kShortestSleep, kLongestSleep));
    }
  }
}

Completer::Completer(std::shared_ptr<DeviceState> state, std::shared_ptr<PinnedPool> pool,
                     std::shared_ptr<DeviceMemory> memory)
    : shared_(std::make_shared<Shared>()) {
  shared_->state = std::move(state);
  shared_->pool = std::move(pool);
  shared_->memory = std::move(memory);
  thread_ = std::thread([shared = shared_] {
    shared->thread = std::this_thread::get_id();
    shared->run();
  });
}

Completer::~Completer() {
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    shared_->stop = true;
  }
  shared_->wake.notify_all();
  if (shared_->onThread())
    thread_.detach();  // it ends by itself after the completion that destroyed us
  else
    thread_.join();
}

std::shared_ptr<QueueState> Completer::addQueue() {
  auto queue = std::make_shared<QueueState>(shared_->state);
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  shared_->queues.push_back(queue);
  ++shared_->queuesVersion;
  return queue;
}

void Completer::removeQueue(const std::shared_ptr<QueueState>& queue) {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  std::erase(shared_->queues, queue);
  ++shared_->queuesVersion;
}

void Completer::push(QueueState& queue, Submission submission) {
  {
    // Both at once: the thread may settle it before this returns.
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    {
      const std::lock_guard<std::mutex> queueLock(queue.mutex_);
      submission.pushed = Clock::now();
      if (queue.waiting_.empty()) queue.since_ = submission.pushed;
      queue.waiting_.push_back(std::move(submission));
    }
    ++shared_->pending;
    shared_->state->unfinished.fetch_add(1, std::memory_order_relaxed);
    shared_->lastActivity = Clock::now();
    shared_->state->lastActive = shared_->lastActivity;
  }
  shared_->wake.notify_one();
}

void Completer::waitIdle(QueueState& queue) {
  if (shared_->onThread()) {
    for (;;) {
      {
        const std::lock_guard<std::mutex> lock(queue.mutex_);
        if (queue.waiting_.empty()) return;
      }
      if (shared_->unloading) return;
      if (shared_->serve(queue)) continue;
      std::this_thread::sleep_for(kShortestSleep);
      const std::lock_guard<std::mutex> lock(shared_->mutex);
      shared_->watch();
    }
  }
  std::unique_lock<std::mutex> lock(queue.mutex_);
  const auto idle = [&] { return (queue.waiting_.empty() && queue.settling_ == 0) || shared_->unloading; };
  while (!queue.idle_.wait_for(lock, std::chrono::milliseconds(100), idle)) {}
}

bool Completer::awaits(QueueState& queue) {
  if (shared_->onThread()) shared_->serve(queue);
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  const auto now = Clock::now();
  const std::chrono::milliseconds patience = watchdog;
  return std::any_of(shared_->queues.begin(), shared_->queues.end(), [&](const auto& each) {
    const std::lock_guard<std::mutex> queueLock(each->mutex_);
    if (each->waiting_.empty()) return false;
    const std::chrono::milliseconds limit = each->waiting_.front().limit;
    return (each.get() == &queue || limit > patience) && now - each->since_ <= std::max(limit, patience);
  });
}

void Completer::forgetPartError(QueueState& queue) {
  const std::lock_guard<std::mutex> lock(queue.mutex_);
  queue.partError_ = nullptr;
}

void Completer::waitForBlock(QueueState& queue, uint64_t generation) {
  if (shared_->onThread()) {
    if (!shared_->serve(queue)) std::this_thread::sleep_for(kShortestSleep);
  } else {
    shared_->pool->waitForBlock(generation);
  }
}

}  // namespace switchyard::cuda
