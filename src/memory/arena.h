// Device memory of one context: sub-allocated from slabs, bounded by a limit, trimmed when idle, and moved together
// where it is in too many pieces.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "device.h"
#include "error.h"
#include "memory/movable.h"

namespace switchyard {

struct ArenaUse {
  uint64_t usedBytes = 0, reservedBytes = 0, maxUsedBytes = 0, limitBytes = 0;
  uint64_t largestFreeBytes = 0;  // the largest block that there is room for as things lie
};

// There is no room for a block, whose size planMoves() is to be told.
class NoRoom : public Error {
 public:
  NoRoom(const std::string& text, uint64_t bytes) : Error(Code::OutOfMemory, text), bytes(bytes) {}
  const uint64_t bytes;
};

class Moves;
struct Move;

// Thread-safe. Blocks are aligned to 256 bytes; freed neighbours merge; a request over half a slab gets a slab of its
// own.
class Arena {
 public:
  Arena(std::shared_ptr<Device> device, uint64_t limitBytes);
  ~Arena();
  // Throws NoRoom that names the request, what is in use and the limit. bytes may be 0.
  BufferView allocate(uint64_t bytes);
  static uint64_t sizeOf(uint64_t bytes);  // what a block of so many takes
  // False: where the device would have to be asked for memory, which may take milliseconds, allocate() throws MustWait.
  void setMayGrow(bool mayGrow) noexcept { mayGrow_.store(mayGrow, std::memory_order_relaxed); }
  void free(BufferView view) noexcept;
  // The same for a block that may be moved while nobody holds it: for what is written once.
  Hold allocateMovable(uint64_t bytes);
  void free(const std::shared_ptr<Movable>& block) noexcept;
  void trim() noexcept;  // gives slabs with nothing in them back to the device; a context does so when it has been idle
  ArenaUse use() const;
  uint64_t limitBytes() const { return limit_; }

  // After allocate() has thrown NoRoom: what is to be copied on the device so that there is room for the block that was
  // refused, and for `taken` bytes that the same job gives back meanwhile. Null: nothing would help, because so much is
  // not free, or what lies in the way is in use; or because the same was done for such a block already, which found no
  // room all the same, and nothing was freed since. The blocks wait for endMoves(), which is to follow, and whoever
  // wants to hold one of them, too.
  std::unique_ptr<Moves> planMoves(uint64_t refused, uint64_t taken = 0);
  // Whether planMoves() is worth a try, without looking closer.
  bool mayHelpToMove(uint64_t refused) const;
  // `done`: all was copied, and blocks are where they were moved to.
  void endMoves(std::unique_ptr<Moves> moves, bool done) noexcept;

 private:
  friend class MovePlanner;
  struct Slab {
    std::unique_ptr<Buffer> buffer;
    std::map<uint64_t, uint64_t> freeRanges;               // offset -> size
    std::map<uint64_t, std::shared_ptr<Movable>> movable;  // by offset
    uint64_t used = 0;
  };
  BufferView allocateLocked(uint64_t bytes);
  void freeLocked(BufferView view) noexcept;
  void forgetMovable(const Movable& block) noexcept;
  BufferView find(uint64_t size);
  BufferView takeFrom(Slab& slab, uint64_t bytes);
  void takeAt(Slab& slab, uint64_t offset, uint64_t bytes);
  Slab* slabOf(const Buffer* buffer) noexcept;
  void giveBack(BufferView view) noexcept;  // to its slab's ranges
  void giveLast() noexcept;
  Slab* addSlab(uint64_t bytes);
  void trimLocked() noexcept;
  void moveTo(const Move& move) noexcept;
  static void putDown(Movable& block) noexcept;

  const std::shared_ptr<Device> device_;
  const uint64_t limit_;
  std::atomic<bool> mayGrow_{true};
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Slab>> slabs_;
  // The one that was freed last, kept whole: the next job often wants one like it. It counts as free.
  BufferView last_;
  uint64_t used_ = 0, reserved_ = 0, maxUsed_ = 0;
  // The block that moves were planned for last, until it has found room, and how much was in use then.
  struct {
    uint64_t size = 0, used = 0;
  } planned_;
};

}  // namespace switchyard
