// A segment: rows of an index in the order in which they were inserted, in memory of fixed size. Rows are written
// behind those that are there already, by one writer; who has seen so many rows may read them without a lock.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "memory/host_pool.h"
#include "vectors/arena.h"
#include "vectors/bits.h"
#include "vectors/columns.h"
#include "vectors/id_table.h"
#include "vectors/ids.h"
#include "vectors/source.h"

namespace switchyard::vectors {

// Where rows lie, and what holds that memory: a block of our own, or memory of somebody else's, a mapped file say.
struct RowMemory {
  float* data = nullptr;
  std::shared_ptr<HostBlock> block;
  std::shared_ptr<const void> hold;
};
RowMemory allocateRows(size_t rows, uint32_t dimensions);  // throws OutOfMemory

// What a segment has of its rows beside the vectors, where that lies in memory of somebody else's: packed.h says how.
// What it is read of was checked, but for vectors and metadata.
struct Mapped {
  const double* squares = nullptr;
  const uint64_t* ids = nullptr;   // as KeptId, texts by their places in `texts`
  const uint64_t* ends = nullptr;  // of each row's metadata, behind a 0
  std::string_view texts, metadata;
  std::shared_ptr<Source> source;       // null: all of it was checked
  uint64_t rowsAt = 0, metadataAt = 0;  // of its bytes
  std::shared_ptr<const void> hold;     // of what these point into
  std::vector<double> summed;           // squares, where those that are stored are no sums of this machine's
};

class Segment {
 public:
  Segment(uint64_t name, uint32_t dimensions, size_t capacity, uint64_t firstNumber, RowMemory memory,
          std::optional<Mapped> mapped = std::nullopt);

  const uint64_t name;  // within its table, never given again
  const uint32_t dimensions;
  const size_t capacity;
  const uint64_t firstNumber;  // the number of the first row's insertion
  const RowMemory memory;

  const float* row(size_t i) const { return memory.data + i * dimensions; }
  double squares(size_t i) const { return mapped_ ? mapped_->squares[i] : squares_[i]; }
  Id id(size_t i) const { return mapped_ ? mappedId(i) : idOf(ids_[i]); }
  std::string_view metadata(size_t i) const { return mapped_ ? mappedMetadata(i) : textAt(metadata_[i]); }
  uint64_t number(size_t i) const { return numbers_.empty() ? firstNumber + i : numbers_[i]; }
  // The row of an insertion's number, of `rows`; `rows` where there is none.
  size_t find(uint64_t number, size_t rows) const;

  // Whether ids are found by a table of its own, and not by the map of all: some of them at least.
  bool hasTable() const { return !table_.isEmpty(); }
  // The row that the table has for an id; IdTable::kNone: it has none.
  size_t rowOf(const Id& id) const {
    return table_.find(id, [&](size_t row) { return row < capacity && this->id(row).isSame(id); });
  }

  // Before vectors or metadata of these rows are read: that they are what was written. Throws Damaged.
  void checkRows(size_t from, size_t to) const;
  void checkMetadata(size_t from, size_t to) const;
  bool areRowsChecked() const { return isChecked(rowsChecked_, rowsAt(0), rowsAt(capacity)); }
  bool isMetadataChecked() const;
  bool isDamaged() const { return isDamaged_; }  // as far as anybody has looked

  // The writer's: the row's vector lies in memory already, unless one is given.
  void put(size_t i, const float* vector, double squares, const Id& id, std::string_view metadata);
  void setNumbers(std::vector<uint64_t> numbers) { numbers_ = std::move(numbers); }  // before anybody reads
  void setTable(IdTable table) { table_ = std::move(table); }                        // the same

  // With the columns of these fields, of the first `rows` rows.
  HeldColumns columns(const std::set<std::string>& fields, size_t rows) const {
    return columns_.extend(fields, rows, [this](size_t i) { return metadata(i); });
  }
  std::set<std::string> columnFields() const { return columns_.fields(); }  // of which there are columns
  size_t bytes() const;                                                     // of memory, that of columns included

 private:
  Id mappedId(size_t i) const;
  std::string_view mappedMetadata(size_t i) const;
  uint64_t rowsAt(size_t row) const { return mapped_ ? mapped_->rowsAt + row * dimensions * sizeof(float) : 0; }
  bool isChecked(std::atomic<bool>& is, uint64_t from, uint64_t to) const;
  void check(uint64_t from, uint64_t to) const;

  const std::optional<Mapped> mapped_;
  const std::unique_ptr<double[]> squares_;
  const std::unique_ptr<KeptId[]> ids_;
  const std::unique_ptr<const char*[]> metadata_;
  IdTable table_;
  mutable std::atomic<bool> rowsChecked_, metadataChecked_, isDamaged_{false};
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
