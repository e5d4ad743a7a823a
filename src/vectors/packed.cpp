// Everything that is read is checked before it is used: lengths come from a disk.
#include "vectors/packed.h"

#include <cmath>
#include <cstring>

#include "error.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace switchyard::vectors {
namespace {

enum : uint32_t { kSegment = 1, kWrite = 2, kRemoval = 3 };
constexpr uint32_t kNumberId = ~uint32_t{0};
constexpr size_t kAlignment = 8;
constexpr int64_t kMostSafeInteger = (int64_t{1} << 53) - 1;

class Writer {
 public:
  template <class T>
  void put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view text) {
    put(static_cast<uint32_t>(text.size()));
    bytes_.append(text);
  }
  void id(const Id& id) {
    if (!id.isNumber) return text(id.text);
    put(kNumberId);
    put(id.number);
  }
  void align() { bytes_.resize((bytes_.size() + kAlignment - 1) / kAlignment * kAlignment); }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <class T>
  T take() {
    T value;
    std::memcpy(&value, next(sizeof value), sizeof value);
    return value;
  }
  std::string_view text(size_t most) { return text(take<uint32_t>(), most); }
  Id id() {
    const auto length = take<uint32_t>();
    if (length == 0) refuse("an id is empty");
    if (length != kNumberId) return Id::of(text(length, kMostIdBytes));
    const auto number = take<int64_t>();
    if (number < -kMostSafeInteger || number > kMostSafeInteger) refuse("an id is no safe integer");
    return Id::of(number);
  }
  void align() { next((kAlignment - at_ % kAlignment) % kAlignment); }
  std::string_view rest() { return bytes_.substr(at_); }
  size_t left() const { return bytes_.size() - at_; }
  [[noreturn]] static void refuse(const char* why) { refuseStored(why); }

 private:
  std::string_view text(size_t length, size_t most) {
    if (length > most) refuse("a text is longer than it can be");
    return {next(length), length};
  }
  const char* next(size_t bytes) {
    if (bytes > left()) refuse("it ends too early");
    const char* const from = bytes_.data() + at_;
    at_ += bytes;
    return from;
  }

  const std::string_view bytes_;
  size_t at_ = 0;
};

constexpr size_t kMostMetadata = 64 << 10;
constexpr double kOtherSums = 1e-10;  // how far apart, of themselves, sums in another order are at most

void expectKind(Reader& reader, uint32_t kind) {
  if (reader.take<uint32_t>() != kind) Reader::refuse("it is of another kind");
}

// Squares as this machine sums them, of rows that must be those which the stored ones are of.
std::vector<double> squaresOfRows(Reader& reader, const float* rows, size_t count, uint32_t dimensions) {
  std::vector<double> squares(count);
  for (size_t i = 0; i < count; ++i) {
    squares[i] = squaresOf(rows + i * dimensions, dimensions);
    const auto stored = reader.take<double>();
    if (!std::isfinite(squares[i])) Reader::refuse("a row is not finite");
    if (!(std::fabs(stored - squares[i]) <= kOtherSums * squares[i]))
      Reader::refuse("a row is not the one that it was");
  }
  return squares;
}

}  // namespace

void refuseStored(const char* why) {
  throw Error(Code::InvalidArgument, std::string("what was stored of an index can't be read: ") + why);
}

