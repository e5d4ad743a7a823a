// What the heap knows, under its one lock: the pieces of its regions, and who holds which shareable block. For
// shared_heap*.cpp only.
#pragma once
#include <array>
#include <mutex>
#include <unordered_map>

#include "error.h"
#include "memory/shared_heap_records.h"

namespace switchyard {
using namespace shared_heap;

// Makes the pages of [from, to) present and mapped. False where the system has none.
bool makePresent(const Region& region, uint64_t from, uint64_t to);

struct SharedHeap::State {
  using Dropped = std::vector<std::shared_ptr<Region>>;
  explicit State(uint64_t limitBytes) : limit(limitBytes) {}
  mutable std::mutex mutex;
  std::mutex growing;  // held by the one thread that makes a region; taken before `mutex`
  uint64_t grown = 0;
  const uint64_t limit;
  uint64_t regionBytes = 0, used = 0, blocks = 0;
  uint32_t member = kMaxMembers - 1;
  std::vector<std::unique_ptr<Space>> spaces;
  std::unordered_map<HoldKey, Hold, HoldHash> holds;
  std::array<std::vector<Piece>, kClasses> cached;  // freed last at the back
  std::vector<Piece> cachedLarge;
  uint64_t cachedBytes = 0;
  size_t lingering = 0, sweepSpace = 0, sweepEntry = 0;
  uint64_t ahead = 0;                  // bytes that are to be present and unused; 0: as many as there happen to be
  uint64_t aheadBound = ~uint64_t{0};  // what the system had to give, when it was asked last
  bool expects = false;                // jobs
  bool isTouching = false;             // somebody was told that `ahead` is more than there is

  bool hasDescriptor(const Space& space) const {
    return !space.freeDescriptors.empty() || space.nextDescriptor < space.region->descriptors();
  }
  bool serves(const Space& space, bool shareable) const { return !shareable || hasDescriptor(space); }

  // ---- pieces of regions (shared_heap_pieces.cpp)
  // A piece of at least `capacity`, or one without a space. Throws OutOfMemory where the system has no pages.
  Piece take(uint64_t capacity, bool shareable);
  // Each takes a piece or leaves `piece` without a space.
  void takeCached(uint64_t capacity, bool shareable, Piece& piece);
  void takeFree(uint64_t capacity, bool shareable, Piece& piece);
  // From behind what was ever used. Small needs are made present here; large ones by the caller, without the lock.
  void takeFresh(uint64_t capacity, bool shareable, Piece& piece);
  [[noreturn]] static void noPages(uint64_t bytes);
  // The pages of a piece could not be had. What lies between others' pieces is lost until the region goes.
  void untake(const Piece& piece);
  void giveBack(Space& space, uint64_t offset, uint64_t capacity);
  void merge(const Piece& piece) {
    piece.space->ranges.add(piece.offset, piece.capacity);
    cachedBytes -= piece.capacity;
  }
  template <class Visit>
  void eachCached(const Visit& visit) {
    for (auto& list : cached) visit(list);
    visit(cachedLarge);
  }
  // merges all that is kept as it was freed
  void flush();
  // The region goes, once `dropped` does.
  void giveUp(Space& space, Dropped& dropped);
  void giveUpAllSpare(Dropped& dropped);
  // After something was freed: one spare region always stays, more of them for a while.
  void giveUpSomeSpare(Space& freed, Dropped& dropped);

  // ---- memory made present ahead of need (shared_heap_ahead.cpp)
  uint64_t readyBytes() const;
  bool wantsMore();
  void missed();

  // ---- blocks that several processes may hold (shared_heap_holds.cpp)
  // The owner's half of the protocol in the header. Frees the block unless somebody holds it.
  bool tryFree(Space& space, const Lingering& block);
  bool sweep(Space& space, size_t entry);
  void forgetLingering(Space& space, size_t entry) {
    space.lingering[entry] = space.lingering.back();
    space.lingering.pop_back();
    --lingering;
  }
  bool sweepAll();  // whether anything was freed
  void sweepOne();  // each allocation looks at one, in turn
  uint32_t reserveDescriptor(Space& space);
  // Writes the descriptor of a new block, and opens it to others with its last store.
  Hold& describe(const Piece& piece, size_t bytes);
  // Throw Closed where it is gone.
  Hold& open(std::shared_ptr<Region> region, uint32_t index, uint64_t generation);
  Hold& openAnew(const std::shared_ptr<Region>& region, Space* own, uint32_t index, uint64_t generation);
  [[noreturn]] static void gone();
  Space* spaceOf(uint64_t id) const {
    auto found = std::find_if(spaces.begin(), spaces.end(), [&](const auto& space) { return space->region->id == id; });
    return found == spaces.end() ? nullptr : found->get();
  }
  // One hold less; with the last the block is freed, or lingers for others.
  void letGo(Hold& hold, Dropped& dropped);
};

}  // namespace switchyard
