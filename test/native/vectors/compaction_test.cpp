// A compaction comes to an end while rows die; and a search does not believe in rows that its snapshot has not seen.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "error.h"
#include "vectors/packed.h"
#include "vectors/search.h"
#include "vectors/table.h"

namespace switchyard::vectors {
namespace {

constexpr uint32_t kDimensions = 2;

// `count` rows of ids from `from` on, each [1, 1].
uint64_t upsert(Table& table, int64_t from, size_t count) {
  const std::vector<float> vectors(count * kDimensions, 1);
  Batch batch{.vectors = vectors, .replaces = true};
  for (size_t i = 0; i < count; ++i) batch.ids.push_back(Id::of(from + static_cast<int64_t>(i)));
  return table.append(batch, table.check(batch));
}

TEST(VectorCompaction, TakesNoSegmentThatItHasMade) {
  Table table(kDimensions, Metric::Dot, Limits{64 * kDimensions * sizeof(float), 0});
  for (int64_t i = 0; i < 6; ++i) upsert(table, i * 64, 64);
  table.seal();
  uint64_t newest = 0;
  for (const View& view : table.snapshot()) newest = std::max(newest, view.segment->name);
  int merges = 0;
  while (const auto merge = table.beginMerge(true, newest)) {
    ASSERT_LT(++merges, 10);
    for (const View& view : merge->from) EXPECT_LE(view.segment->name, newest);
    table.fill(*merge);
    upsert(table, merges, 1);  // one of its rows dies
    table.commit(*merge);
  }
  EXPECT_EQ(merges, 1);
  EXPECT_EQ(table.size(), 6u * 64);
  const auto views = table.snapshot();
  ASSERT_EQ(views.size(), 2u);
  EXPECT_EQ(views[0].live, 6u * 64 - 1);
  // The next compaction takes it.
  table.seal();
  EXPECT_TRUE(table.beginMerge(true));
}

TEST(VectorReplay, SaysWhichNumberComesLast) {
  Table from(kDimensions, Metric::Dot), to(kDimensions, Metric::Dot);
  const std::vector<float> vectors(5 * kDimensions, 1);
  Batch batch{.vectors = vectors};
  for (int64_t i = 0; i < 5; ++i) batch.ids.push_back(Id::of(i));
  std::string record = packWrite(batch, kDimensions);
  record.append(reinterpret_cast<const char*>(vectors.data()), vectors.size() * sizeof(float));
  EXPECT_EQ(replay(to, record), 4u);
  EXPECT_EQ(replay(to, record), 9u);  // done again, they have other numbers
  EXPECT_EQ(replay(to, packRemoval(batch.ids)), std::nullopt);
  EXPECT_EQ(to.size(), 0u);
}

TEST(VectorSearch, RefusesRowsThatCameAfterItsSnapshot) {
  const auto table = std::make_shared<Table>(kDimensions, Metric::Dot, Limits{4096 * kDimensions * sizeof(float), 0});
  upsert(*table, 0, 2000);
  Question question{.queries = {1, 1}, .count = 1, .k = 1};
  Search search(table, std::move(question));
  upsert(*table, 2000, 500);
  search.plan();
  ASSERT_EQ(search.needs().size(), 1u);
  const uint32_t k = search.needs()[0].k;
  const std::vector<float> scores(k, 2);
  std::vector<int32_t> indices(k);
  std::iota(indices.begin(), indices.end(), 2000 - static_cast<int32_t>(k) + 1);  // the last is one too many
  try {
    search.advance({{scores, indices, {}}});
    FAIL() << "it was believed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::Internal);
    EXPECT_NE(std::string(error.what()).find("row 2000 of a segment that has 2000"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace switchyard::vectors
