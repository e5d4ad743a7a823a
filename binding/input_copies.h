// Copies of JavaScript's memory in regions, for jobs that another process may run: large ones are made on a thread of
// their own, and jobs that are under way with one array share one copy of it.
#pragma once
#include <napi.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <tuple>

#include "call_layout.h"
#include "job.h"
#include "memory/shared_memory.h"

namespace switchyard::node {

// One array's copy. It lives as long as a job that uses it.
class InputCopy {
 public:
  InputCopy(const std::byte* from, size_t bytes, std::shared_ptr<const void> hold)
      : number(nextNumber()), from_(from), bytes_(bytes), hold_(std::move(hold)) {}
  const uint64_t number;  // no other's of this process
  // Makes it, unless it is there. One thread at a time; throws OutOfMemory. `onLoop`: an event loop waits for it.
  void make(bool onLoop);
  // The same on the event loop, at once: only into memory that the system has given already. False: there is none.
  bool makeNow();
  bool ready() const { return ready_.load(std::memory_order_acquire); }
  const std::shared_ptr<SharedBlock>& block() const { return block_; }  // once it is ready
 private:
  static uint64_t nextNumber();
  void fill(std::shared_ptr<SharedBlock> block, bool onLoop);
  const std::byte* const from_;
  const size_t bytes_;
  const std::shared_ptr<const void> hold_;  // as long as the copy is known by the array's address
  std::shared_ptr<SharedBlock> block_;
  std::atomic<bool> ready_{false};
};

// Those of one environment. JavaScript thread only.
class InputCopies {
 public:
  // Smaller ones are copied at once, with the job's other small memory.
  static constexpr size_t kFromBytes = kCopiedApart;
  // The one that jobs under way have of this array, or a new one. Inputs don't change until their job has ended, so
  // what is copied for one job is what another one means. Null where the array can't be held.
  std::shared_ptr<InputCopy> of(napi_env env, const TensorArg& input, napi_value array);
  // Whether one turn of the event loop, which has copied so much, may copy more itself: a hop to a thread costs a job
  // more than that. Adds it.
  static bool mayCopyNow(double& copied, uint64_t bytes);
  // Jobs that are never told of will not say when their arrays may change.
  void forget() { copies_.clear(); }

 private:
  using Key = std::tuple<const std::byte*, uint64_t, DType>;
  std::map<Key, std::weak_ptr<InputCopy>> copies_;
};

// Bytes of this process so far that were copied for jobs (inputs into regions, outputs out of them), and those of them
// that an event loop waited for.
struct CopyCounts {
  std::atomic<uint64_t> bytes{0}, onLoop{0};
};
CopyCounts& copyCounts();
// A copy that this thread makes.
void copyBytes(std::byte* to, const std::byte* from, size_t bytes, bool onLoop);

}  // namespace switchyard::node
