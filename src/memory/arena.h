// Device memory of one context: sub-allocated from slabs, bounded by a limit, trimmed when idle.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "device.h"

namespace switchyard {

struct ArenaUse {
  uint64_t usedBytes = 0, reservedBytes = 0, maxUsedBytes = 0, limitBytes = 0;
};

// Thread-safe. Blocks are aligned to 256 bytes; freed neighbours merge; a request over half a slab gets a slab of its
// own.
class Arena {
 public:
  Arena(std::shared_ptr<Device> device, uint64_t limitBytes);
  ~Arena();
  // Throws OutOfMemory that names the request, what is in use and the limit. bytes may be 0.
  BufferView allocate(uint64_t bytes);
  // False: where the device would have to be asked for memory, which may take milliseconds, allocate() throws MustWait.
  void setMayGrow(bool mayGrow) noexcept { mayGrow_.store(mayGrow, std::memory_order_relaxed); }
  void free(BufferView view) noexcept;
  void trim() noexcept;  // gives slabs with nothing in them back to the device; a context does so when it has been idle
  ArenaUse use() const;
  uint64_t limitBytes() const { return limit_; }

 private:
  struct Slab {
    std::unique_ptr<Buffer> buffer;
    std::map<uint64_t, uint64_t> freeRanges;  // offset -> size
    uint64_t used = 0;
  };
  BufferView find(uint64_t size);
  BufferView takeFrom(Slab& slab, uint64_t bytes);
  void giveBack(BufferView view) noexcept;  // to its slab's ranges
  void giveLast() noexcept;
  Slab* addSlab(uint64_t bytes);
  void trimLocked() noexcept;

  const std::shared_ptr<Device> device_;
  const uint64_t limit_;
  std::atomic<bool> mayGrow_{true};
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Slab>> slabs_;
  // The one that was freed last, kept whole: the next job often wants one like it. It counts as free.
  BufferView last_;
  uint64_t used_ = 0, reserved_ = 0, maxUsed_ = 0;
};

}  // namespace switchyard
