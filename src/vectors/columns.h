// The fields of a segment's metadata as columns, for filters. They are made of the JSON when a filter first wants them,
// and go on where rows have come since.
//
// A field has a path: its key, after a dot those of objects within, "place.city". A row has in it a number, a string, a
// truth value or null; or, of an array, each of its elements that is such a one.
#pragma once
#include <map>
#include <mutex>
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

struct Column {
  uint32_t kinds = 0;  // of all values and elements that there are
  Bits nulls, exists;
  Entries<double> numbers;
  Entries<uint32_t> strings;  // by their codes
  Entries<uint8_t> booleans;
  Dictionary dictionary;

  size_t bytes() const;
};

class Columns {
 public:
  // Makes them of rows that it doesn't have yet, up to `rows`; textOf(row) is a row's JSON, empty where it has none.
  template <class TextOf>
  void extend(size_t rows, const TextOf& textOf) {
    {
      std::shared_lock reading(mutex_);
      if (rows_ >= rows) return;
    }
    std::unique_lock writing(mutex_);
    for (; rows_ < rows; ++rows_)
      if (const std::string_view text = textOf(rows_); !text.empty()) read(static_cast<uint32_t>(rows_), text);
  }
  // use(column or null), while nobody writes.
  template <class Use>
  auto with(const std::string& path, const Use& use) const {
    std::shared_lock reading(mutex_);
    const auto found = columns_.find(path);
    return use(found == columns_.end() ? nullptr : &found->second);
  }
  template <class Use>
  void forEach(const Use& use) const {
    std::shared_lock reading(mutex_);
    for (const auto& [path, column] : columns_) use(path, column);
  }
  bool wasMade() const {
    std::shared_lock reading(mutex_);
    return rows_ > 0;
  }
  size_t bytes() const;

 private:
  void read(uint32_t row, std::string_view json);

  mutable std::shared_mutex mutex_;
  size_t rows_ = 0;
  std::map<std::string, Column, std::less<>> columns_;
};

}  // namespace switchyard::vectors
