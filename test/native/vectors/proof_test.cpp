// What a search may believe of a device: float32 sums that are off by all that they can be, once where rows are chosen
// and once more where their scores are returned; queries and thresholds as they are given.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "error.h"
#include "search_bound.h"
#include "vectors/search.h"

namespace switchyard::vectors {
namespace {

constexpr uint32_t kDimensions = 4;
constexpr double kShare = (kDimensions + 64) * 0x1p-24, kRounding = kShare / (1 - kShare);
constexpr size_t kRows = 400;

std::shared_ptr<Table> tableOf(Metric metric, const std::vector<float>& vectors, double scanned) {
  auto table = std::make_shared<Table>(kDimensions, metric, Limits{size_t{1} << 20, scanned});
  Batch batch{.vectors = vectors};
  for (size_t i = 0; i < vectors.size() / kDimensions; ++i) batch.ids.push_back(Id::of(static_cast<int64_t>(i)));
  table->append(batch, table->check(batch));
  return table;
}

// A row whose score with [1, 0, 0, 0] is this one.
std::vector<float> rowOf(Metric metric, double score) {
  if (metric == Metric::Dot) return {static_cast<float>(score), 0, 0, 0};
  if (metric == Metric::L2) return {1, static_cast<float>(std::sqrt(score)), 0, 0};
  return {static_cast<float>(score), static_cast<float>(std::sqrt(1 - score * score)), 0, 0};
}

// The best row is left out by the device: its sum is as much too bad as it can be, those of the others are as much too
// good as they are chosen, and as much too bad as they are returned. One of them is better than the rest.
void expectTheBest(Metric metric) {
  const double error = metric == Metric::Cosine ? 2 * kRounding : kRounding;  // both norms' is another one
  const double best = metric == Metric::Cosine ? 0.5 : 1, sign = metric == Metric::L2 ? -1 : 1;
  const auto worse = [&](double errors) { return best - sign * errors * error; };
  std::vector<float> vectors;
  for (size_t row = 0; row < kRows; ++row) {
    const std::vector<float> one = rowOf(metric, row == 7 ? best : row == 5 ? worse(1.2) : worse(1.9));
    vectors.insert(vectors.end(), one.begin(), one.end());
  }
  Question question{.queries = {1, 0, 0, 0}, .count = 1, .k = 1};
  Search search(tableOf(metric, vectors, 0), std::move(question));
  search.plan();
  ASSERT_EQ(search.needs().size(), 1u);
  for (int round = 0; round < 10 && !search.needs().empty(); ++round) {
    const Need need = search.needs()[0];
    std::vector<float> scores;
    std::vector<int32_t> indices;
    for (int32_t row = 0; indices.size() < need.k && row < static_cast<int32_t>(kRows); ++row) {
      if (row == 7) continue;
      indices.push_back(row);
      scores.push_back(static_cast<float>(worse(2.9)));
    }
    search.advance({{scores, indices, {}}});
  }
  ASSERT_TRUE(search.needs().empty());
  ASSERT_EQ(search.hits()[0].size(), 1u);
  EXPECT_EQ(search.hits()[0][0].row, 7u);
}

TEST(VectorSearch, DoubtsSumsAsMuchAsTwoOfThemCanBeOff) {
  for (const Metric metric : {Metric::Cosine, Metric::Dot, Metric::L2}) {
    SCOPED_TRACE(static_cast<int>(metric));
    expectTheBest(metric);
  }
}

TEST(SearchBounds, HoldForTwoSums) {
  const double r = kRounding;
  // Of codes without an error of their own: a row of the best score that lost to one that was returned as `last`.
  const SearchBound l2(DType::Int8, 2, kDimensions), cosine(DType::Int8, 0, kDimensions);
  const auto far = static_cast<float>((1 + r) * (1 + r) / (1 - r));
  EXPECT_LE(far - l2.of(1, 0, far, far), 1);
  const auto low = static_cast<float>(0.5 - 3 * 2 * r);
  EXPECT_GE(low + cosine.of(1, 0, low, low), 0.5);
}

TEST(VectorSearch, RefusesQueriesThatAreNotFinite) {
  const auto table = tableOf(Metric::Dot, {1, 2, 3, 4}, 1e9);
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  const auto refusal = [&](std::vector<float> queries) -> std::string {
    Question question{.queries = std::move(queries), .count = 2, .k = 1};
    try {
      Search(table, std::move(question));
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::InvalidArgument);
      EXPECT_EQ(error.details.argument, "queries");
      return error.what();
    }
    return "";
  };
  EXPECT_NE(refusal({1, 2, 3, 4, 5, 6, nan, 8}).find("queries: row 1 has NaN at 2"), std::string::npos);
  EXPECT_NE(refusal({-inf, 2, 3, 4, 5, 6, 7, 8}).find("queries: row 0 has an infinity at 0"), std::string::npos);
  EXPECT_EQ(refusal({3e38f, 3e38f, 3e38f, 3e38f, 1e-45f, 0, 0, 0}), "");
}

TEST(VectorSearch, ComparesWithTheThresholdThatWasGiven) {
  // All three are the score as float32.
  for (const Metric metric : {Metric::Dot, Metric::L2}) {
    for (const double by : {-1e-9, 0.0, 1e-9}) {
      Question question{.queries = {metric == Metric::Dot ? 0.5f : 0.0f, 0, 0, 0}, .count = 1, .k = 5};
      question.threshold = 0.25 + by;
      Search search(tableOf(metric, {0.5f, 0, 0, 0}, 1e9), std::move(question));
      search.plan();
      search.advance({});
      const bool isIn = metric == Metric::Dot ? by <= 0 : by >= 0;
      EXPECT_EQ(search.hits()[0].size(), isIn ? 1u : 0u) << by;
    }
  }
}

}  // namespace
}  // namespace switchyard::vectors
