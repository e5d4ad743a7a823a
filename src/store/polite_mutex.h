// A mutex for one who holds it again and again, a moment each time, while others want it once: one that is let go of
// and taken again at once the same thread gets, whoever waits.
#pragma once
#include <atomic>
#include <mutex>
#include <thread>

namespace switchyard::store {

class PoliteMutex {
 public:
  void lock() {
    if (mutex_.try_lock()) return;
    waiting_.fetch_add(1, std::memory_order_relaxed);
    mutex_.lock();
    waiting_.fetch_sub(1, std::memory_order_relaxed);
  }
  void unlock() { mutex_.unlock(); }
  // Between two times that it is held.
  void letOthersIn() const {
    while (waiting_.load(std::memory_order_relaxed)) std::this_thread::yield();
  }

 private:
  std::mutex mutex_;
  std::atomic<int> waiting_{0};
};

}  // namespace switchyard::store
