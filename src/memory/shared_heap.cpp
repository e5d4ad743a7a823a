// The allocator over this process's regions: what was freed last first, then the best fit, then memory never touched,
// then a new region.
// A first touch of a fresh memfd, 16 MB at a time, 2 cores of a Xeon VM, Linux 6.18, shmem_enabled=never, of three
//runs:
//   touch                            12.2-13.6 ms   and SIGBUS where the system has no page
//   MADV_HUGEPAGE + populate          9.9-12.1 ms   no difference to populate: no huge pages for shared memory here
//   fallocate, touch                 10.7-11.6 ms   (3.3 ms of it fallocate)
//   fallocate 2 MB at a time, touch  11.2-13.7 ms
//   MADV_POPULATE_WRITE, touch        9.5-10.9 ms
//   fallocate + populate, touch 8.4-12.1 ms, mostly the fastest; used here: fallocate says when memory is out,
//     populating is optional
// against 0.4-0.8 ms when touched again.
#include "memory/shared_heap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <unordered_map>
#include <utility>

#include "error.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace switchyard {
using namespace shared_heap;
namespace {

using Clock = std::chrono::steady_clock;
constexpr uint64_t kFirstRegion = 16 << 20, kRegion = 64 << 20, kRegionStep = 2 << 20;
constexpr uint64_t kMaxBytes = uint64_t{1} << 46;
constexpr uint64_t kAhead = 256 << 10;          // memory is made present in steps of this for small blocks
constexpr size_t kMaxLarge = 16;                // freed large blocks kept as they are
constexpr uint64_t kMaxClassBytes = 8 << 20;    // what a class keeps before its older half may merge
constexpr uint64_t kMaxSpareBytes = 256 << 20;  // regions without a block, beyond one
constexpr auto kMaxSpareAge = std::chrono::seconds(10);

uint64_t regionLimit() { return uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE)) / 4 * 3; }

// Makes the pages of [from, to) present and mapped. False where the system has none.
bool makePresent(const Region& region, uint64_t from, uint64_t to) {
  constexpr uint64_t kStep = 16 << 20;  // a signal starts fallocate over: short calls get done
  for (uint64_t at = from; at < to;) {
    uint64_t bytes = std::min(kStep, to - at);
    if (fallocate(region.fd(), 0, off_t(at), off_t(bytes))) {
      if (errno == EINTR) continue;
      if (errno != EOPNOTSUPP && errno != ENOSYS) return false;
    }
    madvise(region.data() + at, bytes, MADV_POPULATE_WRITE);  // Linux 5.14; only faster
    at += bytes;
  }
  return true;
}

}  // namespace

struct SharedBlock::Made {
  std::shared_ptr<Region> region;
  uint64_t offset;
  size_t bytes;
  uint32_t descriptor;
  uint64_t generation;
  void* owner;  // a Space, or of a shareable block its Hold
  uint64_t capacity;
};

struct SharedHeap::State {
  using Dropped = std::vector<std::shared_ptr<Region>>;
  mutable std::mutex mutex;
  std::mutex growing;  // held by the one thread that makes a region; taken before `mutex`
  uint64_t grown = 0;
  const uint64_t limit = regionLimit();
  uint64_t regionBytes = 0, used = 0, blocks = 0;
  uint32_t member = kMaxMembers - 1;
  std::vector<std::unique_ptr<Space>> spaces;
  std::unordered_map<HoldKey, Hold, HoldHash> holds;
  std::array<std::vector<Piece>, kClasses> cached;  // freed last at the back
  std::vector<Piece> cachedLarge;
  uint64_t cachedBytes = 0;
  size_t lingering = 0, sweepSpace = 0, sweepEntry = 0;

  bool hasDescriptor(const Space& space) const {
    return !space.freeDescriptors.empty() || space.nextDescriptor < space.region->descriptors();
  }
  bool serves(const Space& space, bool shareable) const { return !shareable || hasDescriptor(space); }

  // Each takes a piece or leaves `piece` without a space.
  void takeCached(uint64_t capacity, bool shareable, Piece& piece) {
    auto& list = capacity <= kLarge ? cached[classOf(capacity)] : cachedLarge;
    for (size_t i = list.size(); i-- > 0;) {
      if (list[i].capacity < capacity || list[i].capacity - capacity > capacity / 4) continue;
      if (!serves(*list[i].space, shareable)) break;
      piece = list[i];
      list.erase(list.begin() + ptrdiff_t(i));
      cachedBytes -= piece.capacity;
      return;
    }
  }

