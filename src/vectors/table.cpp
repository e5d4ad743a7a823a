// What a write takes long for (copies, memory) is done before the lock that readers need is taken.
#include "vectors/table.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "error.h"

namespace switchyard::vectors {
namespace {

constexpr size_t kMostGrowingRows = 65536;
constexpr size_t kMostElements = size_t{1} << 31;  // of a segment
constexpr size_t kRemovedAtOnce = 1024;
constexpr const char* kIdsArgument = "ids";

[[noreturn]] void refuse(const std::string& what, const char* argument) {
  throw Error(Code::InvalidArgument, what, {.argument = argument});
}

void checkUnique(const std::vector<Id>& ids) {
  IdMap seen;
  seen.reserve(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    const uint64_t first = seen.find(ids[i].hash, [&](uint64_t at) { return ids[at] == ids[i]; });
    if (first != IdMap::kNone)
      refuse("ids: " + shown(ids[i]) + " stands in the call twice, at " + std::to_string(first) + " and " +
                 std::to_string(i),
             kIdsArgument);
    seen.insert(ids[i].hash, i);
  }
}

}  // namespace

View Table::Slot::view() const { return {segment, rows, live, alive, squares, isSealed}; }

Bits& Table::Slot::own() {
  if (alive.use_count() > 1)
    alive = std::make_shared<Bits>(*alive);
  else
    std::atomic_thread_fence(std::memory_order_acquire);
  return *alive;
}

Table::Table(uint32_t dimensions, Metric metric, Limits limits)
    : dimensions(dimensions),
      metric(metric),
      limits(limits),
      growingRows_(std::clamp<size_t>(limits.segmentBytes / (dimensions * sizeof(float)), 64, kMostGrowingRows)) {}

size_t Table::size() const {
  std::lock_guard lock(mutex_);
  return size_;
}

uint64_t Table::seals() const {
  std::lock_guard lock(mutex_);
  return seals_;
}

size_t Table::mapBytes() const {
  std::lock_guard lock(mutex_);
  return ids_.bytes();
}

size_t Table::mostRows() const { return std::min<size_t>(kMostElements / dimensions, (size_t{1} << 31) - 64); }

std::vector<double> Table::check(const Batch& batch) const {
  checkUnique(batch.ids);
  std::vector<double> squares(batch.ids.size());
  for (size_t i = 0; i < squares.size(); ++i)
    squares[i] = finiteSquaresOf(batch.vectors.data() + i * dimensions, dimensions, i, "vectors");
  return squares;
}

// ---- where rows are

size_t Table::slotOf(uint64_t number) const {
  const auto after = std::upper_bound(slots_.begin(), slots_.end(), number, [](uint64_t wanted, const Slot& slot) {
    return wanted < slot.segment->firstNumber;
  });
  return static_cast<size_t>(after - slots_.begin()) - 1;
}

uint64_t Table::numberOf(const Id& id) const {
  const uint64_t number = ids_.find(id.hash, [&](uint64_t number) {
    const Slot& slot = slots_[slotOf(number)];
    return slot.segment->id(slot.segment->find(number, slot.rows)).isSame(id);
  });
  if (number != IdMap::kNone) return number;
  for (const Slot& slot : slots_) {
    if (!slot.segment->hasTable()) continue;
    const size_t row = slot.segment->rowOf(id);
    if (row < slot.rows && slot.alive->has(row)) return slot.segment->number(row);
  }
  return IdMap::kNone;
}

std::vector<Place> Table::find(std::span<const Id> ids) const {
  std::vector<Place> places(ids.size());
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < ids.size(); ++i) {
    const uint64_t number = numberOf(ids[i]);
    if (number == IdMap::kNone) continue;
    const Slot& slot = slots_[slotOf(number)];
    places[i] = {slot.segment, slot.segment->find(number, slot.rows)};
  }
  return places;
}

std::vector<View> Table::snapshot(const std::vector<Id>* ids, std::vector<Bits>* chosen) const {
  std::lock_guard lock(mutex_);
  std::vector<View> views;
  views.reserve(slots_.size());
  for (const Slot& slot : slots_) views.push_back(slot.view());
  if (!ids) return views;
  for (const View& view : views) chosen->emplace_back(view.rows);
  for (const Id& id : *ids) {
    const uint64_t number = numberOf(id);
    if (number == IdMap::kNone) continue;
    const size_t slot = slotOf(number);
    (*chosen)[slot].add(slots_[slot].segment->find(number, slots_[slot].rows));
  }
  return views;
}

// ---- writes

std::shared_ptr<Segment> Table::makeSegment(size_t capacity, uint64_t firstNumber, RowMemory memory,
                                            std::optional<Mapped> mapped) {
  if (!memory.data) memory = allocateRows(capacity, dimensions);
  std::lock_guard lock(mutex_);
  return std::make_shared<Segment>(nextName_++, dimensions, capacity, firstNumber, std::move(memory),
                                   std::move(mapped));
}

// Where `rows` more go: behind those of the last segment if they fit, else into new ones.
std::vector<Table::Part> Table::place(size_t rows) {
  uint64_t number;
  {
    std::lock_guard lock(mutex_);
    number = next_;
    if (!slots_.empty() && !slots_.back().isSealed && slots_.back().segment->capacity - slots_.back().rows >= rows)
      return {{slots_.back().segment, slots_.back().rows, rows, false}};
  }
  std::vector<Part> parts;
  while (rows > 0) {
    const size_t some = std::min(rows, mostRows());
    parts.push_back({makeSegment(std::max(some, growingRows_), number), 0, some, true});
    number += some;
    rows -= some;
  }
  return parts;
}

