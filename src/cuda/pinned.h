// Page-locked host memory in blocks of three sizes: what uploads and downloads pass through. Blocks are kept for reuse,
// because page-locking costs more than copying.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "state.h"

namespace switchyard::cuda {

struct PinnedBlock {
  std::byte* memory = nullptr;
  size_t bytes = 0;
};

// Thread-safe. A block belongs to whoever took it until it is given back; the pool outlives all blocks.
class PinnedPool {
 public:
  static constexpr size_t kBlockBytes[] = {64 << 10, 512 << 10, 4 << 20};
  static constexpr size_t kMaxBlockBytes = kBlockBytes[2];
  static constexpr uint64_t kLimitBytes = 128 << 20;  // of one card, given out and kept together

  explicit PinnedPool(std::shared_ptr<DeviceState> state) : state_(std::move(state)) {}
  ~PinnedPool();

  // How far take() goes: to what lies idle; to new memory, whose page-locking takes milliseconds; or to giving blocks
  // of other sizes back for it, which waits for the card.
  enum class Effort : uint8_t { Idle, Allocate, Wait };
  // The smallest block that holds `wanted` bytes, or the largest there is. None when that takes more effort, or when the
  // limit is reached: some will be given back. Throws OutOfMemory when the system refuses and nothing is given out that
  // could come back.
  std::optional<PinnedBlock> take(size_t wanted, Effort effort = Effort::Wait);
  void giveBack(PinnedBlock block) noexcept;
  // Returns after a block was given back since `seen` (see generation()), or after a short while.
  void waitForBlock(uint64_t seen);
  uint64_t generation() const;
  void trim() noexcept;  // frees what nobody uses

 private:
  static size_t sizeClass(size_t wanted) noexcept;
  std::byte* takeIdle(size_t kind) noexcept;    // under mutex_; null: there is none
  void freeIdle(uint64_t untilTotal) noexcept;  // waits for the card, without mutex_

  const std::shared_ptr<DeviceState> state_;
  mutable std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::byte*> idle_[3];
  uint64_t totalBytes_ = 0, givenBytes_ = 0, generation_ = 0;
};

}  // namespace switchyard::cuda
