// Parts of the similarity_search kernel that answers don't show.
#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "cpu/search_parts.h"

namespace switchyard::test {
namespace {

// A caller waits for the rows that are scored again of all its queries: they are many where k is.
TEST(Search, ScoresNoRowsAgainAfterAStop) {
  constexpr size_t kRows = 5, kLength = 3;
  const std::vector<float> rows(kRows * kLength, 2), query(kLength, 1);
  const std::vector<uint32_t> names{4, 0, 3, 1, 2};
  const auto scored = [&](bool stopped) {
    const std::atomic<bool> stop{stopped};
    const cpu::Budget budget{.threads = 1, .stop = &stop};
    const cpu::SearchBase base{rows.data(), kFormatFloat32, nullptr, nullptr, nullptr, kRows, kLength};
    const cpu::SearchGroup group{query.data(), 1, 0, rows.data(), kRows, kLength, kMetricDot, 1, 0, &budget};
    std::vector<float> scores(kRows, -1);
    cpu::scoreNamed(base, group, names.data(), kRows, scores.data());
    return scores;
  };
  EXPECT_EQ(scored(false), std::vector<float>(kRows, 6));
  EXPECT_EQ(scored(true), std::vector<float>(kRows, -1));
}

}  // namespace
}  // namespace switchyard::test
