// The memory of an opened card: taken and given back without waiting for what computes on it.
#pragma once
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "../device.h"
#include "pinned.h"

namespace switchyard::cuda {

// cudaFree() waits for everything on the card, whoever it belongs to, so nobody calls it who has something to do. Where
// the card has memory pools (nearly all have), memory comes from one of our own, which the driver hands out and takes
// back in the order of a stream: of ours, on which nothing else is. What goes back stays in the pool for the next one
// who asks. Elsewhere it waits in a list. In both cases it goes back to the card, for others to have, when the card has
// rested for a moment, or has been busy for too long, by a thread that does nothing else; and at once when there is not
// enough. Thread-safe. Shared by the device and its buffers, which may outlive it.
class DeviceMemory {
 public:
  DeviceMemory(std::shared_ptr<DeviceState> state, std::shared_ptr<PinnedPool> pinned);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  // For a thread that has entered. From now on any stream may use it. Throws OutOfMemory.
  std::byte* take(size_t bytes);
  // What no unfinished command uses. Waits for nothing.
  void giveBack(std::byte* memory, size_t bytes) noexcept;
  // What is kept here for the next one counts as free.
  MemoryUse use();
  // Page-locked memory that nobody uses may go back, too, when the card has rested.
  void trimPinned() noexcept;

  const std::shared_ptr<DeviceState> state;

 private:
  struct Freed {
    std::byte* memory;
    size_t bytes;
  };
  void openPool();
  cudaError_t allocate(void** memory, size_t bytes);
  void tidy() noexcept;
  void freeKept() noexcept;
  void run() noexcept;
  using Clock = std::chrono::steady_clock;

  const std::shared_ptr<PinnedPool> pinned_;
  cudaStream_t stream_ = nullptr;  // of the pool: nothing but what is taken and given back
  cudaMemPool_t pool_ = nullptr;   // null: the card has none
  std::mutex mutex_;               // all below
  std::condition_variable wake_;
  std::vector<Freed> kept_;  // without a pool: given back, and not freed yet
  size_t blocks_ = 0;        // without a pool: those that there are
  bool stop_ = false, isUntidy_ = false, trimsPinned_ = false;
  Clock::time_point untidySince_;
  std::thread thread_;
};

}  // namespace switchyard::cuda
