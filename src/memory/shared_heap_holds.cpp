// Blocks that several processes may hold: the owner's and the opener's half of the protocol in shared_memory.h.
#include <algorithm>
#include <utility>

#include "memory/shared_heap_state.h"

namespace switchyard {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

bool SharedHeap::State::tryFree(Space& space, const Lingering& block) {
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

bool SharedHeap::State::sweep(Space& space, size_t entry) {
  if (!tryFree(space, space.lingering[entry])) return false;
  forgetLingering(space, entry);
  if (!space.used) space.emptySince = Clock::now();
  return true;
}

bool SharedHeap::State::sweepAll() {
  if (!lingering) return false;
  bool any = false;
  for (auto& space : spaces)
    for (size_t i = space->lingering.size(); i-- > 0;) any |= sweep(*space, i);
  return any;
}

void SharedHeap::State::sweepOne() {
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

uint32_t SharedHeap::State::reserveDescriptor(Space& space) {
  if (space.freeDescriptors.empty()) {
    space.region->header().usedDescriptors = space.nextDescriptor + 1;
    return space.nextDescriptor++;
  }
  uint32_t index = space.freeDescriptors.back();
  space.freeDescriptors.pop_back();
  return index;
}

Hold& SharedHeap::State::describe(const Piece& piece, size_t bytes) {
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

Hold& SharedHeap::State::open(std::shared_ptr<Region> region, uint32_t index, uint64_t generation) {
  Space* own = spaceOf(region->id);
  if (own) region = own->region;  // by the one mapping that the records are about
  auto found = holds.find(HoldKey{region.get(), index});
  if (found == holds.end()) return openAnew(region, own, index, generation);
  if (found->second.generation != generation) gone();
  ++found->second.count;
  return found->second;
}

Hold& SharedHeap::State::openAnew(const std::shared_ptr<Region>& region, Space* own, uint32_t index,
                                  uint64_t generation) {
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

void SharedHeap::State::gone() { throw Error(Code::Closed, "that shared tensor is gone"); }

void SharedHeap::State::letGo(Hold& hold, Dropped& dropped) {
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

}  // namespace switchyard
