// The allocator over this process's regions as its users see it: blocks, and regions that are added as they are needed.
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "memory/shared_heap_state.h"

namespace switchyard {
namespace {

constexpr uint64_t kFirstRegion = 16 << 20, kRegion = 64 << 20, kRegionStep = 2 << 20;
constexpr uint64_t kMaxBytes = uint64_t{1} << 46;

uint64_t regionLimit() { return uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE)) / 4 * 3; }

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

SharedHeap::SharedHeap() : state_(*new State(regionLimit())) {}

std::shared_ptr<SharedBlock> SharedHeap::allocate(size_t bytes) { return make(bytes, false, true); }
std::shared_ptr<SharedBlock> SharedHeap::allocateTouched(size_t bytes) { return make(bytes, false, false); }
std::shared_ptr<SharedBlock> SharedHeap::allocateShared(size_t bytes) { return make(bytes, true, true); }

std::shared_ptr<SharedBlock> SharedHeap::make(size_t bytes, bool shareable, bool mayBeFresh) {
  // rounding the largest numbers would wrap around
  uint64_t capacity = bytes > kMaxBytes ? kMaxBytes : capacityFor(bytes);
  std::unique_lock lock(state_.mutex);
  state_.sweepOne();
  Piece piece;
  while (!(piece = state_.take(capacity, shareable)).space) {
    if (state_.sweepAll()) continue;
    if (!mayBeFresh) return miss(lock);
    uint64_t grown = state_.grown;
    lock.unlock();
    grow(bytes, capacity, grown);
    lock.lock();
  }
  if (piece.absentTo && !mayBeFresh) {
    state_.untake(piece);
    return miss(lock);
  }
  if (piece.absentTo) {
    state_.missed();
    lock.unlock();
    bool present = makePresent(*piece.space->region, piece.absentFrom, piece.absentTo);
    lock.lock();
    if (!present) {
      state_.untake(piece);
      State::noPages(bytes);
    }
  }
  const bool tells = state_.wantsMore();
  if (!shareable) {
    lock.unlock();
    if (tells) wantTouching();
    return std::make_shared<SharedBlock>(
        SharedBlock::Made{piece.space->region, piece.offset, bytes, kNoDescriptor, 0, piece.space, piece.capacity});
  }
  Hold& hold = state_.describe(piece, bytes);
  lock.unlock();
  if (tells) wantTouching();
  return std::make_shared<SharedBlock>(
      SharedBlock::Made{hold.region, hold.offset, bytes, hold.descriptor, hold.generation, &hold, 0});
}

// Only fresh memory is left.
std::shared_ptr<SharedBlock> SharedHeap::miss(std::unique_lock<std::mutex>& lock) {
  state_.missed();
  const bool tells = state_.wantsMore();
  lock.unlock();
  if (tells) wantTouching();
  return nullptr;
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
    state_.ahead = 0;
  }
  giveUp(dropped);
}

SharedHeap::Use SharedHeap::use() const {
  std::lock_guard lock(state_.mutex);
  return {state_.regionBytes, state_.used, state_.blocks};
}

}  // namespace switchyard
