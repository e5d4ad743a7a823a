// Each table has a seed of its own, by chance, so that nobody can choose ids that collide.
#include "vectors/id_table.h"

#include <bit>
#include <random>

namespace switchyard::vectors {

IdTable::IdTable(size_t ids) : own_(std::bit_ceil(ids * 3 / 2 + 16)), entries_(own_) {
  std::random_device random;
  seed_ = uint64_t{random()} << 32 | random();
}

void IdTable::add(const Id& id, size_t row) {
  const uint64_t hash = hashOf(id, seed_), mask = own_.size() - 1;
  size_t at = hash & mask;
  while (own_[at]) at = (at + 1) & mask;
  own_[at] = (hash >> 32 << 32) | static_cast<uint32_t>(row + 1);
}

}  // namespace switchyard::vectors
