// Segments that are used where they lie in a file: what an opening must know of them is little, and nothing is made of
// it. Behind the rows, at a multiple of 8, each number in 8 bytes unless said otherwise:
//
//   the header below
//   numbers of the rows, where they do not follow each other
//   words of the rows that were alive
//   f64 squares of each row
//   ids: of a number as KeptId has it, of a text its place among the texts
//   the table of those that were alive, by their ids: id_table.h's entries
//   where each row's metadata ends
//   texts of ids: u32 length, bytes; zeros up to a multiple of 8
//   metadata: JSON, one behind the other
#include <cstring>
#include <string>

#include "error.h"
#include "vectors/packed.h"

namespace switchyard::vectors {
namespace {

constexpr uint64_t kWord = 8;
constexpr uint64_t kSmallBytes = 16 << 20;  // of a file that is checked as a whole when it is opened

struct Header {
  uint32_t kind = kMappedKind, dimensions = 0;
  uint64_t rows = 0, first = 0;    // number of the first row
  uint64_t seed = 0, entries = 0;  // of the table
  uint64_t sums = 0;               // sumsMark() of the squares
  uint64_t numbers = 0;            // how many: of all rows, or none
  uint64_t textBytes = 0, metadataBytes = 0;
};
static_assert(sizeof(Header) % kWord == 0);

class Words {
 public:
  void put(uint64_t word) { bytes_.append(reinterpret_cast<const char*>(&word), sizeof word); }
  void put(double value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void put(std::string_view bytes) { bytes_.append(bytes); }
  std::string take() { return std::move(bytes_); }
  void reserve(size_t bytes) { bytes_.reserve(bytes); }

 private:
  std::string bytes_;
};

// Texts of ids one behind the other, and each row's id.
struct Texts {
  std::string bytes;
  std::vector<uint64_t> ids;
  explicit Texts(const View& view) {
    Arena none;
    for (size_t i = 0; i < view.rows; ++i) {
      const Id id = view.segment->id(i);
      ids.push_back(id.isNumber ? keepId(none, id) : bytes.size());
      if (id.isNumber) continue;
      const auto length = static_cast<uint32_t>(id.text.size());
      bytes.append(reinterpret_cast<const char*>(&length), sizeof length).append(id.text);
    }
    bytes.resize((bytes.size() + kWord - 1) / kWord * kWord);
  }
};

// What lies in a file one behind the other.
class Parts {
 public:
  Parts(std::string_view bytes, size_t at) : bytes_(bytes), at_(at) {}
  template <class T>
  const T* take(uint64_t count) {
    if (count > (bytes_.size() - at_) / sizeof(T)) refuseStored("it ends too early");
    const char* const from = bytes_.data() + at_;
    at_ += count * sizeof(T);
    return reinterpret_cast<const T*>(from);
  }
  std::string_view text(uint64_t bytes) { return {take<char>(bytes), bytes}; }
  size_t at() const { return at_; }

 private:
  const std::string_view bytes_;
  size_t at_;
};

void checkHeader(const Header& header, uint32_t dimensions, size_t rows) {
  if (header.kind != kMappedKind) refuseStored("it is of another kind");
  if (header.dimensions != dimensions) refuseStored("it has another number of dimensions");
  if (header.rows != rows) refuseStored("it has another number of rows than its file");
  if (header.first > kMostNumber || rows > kMostNumber - header.first)
    refuseStored("it has rows whose numbers are too large");
  if (header.numbers != 0 && header.numbers != rows) refuseStored("it has another number of numbers than rows");
  if ((header.entries & (header.entries - 1)) != 0) refuseStored("its table is of no size that there is");
  if (header.textBytes % kWord != 0) refuseStored("its texts have a length that there is not");
}

std::vector<uint64_t> numbersOf(const Header& header, const uint64_t* stored) {
  std::vector<uint64_t> numbers(stored, stored + header.numbers);
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i ? numbers[i] <= numbers[i - 1] : numbers[0] != header.first) refuseStored("rows are out of their order");
    if (numbers[i] > kMostNumber) refuseStored("it has rows whose numbers are too large");
  }
  return numbers;
}

Bits aliveOf(const uint64_t* words, size_t rows) {
  Bits alive(rows);
  for (size_t row = 0; row < rows; ++row)
    if (words[row / 64] >> row % 64 & 1) alive.add(row);
  return alive;
}

}  // namespace

