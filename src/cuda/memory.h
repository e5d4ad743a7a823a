// The memory of an opened card: taken and given back without waiting for what computes on it.
#pragma once
#include <memory>
#include <thread>

#include "../device.h"
#include "pinned.h"

namespace switchyard::cuda {

// cudaFree() waits for everything on the card, whoever it belongs to, so nobody calls it who has something to do. Where
// the card has memory pools (nearly all have), memory comes from one of our own, which the driver hands out and takes
// back in the order of a stream: of ours, on which nothing else is. What goes back stays in the pool for the next one
// who asks. Elsewhere it waits in a list. In both cases it goes back to the card, for others to have, when the card has
// rested for a moment, or has been busy for too long, by a thread that does nothing else; and at once when there is not
// enough. Of a pool's, what is free beyond kKeptBytes goes soon, since another process may want it. Thread-safe. Shared
// by the device and its buffers, which may outlive it.
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

  // Whether kernels reach page-locked memory of the host's by the address that it has there.
  bool readsHost() const noexcept { return readsHost_; }

  static constexpr uint64_t kKeptBytes = 256 << 20;  // that a busy card's pool keeps for the next one who asks

  const std::shared_ptr<DeviceState> state;

 private:
  struct Shared;  // with the thread, which outlives this where the driver of a lost card does not answer it
  const std::shared_ptr<Shared> shared_;
  const bool readsHost_;
  std::thread thread_;
};

}  // namespace switchyard::cuda
