// Memory that nothing was written to yet takes no room, so whole segments are asked for at once.
#include "vectors/segment.h"

#include <algorithm>
#include <cstring>

#include "error.h"

namespace switchyard::vectors {
namespace {

// Checksums keep off chance, not malice.
Error madeUp(const char* what) { return {Code::Damaged, std::string("a stored index is no such one: ") + what}; }

}  // namespace

RowMemory allocateRows(size_t rows, uint32_t dimensions) {
  // As large as lends its memory to JavaScript, instead of being copied.
  auto block = HostPool::shared().acquire(std::max(rows * dimensions * sizeof(float), HostPool::kPooledBytes));
  auto* const data = reinterpret_cast<float*>(block->data);
  return {data, std::move(block), nullptr};
}

Segment::Segment(uint64_t name, uint32_t dimensions, size_t capacity, uint64_t firstNumber, RowMemory memory,
                 std::optional<Mapped> mapped)
    : name(name),
      dimensions(dimensions),
      capacity(capacity),
      firstNumber(firstNumber),
      memory(std::move(memory)),
      mapped_(std::move(mapped)),
      squares_(mapped_ ? nullptr : new double[capacity]),
      ids_(mapped_ ? nullptr : new KeptId[capacity]),
      metadata_(mapped_ ? nullptr : new const char*[capacity]),
      rowsChecked_(!mapped_ || !mapped_->source),
      metadataChecked_(!mapped_ || !mapped_->source) {}

// ---- what was stored

Id Segment::mappedId(size_t i) const {
  const uint64_t id = mapped_->ids[i];
  if (isNumber(id)) return idOf(id);
  const std::string_view texts = mapped_->texts;
  uint32_t length;
  if (id > texts.size() || texts.size() - id < sizeof length) throw madeUp("an id lies beyond their end");
  std::memcpy(&length, texts.data() + id, sizeof length);
  if (length > texts.size() - id - sizeof length) throw madeUp("an id lies beyond their end");
  return {false, 0, texts.substr(id + sizeof length, length), 0};
}

std::string_view Segment::mappedMetadata(size_t i) const {
  const uint64_t from = i ? mapped_->ends[i - 1] : 0, to = mapped_->ends[i];
  if (from > to || to > mapped_->metadata.size()) throw madeUp("metadata lies beyond its end");
  return mapped_->metadata.substr(from, to - from);
}

void Segment::check(uint64_t from, uint64_t to) const {
  try {
    mapped_->source->check(from, to - from);
  } catch (const Error& error) {
    isDamaged_ = true;
    throw;
  }
}

bool Segment::isChecked(std::atomic<bool>& is, uint64_t from, uint64_t to) const {
  if (!is && mapped_->source->isChecked(from, to - from)) is = true;
  return is;
}

void Segment::checkRows(size_t from, size_t to) const {
  if (!rowsChecked_) check(rowsAt(from), rowsAt(to));
}

bool Segment::isMetadataChecked() const {
  return metadataChecked_ ||
         isChecked(metadataChecked_, mapped_->metadataAt, mapped_->metadataAt + mapped_->metadata.size());
}

void Segment::checkMetadata(size_t from, size_t to) const {
  if (metadataChecked_ || from == to) return;
  const std::string_view first = mappedMetadata(from), last = mappedMetadata(to - 1);
  const char* const begin = mapped_->metadata.data();
  check(mapped_->metadataAt + static_cast<uint64_t>(first.data() - begin),
        mapped_->metadataAt + static_cast<uint64_t>(last.data() + last.size() - begin));
}

// ---- what is written

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
  const size_t stored = mapped_ ? mapped_->texts.size() + mapped_->metadata.size() : 0;
  return capacity * (dimensions * sizeof(float) + sizeof(double) + sizeof(KeptId) + sizeof(char*)) + stored +
         numbers_.capacity() * sizeof(uint64_t) + table_.bytes() + texts_.bytes() + columns_.bytes();
}

}  // namespace switchyard::vectors