uint64_t checksumOf(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

Bits bitsOf(std::string_view bytes, size_t rows) {
  if (bytes.size() != (rows + 7) / 8) Reader::refuse("a set of rows has another length than its segment");
  Bits bits(rows);
  for (size_t row = 0; row < rows; ++row)
    if (bytes[row / 8] >> row % 8 & 1) bits.add(row);
  return bits;
}

std::string packSegment(const View& view) {
  const Segment& segment = *view.segment;
  Writer writer;
  writer.put(kSegment);
  writer.put(segment.dimensions);
  writer.put(uint64_t{view.rows});
  writer.put(segment.firstNumber);
  bool isDense = true;
  for (size_t i = 0; i < view.rows && isDense; ++i) isDense = segment.number(i) == segment.firstNumber + i;
  writer.put(uint8_t{isDense});
  for (size_t i = 0; i < view.rows && !isDense; ++i) writer.put(segment.number(i));
  for (size_t w = 0; w < (view.rows + 63) / 64; ++w) writer.put(view.alive->words()[w]);
  for (size_t i = 0; i < view.rows; ++i) writer.put(segment.squares(i));
  for (size_t i = 0; i < view.rows; ++i) writer.id(segment.id(i));
  for (size_t i = 0; i < view.rows; ++i) writer.text(segment.metadata(i));
  return writer.take();
}

Unpacked unpackSegment(Table& table, std::string_view bytes, RowMemory memory, size_t memoryBytes) {
  Reader reader(bytes);
  expectKind(reader, kSegment);
  if (reader.take<uint32_t>() != table.dimensions) Reader::refuse("it has another number of dimensions");
  const auto rows = reader.take<uint64_t>(), first = reader.take<uint64_t>();
  if (rows == 0 || rows > bytes.size() || rows > memoryBytes / (table.dimensions * sizeof(float)))
    Reader::refuse("it has another number of rows than its file");
  if (first > kMostNumber || rows > kMostNumber - first) Reader::refuse("it has rows whose numbers are too large");
  std::vector<uint64_t> numbers;
  if (!reader.take<uint8_t>()) {
    for (uint64_t i = 0; i < rows; ++i) {
      numbers.push_back(reader.take<uint64_t>());
      if (i ? numbers[i] <= numbers[i - 1] : numbers[0] != first) Reader::refuse("rows are out of their order");
      if (numbers[i] > kMostNumber) Reader::refuse("it has rows whose numbers are too large");
    }
  }
  Unpacked unpacked{.segment = table.makeSegment(rows, first, std::move(memory)), .rows = rows, .alive = Bits(rows)};
  for (size_t w = 0; w < unpacked.alive.wordCount(); ++w) {
    const auto word = reader.take<uint64_t>();
    for (size_t bit = 0; bit < 64 && w * 64 + bit < rows; ++bit)
      if (word >> bit & 1) unpacked.alive.add(w * 64 + bit);
  }
  const std::vector<double> squares = squaresOfRows(reader, unpacked.segment->row(0), rows, table.dimensions);
  std::vector<Id> ids(rows);
  for (Id& id : ids) id = reader.id();
  for (size_t i = 0; i < rows; ++i) unpacked.segment->put(i, nullptr, squares[i], ids[i], reader.text(kMostMetadata));
  unpacked.segment->setNumbers(std::move(numbers));
  return unpacked;
}

std::string packWrite(const Batch& batch, uint32_t dimensions) {
  Writer writer;
  writer.put(kWrite);
  writer.put(dimensions);
  writer.put(static_cast<uint32_t>(batch.ids.size()));
  writer.put(uint8_t{!batch.metadata.empty()});
  for (const Id& id : batch.ids) writer.id(id);
  for (const std::string_view text : batch.metadata) writer.text(text);
  writer.align();
  return writer.take();
}

std::string packRemoval(const std::vector<Id>& ids) {
  Writer writer;
  writer.put(kRemoval);
  writer.put(static_cast<uint32_t>(ids.size()));
  for (const Id& id : ids) writer.id(id);
  return writer.take();
}

std::optional<uint64_t> replay(Table& table, std::string_view bytes) {
  Reader reader(bytes);
  const auto kind = reader.take<uint32_t>();
  if (kind != kWrite && kind != kRemoval) Reader::refuse("it is of another kind");
  if (kind == kWrite && reader.take<uint32_t>() != table.dimensions)
    Reader::refuse("a write has another number of dimensions");
  Batch batch{.replaces = true};
  const auto count = reader.take<uint32_t>();
  if (count > bytes.size()) Reader::refuse("a write has more ids than bytes");
  const bool hasMetadata = kind == kWrite && reader.take<uint8_t>();
  for (uint32_t i = 0; i < count; ++i) batch.ids.push_back(reader.id());
  if (kind == kRemoval) {
    table.remove(batch.ids);
    return std::nullopt;
  }
  for (uint32_t i = 0; i < count && hasMetadata; ++i) batch.metadata.push_back(reader.text(kMostMetadata));
  reader.align();
  if (reader.left() != size_t{count} * table.dimensions * sizeof(float))
    Reader::refuse("a write has another number of rows than ids");
  std::vector<float> vectors(size_t{count} * table.dimensions);  // which need not be aligned in a log
  std::memcpy(vectors.data(), reader.rest().data(), reader.left());
  batch.vectors = vectors;
  const uint64_t first = table.append(batch, table.check(batch));
  if (count == 0) return std::nullopt;
  return first + count - 1;
}

}  // namespace switchyard::vectors
