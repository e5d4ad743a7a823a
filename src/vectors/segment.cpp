// Memory that nothing was written to yet takes no room, so whole segments are asked for at once.
#include "vectors/segment.h"

#include <algorithm>
#include <cstring>

namespace switchyard::vectors {

RowMemory allocateRows(size_t rows, uint32_t dimensions) {
  // As large as lends its memory to JavaScript, instead of being copied.
  auto block = HostPool::shared().acquire(std::max(rows * dimensions * sizeof(float), HostPool::kPooledBytes));
  auto* const data = reinterpret_cast<float*>(block->data);
  return {data, std::move(block), nullptr};
}

Segment::Segment(uint64_t name, uint32_t dimensions, size_t capacity, uint64_t firstNumber, RowMemory memory)
    : name(name),
      dimensions(dimensions),
      capacity(capacity),
      firstNumber(firstNumber),
      memory(std::move(memory)),
      squares_(new double[capacity]),
      ids_(new KeptId[capacity]),
      metadata_(new const char*[capacity]) {}

size_t Segment::find(uint64_t number, size_t rows) const {
  if (number < firstNumber) return rows;
  if (numbers_.empty()) return std::min<uint64_t>(number - firstNumber, rows);
  const auto end = numbers_.begin() + static_cast<ptrdiff_t>(rows);
  const auto found = std::lower_bound(numbers_.begin(), end, number);
  return found == end || *found != number ? rows : static_cast<size_t>(found - numbers_.begin());
}

void Segment::put(size_t i, const float* vector, double squares, const Id& id, std::string_view metadata) {
  if (vector) std::memcpy(memory.data + i * dimensions, vector, dimensions * sizeof(float));
  squares_[i] = squares;
  ids_[i] = keepId(texts_, id);
  metadata_[i] = metadata.empty() ? nullptr : texts_.keep(metadata);
}

size_t Segment::bytes() const {
  return capacity * (dimensions * sizeof(float) + sizeof(double) + sizeof(KeptId) + sizeof(char*)) +
         numbers_.capacity() * sizeof(uint64_t) + texts_.bytes() + columns_.bytes();
}

}  // namespace switchyard::vectors
