// render/document-network: what it chooses as pure functions; its pictures by probes of their pixels, on every device
// that draws.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "harness.h"
#include "render/network_graph.h"
#include "render/network_labels.h"

namespace switchyard::test {
namespace {

using namespace render;

// ---- labels

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

// ---- view

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

// ---- pictures

struct Image {
  uint32_t width = 0, height = 0;
  std::vector<std::byte> bytes;
  std::array<int, 4> at(double x, double y) const {
    std::array<int, 4> pixel{};
    for (size_t c = 0; c < 4; ++c) pixel[c] = int(bytes[(size_t(y) * width + size_t(x)) * 4 + c]);
    return pixel;
  }
};

int difference(const std::array<int, 4>& pixel, const Colour& colour) {
  const uint32_t packed = colour.packed();
  int most = 0;
  for (int c = 0; c < 3; ++c) most = std::max(most, std::abs(pixel[c] - int(packed >> (8 * c) & 255)));
  return most;
}

// Absent inputs stay unset.
struct Graph {
  std::vector<int> offsets, columns;
  std::vector<double> weights, positions, ranks;
  std::vector<int> groups;
  std::vector<std::vector<std::string>> texts;
};

HostTensor ints(const std::vector<int>& values) {
  HostTensor tensor(DType::Int32, {values.size()});
  for (size_t i = 0; i < values.size(); ++i) tensor.set(i, values[i]);
  return tensor;
}
HostTensor numbers(const std::vector<double>& values, DType dtype, bool pairs = false) {
  HostTensor tensor(dtype, pairs ? Shape{values.size() / 2, 2} : Shape{values.size()});
  for (size_t i = 0; i < values.size(); ++i) tensor.set(i, values[i]);
  tensor.present = !values.empty();
  return tensor;
}

std::vector<HostTensor> tensorsOf(const Graph& g, DType dtype = kF32) {
  std::string all;
  for (size_t i = 0; i < g.texts.size(); ++i)
    for (size_t j = 0; j < g.texts[i].size(); ++j) all += (j ? "\x1f" : i ? "\x1e" : "") + g.texts[i][j];
  HostTensor text(DType::Uint8, {all.size()});
  std::copy(all.begin(), all.end(), reinterpret_cast<char*>(text.bytes.data()));
  text.present = !all.empty();
  HostTensor groups = ints(g.groups);
  groups.present = !g.groups.empty();
  return {ints(g.offsets),
          ints(g.columns),
          numbers(g.weights, dtype),
          numbers(g.positions, dtype, true),
          numbers(g.ranks, dtype),
          groups,
          text};
}

std::vector<TestDevice> drawingDevices() {
  std::vector<TestDevice> devices;
  for (const DeviceInfo& info : foundDevices().devices)
    if (info.features.graphics) devices.push_back({info.id, info.id, [id = info.id] { return openDevice(id); }});
  return devices;
}

Outcome tryDraw(Context& context, std::vector<HostTensor> tensors, const std::vector<Param>& params = {},
                Image* image = nullptr, bool resident = false) {
  auto job = makeJob("render/document-network", tensors, params);
  for (size_t i = 0; resident && i + 1 < tensors.size(); ++i)
    if (tensors[i].present) job->inputs[i].device = upload(context, tensors[i]), job->inputs[i].host = nullptr;
  Outcome outcome = runJob(context, job);
  if (outcome.ok() && image) {
    const HostTensor out = outputsOf(*job)[0];
    *image = {uint32_t(out.shape()[1]), uint32_t(out.shape()[0]), out.bytes};
  }
  return outcome;
}

Image draw(Context& context, const Graph& graph, const std::vector<Param>& params = {}, bool resident = false) {
  Image image;
  const Outcome outcome = tryDraw(context, tensorsOf(graph), params, &image, resident);
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  return image;
}

// Nodes without edges.
Graph lonely(const std::vector<double>& positions, const std::vector<double>& ranks, const std::vector<int>& groups) {
  return {std::vector<int>(positions.size() / 2 + 1, 0), {}, {}, positions, ranks, groups, {}};
}

// Clusters of nodes with most of their links inside.
Graph clustered(int nodes, int links, int clusters, uint64_t seed) {
  Random random(seed);
  Graph g;
  for (int i = 0; i < nodes; ++i) {
    const double angle = 6.28318 * (i % clusters) / clusters, away = random.uniform(0, 1),
                 turn = random.uniform(0, 6.28318);
    g.positions.insert(g.positions.end(),
                       {5 * std::cos(angle) + away * std::cos(turn), 3 * std::sin(angle) + away * std::sin(turn)});
    g.groups.push_back(i % clusters);
    g.ranks.push_back(random.uniform(0, 1) * random.uniform(0, 1));
  }
  g.offsets.push_back(0);
  for (int i = 0; i < nodes; ++i) {
    for (int k = 0; k < links / nodes; ++k) {
      const int to = random.integer(0, 9) ? int(random.integer(0, nodes / clusters - 1)) * clusters + i % clusters
                                          : int(random.integer(0, nodes - 1));
      g.columns.push_back(std::min(to, nodes - 1));
      g.weights.push_back(random.uniform(0.1, 1));
    }
    g.offsets.push_back(int(g.columns.size()));
  }
  return g;
}

struct Spot {
  double x = 0, y = 0;
  int pixels = 0;
};
// Where a category's colour is, above the key.
Spot spotOf(const Image& image, int category, Theme theme = Theme::Dark) {
  Spot spot;
  for (uint32_t y = 0; y + 46 < image.height; ++y)
    for (uint32_t x = 0; x < image.width; ++x)
      if (difference(image.at(x, y), themeColours(theme).categories[size_t(category)]) <= 3)
        spot.x += x + 0.5, spot.y += y + 0.5, ++spot.pixels;
  if (spot.pixels) spot.x /= spot.pixels, spot.y /= spot.pixels;
  return spot;
}

class Networks : public ::testing::TestWithParam<TestDevice> {
 protected:
  Context& context() { return contextOf(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Drawing, Networks, ::testing::ValuesIn(drawingDevices()), [](const auto& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), ':', '_');
  return name;
});
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Networks);

TEST_P(Networks, NodesAreWhereTheirPositionsSay) {
  const Graph g = lonely({-1, -1, 3, -1, -1, 1, 2, 0.5}, {1, 1, 1, 1}, {0, 1, 2, 3});
  for (const char* theme : {"dark", "light"})
    for (double zoom : {1.0, 0.6}) {
      const Image image = draw(context(), g, {{"theme", theme}, {"zoom", zoom}, {"glow", 0.5}});
      Spot spots[4];
      for (int i = 0; i < 4; ++i) {
        spots[i] = spotOf(image, i, theme[0] == 'd' ? Theme::Dark : Theme::Light);
        ASSERT_GT(spots[i].pixels, 100) << "node " << i;
      }
      const double unit = (spots[1].x - spots[0].x) / 4;
      EXPECT_GT(unit, 100 * zoom);
      EXPECT_NEAR(spots[1].y, spots[0].y, 0.3);
      EXPECT_NEAR(spots[2].x, spots[0].x, 0.3);
      EXPECT_NEAR(spots[0].y - spots[2].y, 2 * unit, 0.5) << "y points up, and as far as x";
      EXPECT_NEAR(spots[3].x - spots[0].x, 3 * unit, 0.5);
      EXPECT_NEAR(spots[0].y - spots[3].y, 1.5 * unit, 0.5);
    }
}

TEST_P(Networks, TheWindowFollowsCentreAndZoom) {
  const Graph g = lonely({0, 0, 10, 0, 0, 5}, {1, 1, 1}, {0, 1, 2});
  const Spot whole[2] = {spotOf(draw(context(), g), 0), spotOf(draw(context(), g), 1)};
  const Image near = draw(context(), g, {{"centreX", 0.25}, {"centreY", 0}, {"zoom", 8}});
  EXPECT_GT(spotOf(near, 0).pixels, 4 * whole[0].pixels) << "discs grow, but not as distances do";
  EXPECT_LT(spotOf(near, 0).pixels, 16 * whole[0].pixels);
  EXPECT_EQ(spotOf(near, 1).pixels, 0) << "outside";
  const Image moved = draw(context(), g, {{"centreX", 10}, {"centreY", 0}});
  EXPECT_NEAR(spotOf(moved, 1).x, 640, 1);
}

TEST_P(Networks, AreasFollowRanks) {
  const Graph g = lonely({0, 0, 1, 0, 2, 0, 3, 0}, {0, 0.25, 0.5, 1}, {0, 1, 2, 3});
  const Image image = draw(context(), g, {{"glow", 0}, {"nodeSize", 2}});
  double area[4];
  // the edge's pixels are mixed
  for (int i = 0; i < 4; ++i) area[i] = std::pow(std::sqrt(spotOf(image, i).pixels / M_PI) + 0.5, 2);
  EXPECT_GT(area[0], 4);
  EXPECT_NEAR((area[1] - area[0]) / (area[3] - area[0]), 0.25, 0.02);
  EXPECT_NEAR((area[2] - area[0]) / (area[3] - area[0]), 0.5, 0.02);
}

TEST_P(Networks, WithoutRanksTheMostLinkedIsLargest) {
  Graph g = lonely({0, 0, 1, 0, 2, 0}, {}, {0, 1, 2});
  g.offsets = {0, 1, 1, 2}, g.columns = {1, 1};  // 0 -> 1 <- 2
  const Image image = draw(context(), g, {{"edgeOpacity", 0}});
  EXPECT_GT(spotOf(image, 1).pixels, 1.5 * spotOf(image, 0).pixels);
  EXPECT_NEAR(spotOf(image, 0).pixels, spotOf(image, 2).pixels, 8);
}

// Of a picture with one edge from 0 to 1: how much it changes the pixels on a cut through its middle, from that
// without.
double cutThrough(Context& context, double degrees, double weight, double opacity) {
  const double x = std::cos(degrees * M_PI / 180), y = std::sin(degrees * M_PI / 180);
  Graph g = lonely({0, 0, x, y, -2, -2, 2, 2}, {0, 0, 0, 0}, {-1, -1, -1, -1});
  const std::vector<Param> params = {
      {"glow", 0}, {"nodeSize", 0.2}, {"edgeOpacity", opacity}, {"centreX", x / 2}, {"centreY", y / 2}};
  const Image without = draw(context, g, params);
  g.offsets = {0, 1, 2, 2, 2}, g.columns = {1, 3}, g.weights = {weight, 1};
  const Image with = draw(context, g, params);
  // The panel's middle is where the centre is shown: without a title, with a key.
  const double middleX = 640, middleY = 0.5 * ((24 + 14 + 8) + (720 - 24 - 12 - 16));
  double sum = 0;
  for (int row = int(middleY) - 8; row <= int(middleY) + 8; ++row)
    for (int column = int(middleX) - 8; column <= int(middleX) + 8; ++column) {
      const double along = (column + 0.5 - middleX) * x - (row + 0.5 - middleY) * y,
                   share = std::max(0.0, 1 - std::fabs(along) / 4) / 4;
      sum += share * (with.at(column, row)[1] - without.at(column, row)[1]);
    }
  return sum;
}

TEST_P(Networks, EdgesAreDrawnAsStrongInEveryDirection) {
  const double level = cutThrough(context(), 0, 1, 0.5);
  EXPECT_GT(level, 20);
  for (double degrees : {17, 30, 44, 60, 90, 135, 200, 315})
    EXPECT_NEAR(cutThrough(context(), degrees, 1, 0.5), level, level * 0.1) << degrees;
}

TEST_P(Networks, EdgesFollowWeightsAndOpacity) {
  const double strong = cutThrough(context(), 20, 1, 0.6), weak = cutThrough(context(), 20, 0.1, 0.6);
  EXPECT_GT(weak, 1);
  EXPECT_GT(strong, 2 * weak);
  EXPECT_GT(strong, 1.5 * cutThrough(context(), 20, 1, 0.3));
  EXPECT_NEAR(cutThrough(context(), 20, 1, 0), 0, 0.5);
}

TEST_P(Networks, EdgesOfAnyOrderGiveTheSameBytes) {
  Graph g = clustered(300, 900, 5, 11);
  const Image image = draw(context(), g);
  EXPECT_EQ(image.bytes, draw(context(), g).bytes);
  for (size_t i = 0; i + 1 < g.offsets.size(); ++i) {
    std::reverse(g.columns.begin() + g.offsets[i], g.columns.begin() + g.offsets[i + 1]);
    std::reverse(g.weights.begin() + g.offsets[i], g.weights.begin() + g.offsets[i + 1]);
  }
  EXPECT_EQ(image.bytes, draw(context(), g).bytes) << "sums are whole numbers";
}

// Where very many edges lie over one another each is drawn in part: what is lost in one is made up for by others.
TEST_P(Networks, CrowdsOfEdgesLookTheSameAtAnyStride) {
  double mean[2][4] = {};
  for (int dense : {0, 1}) {
    Random random(21);
    const int nodes = 400, links = dense ? 160 : 16;
    Graph g;
    g.offsets.push_back(0);
    for (int i = 0; i < nodes; ++i) {
      g.positions.insert(g.positions.end(), {random.uniform(-1, 1), random.uniform(-1, 1)}), g.ranks.push_back(0),
          g.groups.push_back(-1);
      for (int k = 0; k < links; ++k) g.columns.push_back(int(random.integer(0, nodes - 1)));
      g.offsets.push_back(int(g.columns.size()));
    }
    // Ten times the edges are 1.8 times the ink, because each is fainter: lost columns would make it less than that of
    // the few.
    const Image image = draw(context(), g, {{"glow", 0}, {"nodeSize", 0.05}, {"edgeOpacity", 1}});
    for (int y = 200; y < 520; ++y)
      for (int x = 480; x < 800; ++x) mean[dense][(y >= 360) * 2 + (x >= 640)] += image.at(x, y)[1] / (160.0 * 160.0);
  }
  for (int part = 0; part < 4; ++part) {
    EXPECT_GT(mean[0][part], 40);
    EXPECT_GT(mean[1][part], mean[0][part]) << "more edges, more ink";
    EXPECT_NEAR(mean[1][part], mean[1][0], 6) << "evenly";
  }
}

TEST_P(Networks, DeviceTensorsAndHalvesDrawTheSame) {
  const Graph g = clustered(200, 1000, 4, 12);
  const Image host = draw(context(), g);
  EXPECT_EQ(host.bytes, draw(context(), g, {}, true).bytes);
  Graph halves = g;
  for (auto* values : {&halves.weights, &halves.positions, &halves.ranks})
    for (double& value : *values) value = double(_Float16(value));
  Image narrow, narrowResident;
  ASSERT_TRUE(tryDraw(context(), tensorsOf(halves, kF16), {}, &narrow).ok());
  ASSERT_TRUE(tryDraw(context(), tensorsOf(halves, kF16), {}, &narrowResident, true).ok());
  EXPECT_EQ(narrow.bytes, draw(context(), halves).bytes);
  EXPECT_EQ(narrow.bytes, narrowResident.bytes);
}

TEST_P(Networks, MovesWithinACycleOfTwelveSeconds) {
  const Graph g = clustered(100, 400, 3, 13);
  const Image still = draw(context(), g), moving = draw(context(), g, {{"time", 2.5}});
  EXPECT_NE(still.bytes, moving.bytes);
  EXPECT_EQ(moving.bytes, draw(context(), g, {{"time", 14.5}}).bytes);
  EXPECT_NE(moving.bytes, draw(context(), g, {{"time", 2.6}}).bytes);
  EXPECT_EQ(still.bytes, draw(context(), g, {{"time", 12}}).bytes);
}

TEST_P(Networks, LabelsAndKeysAreDrawnForThoseWhoFit) {
  Graph g = clustered(60, 200, 3, 14);
  const Image bare = draw(context(), g);
  g.texts = {{"A title"}, {}, {"one", "two", "three"}};
  for (int i = 0; i < 60; ++i) g.texts[1].push_back(i % 7 ? "node " + std::to_string(i) : "");
  const Image labelled = draw(context(), g), few = draw(context(), g, {{"maxLabels", 1}});
  EXPECT_NE(labelled.bytes, bare.bytes);
  EXPECT_NE(labelled.bytes, few.bytes);
  g.texts[1].pop_back();
  const Outcome outcome = tryDraw(context(), tensorsOf(g));
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, Code::InvalidArgument);
  EXPECT_NE(outcome.text().find("59 labels"), std::string::npos) << outcome.text();
}