  void takeFree(uint64_t capacity, bool shareable, Piece& piece) {
    uint64_t best = 0;
    for (auto& space : spaces) {
      uint64_t size = space->ranges.bestFit(capacity);
      if (!size || (best && size >= best) || !serves(*space, shareable)) continue;
      best = size;
      piece.space = space.get();
    }
    if (!piece.space) return;
    piece.offset = piece.space->ranges.take(capacity);
    piece.capacity = capacity;
  }

  // From behind what was ever used. Small needs are made present here; large ones by the caller, without the lock.
  void takeFresh(uint64_t capacity, bool shareable, Piece& piece) {
    for (auto& space : spaces) {
      uint64_t start = space->ranges.startBefore(space->frontier);
      if (space->end - start < capacity || !serves(*space, shareable)) continue;
      uint64_t to = start + capacity, present = std::max(space->present, roundedUp(to, kPage));
      uint64_t missing = present - space->present;
      if (missing && missing < kLarge) {
        present = std::min(space->end, space->present + std::max(missing, kAhead));
        if (!makePresent(*space->region, space->present, present)) noPages(capacity);
      } else if (missing) {
        piece.absentFrom = space->present;
        piece.absentTo = present;
      }
      if (start < space->frontier) space->ranges.removeLast();
      space->present = present;
      space->frontier = to;
      piece.space = space.get();
      piece.offset = start;
      piece.capacity = capacity;
      return;
    }
  }

  [[noreturn]] static void noPages(uint64_t bytes) {
    throw Error(Code::OutOfMemory, "the system has no " + std::to_string(bytes) + " more bytes of shared memory");
  }

  Piece take(uint64_t capacity, bool shareable) {
    Piece piece;
    takeCached(capacity, shareable, piece);
    if (!piece.space) takeFree(capacity, shareable, piece);
    if (!piece.space && capacity >= kLarge) sweepAll();
    if (!piece.space && cachedBytes >= capacity) flush();
    if (!piece.space) takeFree(capacity, shareable, piece);
    if (!piece.space) takeFresh(capacity, shareable, piece);
    if (piece.space) {
      piece.space->used += piece.capacity;
      used += piece.capacity;
      ++blocks;
      if (shareable) piece.descriptor = reserveDescriptor(*piece.space);
    }
    return piece;
  }

  // The pages of a piece could not be had. What lies between others' pieces is lost until the region goes.
  void untake(const Piece& piece) {
    Space& space = *piece.space;
    space.used -= piece.capacity;
    used -= piece.capacity;
    --blocks;
    uint64_t end = piece.offset + piece.capacity;
    if (space.frontier == end && space.present == piece.absentTo) space.frontier = space.present = piece.absentFrom;
    if (piece.descriptor != kNoDescriptor) space.freeDescriptors.push_back(piece.descriptor);
    if (piece.absentFrom > piece.offset) space.ranges.add(piece.offset, piece.absentFrom - piece.offset);
  }

  void giveBack(Space& space, uint64_t offset, uint64_t capacity) {
    space.used -= capacity;
    used -= capacity;
    --blocks;
    auto& list = capacity <= kLarge ? cached[classOf(capacity)] : cachedLarge;
    size_t most = capacity <= kLarge ? std::max<size_t>(kMaxClassBytes / capacity, kMaxLarge) : kMaxLarge;
    if (list.size() >= most) {
      auto half = list.begin() + ptrdiff_t(list.size() / 2);
      std::for_each(list.begin(), half, [&](const Piece& piece) { merge(piece); });
      list.erase(list.begin(), half);
    }
    list.push_back({&space, offset, capacity});
    cachedBytes += capacity;
  }

  void merge(const Piece& piece) {
    piece.space->ranges.add(piece.offset, piece.capacity);
    cachedBytes -= piece.capacity;
  }

  template <class Visit>
  void eachCached(const Visit& visit) {
    for (auto& list : cached) visit(list);
    visit(cachedLarge);
  }

  void flush() {
    eachCached([&](std::vector<Piece>& list) {
      for (const Piece& piece : list) merge(piece);
      list.clear();
    });
  }

