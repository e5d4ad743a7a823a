// Read by events: no tree is made of a row's JSON.
#include "vectors/columns.h"

#include <nlohmann/json.hpp>

#include "error.h"

namespace switchyard::vectors {
namespace {

using Json = nlohmann::json;

void mark(Bits& bits, uint32_t row) {
  if (bits.wordCount() * 64 <= row) bits.grow(row + 1);
  bits.add(row);
}

// Puts what it hears into columns.
class Reader final : public nlohmann::json_sax<Json> {
 public:
  Reader(std::map<std::string, Column, std::less<>>& columns, uint32_t row) : columns_(columns), row_(row) {}

  bool null() override {
    if (Column* column = next(kNull)) mark(column->nulls, row_);
    return true;
  }
  bool boolean(bool value) override {
    if (Column* column = next(kBoolean)) column->booleans.add(row_, value);
    return true;
  }
  bool number_integer(int64_t value) override { return number(static_cast<double>(value)); }
  bool number_unsigned(uint64_t value) override { return number(static_cast<double>(value)); }
  bool number_float(double value, const std::string&) override { return number(value); }
  bool string(std::string& value) override {
    if (Column* column = next(kString)) column->strings.add(row_, column->dictionary.codeOf(value));
    return true;
  }
  bool binary(binary_t&) override { return false; }
  // An object within is fields of its own, one within an array only a value that is there.
  bool start_object(size_t) override {
    if (depth_ > 0) next(kOther);
    lengths_.push_back(path_.size());
    ++depth_;
    if (arrays_) ++hidden_;
    return true;
  }
  bool key(std::string& key) override {
    path_.resize(lengths_.back());
    if (!path_.empty() || depth_ > 1) path_ += '.';
    path_ += key;
    return true;
  }
  bool end_object() override {
    path_.resize(lengths_.back());
    lengths_.pop_back();
    --depth_;
    if (arrays_) --hidden_;
    return true;
  }
  bool start_array(size_t) override {
    next(kOther);
    if (arrays_++) ++hidden_;  // arrays within arrays are not looked into
    return true;
  }
  bool end_array() override {
    if (--arrays_) --hidden_;
    return true;
  }
  bool parse_error(size_t at, const std::string&, const nlohmann::detail::exception&) override {
    throw Error(Code::Internal,
                "metadata of row " + std::to_string(row_) + " is no JSON at byte " + std::to_string(at));
  }

 private:
  bool number(double value) {
    if (Column* column = next(kNumber)) column->numbers.add(row_, value);
    return true;
  }
  // The column of the value that comes, which has it from now on; null where nobody can ask for it.
  Column* next(Kind kind) {
    if (hidden_) return nullptr;
    Column& column = columns_.try_emplace(path_).first->second;
    column.kinds |= kind;
    mark(column.exists, row_);
    return &column;
  }

  std::map<std::string, Column, std::less<>>& columns_;
  const uint32_t row_;
  std::string path_;
  std::vector<size_t> lengths_;
  int depth_ = 0, arrays_ = 0, hidden_ = 0;
};

}  // namespace

uint32_t Dictionary::codeOf(std::string_view text) {
  if (const uint32_t known = find(text)) return known;
  const std::string_view kept = textAt(arena_.keep(text));
  texts_.push_back(kept);
  const auto code = static_cast<uint32_t>(texts_.size());
  codes_.emplace(kept, code);
  return code;
}

uint32_t Dictionary::find(std::string_view text) const {
  const auto found = codes_.find(text);
  return found == codes_.end() ? 0 : found->second;
}

size_t Column::bytes() const {
  return (nulls.wordCount() + exists.wordCount()) * sizeof(uint64_t) + numbers.bytes() + strings.bytes() +
         booleans.bytes() + dictionary.bytes();
}

size_t Columns::bytes() const {
  size_t sum = 0;
  forEach([&](const std::string& path, const Column& column) { sum += path.size() + 64 + column.bytes(); });
  return sum;
}

void Columns::read(uint32_t row, std::string_view json) {
  Reader reader(columns_, row);
  Json::sax_parse(json.begin(), json.end(), &reader);
}

}  // namespace switchyard::vectors
