// A few helpers for the whole process, woken for copies that are worth it. One copy at a time has them; others, which
// come meanwhile, go on by themselves.
#include "copy.h"

#include <sched.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "../thread.h"

namespace switchyard::cuda {
namespace {

constexpr size_t kWorthHelpers = 1 << 20;  // some 100 us for one thread; waking another takes 20
constexpr size_t kChunk = 256 << 10;
constexpr unsigned kMostHelpers = 3;  // four threads fill a bus of 64 GB/s

class CopyTeam {
 public:
  static CopyTeam& get() {
    static auto* const team = new CopyTeam;  // never destroyed: its threads wait in it
    return *team;
  }

  void copy(std::byte* to, const std::byte* from, size_t bytes) {
    const std::unique_lock turn(turn_, std::try_to_lock);
    if (!turn || !start()) {
      std::memcpy(to, from, bytes);
      return;
    }
    std::unique_lock lock(mutex_);
    to_ = to, from_ = from, bytes_ = bytes, next_ = 0, left_ = (bytes + kChunk - 1) / kChunk;
    wake_.notify_all();
    work(lock);
    done_.wait(lock, [&] { return left_ == 0; });
  }

 private:
  // Under turn_. False: there are no processors for it.
  bool start() {
    if (started_) return helpers_ > 0;
    started_ = true;
    cpu_set_t set;
    const int cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    const auto wanted = std::min(kMostHelpers, unsigned(std::max(cpus, 1)) - 1);
    for (; helpers_ < wanted; ++helpers_) {
      try {
        std::thread([this] { help(); }).detach();
      } catch (...) {  // no more threads: with those that there are
        break;
      }
    }
    return helpers_ > 0;
  }
  void help() {
    becomeServiceThread("switchyard-copy");
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return next_ < bytes_; });
      work(lock);
    }
  }
  // Chunks, as long as there are any.
  void work(std::unique_lock<std::mutex>& lock) {
    while (next_ < bytes_) {
      const size_t begin = next_, bytes = std::min(kChunk, bytes_ - begin);
      std::byte* const to = to_ + begin;
      const std::byte* const from = from_ + begin;
      next_ += bytes;
      lock.unlock();
      std::memcpy(to, from, bytes);
      lock.lock();
      if (--left_ == 0) done_.notify_one();
    }
  }

  std::mutex turn_;  // who has the helpers
  bool started_ = false;
  unsigned helpers_ = 0;
  std::mutex mutex_;  // all below
  std::condition_variable wake_, done_;
  std::byte* to_ = nullptr;
  const std::byte* from_ = nullptr;
  size_t bytes_ = 0, next_ = 0, left_ = 0;
};

}  // namespace

void copyBytes(std::byte* to, const std::byte* from, size_t bytes) {
  if (bytes < kWorthHelpers)
    std::memcpy(to, from, bytes);
  else
    CopyTeam::get().copy(to, from, bytes);
}

}  // namespace switchyard::cuda