  // The owner's half of the protocol in the header. Frees the block unless somebody holds it.
  bool tryFree(Space& space, const Lingering& block) {
    Region& region = *space.region;
    if (region.held(block.descriptor)) return false;
    Descriptor& d = region.descriptor(block.descriptor);
    d.generation.store(block.generation | Descriptor::kClosing);
    if (region.held(block.descriptor)) {
      d.generation.store(block.generation);
      return false;
    }
    d.generation.store(0);
    space.freeDescriptors.push_back(block.descriptor);
    giveBack(space, block.offset, block.capacity);
    return true;
  }

  bool sweep(Space& space, size_t entry) {
    if (!tryFree(space, space.lingering[entry])) return false;
    forgetLingering(space, entry);
    if (!space.used) space.emptySince = Clock::now();
    return true;
  }

  void forgetLingering(Space& space, size_t entry) {
    space.lingering[entry] = space.lingering.back();
    space.lingering.pop_back();
    --lingering;
  }

  bool sweepAll() {  // whether anything was freed
    if (!lingering) return false;
    bool any = false;
    for (auto& space : spaces)
      for (size_t i = space->lingering.size(); i-- > 0;) any |= sweep(*space, i);
    return any;
  }

  void sweepOne() {  // each allocation looks at one, in turn
    if (!lingering) return;
    for (size_t tries = 0; tries <= spaces.size(); ++tries) {
      if (sweepSpace < spaces.size() && sweepEntry < spaces[sweepSpace]->lingering.size()) {
        if (!sweep(*spaces[sweepSpace], sweepEntry)) ++sweepEntry;
        return;
      }
      sweepSpace = sweepSpace + 1 < spaces.size() ? sweepSpace + 1 : 0;
      sweepEntry = 0;
    }
  }

  void giveUp(Space& space, Dropped& dropped) {
    eachCached([&](std::vector<Piece>& list) {
      std::erase_if(list, [&](const Piece& piece) {
        if (piece.space != &space) return false;
        cachedBytes -= piece.capacity;
        return true;
      });
    });
    dropped.push_back(space.region);
    regionBytes -= space.region->size();
    std::erase_if(spaces, [&](const auto& other) { return other.get() == &space; });
  }

  void giveUpAllSpare(Dropped& dropped) {
    for (size_t i = spaces.size(); i-- > 0;)
      if (!spaces[i]->used) giveUp(*spaces[i], dropped);
  }

  // After something was freed: one spare region always stays, more of them for a while.
  void giveUpSomeSpare(Space& freed, Dropped& dropped) {
    if (freed.used || spaces.size() == 1) return;
    auto now = freed.emptySince = Clock::now();
    for (;;) {
      Space* oldest = nullptr;
      uint64_t spareBytes = 0;
      size_t spares = 0;
      for (auto& space : spaces) {
        if (space->used) continue;
        ++spares;
        spareBytes += space->region->size();
        if (!oldest || space->emptySince < oldest->emptySince) oldest = space.get();
      }
      if (spares < 2 || (spareBytes <= kMaxSpareBytes && now - oldest->emptySince < kMaxSpareAge)) return;
      giveUp(*oldest, dropped);
    }
  }

  uint32_t reserveDescriptor(Space& space) {
    if (space.freeDescriptors.empty()) {
      space.region->header().usedDescriptors = space.nextDescriptor + 1;
      return space.nextDescriptor++;
    }
    uint32_t index = space.freeDescriptors.back();
    space.freeDescriptors.pop_back();
    return index;
  }

  // Writes the descriptor of a new block, and opens it to others with its last store.
  Hold& describe(const Piece& piece, size_t bytes) {
    Space& space = *piece.space;
    uint32_t index = piece.descriptor;
    uint64_t generation = space.nextGeneration++;
    Descriptor& d = space.region->descriptor(index);
    d.offset = piece.offset;
    d.bytes = bytes;
    d.flags = 0;
    space.region->setHolder(index, member);
    d.generation = generation;
    Hold hold{space.region, index, generation, piece.offset, bytes, 1, &space, piece.capacity};
    return holds.emplace(HoldKey{space.region.get(), index}, std::move(hold)).first->second;
  }

  Hold& open(std::shared_ptr<Region> region, uint32_t index, uint64_t generation) {
    Space* own = spaceOf(region->id);
    if (own) region = own->region;  // by the one mapping that the records are about
    auto found = holds.find(HoldKey{region.get(), index});
    if (found == holds.end()) return openAnew(region, own, index, generation);
    if (found->second.generation != generation) gone();
    ++found->second.count;
    return found->second;
  }

