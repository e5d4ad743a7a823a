// The heap's private records, for shared_heap*.cpp only: size classes, free ranges of a region, what is where, who
// holds what.
#pragma once
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "memory/shared_memory.h"

namespace switchyard::shared_heap {

constexpr uint64_t kAlign = 64, kPage = 4096;
constexpr uint64_t kLarge = 1 << 20;  // above: no size class
constexpr size_t kClasses = 96;

inline uint64_t roundedUp(uint64_t bytes, uint64_t step) { return (bytes + step - 1) / step * step; }
inline unsigned topBit(uint64_t value) { return 63 - unsigned(__builtin_clzll(value)); }

// What a block of `bytes` really takes: steps of 64 bytes to 1 KB, then eight a power of two to 1 MB, then pages.
inline uint64_t capacityFor(uint64_t bytes) {
  if (bytes <= 1024) return std::max(kAlign, roundedUp(bytes, kAlign));
  if (bytes > kLarge) return roundedUp(bytes, kPage);
  return roundedUp(bytes, uint64_t{1} << (topBit(bytes - 1) - 3));
}

inline size_t classOf(uint64_t capacity) {  // capacity as capacityFor gives it, up to kLarge
  if (capacity <= 1024) return capacity / kAlign - 1;
  unsigned top = topBit(capacity - 1);
  return 16 + (top - 10) * 8 + ((capacity - (uint64_t{1} << top)) >> (top - 3)) - 1;
}

// Free ranges of one region: merged with their neighbours, found by size.
class FreeRanges {
 public:
  void add(uint64_t offset, uint64_t bytes) {
    auto next = byOffset_.lower_bound(offset);
    if (next != byOffset_.end() && next->first == offset + bytes) {
      bytes += next->second;
      next = erase(next);
    }
    if (next != byOffset_.begin()) {
      auto before = std::prev(next);
      if (before->first + before->second == offset) {
        offset = before->first;
        bytes += before->second;
        erase(before);
      }
    }
    byOffset_.emplace(offset, bytes);
    bySize_.emplace(bytes, offset);
  }
  uint64_t bestFit(uint64_t bytes) const {  // the size of the smallest range that is large enough; 0: none
    auto found = bySize_.lower_bound({bytes, 0});
    return found == bySize_.end() ? 0 : found->first;
  }
  uint64_t take(uint64_t bytes) {  // bestFit said there is one
    auto [size, offset] = *bySize_.lower_bound({bytes, 0});
    erase(byOffset_.find(offset));
    if (size > bytes) add(offset + bytes, size - bytes);
    return offset;
  }
  uint64_t startBefore(uint64_t end) const {  // where the range that reaches to `end` begins; `end` where there is none
    if (byOffset_.empty()) return end;
    auto last = std::prev(byOffset_.end());
    return last->first + last->second == end ? last->first : end;
  }
  void removeLast() { erase(std::prev(byOffset_.end())); }

 private:
  using ByOffset = std::map<uint64_t, uint64_t>;
  ByOffset::iterator erase(ByOffset::iterator range) {
    bySize_.erase({range->second, range->first});
    return byOffset_.erase(range);
  }
  ByOffset byOffset_;                               // offset -> size
  std::set<std::pair<uint64_t, uint64_t>> bySize_;  // size, offset
};

// A shareable block that this process let go of, and others may still hold.
struct Lingering {
  uint32_t descriptor;
  uint64_t generation, offset, capacity;
};

// A region of this process and what is where in it.
struct Space {
  explicit Space(std::shared_ptr<Region> made)
      : region(std::move(made)), end(region->size()), frontier(region->firstBlock()), present(frontier) {}
  const std::shared_ptr<Region> region;
  const uint64_t end;
  uint64_t frontier;  // never handed out from here on
  uint64_t present;   // pages made present up to here; at least the frontier
  FreeRanges ranges;  // below the frontier
  uint64_t used = 0;  // handed out or lingering
  std::chrono::steady_clock::time_point emptySince = std::chrono::steady_clock::now();
  std::vector<uint32_t> freeDescriptors;
  uint32_t nextDescriptor = 0;
  uint64_t nextGeneration = 1;
  std::vector<Lingering> lingering;
};

struct Piece {
  Space* space = nullptr;
  uint64_t offset = 0, capacity = 0;
  uint64_t absentFrom = 0, absentTo = 0;  // still to be made present
  uint32_t descriptor = kNoDescriptor;    // reserved for it
};

// A shareable block that this process holds, and how many times.
struct Hold {
  std::shared_ptr<Region> region;
  uint32_t descriptor;
  uint64_t generation, offset, bytes;
  uint64_t count;
  Space* space;  // null: another process's
  uint64_t capacity;
};

struct HoldKey {
  const Region* region;
  uint32_t descriptor;
  bool operator==(const HoldKey&) const = default;
};
struct HoldHash {
  size_t operator()(const HoldKey& key) const {
    return (reinterpret_cast<uintptr_t>(key.region) ^ key.descriptor) * 0x9e3779b97f4a7c15;
  }
};

}  // namespace switchyard::shared_heap
