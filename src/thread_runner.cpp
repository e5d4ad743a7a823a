#include "thread_runner.h"

#include "thread.h"

namespace switchyard {

ThreadRunner::~ThreadRunner() {
  ended_ = true;
  wake();
  if (thread_.joinable()) thread_.join();
}

void ThreadRunner::prepare() {
  if (started_.load(std::memory_order_acquire)) return;
  std::lock_guard lock(mutex_);
  if (thread_.joinable()) return;
  thread_ = std::thread([this] {
    becomeComputeThread("switchyard-lane");
    loop();
  });
  started_.store(true, std::memory_order_release);
}

void ThreadRunner::wake() noexcept {
  wakes_.fetch_add(1);
  if (!asleep_) return;
  std::lock_guard lock(mutex_);
  wake_.notify_one();
}

void ThreadRunner::loop() {
  for (;;) {
    const uint32_t seen = wakes_;
    if (ended_) return;
    if (seen) rested_ = false;
    lane_.drain({.runner = this});
    if (wakes_ == seen && spins_) spin(seen);
    if (wakes_ == seen) sleep(seen);
  }
}

void ThreadRunner::spin(uint32_t seen) const {
  const auto until = Lane::Clock::now() + kLaneSpin;
  while (wakes_.load(std::memory_order_acquire) == seen && Lane::Clock::now() < until) std::this_thread::yield();
}

void ThreadRunner::sleep(uint32_t seen) {
  std::unique_lock lock(mutex_);
  asleep_ = true;
  while (wakes_ == seen) {
    if (rested_) {
      wake_.wait(lock);
    } else if (wake_.wait_for(lock, kIdleBeforeRest) == std::cv_status::timeout && wakes_ == seen) {
      rested_ = true;
      lock.unlock();
      lane_.rest();
      lock.lock();
    }
  }
  asleep_ = false;
}

}  // namespace switchyard