std::vector<uint64_t> Table::numbersOf(const Batch& batch) const {
  std::vector<uint64_t> numbers(batch.ids.size());
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = numberOf(batch.ids[i]);
    if (numbers[i] != IdMap::kNone && !batch.replaces)
      refuse("ids: " + shown(batch.ids[i]) + ", at " + std::to_string(i) +
                 ", is in the index already: upsert() replaces it",
             kIdsArgument);
  }
  return numbers;
}

uint64_t Table::append(const Batch& batch, const std::vector<double>& squares) {
  std::lock_guard writing(writing_);
  const std::vector<uint64_t> replaced = numbersOf(batch);
  if (batch.ids.empty()) return next_;
  const std::vector<Part> parts = place(batch.ids.size());
  size_t from = 0;
  for (const Part& part : parts)
    for (size_t i = 0; i < part.rows; ++i, ++from)
      part.segment->put(part.at + i, batch.vectors.data() + from * dimensions, squares[from], batch.ids[from],
                        batch.metadata.empty() ? std::string_view{} : batch.metadata[from]);
  std::vector<Slot> slots;
  for (const Part& part : parts)
    if (part.isNew) slots.push_back({.segment = part.segment, .alive = std::make_shared<Bits>(part.segment->capacity)});

  std::optional<IdMap> grown = ids_.grown(batch.ids.size());  // nobody else writes: no lock is needed to read it

  std::lock_guard lock(mutex_);
  slots_.reserve(slots_.size() + slots.size());
  if (grown) std::swap(ids_, *grown);
  if (slots.empty()) slots_.back().own();
  for (uint64_t number : replaced)
    if (number != IdMap::kNone) slots_[slotOf(number)].own();
  // Nothing below fails.
  if (!slots.empty() && !slots_.empty()) seal(slots_.back());
  for (Slot& slot : slots) slots_.push_back(std::move(slot));
  const uint64_t first = next_;
  from = 0;
  for (size_t p = 0; p < parts.size(); ++p) {
    Slot& slot = slots_[slots_.size() - parts.size() + p];
    for (size_t i = 0; i < parts[p].rows; ++i, ++from, ++next_) {
      slot.squares.add(squares[from]);
      const uint64_t hash = batch.ids[from].hash, before = replaced[from];
      if (before == IdMap::kNone || !ids_.replace(hash, before, next_)) ids_.insert(hash, next_);
      if (before == IdMap::kNone)
        ++size_;
      else
        kill(before);
    }
    slot.own().addRange(slot.rows, slot.rows + parts[p].rows);
    slot.rows += parts[p].rows;
    slot.live += parts[p].rows;
    if (slot.rows == slot.segment->capacity || p + 1 < parts.size()) seal(slot);
  }
  return first;
}

void Table::seal(Slot& slot) {
  if (!std::exchange(slot.isSealed, true)) ++seals_;
}

void Table::kill(uint64_t number) {
  Slot& slot = slots_[slotOf(number)];
  slot.own().remove(slot.segment->find(number, slot.rows));
  --slot.live;
}

// Some at a time, so that nobody waits for all of them.
size_t Table::remove(std::span<const Id> ids) {
  std::lock_guard writing(writing_);
  size_t removed = 0;
  while (!ids.empty()) {
    const auto some = ids.first(std::min(ids.size(), kRemovedAtOnce));
    removed += removeSome(some);
    ids = ids.subspan(some.size());
  }
  return removed;
}

size_t Table::removeSome(std::span<const Id> ids) {
  std::lock_guard lock(mutex_);
  size_t removed = 0;
  for (const Id& id : ids)  // what may fail, first
    if (const uint64_t number = numberOf(id); number != IdMap::kNone) slots_[slotOf(number)].own();
  for (const Id& id : ids) {
    const uint64_t number = numberOf(id);
    if (number == IdMap::kNone) continue;
    kill(number);
    ids_.erase(id.hash, number);
    --size_;
    ++removed;
  }
  return removed;
}

void Table::adopt(std::shared_ptr<Segment> segment, size_t rows, Bits alive) {
  std::lock_guard writing(writing_);
  std::lock_guard lock(mutex_);
  if (rows == 0 || rows > mostRows() || segment->firstNumber < next_ || segment->number(rows - 1) > kMostNumber)
    refuse("a stored index has segments whose insertions do not follow each other", "path");
  Slot slot{.segment = std::move(segment), .rows = rows, .alive = std::make_shared<Bits>(std::move(alive))};
  slot.isSealed = true;
  slot.live = slot.alive->count();
  for (size_t i = 0; i < rows; ++i) slot.squares.add(slot.segment->squares(i));
  if (!slot.segment->hasTable()) ids_.reserve(slot.live);
  slots_.push_back(slot);
  std::vector<std::pair<uint64_t, uint64_t>> added;
  std::string twice;
  slot.alive->forEach([&](size_t row) {
    if (!twice.empty() || slot.segment->hasTable()) return;
    const Id bare = slot.segment->id(row);
    const Id id = bare.isNumber ? Id::of(bare.number) : Id::of(bare.text);
    if (numberOf(id) != IdMap::kNone) return void(twice = shown(id));
    ids_.insert(id.hash, slot.segment->number(row));
    added.emplace_back(id.hash, slot.segment->number(row));
  });
  if (!twice.empty()) {
    for (const auto& [hash, number] : added) ids_.erase(hash, number);
    slots_.pop_back();
    refuse("a stored index has the id " + twice + " twice", "path");
  }
  if (slots_.size() > 1) seal(slots_[slots_.size() - 2]);
  size_ += slot.live;
  next_ = slot.segment->number(rows - 1) + 1;
}

}  // namespace switchyard::vectors
