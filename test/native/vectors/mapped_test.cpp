// Segments that are used where they lie: what is found in them is what was in those that they were made of, whatever is
// written and merged afterwards; damage is met by whoever reads it; and what somebody has made up harms nobody.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "error.h"
#include "vectors/packed.h"
#include "vectors/search.h"

namespace switchyard::vectors {
namespace {

constexpr uint32_t kDimensions = 3;
constexpr size_t kSmallBytes = 16 << 20;  // mapped.cpp's

// Says which bytes were read, and finds some damaged.
class FakeSource final : public Source {
 public:
  explicit FakeSource(size_t bytes) : checked_(bytes) {}
  void check(uint64_t offset, uint64_t bytes) override {
    for (uint64_t at = offset; at < offset + bytes; ++at) {
      if (at == damagedAt) throw Error(Code::Damaged, "byte " + std::to_string(at) + " is damaged");
      checked_[at] = true;
    }
  }
  bool isChecked(uint64_t offset, uint64_t bytes) const override {
    for (uint64_t at = offset; at < offset + bytes; ++at)
      if (!checked_[at]) return false;
    return true;
  }
  uint64_t damagedAt = ~uint64_t{0};

 private:
  std::vector<bool> checked_;
};

// A file as the journal writes it.
struct StoredFile {
  std::shared_ptr<std::vector<uint64_t>> words;
  size_t rows = 0, at = 0, bytes = 0;
  std::shared_ptr<FakeSource> source;

