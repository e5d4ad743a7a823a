// Segments are merged with their neighbours only, so that rows stay in the order of their insertion. What dies while a
// merge is filled is marked in the new segment as it is committed.
#include <algorithm>
#include <bit>
#include <set>
#include <string>
#include <utility>

#include "error.h"
#include "vectors/table.h"

namespace switchyard::vectors {
namespace {

// Merged by itself: 1 GB of rows at most, so that a merge needs no more than that beside what is there.
constexpr size_t kMergedElements = size_t{1} << 28;
constexpr size_t kLeast = 4;  // segments, of which none is larger than a third of all

}  // namespace

void Table::seal() {
  std::lock_guard writing(writing_);
  std::lock_guard lock(mutex_);
  if (!slots_.empty()) seal(slots_.back());
}

// How many segments from `first` on are to be one, the most that may; 0: none.
size_t Table::worthMerging(size_t first, bool all, uint64_t newest) const {
  size_t sum = 0, largest = 0, worth = 0;
  for (size_t i = first; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (!slot.isSealed || slot.segment->name > newest || slot.segment->isDamaged()) break;
    const size_t count = i - first + 1, dead = slot.rows - slot.live;
    sum += slot.live;
    largest = std::max(largest, slot.live);
    if (count > 1 && sum * dimensions > kMergedElements) break;
    if (all ? count > 1 || dead > 0 : count == 1 ? dead * 3 > slot.rows : count >= kLeast && largest * 3 <= sum)
      worth = count;
  }
  return worth;
}

std::shared_ptr<Merge> Table::beginMerge(bool all, uint64_t newest) {
  std::lock_guard lock(mutex_);
  if (merging_) return nullptr;
  for (size_t first = 0; first < slots_.size(); ++first) {
    const size_t count = worthMerging(first, all, newest);
    if (count == 0) continue;
    auto merge = std::make_shared<Merge>();
    for (size_t i = first; i < first + count; ++i) merge->from.push_back(slots_[i].view());
    merging_ = true;
    return merge;
  }
  return nullptr;
}

void Table::fill(Merge& merge) const {
  merge.into = merged(merge);
  merge.isFilled.store(true, std::memory_order_release);
}

std::shared_ptr<Segment> Table::merged(Merge& merge) const {
  size_t rows = 0, found = 0;
  std::set<std::string> fields;
  for (const View& view : merge.from) {
    view.segment->checkRows(0, view.rows);
    view.segment->checkMetadata(0, view.rows);
    rows += view.live;
    if (view.segment->hasTable()) found += view.live;
    fields.merge(view.segment->columnFields());
  }
  if (rows == 0) return nullptr;
  std::vector<uint64_t> numbers;
  numbers.reserve(rows);
  for (const View& view : merge.from)
    view.alive->forEach([&](size_t row) { numbers.push_back(view.segment->number(row)); });
  uint64_t name;
  RowMemory memory = allocateRows(rows, dimensions);
  {
    std::lock_guard lock(mutex_);
    name = nextName_++;
  }
  auto into = std::make_shared<Segment>(name, dimensions, rows, numbers.front(), std::move(memory));
  // The map of all ids does not have those that are found by tables.
  IdTable table = found ? IdTable(found) : IdTable();
  size_t to = 0;
  for (const View& view : merge.from) {
    view.alive->forEach([&](size_t row) {
      const Segment& from = *view.segment;
      const Id id = from.id(row);
      if (from.hasTable() && from.rowOf(id) == row) table.add(id, to);
      into->put(to++, from.row(row), from.squares(row), id, from.metadata(row));
      merge.squares.add(from.squares(row));
    });
  }
  into->setTable(std::move(table));
  if (numbers.back() - numbers.front() + 1 != rows) into->setNumbers(std::move(numbers));
  try {
    into->columns(fields, rows);
  } catch (const Error& error) {  // damaged metadata is for the filter to tell of that asks for it
    if (error.code != Code::Damaged) throw;
  }
  return into;
}

void Table::commit(const Merge& merge) {
  std::lock_guard lock(mutex_);
  merging_ = false;
  const auto first = std::find_if(slots_.begin(), slots_.end(),
                                  [&](const Slot& slot) { return slot.segment == merge.from.front().segment; });
  const auto end = first + static_cast<ptrdiff_t>(merge.from.size());
  Slot slot;
  if (merge.into) {
    const size_t rows = merge.into->capacity;
    slot = {.segment = merge.into, .rows = rows, .live = rows, .alive = std::make_shared<Bits>(Bits::all(rows))};
    slot.isSealed = true;
    slot.squares = merge.squares;
  }
  size_t to = 0;
  for (size_t v = 0; v < merge.from.size(); ++v) {
    const Bits &was = *merge.from[v].alive, &is = *(first + static_cast<ptrdiff_t>(v))->alive;
    for (size_t w = 0; w < was.wordCount(); ++w) {
      for (uint64_t died = was.words()[w] & ~is.words()[w]; died; died &= died - 1) {
        const uint64_t before = (uint64_t{1} << std::countr_zero(died)) - 1;
        slot.alive->remove(to + static_cast<size_t>(std::popcount(was.words()[w] & before)));
        --slot.live;
      }
      to += static_cast<size_t>(std::popcount(was.words()[w]));
    }
  }
  const auto at = slots_.erase(first, end);
  if (merge.into) slots_.insert(at, std::move(slot));
}

std::shared_ptr<const Segment> Table::sameAs(uint64_t name, const Segment& segment, size_t rows) const {
  std::shared_ptr<const Segment> known;
  for (const View& view : snapshot())
    if (view.segment->name == name && view.isSealed && view.rows == rows) known = view.segment;
  // They were compared with their squares as the segment was read; numbers say that they are in one order.
  for (size_t i = 0; known && i < rows; ++i)
    if (segment.number(i) != known->number(i) || segment.squares(i) != known->squares(i)) return nullptr;
  return known;
}

bool Table::exchange(const std::shared_ptr<const Segment>& before, const std::shared_ptr<Segment>& segment) {
  std::lock_guard lock(mutex_);
  const auto slot =
      std::find_if(slots_.begin(), slots_.end(), [&](const Slot& each) { return each.segment == before; });
  if (merging_ || slot == slots_.end()) return false;
  slot->segment = segment;
  return true;
}

void Table::abandon() {
  std::lock_guard lock(mutex_);
  merging_ = false;
}

}  // namespace switchyard::vectors
