// What render/document-network chooses, as pure functions: which labels are shown, and which view.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "harness.h"
#include "render/network_graph.h"
#include "render/network_labels.h"

namespace switchyard::test {
namespace {

using namespace render;

std::vector<LabelPlace> scattered(size_t count, uint64_t seed, const Box& in) {
  Random random(seed);
  std::vector<LabelPlace> places;
  for (size_t i = 0; i < count; ++i)
    places.push_back(
        {{float(random.uniform(in.left - 20, in.right + 20)), float(random.uniform(in.top - 20, in.bottom + 20))},
         float(random.uniform(1, 18)),
         "label number " + std::to_string(i) + std::string(i % 23, 'x')});
  return places;
}

TEST(NetworkLabels, NeverOverlapAndStayInThePanel) {
  const Box panel{24, 80, 1256, 680};
  for (size_t count : {1, 5, 50, 400})
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      const std::vector<LabelPlace> places = scattered(count, seed, panel);
      const std::vector<PlacedLabel> labels = placeLabels(places, panel, 14, 12, 40, 150);
      EXPECT_LE(labels.size(), 40u);
      if (count >= 50) {
        EXPECT_GE(labels.size(), 20u);
      }
      for (size_t i = 0; i < labels.size(); ++i) {
        const PlacedLabel& label = labels[i];
        EXPECT_TRUE(label.box.left >= panel.left && label.box.right <= panel.right && label.box.top >= panel.top &&
                    label.box.bottom <= panel.bottom);
        EXPECT_LE(label.box.width(), 150.5f);
        EXPECT_GE(label.size, 12);
        EXPECT_LE(label.size, 14);
        for (size_t j = 0; j < i; ++j)
          EXPECT_FALSE(label.box.overlaps(labels[j].box)) << i << " over " << j << ", seed " << seed;
        for (size_t other = 0; other < label.place; ++other)
          EXPECT_FALSE(label.box.contains(places[other].at)) << "a label on a more important disc, seed " << seed;
        if (i) {
          EXPECT_GT(label.place, labels[i - 1].place) << "the most important first";
        }
      }
    }
}

TEST(NetworkLabels, TheMostImportantComesFirstAndEmptyOnesAreNone) {
  const Box panel{0, 0, 400, 300};
  const std::vector<LabelPlace> same = {
      {{200, 150}, 5, ""}, {{200, 150}, 5, "first"}, {{200, 150}, 5, "second"}, {{900, 150}, 5, "outside"}};
  const std::vector<PlacedLabel> labels = placeLabels(same, panel, 14, 12, 10, 200);
  ASSERT_GE(labels.size(), 1u);
  EXPECT_EQ(labels[0].place, 1u);
  EXPECT_GT(labels[0].box.left, 205) << "right of its disc";
  for (const PlacedLabel& label : labels) EXPECT_NE(label.place, 3u);
  EXPECT_TRUE(placeLabels(same, panel, 14, 12, 0, 200).empty());
  EXPECT_TRUE(placeLabels(same, {0, 0, 10, 10}, 14, 12, 10, 200).empty());
}

TEST(NetworkLabels, HighestRankedAreSortedAndBreakTiesByIndex) {
  const std::vector<float> ranks = {0.1f, 0.5f, 0.5f, 0.9f, 0.0f, 0.5f};
  EXPECT_EQ(highestRanked(ranks, 3), (std::vector<uint32_t>{3, 1, 2}));
  EXPECT_EQ(highestRanked(ranks, 100), (std::vector<uint32_t>{3, 1, 2, 5, 0, 4}));
  EXPECT_TRUE(highestRanked({}, 3).empty());
  Random random(3);
  std::vector<float> many(5000);
  for (float& rank : many) rank = float(random.integer(0, 300));
  std::vector<uint32_t> all(many.size());
  std::iota(all.begin(), all.end(), 0u);
  std::stable_sort(all.begin(), all.end(), [&](uint32_t a, uint32_t b) { return many[a] > many[b]; });
  all.resize(77);
  EXPECT_EQ(highestRanked(many, 77), all);
}

TEST(NetworkViews, ShowAllPositionsInThePanelWithTheirAspect) {
  const Box panel{20, 60, 820, 460};
  for (auto [across, down] :
       {std::pair{4.0f, 1.0f}, {1.0f, 4.0f}, {1e6f, 3e5f}, {1e-6f, 1e-6f}, {5.0f, 0.0f}, {0.0f, 5.0f}}) {
    const std::vector<float> positions = {100, 50, 100 + across, 50 + down, 100 + across / 2, 50};
    const NetworkView view = fitNetwork(positions, panel);
    for (size_t i = 0; i < 3; ++i)
      EXPECT_TRUE(panel.grown(1).contains(view(positions[2 * i], positions[2 * i + 1]))) << across << " x " << down;
    const float used = std::max(across * view.scale / panel.width(), down * view.scale / panel.height());
    EXPECT_NEAR(used, 1, across < 1e-3f ? 1.0 : 0.01) << "as large as it can be";
  }
  const NetworkView one = fitNetwork(std::vector<float>{3, 4}, panel);
  EXPECT_EQ(one(3, 4).x, panel.centre().x);
  EXPECT_EQ(one(3, 4).y, panel.centre().y);
  EXPECT_LT(one(3, 5).y, one(3, 4).y) << "up is up";
}

TEST(NetworkViews, AreNotSpoiltByTheFewFarOut) {
  Random random(4);
  std::vector<float> positions;
  for (size_t i = 0; i < 2000; ++i) positions.push_back(float(random.uniform(-1, 1)));
  const Box panel{0, 0, 800, 800};
  const float scale = fitNetwork(positions, panel).scale;
  positions[10] = 5000, positions[77] = -4000;
  EXPECT_GT(fitNetwork(positions, panel).scale, scale * 0.5f);
}

}  // namespace
}  // namespace switchyard::test
