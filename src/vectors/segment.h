// A segment: rows of an index in the order in which they were inserted, in memory of fixed size. Rows are written
// behind those that are there already, by one writer; who has seen so many rows may read them without a lock.
#pragma once
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "memory/host_pool.h"
#include "vectors/arena.h"
#include "vectors/bits.h"
#include "vectors/columns.h"
#include "vectors/ids.h"

namespace switchyard::vectors {

// Where rows lie, and what holds that memory: a block of our own, or memory of somebody else's, a mapped file say.
struct RowMemory {
  float* data = nullptr;
  std::shared_ptr<HostBlock> block;
  std::shared_ptr<const void> hold;
};
RowMemory allocateRows(size_t rows, uint32_t dimensions);  // throws OutOfMemory

class Segment {
 public:
  Segment(uint64_t name, uint32_t dimensions, size_t capacity, uint64_t firstNumber, RowMemory memory);

  const uint64_t name;  // within its table, never given again
  const uint32_t dimensions;
  const size_t capacity;
  const uint64_t firstNumber;  // the number of the first row's insertion
  const RowMemory memory;

  const float* row(size_t i) const { return memory.data + i * dimensions; }
  double squares(size_t i) const { return squares_[i]; }
  Id id(size_t i) const { return idOf(ids_[i]); }
  KeptId keptId(size_t i) const { return ids_[i]; }
  std::string_view metadata(size_t i) const { return textAt(metadata_[i]); }
  uint64_t number(size_t i) const { return numbers_.empty() ? firstNumber + i : numbers_[i]; }
  // The row of an insertion's number, of `rows`; `rows` where there is none.
  size_t find(uint64_t number, size_t rows) const;

  // The writer's: the row's vector lies in memory already, unless one is given.
  void put(size_t i, const float* vector, double squares, const Id& id, std::string_view metadata);
  void setNumbers(std::vector<uint64_t> numbers) { numbers_ = std::move(numbers); }  // before anybody reads

  // With the columns of these fields, of the first `rows` rows.
  Columns& columns(const std::set<std::string>& fields, size_t rows) const {
    columns_.extend(fields, rows, [this](size_t i) { return metadata(i); });
    return columns_;
  }
  std::set<std::string> columnFields() const { return columns_.fields(); }  // of which there are columns
  size_t bytes() const;                                                     // of memory, that of columns included

 private:
  const std::unique_ptr<double[]> squares_;
  const std::unique_ptr<KeptId[]> ids_;
  const std::unique_ptr<const char*[]> metadata_;
  std::vector<uint64_t> numbers_;  // of rows that don't follow each other; else empty
  Arena texts_;
  mutable Columns columns_;
};

// The squares of rows' lengths: the largest, and the least of those that are not zeros.
struct Squares {
  double most = 0, least = 0;
  void add(double squares) {
    if (squares > most) most = squares;
    if (squares > 0 && (least == 0 || squares < least)) least = squares;
  }
};

// A segment as it was at one moment.
struct View {
  std::shared_ptr<const Segment> segment;
  size_t rows = 0, live = 0;
  std::shared_ptr<const Bits> alive;  // of the rows, those that are not removed
  Squares squares;
  bool isSealed = false;
};

}  // namespace switchyard::vectors
