// The rows of one segment by their ids, for a segment that does not change: so that it can lie in a file, and nothing
// is made of it when that is opened.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "vectors/ids.h"

namespace switchyard::vectors {

class IdTable {
 public:
  static constexpr size_t kNone = SIZE_MAX;

  IdTable() = default;           // of nothing
  explicit IdTable(size_t ids);  // with room for so many
  // Over memory of somebody else's: a power of two of entries, or none.
  IdTable(std::span<const uint64_t> entries, uint64_t seed) : entries_(entries), seed_(seed) {}
  IdTable(IdTable&&) = default;  // its memory stays where it is
  IdTable& operator=(IdTable&&) = default;

  void add(const Id& id, size_t row);  // which is not there yet
  bool isEmpty() const { return entries_.empty(); }
  std::span<const uint64_t> entries() const { return entries_; }
  uint64_t seed() const { return seed_; }
  size_t bytes() const { return own_.size() * sizeof(uint64_t); }  // of memory of its own

  // The row of an id, for which is(row); kNone where there is none. Ends whatever the entries are.
  template <class Is>
  size_t find(const Id& id, const Is& is) const {
    if (isEmpty()) return kNone;
    const uint64_t hash = hashOf(id, seed_), mask = entries_.size() - 1;
    for (size_t probe = 0; probe <= mask; ++probe) {
      const uint64_t entry = entries_[(hash + probe) & mask];
      if (entry == 0) return kNone;
      if (entry >> 32 == hash >> 32 && is(rowOf(entry))) return rowOf(entry);
    }
    return kNone;
  }

 private:
  // The upper half of the hash, and the row's number plus one.
  static size_t rowOf(uint64_t entry) { return static_cast<uint32_t>(entry) - size_t{1}; }

  std::vector<uint64_t> own_;
  std::span<const uint64_t> entries_;
  uint64_t seed_ = 0;
};

}  // namespace switchyard::vectors
