// Memory that is made present before anyone waits for it: a first touch of 1 MB takes longer than most jobs of 1 MB.
#include <algorithm>
#include <cstdio>

#include "memory/shared_heap_state.h"

namespace switchyard {
namespace {

constexpr uint64_t kFirst = 16 << 20, kMost = 64 << 20, kStep = 2 << 20;
constexpr uint64_t kShare = 64;  // of the memory that the system has to give: no more than one such part

// Bytes that the system can give without taking any away; 0 where it does not say.
uint64_t availableMemory() {
  FILE* file = std::fopen("/proc/meminfo", "re");
  if (!file) return 0;
  char line[128];
  unsigned long long kilobytes = 0;
  while (std::fgets(line, sizeof line, file) && std::sscanf(line, "MemAvailable: %llu", &kilobytes) != 1) {}
  std::fclose(file);
  return kilobytes * 1024;
}

}  // namespace

uint64_t SharedHeap::State::readyBytes() const {
  uint64_t present = 0;
  for (const auto& space : spaces) present += space->present - space->region->firstBlock();
  return present - std::min(used, present);
}

// Whether somebody has to be told; then `isTouching` holds until touchAhead() has returned false.
bool SharedHeap::State::wantsMore() {
  if (isTouching || ahead == 0 || readyBytes() >= std::min(ahead, aheadBound) / 2) return false;
  return isTouching = true;
}

// Someone has waited, or would have.
void SharedHeap::State::missed() {
  if (expects) ahead = std::clamp(ahead * 2, kFirst, kMost);
}

void SharedHeap::expectJobs() {
  {
    std::lock_guard lock(state_.mutex);
    state_.expects = true;
    state_.ahead = std::max(state_.ahead, kFirst);
    if (!state_.wantsMore()) return;
  }
  wantTouching();
}

void SharedHeap::wantTouching() noexcept {
  if (onWanted && onWanted()) return;
  std::lock_guard lock(state_.mutex);
  state_.isTouching = state_.expects = false;  // nobody does it here
  state_.ahead = 0;
}

bool SharedHeap::touchAhead() noexcept try {
  const uint64_t most = availableMemory() / kShare;
  std::unique_lock lock(state_.mutex);
  const auto enough = [&] {
    state_.isTouching = false;
    return false;
  };
  state_.aheadBound = most;
  const uint64_t wanted = std::min(state_.ahead, most), ready = state_.readyBytes();
  if (ready >= wanted) return enough();
  const auto room = std::ranges::find_if(state_.spaces, [](const auto& space) { return space->present < space->end; });
  if (room == state_.spaces.end()) {
    const uint64_t grown = state_.grown;
    lock.unlock();
    grow(wanted - ready, wanted - ready, grown);
    return true;
  }
  const std::shared_ptr<Region> region = (*room)->region;
  const uint64_t from = (*room)->present, to = std::min((*room)->end, from + kStep);
  lock.unlock();
  const bool present = makePresent(*region, from, to);
  lock.lock();
  if (!present) {
    state_.ahead = 0;
    return enough();
  }
  // Whoever took some of it meanwhile has made it present, too.
  if (Space* space = state_.spaceOf(region->id)) space->present = std::max(space->present, to);
  return true;
} catch (...) {
  std::lock_guard lock(state_.mutex);
  state_.isTouching = state_.expects = false;
  state_.ahead = 0;
  return false;
}

}  // namespace switchyard
