// The completion thread of an opened card: waits for the events of all its queues, empties their staging memory, and
// settles each submission exactly once.
#pragma once
#include <atomic>
#include <chrono>
#include <deque>
#include <thread>
#include <vector>

#include "../device.h"
#include "memory.h"

namespace switchyard::cuda {

using Clock = std::chrono::steady_clock;

// Where the parts of a submission begin and end on the card; null where it has no such part.
struct Marks {
  cudaEvent_t uploadBegin = nullptr, uploadEnd = nullptr, computeBegin = nullptr, computeEnd = nullptr;
};

// From staging memory to where the caller wants it.
struct CopyOut {
  const std::byte* from;
  std::byte* to;
  size_t bytes;
};

// What waits for one event. Without `done` it is an early part of a submission, cut off to free its staging memory.
struct Submission {
  cudaEvent_t end = nullptr;  // null: nothing to wait for, `error` says why
  Marks marks;
  std::vector<CopyOut> copies;
  std::vector<PinnedBlock> blocks;
  Completion done;
  std::exception_ptr error;
  Clock::time_point pushed{};          // to the completer
  std::chrono::milliseconds limit{0};  // the longest it may take, where that is more than the watchdog waits
};

// One queue's submissions, settled in order, and its events, recycled.
class QueueState {
 public:
  explicit QueueState(std::shared_ptr<DeviceState> state) : state_(std::move(state)) {}
  ~QueueState();
  cudaEvent_t takeEvent();
  void giveBack(cudaEvent_t event) noexcept;  // null is fine
  void giveBack(const Marks& marks) noexcept;
  // How many of its submissions, parts included, were settled.
  uint64_t settled() const noexcept { return settled_.load(std::memory_order_acquire); }

 private:
  friend class Completer;
  const std::shared_ptr<DeviceState> state_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<Submission> waiting_;
  size_t settling_ = 0;
  Clock::time_point since_;  // that the first of them is waited for
  std::atomic<uint64_t> settled_{0};
  std::exception_ptr partError_;  // of a part: goes to the submission it was cut from
  std::vector<cudaEvent_t> events_;
  size_t eventCount_ = 0;
};

class Completer {
 public:
  Completer(std::shared_ptr<DeviceState> state, std::shared_ptr<PinnedPool> pool, std::shared_ptr<DeviceMemory> memory);
  ~Completer();  // after the last queue was removed

  std::shared_ptr<QueueState> addQueue();
  void removeQueue(const std::shared_ptr<QueueState>& queue);
  void push(QueueState& queue, Submission submission);
  // Until everything pushed has been settled. On the completion thread itself it serves the queue meanwhile.
  void waitIdle(QueueState& queue);
  void forgetPartError(QueueState& queue);
  // Whether the card has something of this queue, or of another one that was said to take long, whose time is not over.
  // On the completion thread itself it serves the queue.
  bool awaits(QueueState& queue);
  // One step of waiting for staging memory: serves `queue` on the completion thread, else waits a moment.
  void waitForBlock(QueueState& queue, uint64_t generation);

 private:
  // Shared with the thread, which may outlive the Completer when that is destroyed from a completion.
  struct Shared;
  const std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace switchyard::cuda