TEST_P(Networks, EverySizeAndTheSmallestGraphsDraw) {
  const Graph none{{0}, {}, {}, {}, {}, {}, {{"Nothing"}}}, one = lonely({5, 5}, {1}, {0}),
                                                            same = lonely({1, 1, 1, 1, 1, 1}, {0, 0, 0}, {-1, -1, -1});
  Graph loop = lonely({0, 0}, {1}, {});
  loop.offsets = {0, 2}, loop.columns = {0, 0};
  Graph laidOut{{0, 1, 2, 2}, {1, 2}, {}, {}, {}, {}, {}},
      far = lonely({-1e15, 1e15, 1e15, -1e15, 0, 0}, {1e38, 0, 1}, {});
  struct {
    uint32_t width, height;
  } sizes[] = {{1, 1}, {2, 3}, {33, 17}, {17, 333}, {161, 101}, {640, 360}, {999, 77}};
  for (const Graph& g : {none, one, same, loop, laidOut, far, clustered(40, 160, 3, 15)})
    for (auto [width, height] : sizes)
      for (const char* theme : {"dark", "light"}) {
        const Image image = draw(context(), g, {{"width", width}, {"height", height}, {"theme", theme}, {"time", 1}});
        ASSERT_EQ(image.bytes.size(), size_t{width} * height * 4);
        for (size_t i = 3; i < image.bytes.size(); i += 4) ASSERT_EQ(int(image.bytes[i]), 255) << "the page is opaque";
      }
  const Image empty = draw(context(), none);
  int inked = 0;
  for (int y = 300; y < 440; ++y)
    for (int x = 500; x < 780; ++x) inked += difference(empty.at(x, y), themeColours(Theme::Dark).muted) < 60;
  EXPECT_GT(inked, 50) << "says that there are no documents";
  EXPECT_NEAR(spotOf(draw(context(), one), 0).x, 640, 1) << "one node is in the middle";
}

