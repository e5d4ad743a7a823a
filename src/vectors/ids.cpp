// Hashes are XXH3's with a seed of this process, so that nobody can choose ids that collide.
#include "vectors/ids.h"

#include <bit>
#include <random>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace switchyard::vectors {
namespace {

constexpr uint64_t kNumberBit = uint64_t{1} << 63;

uint64_t seed() {
  static const uint64_t value = [] {
    std::random_device random;
    return uint64_t{random()} << 32 | random();
  }();
  return value;
}

}  // namespace

uint64_t hashOf(const Id& id, uint64_t seed) {
  if (id.isNumber) return XXH3_64bits_withSeed(&id.number, sizeof id.number, seed + 1);
  return XXH3_64bits_withSeed(id.text.data(), id.text.size(), seed);
}

Id Id::of(int64_t number) {
  Id id{true, number, {}, 0};
  id.hash = hashOf(id, seed());
  return id;
}

Id Id::of(std::string_view text) {
  Id id{false, 0, text, 0};
  id.hash = hashOf(id, seed());
  return id;
}

std::string shown(const Id& id) { return id.isNumber ? std::to_string(id.number) : "'" + std::string(id.text) + "'"; }

KeptId keepId(Arena& arena, const Id& id) {
  if (id.isNumber) return static_cast<uint64_t>(id.number) | kNumberBit;  // safe integers: bits 62 and 63 are equal
  return reinterpret_cast<uint64_t>(arena.keep(id.text));
}

Id idOf(KeptId kept) {
  if (!isNumber(kept)) return {false, 0, textAt(reinterpret_cast<const char*>(kept)), 0};
  return {true, static_cast<int64_t>(kept << 1) >> 1, {}, 0};
}

void IdMap::reserve(size_t ids) {
  if (std::optional<IdMap> larger = grown(ids)) std::swap(*this, *larger);
}

std::optional<IdMap> IdMap::grown(size_t ids) const {
  const size_t wanted = std::bit_ceil((size_ + ids) * 3 / 2 + 16);
  if (wanted <= entries_.size()) return std::nullopt;
  IdMap larger;
  larger.entries_.resize(wanted);
  larger.size_ = size_;
  for (const Entry& entry : entries_)
    if (entry.number != kNone) larger.put(entry.hash, entry.number);
  return larger;
}

void IdMap::insert(uint64_t hash, uint64_t number) {
  reserve(1);
  put(hash, number);
  ++size_;
}

void IdMap::put(uint64_t hash, uint64_t number) {
  size_t at = hash & mask();
  while (entries_[at].number != kNone) at = (at + 1) & mask();
  entries_[at] = {hash, number};
}

size_t IdMap::placeOf(uint64_t hash, uint64_t number) const {
  size_t at = hash & mask();
  while (entries_[at].number != number && entries_[at].number != kNone) at = (at + 1) & mask();
  return at;
}

bool IdMap::replace(uint64_t hash, uint64_t number, uint64_t by) {
  if (entries_.empty()) return false;
  Entry& entry = entries_[placeOf(hash, number)];
  if (entry.number == kNone) return false;
  entry.number = by;
  return true;
}

// What comes behind moves up where its own place allows it, so that no search ends at the hole.
bool IdMap::erase(uint64_t hash, uint64_t number) {
  if (entries_.empty()) return false;
  size_t hole = placeOf(hash, number);
  if (entries_[hole].number == kNone) return false;
  for (size_t at = (hole + 1) & mask(); entries_[at].number != kNone; at = (at + 1) & mask()) {
    const size_t home = entries_[at].hash & mask();
    if (((at - home) & mask()) < ((at - hole) & mask())) continue;
    entries_[hole] = entries_[at];
    hole = at;
  }
  entries_[hole].number = kNone;
  --size_;
  return true;
}

}  // namespace switchyard::vectors
