// Fields of a segment's metadata as columns, for filters. Each is made of the JSON when a filter first asks for it, and
// goes on where rows have come since. What they take is in proportion to the values that there are, not to rows times
// fields, of which each row may have others. Of many fields those that were asked for last have columns.
//
// A field has a path: its key, after a dot those of objects within, "place.city". A row has in it a number, a string, a
// truth value or null; or, of an array, each of its elements that is such a one.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vectors/arena.h"
#include "vectors/bits.h"

namespace switchyard::vectors {

enum Kind : uint32_t { kNumber = 1, kString = 2, kBoolean = 4, kNull = 8, kOther = 16 };

// The strings of a column, numbered from 1 on.
class Dictionary {
 public:
  uint32_t codeOf(std::string_view text);                                // which is kept, if it is new
  uint32_t find(std::string_view text) const;                            // 0 where it is not there
  const std::vector<std::string_view>& texts() const { return texts_; }  // of code 1 the first
  size_t bytes() const { return arena_.bytes() + texts_.size() * 64; }

 private:
  Arena arena_;
  std::vector<std::string_view> texts_;
  std::unordered_map<std::string_view, uint32_t> codes_;
};

// Values with their rows, in the order of rows; of an array one for each element. So a field that few rows have takes
// little.
template <class Value>
struct Entries {
  std::vector<uint32_t> rows;
  std::vector<Value> values;
  void add(uint32_t row, Value value) {
    values.reserve(values.size() < values.capacity() ? 0 : values.size() * 2 + 4);  // both or none
    rows.push_back(row);
    values.push_back(value);
  }
  size_t bytes() const { return rows.capacity() * sizeof(uint32_t) + values.capacity() * sizeof(Value); }
  // Adds to `bits` the rows, of the first `count`, that have a value for which is(value).
  template <class Is>
  void where(size_t count, Bits& bits, const Is& is) const {
    for (size_t i = 0; i < rows.size() && rows[i] < count; ++i) bits.addIf(rows[i], is(values[i]));
  }
};

// Rows, in their order.
class Rows {
 public:
  void add(uint32_t row) {
    if (rows_.empty() || rows_.back() < row) rows_.push_back(row);
  }
  void addTo(Bits& bits, size_t count) const {  // those of the first `count`
    for (size_t i = 0; i < rows_.size() && rows_[i] < count; ++i) bits.add(rows_[i]);
  }
  size_t bytes() const { return rows_.capacity() * sizeof(uint32_t); }

 private:
  std::vector<uint32_t> rows_;
};

struct Column {
  size_t rows = 0;                        // which it was made of
  size_t counted = 0;                     // bytes of it, of all columns' sum
  bool isGone = false;                    // it is held by filters alone
  mutable std::atomic<uint64_t> used{0};  // when it was asked for last
  uint32_t kinds = 0;                     // of all values and elements that there are
  Rows nulls, exists;
  Entries<double> numbers;
  Entries<uint32_t> strings;  // by their codes
  Entries<uint8_t> booleans;
  Dictionary dictionary;

  size_t bytes() const;
};

class Columns;

// Columns of the fields that a filter asks for: they stay as long as this is there, whatever others ask for.
class HeldColumns {
 public:
  // use(column or null), while nobody writes.
  template <class Use>
  auto with(const std::string& path, const Use& use) const;
  std::set<std::string> names() const;          // some of all fields that were seen, for messages
  void forget(const std::string& field) const;  // if there is nothing in it

 private:
  friend class Columns;
  Columns* of_ = nullptr;
  std::map<std::string, std::shared_ptr<Column>> columns_;
};

class Columns {
 public:
  static constexpr size_t kMost = 64;  // beside those that a filter holds

  // Makes those of `fields` of rows that they don't have yet, up to `rows`; textOf(row) is a row's JSON, empty where it
  // has none. Throws Damaged for what is no JSON. Others get their turn between some rows and the next ones.
  template <class TextOf>
  HeldColumns extend(const std::set<std::string>& fields, size_t rows, const TextOf& textOf) {
    HeldColumns held = hold(fields);
    while (!hasAll(held, rows)) {
      std::unique_lock writing(mutex_);
      const Step step = next(held, rows);
      for (size_t row = step.from; row < step.to; ++row) {
        if (const std::string_view text = textOf(row); !text.empty()) read(static_cast<uint32_t>(row), text, step);
        for (const auto& [path, column] : step.columns) column->rows = row + 1;
      }
      count(step);
    }
    return held;
  }
  std::set<std::string> fields() const;                                    // of which there are columns
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }  // waits for nobody

 private:
  friend class HeldColumns;
  using Wanted = std::unordered_map<std::string_view, Column*>;
  // Rows that columns are made of next, all of them the same ones.
  struct Step {
    size_t from = 0, to = 0;
    Wanted columns;
  };
  HeldColumns hold(const std::set<std::string>& fields);
  bool tryHold(const std::set<std::string>& fields, HeldColumns& held) const;  // those that there are; all of them?
  void makeRoom(const HeldColumns& held);
  void drop(std::map<std::string, std::shared_ptr<Column>>::iterator at);
  bool hasAll(const HeldColumns& held, size_t rows) const;
  static Step next(const HeldColumns& held, size_t rows);
  void read(uint32_t row, std::string_view json, const Step& step);
  void count(const Step& step);

  mutable std::shared_mutex mutex_;
  std::map<std::string, std::shared_ptr<Column>> columns_;
  std::set<std::string> names_;
  size_t nameBytes_ = 0;
  std::atomic<size_t> bytes_{0};
  mutable std::atomic<uint64_t> uses_{0};
};

template <class Use>
auto HeldColumns::with(const std::string& path, const Use& use) const {
  std::shared_lock reading(of_->mutex_);
  const auto found = columns_.find(path);
  return use(found == columns_.end() ? nullptr : static_cast<const Column*>(found->second.get()));
}

}  // namespace switchyard::vectors
