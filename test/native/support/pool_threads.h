// A pool as libuv's is: some threads, and one queue of whatever it is given.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "lane_pool.h"

namespace switchyard::test {

class PoolThreads {
 public:
  explicit PoolThreads(size_t threads, LanePool::Options options = {}) : lanes(optionsFor(threads, options)) {
    for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { loop(); });
  }
  ~PoolThreads() {  // after the runners of its lanes
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
    }
    more_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  void give(std::function<void()> item) {
    {
      std::lock_guard lock(mutex_);
      items_.push_back(std::move(item));
    }
    more_.notify_one();
  }
  static bool onThread() { return isOne(); }  // whether the caller is one of any such pool
  LanePool lanes;

 private:
  static bool& isOne() {
    static thread_local bool one = false;
    return one;
  }
  LanePool::Options optionsFor(size_t threads, LanePool::Options options) {
    options.threads = [threads] { return threads; };
    options.beginItem = [this] { give([this] { lanes.runItem(); }); };
    return options;
  }
  void loop() {
    isOne() = true;
    std::unique_lock lock(mutex_);
    for (;;) {
      more_.wait(lock, [&] { return ended_ || !items_.empty(); });
      if (items_.empty()) return;
      auto item = std::move(items_.front());
      items_.pop_front();
      lock.unlock();
      item();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::function<void()>> items_;
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace switchyard::test