TEST_P(Networks, LaysOutWhatHasNoPositions) {
  Graph g = clustered(60, 300, 3, 16);
  g.positions.clear();
  const Image image = draw(context(), g, {{"nodeSize", 0.6}, {"glow", 0}});
  EXPECT_EQ(image.bytes, draw(context(), g, {{"nodeSize", 0.6}, {"glow", 0}}).bytes);
  EXPECT_EQ(image.bytes, draw(context(), g, {{"nodeSize", 0.6}, {"glow", 0}}, true).bytes);
  for (int i = 0; i < 3; ++i) EXPECT_GT(spotOf(image, i).pixels, 100);
}

TEST_P(Networks, RefusesWhatIsNoGraphByIndex) {
  const Graph good = clustered(12, 48, 3, 17);
  auto refused = [&](const Graph& g, std::initializer_list<const char*> what) {
    for (bool resident : {false, true}) {
      const Outcome outcome = tryDraw(context(), tensorsOf(g), {}, nullptr, resident);
      ASSERT_TRUE(outcome.error) << *what.begin();
      EXPECT_EQ(outcome.error->code, Code::InvalidArgument);
      for (const char* part : what) EXPECT_NE(outcome.text().find(part), std::string::npos) << outcome.text();
    }
  };
  Graph g = good;
  g.offsets[0] = 1;
  refused(g, {"rowOffsets", "begin"});
  g = good, g.offsets[5] = 3;
  refused(g, {"rowOffsets", "index 5"});
  g = good, g.offsets.back() = 99;
  refused(g, {"rowOffsets", "99"});
  for (int column : {-1, 12, 1 << 30}) {
    g = good, g.columns[7] = column;
    refused(g, {"columns", "index 7"});
  }
  for (double bad : {kNaN, kInf, -kInf}) {
    g = good, g.positions[9] = bad;
    refused(g, {"positions", "index 9", "node 4"});
    g = good, g.weights[6] = bad;
    refused(g, {"weights", "index 6"});
    g = good, g.ranks[3] = bad;
    refused(g, {"ranks", "index 3"});
  }
  g = good, g.weights[0] = -0.5;
  refused(g, {"weights", "index 0"});
  g = good, g.groups[11] = -2;
  refused(g, {"groups", "index 11"});
  g = good, g.groups[2] = 70000;
  refused(g, {"groups", "index 2"});
}