  Space* spaceOf(uint64_t id) const {
    auto found = std::find_if(spaces.begin(), spaces.end(), [&](const auto& space) { return space->region->id == id; });
    return found == spaces.end() ? nullptr : found->get();
  }

  Hold& openAnew(const std::shared_ptr<Region>& region, Space* own, uint32_t index, uint64_t generation) {
    // Memory that nobody holds any more may not have been taken back yet: it is gone all the same.
    if (index >= region->usedDescriptors() || !region->held(index) || !region->addHolder(index, generation, member))
      gone();
    Descriptor& d = region->descriptor(index);
    Hold hold{region, index, generation, d.offset, d.bytes, 1, nullptr, 0};
    try {
      region->at(hold.offset, hold.bytes);
      if (hold.offset % kAlign) throw Error(Code::InvalidArgument, "a place of no block in a region of shared memory");
    } catch (...) {
      region->removeHolder(index, member);
      throw;
    }
    if (own) {  // it lingered for others: ours again
      auto entry =
          std::find_if(own->lingering.begin(), own->lingering.end(), [&](auto& l) { return l.descriptor == index; });
      if (entry != own->lingering.end()) {
        hold = {region, index, generation, entry->offset, hold.bytes, 1, own, entry->capacity};
        forgetLingering(*own, size_t(entry - own->lingering.begin()));
      }
    }
    return holds.emplace(HoldKey{region.get(), index}, std::move(hold)).first->second;
  }

  [[noreturn]] static void gone() { throw Error(Code::Closed, "that shared tensor is gone"); }

  void letGo(Hold& hold, Dropped& dropped) {
    if (--hold.count) return;
    hold.region->removeHolder(hold.descriptor, member);
    Space* space = hold.space;
    if (space) {
      Lingering block{hold.descriptor, hold.generation, hold.offset, hold.capacity};
      if (!tryFree(*space, block)) {
        space->lingering.push_back(block);
        ++lingering;
      }
    }
    holds.erase(HoldKey{hold.region.get(), hold.descriptor});  // the SharedBlock still keeps the region
    if (space) giveUpSomeSpare(*space, dropped);
  }
};

SharedBlock::SharedBlock(const Made& made)
    : region(made.region),
      offset(made.offset),
      bytes(made.bytes),
      descriptor(made.descriptor),
      generation(made.generation),
      owner_(made.owner),
      capacity_(made.capacity) {}

SharedBlock::~SharedBlock() { SharedHeap::shared().release(*this); }

bool SharedBlock::sealed() const {
  return descriptor == kNoDescriptor ? sealed_.load()
                                     : (region->descriptor(descriptor).flags.load() & Descriptor::kSealed) != 0;
}

void SharedBlock::seal() {
  if (descriptor == kNoDescriptor)
    sealed_ = true;
  else
    region->descriptor(descriptor).flags.fetch_or(Descriptor::kSealed);
}

SharedHeap& SharedHeap::shared() {
  static SharedHeap* heap = new SharedHeap;  // leaked on purpose: blocks may outlive every owner of it
  return *heap;
}

SharedHeap::SharedHeap() : state_(*new State) {}

std::shared_ptr<SharedBlock> SharedHeap::allocate(size_t bytes) { return make(bytes, false); }
std::shared_ptr<SharedBlock> SharedHeap::allocateShared(size_t bytes) { return make(bytes, true); }

std::shared_ptr<SharedBlock> SharedHeap::make(size_t bytes, bool shareable) {
  // rounding the largest numbers would wrap around
  uint64_t capacity = bytes > kMaxBytes ? kMaxBytes : capacityFor(bytes);
  std::unique_lock lock(state_.mutex);
  state_.sweepOne();
  Piece piece;
  while (!(piece = state_.take(capacity, shareable)).space) {
    if (state_.sweepAll()) continue;
    uint64_t grown = state_.grown;
    lock.unlock();
    grow(bytes, capacity, grown);
    lock.lock();
  }
  if (piece.absentTo) {
    lock.unlock();
    bool present = makePresent(*piece.space->region, piece.absentFrom, piece.absentTo);
    lock.lock();
    if (!present) {
      state_.untake(piece);
      State::noPages(bytes);
    }
  }
  if (!shareable) {
    lock.unlock();
    return std::make_shared<SharedBlock>(
        SharedBlock::Made{piece.space->region, piece.offset, bytes, kNoDescriptor, 0, piece.space, piece.capacity});
  }
  Hold& hold = state_.describe(piece, bytes);
  lock.unlock();
  return std::make_shared<SharedBlock>(
      SharedBlock::Made{hold.region, hold.offset, bytes, hold.descriptor, hold.generation, &hold, 0});
}

