// render/document-network by probes of its pixels, on every device that draws.
#include <cmath>

#include "network_fixture.h"

namespace switchyard::test {
namespace {

using namespace render;

class Networks : public OnDrawingDevice {};
INSTANTIATE_TEST_SUITE_P(Drawing, Networks, ::testing::ValuesIn(drawingDevices()), drawingDeviceName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Networks);

TEST_P(Networks, NodesAreWhereTheirPositionsSay) {
  const Graph g = unlinked({-1, -1, 3, -1, -1, 1, 2, 0.5}, {1, 1, 1, 1}, {0, 1, 2, 3});
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
  const Graph g = unlinked({0, 0, 10, 0, 0, 5}, {1, 1, 1}, {0, 1, 2});
  const Spot whole[2] = {spotOf(draw(context(), g), 0), spotOf(draw(context(), g), 1)};
  const Image near = draw(context(), g, {{"centreX", 0.25}, {"centreY", 0}, {"zoom", 8}});
  EXPECT_GT(spotOf(near, 0).pixels, 4 * whole[0].pixels) << "discs grow, but not as distances do";
  EXPECT_LT(spotOf(near, 0).pixels, 16 * whole[0].pixels);
  EXPECT_EQ(spotOf(near, 1).pixels, 0) << "outside";
  const Image moved = draw(context(), g, {{"centreX", 10}, {"centreY", 0}});
  EXPECT_NEAR(spotOf(moved, 1).x, 640, 1);
}

TEST_P(Networks, AreasFollowRanks) {
  const Graph g = unlinked({0, 0, 1, 0, 2, 0, 3, 0}, {0, 0.25, 0.5, 1}, {0, 1, 2, 3});
  const Image image = draw(context(), g, {{"glow", 0}, {"nodeSize", 2}});
  double area[4];
  // the edge's pixels are mixed
  for (int i = 0; i < 4; ++i) area[i] = std::pow(std::sqrt(spotOf(image, i).pixels / M_PI) + 0.5, 2);
  EXPECT_GT(area[0], 4);
  EXPECT_NEAR((area[1] - area[0]) / (area[3] - area[0]), 0.25, 0.02);
  EXPECT_NEAR((area[2] - area[0]) / (area[3] - area[0]), 0.5, 0.02);
}

TEST_P(Networks, WithoutRanksTheMostLinkedIsLargest) {
  Graph g = unlinked({0, 0, 1, 0, 2, 0}, {}, {0, 1, 2});
  g.offsets = {0, 1, 1, 2}, g.columns = {1, 1};  // 0 -> 1 <- 2
  const Image image = draw(context(), g, {{"edgeOpacity", 0}});
  EXPECT_GT(spotOf(image, 1).pixels, 1.5 * spotOf(image, 0).pixels);
  EXPECT_NEAR(spotOf(image, 0).pixels, spotOf(image, 2).pixels, 8);
}

// How much an edge from 0 to 1 changes the pixels on a cut through the picture's middle, from the picture without it.
double cutThrough(Context& context, double degrees, double weight, double opacity) {
  const double x = std::cos(degrees * M_PI / 180), y = std::sin(degrees * M_PI / 180);
  Graph g = unlinked({0, 0, x, y, -2, -2, 2, 2}, {0, 0, 0, 0}, {-1, -1, -1, -1});
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
  const Graph none{{0}, {}, {}, {}, {}, {}, {{"Nothing"}}},
      one = unlinked({5, 5}, {1}, {0}), same = unlinked({1, 1, 1, 1, 1, 1}, {0, 0, 0}, {-1, -1, -1});
  Graph loop = unlinked({0, 0}, {1}, {});
  loop.offsets = {0, 2}, loop.columns = {0, 0};
  Graph laidOut{{0, 1, 2, 2}, {1, 2}, {}, {}, {}, {}, {}},
      far = unlinked({-1e15, 1e15, 1e15, -1e15, 0, 0}, {1e38, 0, 1}, {});
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
        EXPECT_LE(pixelsApart(other, reference), other.bytes.size() / 4 / 1000) << theme << " on " << devices[d].name;
      }
    }
}

}  // namespace
}  // namespace switchyard::test
