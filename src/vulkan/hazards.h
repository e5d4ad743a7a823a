// Which ranges were read and written since the last barrier, so that barriers stand only where they are needed.
#pragma once
#include <cstdint>
#include <vector>

namespace switchyard::vulkan {

struct Range {  // bytes [begin, end) of GpuBuffer::address space
  uint64_t begin, end;
  bool overlaps(const Range& other) const { return begin < other.end && other.begin < end; }
};

class Hazards {
 public:
  // True when a command with these accesses must not run before what was added since the last barrier has finished.
  bool conflicts(const Range& range, bool writes) const {
    for (const auto& entry : entries_)
      if ((writes || entry.written) && entry.range.overlaps(range)) return true;
    return entries_.size() >= kMax;  // past this, finding out costs more than a barrier
  }
  void add(const Range& range, bool writes) {
    if (entries_.empty() || entries_.back().written != writes || entries_.back().range.end != range.begin)
      entries_.push_back({range, writes});
    else
      entries_.back().range.end = range.end;
  }
  void clear() { entries_.clear(); }
  bool empty() const { return entries_.empty(); }

 private:
  static constexpr size_t kMax = 512;
  struct Entry {
    Range range;
    bool written;
  };
  std::vector<Entry> entries_;
};

}  // namespace switchyard::vulkan