// Adds a region with room for `capacity`, unless another thread added one since `seen`.
void SharedHeap::grow(uint64_t bytes, uint64_t capacity, uint64_t seen) {
  std::lock_guard growing(state_.growing);
  State::Dropped dropped;
  uint64_t room, used;
  {
    std::lock_guard lock(state_.mutex);
    if (state_.grown != seen) return;
    room = state_.spaces.empty() ? kFirstRegion : kRegion;
    if (capacity > room) room = roundedUp(capacity, kRegionStep);
    // what is empty goes first, and the new one gets no larger than it must
    if (state_.regionBytes + room > state_.limit) {
      state_.giveUpAllSpare(dropped);
      room = std::max(capacity, std::min(room, state_.limit - std::min(state_.limit, state_.regionBytes)));
    }
    used = state_.regionBytes;
  }
  giveUp(dropped);
  if (used + room > state_.limit)
    throw Error(Code::OutOfMemory,
                std::to_string(bytes) + " more bytes of shared memory were asked for, but " + std::to_string(used) +
                    " of the limit of " + std::to_string(state_.limit) +
                    " (three quarters of the machine's memory) are taken: release tensors, or use smaller ones");
  auto region = Region::create(room);
  RegionTable::shared().add(region);
  try {
    if (onCreated) onCreated(region);
  } catch (...) {
    RegionTable::shared().drop(region->id);
    throw;
  }
  std::lock_guard lock(state_.mutex);
  state_.regionBytes += region->size();
  state_.spaces.push_back(std::make_unique<Space>(std::move(region)));
  ++state_.grown;
}

std::shared_ptr<SharedBlock> SharedHeap::open(const std::shared_ptr<Region>& region, uint32_t descriptor,
                                              uint64_t generation) {
  if (!region) State::gone();
  std::unique_lock lock(state_.mutex);
  Hold& hold = state_.open(region, descriptor, generation);
  lock.unlock();
  return std::make_shared<SharedBlock>(
      SharedBlock::Made{hold.region, hold.offset, hold.bytes, descriptor, generation, &hold, 0});
}

void SharedHeap::release(SharedBlock& block) noexcept {
  State::Dropped dropped;
  {
    std::lock_guard lock(state_.mutex);
    if (block.descriptor != kNoDescriptor) {
      state_.letGo(*static_cast<Hold*>(block.owner_), dropped);
    } else {
      Space& space = *static_cast<Space*>(block.owner_);
      state_.giveBack(space, block.offset, block.capacity_);
      state_.giveUpSomeSpare(space, dropped);
    }
  }
  giveUp(dropped);
}

void SharedHeap::giveUp(std::vector<std::shared_ptr<Region>>& dropped) noexcept {
  for (const auto& region : dropped) {
    RegionTable::shared().drop(region->id);
    if (onDropped) onDropped(region);
  }
}

void SharedHeap::setMember(uint32_t slot) {
  if (slot >= kMaxMembers)
    throw Error(Code::InvalidArgument, "a member's slot is below " + std::to_string(kMaxMembers));
  std::lock_guard lock(state_.mutex);
  uint32_t before = std::exchange(state_.member, slot);
  if (before == slot) return;
  for (auto& [key, hold] : state_.holds) {
    hold.region->setHolder(hold.descriptor, slot);
    hold.region->removeHolder(hold.descriptor, before);
  }
}

void SharedHeap::trim() {
  State::Dropped dropped;
  {
    std::lock_guard lock(state_.mutex);
    state_.sweepAll();
    state_.flush();
    state_.giveUpAllSpare(dropped);
  }
  giveUp(dropped);
}

SharedHeap::Use SharedHeap::use() const {
  std::lock_guard lock(state_.mutex);
  return {state_.regionBytes, state_.used, state_.blocks};
}

}  // namespace switchyard
