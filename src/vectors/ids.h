// Ids of vectors, and the map from them to the numbers of insertions.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vectors/arena.h"

namespace switchyard::vectors {

constexpr size_t kMostIdBytes = 512;

// A string of UTF-8 or a safe integer; '1' and 1 are different ones.
struct Id {
  bool isNumber = false;
  int64_t number = 0;
  std::string_view text;
  uint64_t hash = 0;

  static Id of(int64_t number);
  static Id of(std::string_view text);
  bool operator==(const Id& other) const { return hash == other.hash && isSame(other); }
  bool isSame(const Id& other) const {  // without a look at the hashes
    return isNumber == other.isNumber && number == other.number && text == other.text;
  }
};
// With another seed than that of this process.
uint64_t hashOf(const Id& id, uint64_t seed);
// As messages show it: 7 or 'seven'.
std::string shown(const Id& id);

// An id in eight bytes: a number in itself, a text by its place in an arena.
using KeptId = uint64_t;
KeptId keepId(Arena& arena, const Id& id);
constexpr bool isNumber(KeptId kept) { return kept >> 63; }
Id idOf(KeptId kept);  // without its hash

// From ids to the numbers of their insertions, with open addressing: 16 bytes an entry at most two thirds full. Ids
// themselves lie with their rows: whoever asks says whether an entry's number is that of the id.
class IdMap {
 public:
  size_t size() const { return size_; }
  size_t bytes() const { return entries_.size() * sizeof(Entry); }
  void reserve(size_t ids);  // that many more go in without a throw
  // The same map with room for that many more; nothing where it has that. It takes long for many.
  std::optional<IdMap> grown(size_t ids) const;
  void insert(uint64_t hash, uint64_t number);

  // The number of an entry of this hash for which is(number); kNone where there is none.
  static constexpr uint64_t kNone = ~uint64_t{0};
  template <class Is>
  uint64_t find(uint64_t hash, const Is& is) const {
    if (entries_.empty()) return kNone;
    for (size_t at = hash & mask(); entries_[at].number != kNone; at = (at + 1) & mask())
      if (entries_[at].hash == hash && is(entries_[at].number)) return entries_[at].number;
    return kNone;
  }
  // An entry gets another number; false: it is not there.
  bool replace(uint64_t hash, uint64_t number, uint64_t by);
  bool erase(uint64_t hash, uint64_t number);  // false: it is not there

 private:
  struct Entry {
    uint64_t hash = 0, number = kNone;
  };
  size_t mask() const { return entries_.size() - 1; }
  size_t placeOf(uint64_t hash, uint64_t number) const;  // of what is there, or of nothing
  void put(uint64_t hash, uint64_t number);

  std::vector<Entry> entries_;
  size_t size_ = 0;
};

}  // namespace switchyard::vectors