std::string packMapped(const View& view) {
  const Segment& segment = *view.segment;
  segment.checkMetadata(0, view.rows);
  const Texts texts(view);
  IdTable table(view.live);
  view.alive->forEach([&](size_t row) { table.add(segment.id(row), row); });
  Header header{.dimensions = segment.dimensions, .rows = view.rows, .first = segment.firstNumber};
  header.seed = table.seed();
  header.entries = table.entries().size();
  header.sums = sumsMark();
  for (size_t i = 0; i < view.rows; ++i) {
    if (segment.number(i) != segment.firstNumber + i) header.numbers = view.rows;
    header.metadataBytes += segment.metadata(i).size();
  }
  header.textBytes = texts.bytes.size();
  Words words;
  words.reserve(sizeof header + (view.rows * 5 + header.entries) * kWord + header.textBytes + header.metadataBytes);
  words.put(std::string_view(reinterpret_cast<const char*>(&header), sizeof header));
  for (size_t i = 0; i < header.numbers; ++i) words.put(segment.number(i));
  for (size_t w = 0; w < (view.rows + 63) / 64; ++w) words.put(view.alive->words()[w]);
  for (size_t i = 0; i < view.rows; ++i) words.put(segment.squares(i));
  for (const uint64_t id : texts.ids) words.put(id);
  for (const uint64_t entry : table.entries()) words.put(entry);
  for (uint64_t i = 0, end = 0; i < view.rows; ++i) words.put(end += segment.metadata(i).size());
  words.put(texts.bytes);
  for (size_t i = 0; i < view.rows; ++i) words.put(segment.metadata(i));
  return words.take();
}

Unpacked openMapped(Table& table, const MappedFile& file, size_t rows, size_t at) {
  const size_t rowBytes = table.dimensions * sizeof(float), end = file.bytes.size();
  if (rows == 0 || rows > end / rowBytes || at % kWord != 0 || at < rows * rowBytes || at > end)
    refuseStored("it has another number of rows than its file");
  const auto check = [&](uint64_t from, uint64_t to) {
    if (file.source) file.source->check(from, to - from);
  };
  Parts parts(file.bytes, at);
  const auto* const header = parts.take<Header>(1);
  check(at, parts.at());
  checkHeader(*header, table.dimensions, rows);
  const auto* const numbers = parts.take<uint64_t>(header->numbers);
  const auto* const alive = parts.take<uint64_t>((rows + 63) / 64);
  Mapped mapped{.source = file.source, .hold = file.hold};
  mapped.squares = parts.take<double>(rows);
  mapped.ids = parts.take<uint64_t>(rows);
  const auto* const entries = parts.take<uint64_t>(header->entries);
  mapped.ends = parts.take<uint64_t>(rows);
  mapped.texts = parts.text(header->textBytes);
  mapped.metadataAt = parts.at();
  mapped.metadata = parts.text(header->metadataBytes);
  if (parts.at() != end) refuseStored("something is behind it");
  const auto* const data = reinterpret_cast<const float*>(file.bytes.data());
  const bool isSummed = header->sums == sumsMark();
  check(isSummed && end > kSmallBytes ? at : 0, end > kSmallBytes ? mapped.metadataAt : end);
  if (!isSummed) {  // on another machine
    for (size_t i = 0; i < rows; ++i) mapped.summed.push_back(squaresOf(data + i * table.dimensions, table.dimensions));
    mapped.squares = mapped.summed.data();
  }
  Unpacked opened{.rows = rows, .alive = aliveOf(alive, rows)};
  std::vector<uint64_t> list = numbersOf(*header, numbers);
  opened.segment =
      table.makeSegment(rows, header->first, {const_cast<float*>(data), nullptr, file.hold}, std::move(mapped));
  opened.segment->setNumbers(std::move(list));
  opened.segment->setTable(IdTable({entries, header->entries}, header->seed));
  return opened;
}

}  // namespace switchyard::vectors
