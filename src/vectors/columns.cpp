// Read by events: no tree is made of a row's JSON.
#include "vectors/columns.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "error.h"

namespace switchyard::vectors {
namespace {

using Json = nlohmann::json;

constexpr size_t kRowsAtOnce = 512;      // under one lock
constexpr size_t kMostNameBytes = 4096;  // of fields that a message may name

// Puts what it hears of columns that are wanted into them; onPath(path) hears of all.
template <class OnPath>
class Reader final : public nlohmann::json_sax<Json> {
 public:
  Reader(const std::unordered_map<std::string_view, Column*>& columns, uint32_t row, const OnPath& onPath)
      : columns_(columns), row_(row), onPath_(onPath) {}

  bool null() override {
    if (Column* column = next(kNull)) column->nulls.add(row_);
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
    throw Error(Code::Damaged, "metadata of row " + std::to_string(row_) + " is no JSON at byte " + std::to_string(at));
  }

 private:
  bool number(double value) {
    if (Column* column = next(kNumber)) column->numbers.add(row_, value);
    return true;
  }
  // The column of the value that comes, which has it from now on; null where nobody asks for it.
  Column* next(Kind kind) {
    if (hidden_) return nullptr;
    onPath_(path_);
    const auto found = columns_.find(path_);
    if (found == columns_.end()) return nullptr;
    Column& column = *found->second;
    column.kinds |= kind;
    column.exists.add(row_);
    return &column;
  }

  const std::unordered_map<std::string_view, Column*>& columns_;
  const uint32_t row_;
  const OnPath& onPath_;
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
  return sizeof(Column) + nulls.bytes() + exists.bytes() + numbers.bytes() + strings.bytes() + booleans.bytes() +
         dictionary.bytes();
}

bool Columns::tryHold(const std::set<std::string>& fields, HeldColumns& held) const {
  const uint64_t now = uses_.fetch_add(1, std::memory_order_relaxed) + 1;
  for (const std::string& field : fields) {
    const auto found = columns_.find(field);
    if (found == columns_.end()) continue;
    found->second->used.store(now, std::memory_order_relaxed);
    held.columns_.emplace(field, found->second);
  }
  return held.columns_.size() == fields.size();
}

HeldColumns Columns::hold(const std::set<std::string>& fields) {
  HeldColumns held;
  held.of_ = this;
  {
    std::shared_lock reading(mutex_);
    if (tryHold(fields, held)) return held;
  }
  std::unique_lock writing(mutex_);
  for (const std::string& field : fields) {
    auto& column = columns_[field];
    if (!column) column = std::make_shared<Column>();
    column->used.store(uses_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    held.columns_[field] = column;
  }
  makeRoom(held);
  return held;
}

// Those that nobody has asked for the longest go; who holds them goes on with them.
void Columns::makeRoom(const HeldColumns& held) {
  const size_t most = std::max(kMost, held.columns_.size());
  while (columns_.size() > most) {
    auto oldest = columns_.end();
    for (auto at = columns_.begin(); at != columns_.end(); ++at)
      if (!held.columns_.contains(at->first) && (oldest == columns_.end() || at->second->used < oldest->second->used))
        oldest = at;
    drop(oldest);
  }
}

void Columns::drop(std::map<std::string, std::shared_ptr<Column>>::iterator at) {
  at->second->isGone = true;
  bytes_.fetch_sub(std::exchange(at->second->counted, 0), std::memory_order_relaxed);
  columns_.erase(at);
}

bool Columns::hasAll(const HeldColumns& held, size_t rows) const {
  std::shared_lock reading(mutex_);
  return std::all_of(held.columns_.begin(), held.columns_.end(),
                     [&](const auto& entry) { return entry.second->rows >= rows; });
}

// The columns that are farthest back, up to where another one begins.
Columns::Step Columns::next(const HeldColumns& held, size_t rows) {
  Step step{.from = rows, .to = rows};
  for (const auto& [field, column] : held.columns_) step.from = std::min(step.from, column->rows);
  step.to = std::min(step.to, step.from + kRowsAtOnce);
  for (const auto& [field, column] : held.columns_) {
    if (column->rows > step.from)
      step.to = std::min(step.to, column->rows);
    else
      step.columns.emplace(field, column.get());
  }
  return step;
}

void Columns::count(const Step& step) {
  for (const auto& [path, column] : step.columns) {
    if (column->isGone) continue;
    const size_t now = path.size() + column->bytes();
    bytes_.fetch_add(now - std::exchange(column->counted, now), std::memory_order_relaxed);
  }
}

std::set<std::string> Columns::fields() const {
  std::shared_lock reading(mutex_);
  std::set<std::string> fields;
  for (const auto& [path, column] : columns_)
    if (column->kinds) fields.insert(path);
  return fields;
}

std::set<std::string> HeldColumns::names() const {
  std::shared_lock reading(of_->mutex_);
  return of_->names_;
}

void HeldColumns::forget(const std::string& field) const {
  std::unique_lock writing(of_->mutex_);
  const auto found = of_->columns_.find(field);
  if (found != of_->columns_.end() && !found->second->kinds) of_->drop(found);
}

void Columns::read(uint32_t row, std::string_view json, const Step& step) {
  const auto onPath = [this](const std::string& path) {
    if (nameBytes_ < kMostNameBytes && names_.insert(path).second) nameBytes_ += path.size() + 1;
  };
  Reader reader(step.columns, row, onPath);
  Json::sax_parse(json.begin(), json.end(), &reader);
}

}  // namespace switchyard::vectors
