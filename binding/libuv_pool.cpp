// libuv's pool belongs to the process and takes its items through a loop, from one thread at a time. An environment's
// loop takes them from its own thread alone, which may be blocked, and stays alive for each item, even one that nobody
// waits for any more. So these go through a loop of our own, behind a lock, which nobody runs but to have ended items
// back; jobs are settled through each environment's own OperationList.
#include "libuv_pool.h"

#include <uv.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "system_failure.h"

namespace switchyard::node {
namespace {

constexpr unsigned kThreadsOfItsOwn = 4, kMostThreads = 1024;  // libuv's
constexpr size_t kMostEnded = 64;  // items that have ended and lie with the loop: taking them back costs system calls

// As libuv reads it when its pool starts, whatever stands there.
size_t threadsOfLibuv() {
  const char* text = std::getenv("UV_THREADPOOL_SIZE");
  if (!text) return kThreadsOfItsOwn;
  const auto threads = static_cast<unsigned>(std::atoi(text));
  return threads == 0 ? 1 : std::min(threads, kMostThreads);
}

class Feeder {
 public:
  Feeder() : loop_(static_cast<uv_loop_t*>(operator new(uv_loop_size()))) {
    if (int failed = uv_loop_init(loop_)) {
      operator delete(loop_);
      throw systemError("no loop for libuv's pool", -failed);  // libuv's errors are errno's, negated
    }
  }
  LanePool pool{{.threads = threadsOfLibuv, .beginItem = [this] { begin(); }}};

 private:
  void begin() noexcept {
    std::lock_guard lock(mutex_);
    if (free_.empty() && given_ >= kMostEnded) uv_run(loop_, UV_RUN_NOWAIT);
    uv_work_t* item = take();
    // It refuses an item without a function alone.
    uv_queue_work(
        loop_, item, [](uv_work_t* begun) { static_cast<Feeder*>(begun->data)->pool.runItem(); },
        [](uv_work_t* ended, int) { static_cast<Feeder*>(ended->data)->free_.push_back(ended); });
  }

  uv_work_t* take() {
    if (free_.empty()) {
      auto* item = static_cast<uv_work_t*>(operator new(uv_req_size(UV_WORK)));
      item->data = this;
      free_.reserve(++given_);
      return item;
    }
    uv_work_t* item = free_.back();
    free_.pop_back();
    return item;
  }

  std::mutex mutex_;
  uv_loop_t* const loop_;  // as large as the libuv of this process has it, as the items are
  size_t given_ = 0;       // items there are
  std::vector<uv_work_t*> free_;
};

}  // namespace

LanePool& libuvPool() {
  static Feeder* feeder = new Feeder;  // leaked on purpose: the pool's threads may come by while the process exits
  return feeder->pool;
}

}  // namespace switchyard::node