TEST(NetworkArguments, AreCheckedWithoutADevice) {
  const Graph good = clustered(12, 48, 3, 18);
  auto refused = [](std::vector<HostTensor> tensors, const std::vector<Param>& params, const char* why) {
    auto job = makeJob("render/document-network", std::move(tensors), params);
    try {
      job->prepare();
      ADD_FAILURE() << "not refused: " << why;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::InvalidArgument);
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
    }
  };
  Graph g = good;
  g.weights.pop_back();
  refused(tensorsOf(g), {}, "'weights'");
  g = good, g.positions.resize(22);
  refused(tensorsOf(g), {}, "'positions'");
  g = good, g.ranks.pop_back();
  refused(tensorsOf(g), {}, "'ranks'");
  g = good, g.groups.pop_back();
  refused(tensorsOf(g), {}, "'groups'");
  g = good, g.offsets.clear();
  refused(tensorsOf(g), {}, "'rowOffsets'");
  refused(tensorsOf(good), {{"zoom", 0}}, "zoom");
  refused(tensorsOf(good), {{"edgeOpacity", 1.5}}, "edgeOpacity");
  refused(tensorsOf(good), {{"width", 0}}, "width");
}

// Every channel within 2 of 255, but for one pixel in a thousand: edges of discs and letters, where a sum falls between
// two roundings.
TEST(NetworkDrivers, AgreeWithinTwoOf255) {
  const std::vector<TestDevice> devices = drawingDevices();
  if (devices.size() < 2) GTEST_SKIP() << "needs two devices that draw: name both drivers in VK_DRIVER_FILES";
  Graph large = clustered(3000, 15000, 9, 19), small = clustered(40, 120, 4, 20);
  small.texts = {{"Drivers"}, {}, {"a", "b", "c", "d"}};
  for (int i = 0; i < 40; ++i) small.texts[1].push_back("document " + std::to_string(i));
  for (const Graph& g : {large, small})
    for (const char* theme : {"dark", "light"}) {
      const std::vector<Param> params = {{"theme", theme}, {"time", 1.5}};
      const Image reference = draw(contextOf(devices[0]), g, params);
      for (size_t d = 1; d < devices.size(); ++d) {
        const Image other = draw(contextOf(devices[d]), g, params);
        ASSERT_EQ(other.bytes.size(), reference.bytes.size());
        size_t off = 0;
        for (size_t i = 0; i < other.bytes.size(); i += 4) {
          int most = 0;
          for (size_t c = 0; c < 4; ++c)
            most = std::max(most, std::abs(int(other.bytes[i + c]) - int(reference.bytes[i + c])));
          off += most > 2;
        }
        EXPECT_LE(off, other.bytes.size() / 4 / 1000) << theme << " on " << devices[d].name;
      }
    }
}

}  // namespace
}  // namespace switchyard::test
