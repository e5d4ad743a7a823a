// The rows of an index: who is in it, where its row lies, and which rows are alive. Writes are one after the other; a
// reader takes a snapshot and needs no lock after that.
//
// Every insertion has a number, from 0 on. Segments hold ranges of numbers, one behind the other, so that a number says
// where its row lies even after segments were merged, and the map of ids never hears of that.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "vectors/ids.h"
#include "vectors/scores.h"
#include "vectors/segment.h"

namespace switchyard::vectors {

constexpr uint32_t kMostDimensions = 65536;
constexpr uint64_t kMostNumber = (uint64_t{1} << 53) - 1;  // of an insertion: JavaScript's numbers hold them

// Vectors that come in by one call.
struct Batch {
  std::span<const float> vectors;
  std::vector<Id> ids;
  std::vector<std::string_view> metadata;  // JSON of each, or empty; none at all: no vector has any
  bool replaces = false;                   // those that are there already; else they are refused
};

struct Place {
  std::shared_ptr<const Segment> segment;  // null: it is not there
  size_t row = 0;
};

// A merge of neighbouring segments into one.
struct Merge {
  std::vector<View> from;
  std::shared_ptr<Segment> into;      // null where nothing of them is left
  Squares squares;                    // of its rows
  std::atomic<bool> isFilled{false};  // only then may others than who fills it read the two above
};

struct Limits {
  size_t segmentBytes = size_t{16} << 20;  // rows of the segment that takes writes
  // Multiplications of a part that a search does itself, sooner than by a job; 0: jobs do whatever they can do.
  double scanned = 2 << 20;
};

class Table {
 public:
  Table(uint32_t dimensions, Metric metric, Limits limits = {});

  const uint32_t dimensions;
  const Metric metric;
  const Limits limits;

  size_t size() const;
  // What can be told of a batch without the table: throws InvalidArgument naming the row. Gives the rows' squares.
  std::vector<double> check(const Batch& batch) const;
  // Throws InvalidArgument where an id is there that is not to be replaced.
  void checkNew(const Batch& batch) const { numbersOf(batch); }
  // All or nothing: the number of the first one's insertion. Throws InvalidArgument where an id is there that is not to
  // be replaced; OutOfMemory.
  uint64_t append(const Batch& batch, const std::vector<double>& squares);
  size_t remove(std::span<const Id> ids);  // how many were there
  std::vector<Place> find(std::span<const Id> ids) const;
  // All segments in order. With `ids` the rows of those are added to `chosen`, a set for each segment.
  std::vector<View> snapshot(const std::vector<Id>* ids = nullptr, std::vector<Bits>* chosen = nullptr) const;

  // The segment that takes writes takes no more.
  void seal();
  // What is worth being merged now, null: nothing. `all`: as far as it goes, but of segments up to the name `newest`
  // alone, so that a compaction comes to an end while rows die. One at a time: until it is committed or abandoned there
  // is no other one.
  std::shared_ptr<Merge> beginMerge(bool all, uint64_t newest = ~uint64_t{0});
  void fill(Merge& merge) const;    // makes the segment, while everything goes on
  void commit(const Merge& merge);  // it takes the place of those that it was made of
  void abandon();
  // Adds a whole segment behind all others, as the next numbers: what was stored. Rows beside `alive` are not there.
  // Throws InvalidArgument where its numbers do not follow, or an id is there already; then nothing was added. The ids
  // of one that has a table are not looked at.
  void adopt(std::shared_ptr<Segment> segment, size_t rows, Bits alive);
  // The sealed segment of that name, if `segment` has the same rows in other memory; null: it has not, or there is
  // none.
  std::shared_ptr<const Segment> sameAs(uint64_t name, const Segment& segment, size_t rows) const;
  // Puts one that is the same in its place. False, and nothing happened: it is not there any more, or is being merged.
  bool exchange(const std::shared_ptr<const Segment>& before, const std::shared_ptr<Segment>& segment);

  // How many times as many candidates codes are asked for as rows are, so that most answers are proven at once: what
  // searches have learned from the rows that there are.
  mutable std::atomic<uint32_t> widening{2};

  std::shared_ptr<Segment> makeSegment(size_t capacity, uint64_t firstNumber, RowMemory memory = {},
                                       std::optional<Mapped> mapped = std::nullopt);
  uint64_t seals() const;  // how many segments were sealed so far
  size_t mapBytes() const;

 private:
  struct Slot {
    std::shared_ptr<Segment> segment;
    size_t rows = 0, live = 0;
    std::shared_ptr<Bits> alive;
    Squares squares;
    bool isSealed = false;

    View view() const;
    Bits& own();  // `alive`, which no snapshot has
  };
  struct Part {
    std::shared_ptr<Segment> segment;
    size_t at, rows;
    bool isNew;
  };
  std::shared_ptr<Segment> merged(Merge& merge) const;
  std::vector<Part> place(size_t rows);
  std::vector<uint64_t> numbersOf(const Batch& batch) const;
  uint64_t numberOf(const Id& id) const;
  size_t slotOf(uint64_t number) const;
  void seal(Slot& slot);
  size_t removeSome(std::span<const Id> ids);
  void kill(uint64_t number);
  size_t worthMerging(size_t first, bool all, uint64_t newest) const;
  size_t mostRows() const;

  const size_t growingRows_;
  std::mutex writing_;        // held by whoever changes rows, from its first look to its last
  mutable std::mutex mutex_;  // of all below; held for moments
  std::vector<Slot> slots_;
  IdMap ids_;
  uint64_t next_ = 0;
  mutable uint64_t nextName_ = 1;
  size_t size_ = 0, seals_ = 0;
  bool merging_ = false;
};

}  // namespace switchyard::vectors