  explicit StoredFile(const View& view) : rows(view.rows) {
    const std::string rest = packMapped(view);
    const size_t rowBytes = view.rows * view.segment->dimensions * sizeof(float);
    at = (rowBytes + 63) / 64 * 64;
    bytes = at + rest.size();
    words = std::make_shared<std::vector<uint64_t>>(bytes / 8 + 1);
    std::memcpy(data(), view.segment->row(0), rowBytes);
    std::memcpy(data() + at, rest.data(), rest.size());
    source = std::make_shared<FakeSource>(bytes);
  }
  char* data() const { return reinterpret_cast<char*>(words->data()); }
  Unpacked open(Table& table) const { return openMapped(table, {{data(), bytes}, words, source}, rows, at); }
  void adoptInto(Table& table, const Bits* alive = nullptr) const {
    Unpacked opened = open(table);
    table.adopt(opened.segment, opened.rows, alive ? *alive : std::move(opened.alive));
  }
};

std::string textOf(int id) { return "id " + std::to_string(id); }
Id idOf(const std::string& text, int id) { return id % 2 ? Id::of(std::string_view(text)) : Id::of(int64_t{id} - 20); }

void put(Table& table, const std::vector<int>& ids, float value, const std::string& metadata = "") {
  Batch batch{.replaces = true};
  std::vector<float> vectors;
  std::vector<std::string> texts;
  for (int id : ids) texts.push_back(textOf(id));
  for (size_t i = 0; i < ids.size(); ++i) {
    batch.ids.push_back(idOf(texts[i], ids[i]));
    vectors.insert(vectors.end(), {static_cast<float>(ids[i]), value, 1});
    if (!metadata.empty()) batch.metadata.push_back(metadata);
  }
  batch.vectors = vectors;
  table.append(batch, table.check(batch));
}

size_t removeFrom(Table& table, const std::vector<int>& ids) {
  std::vector<std::string> texts;
  std::vector<Id> list;
  for (int id : ids) texts.push_back(textOf(id));
  for (size_t i = 0; i < ids.size(); ++i) list.push_back(idOf(texts[i], ids[i]));
  return table.remove(list);
}

// The table has these ids, with these values, and no others of the first ones.
void expectSame(const Table& table, const std::map<int, float>& model, int most) {
  ASSERT_EQ(table.size(), model.size());
  for (int id = 0; id < most; ++id) {
    const std::string text = textOf(id);
    const Id ids[] = {idOf(text, id)};
    const Place place = table.find(ids)[0];
    const auto found = model.find(id);
    ASSERT_EQ(place.segment != nullptr, found != model.end()) << id;
    if (!place.segment) continue;
    EXPECT_EQ(place.segment->row(place.row)[0], static_cast<float>(id));
    EXPECT_EQ(place.segment->row(place.row)[1], found->second);
    EXPECT_TRUE(place.segment->id(place.row).isSame(ids[0]));
    EXPECT_EQ(place.segment->squares(place.row), squaresOf(place.segment->row(place.row), kDimensions));
  }
}

TEST(VectorMapped, IsWhatItWasMadeOf) {
  constexpr int kIds = 300;
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const auto some = [&](size_t most) {
      std::set<int> ids;
      for (size_t i = 0, count = 1 + random() % most; i < count; ++i) ids.insert(static_cast<int>(random() % kIds));
      return std::vector<int>(ids.begin(), ids.end());
    };
    auto table = std::make_unique<Table>(kDimensions, Metric::Dot, Limits{64 * kDimensions * sizeof(float), 0});
    std::map<int, float> model;
    for (int step = 0; step < 60; ++step) {
      const auto what = random() % 10;
      if (what < 5) {
        const auto ids = some(80);
        put(*table, ids, static_cast<float>(step));
        for (int id : ids) model[id] = static_cast<float>(step);
      } else if (what < 7) {
        const auto ids = some(40);
        size_t there = 0;
        for (int id : ids) there += model.erase(id);
        EXPECT_EQ(removeFrom(*table, ids), there);
      } else if (what < 8) {
        table->seal();
        while (const auto merge = table->beginMerge(random() % 2)) {
          table->fill(*merge);
          const auto ids = some(10);  // die while it goes on
          removeFrom(*table, ids);
          for (int id : ids) model.erase(id);
          table->commit(*merge);
        }
      } else {  // opened again
        table->seal();
        auto again = std::make_unique<Table>(kDimensions, Metric::Dot, Limits{64 * kDimensions * sizeof(float), 0});
        std::vector<StoredFile> files;
        for (const View& view : table->snapshot()) files.emplace_back(view);
        for (const StoredFile& file : files) file.adoptInto(*again);
        table = std::move(again);
      }
      expectSame(*table, model, kIds);
    }
  }
}

TEST(VectorMapped, WhatDiedLaterIsNotThere) {
  Table first(kDimensions, Metric::Dot);
  put(first, {1, 2, 3, 4}, 1);
  first.seal();
  const StoredFile file(first.snapshot()[0]);
  Table table(kDimensions, Metric::Dot);
  Bits alive = Bits::all(4);
  alive.remove(1);
  file.adoptInto(table, &alive);
  expectSame(table, {{1, 1.f}, {3, 1.f}, {4, 1.f}}, 10);
  put(table, {2, 3}, 5);
  expectSame(table, {{1, 1.f}, {2, 5.f}, {3, 5.f}, {4, 1.f}}, 10);
}

TEST(VectorMapped, DamageIsMetByWhoReadsIt) {
  constexpr uint32_t kWide = 4096;
  constexpr size_t kRows = 1100;
  static_assert(kRows * kWide * sizeof(float) > kSmallBytes);
  Table first(kWide, Metric::Dot, {size_t{64} << 20, 0});
  Batch batch;
  std::vector<float> vectors(kRows * kWide, 1);
  for (size_t i = 0; i < kRows; ++i) batch.ids.push_back(Id::of(static_cast<int64_t>(i)));
  batch.metadata.assign(kRows, "{\"a\":1}");
  batch.vectors = vectors;
  first.append(batch, first.check(batch));
  first.seal();
  StoredFile file(first.snapshot()[0]);
  const auto opened = [&](uint64_t damagedAt) {
    auto table = std::make_shared<Table>(kWide, Metric::Dot, Limits{size_t{64} << 20, 1e18});
    file.source = std::make_shared<FakeSource>(file.bytes);
    file.source->damagedAt = damagedAt;
    file.adoptInto(*table);
    return table;
  };
  const auto search = [](const std::shared_ptr<Table>& table, bool withMetadata) {
    Search one(table, {.queries = std::vector<float>(kWide, 1), .count = 1, .k = 3, .withMetadata = withMetadata});
    one.plan();
    EXPECT_EQ(one.work(), std::numeric_limits<double>::infinity());
    one.advance({});
    EXPECT_EQ(one.hits()[0].size(), 3u);
    return one.work();
  };
  const size_t rowBytes = kWide * sizeof(float);
  auto table = opened(700 * rowBytes);  // in the middle of the rows
  EXPECT_FALSE(table->snapshot()[0].segment->isDamaged());
  EXPECT_THROW(search(table, false), Error);
  EXPECT_TRUE(table->snapshot()[0].segment->isDamaged());
  EXPECT_FALSE(table->beginMerge(true)) << "what is damaged is not merged";
  const auto& segment = *table->snapshot()[0].segment;
  EXPECT_NO_THROW(segment.checkRows(0, 700));
  EXPECT_THROW(segment.checkRows(699, 701), Error);
  const Id ids[] = {Id::of(700), Id::of(int64_t{kRows})};
  EXPECT_TRUE(table->find(ids)[0].segment) << "ids are there";
  EXPECT_FALSE(table->find(ids)[1].segment);

  table = opened(file.bytes - 1);  // metadata of the last row
  EXPECT_EQ(search(table, false), 0);
  EXPECT_NO_THROW(search(table, true)) << "of the first three, which are not damaged";
  EXPECT_THROW(table->snapshot()[0].segment->checkMetadata(0, kRows), Error);
  EXPECT_THROW(opened(file.at + 200), Error) << "what every call reads is checked by the opening";
}

TEST(VectorMapped, OtherSumsAreMadeAnew) {
  Table first(kDimensions, Metric::Cosine);
  put(first, {1, 2, 3}, 1);
  first.seal();
  const StoredFile file(first.snapshot()[0]);
  constexpr size_t kSumsAt = 40, kSquaresAt = 72 + 8;  // mapped.cpp, of less than 64 rows whose numbers follow
  uint64_t sums;
  std::memcpy(&sums, file.data() + file.at + kSumsAt, sizeof sums);
  ASSERT_EQ(sums, sumsMark());
  sums = ~sums;
  std::memcpy(file.data() + file.at + kSumsAt, &sums, sizeof sums);
  double squares;
  std::memcpy(&squares, file.data() + file.at + kSquaresAt, sizeof squares);
  ASSERT_EQ(squares, 3);  // [1, 1, 1]
  squares += 1e-12;
  std::memcpy(file.data() + file.at + kSquaresAt, &squares, sizeof squares);
  Table table(kDimensions, Metric::Cosine);
  file.adoptInto(table);
  expectSame(table, {{1, 1.f}, {2, 1.f}, {3, 1.f}}, 5);
}

// Checksums keep off chance: what somebody has made up may be refused, or be of any content, and nothing else.
TEST(VectorMapped, WhatIsMadeUpHarmsNobody) {
  Table first(kDimensions, Metric::Dot);
  std::vector<int> all;
  for (int id = 0; id < 70; ++id) all.push_back(id);
  put(first, all, 1, "{\"a\":1}");
  removeFrom(first, {3, 4});
  first.seal();
  const auto merge = first.beginMerge(true);
  first.fill(*merge);
  first.commit(*merge);  // numbers do not follow each other
  const StoredFile whole(first.snapshot()[0]);
  std::mt19937 random(7);
  size_t refused = 0, opened = 0;
  for (int round = 0; round < 5000; ++round) {
    StoredFile file(first.snapshot()[0]);
    const size_t from = round % 2 ? file.at / 8 : 0;  // every other one in the header and near it
    const size_t words = round % 2 ? 12 : file.bytes / 8;
    for (size_t i = 0, count = 1 + random() % 3; i < count; ++i)
      (*file.words)[from + random() % words] ^= uint64_t{1} << random() % 64;
    Table table(kDimensions, Metric::Dot);
    try {
      file.adoptInto(table);
      const View view = table.snapshot()[0];
      for (size_t row = 0; row < view.rows; ++row) {
        view.segment->metadata(row);
        view.segment->id(row);
      }
      for (int id = 0; id < 80; ++id) removeFrom(table, {id});
      ++opened;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code == Code::InvalidArgument || error.code == Code::Damaged) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000u);
  EXPECT_GT(opened, 1000u);
  for (const size_t bytes : {size_t{0}, whole.at - 8, whole.at, whole.at + 8, whole.bytes - 8}) {
    Table table(kDimensions, Metric::Dot);
    const MappedFile file{{whole.data(), bytes}, whole.words, nullptr};
    EXPECT_THROW(openMapped(table, file, whole.rows, whole.at), Error) << bytes;
  }
}

}  // namespace
}  // namespace switchyard::vectors
