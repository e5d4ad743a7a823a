// render/attention-heatmap by probes of its pixels, on every device that draws.
#include <cmath>
#include <cstring>

#include "render/heatmap_layout.h"
#include "scene_fixture.h"

namespace switchyard::test {
namespace {

using namespace render;

HeatmapLook plainLook(const HostTensor& weights, uint32_t width, uint32_t height) {
  HeatmapLook look;
  look.width = width, look.height = height;
  look.rows = weights.shape().back(1), look.columns = weights.shape().back();
  look.window = {0, 0, double(look.columns), double(look.rows)};
  look.low = 1e300, look.high = -1e300;
  for (size_t i = 0; i < weights.size(); ++i)
    look.low = std::min(look.low, weights.at(i)), look.high = std::max(look.high, weights.at(i));
  return look;
}

double share(const HeatmapLook& look, double value) { return (value - look.low) / (look.high - look.low); }

TEST_P(Scenes, CellsHaveTheColourOfTheirWeight) {
  struct {
    Shape shape;
    uint32_t width, height;
  } cases[] = {
      {{8, 8}, 1280, 720}, {{5, 19}, 640, 360}, {{64, 48}, 1280, 720}, {{1, 1}, 320, 180}, {{3, 2}, 1920, 1080}};
  for (const auto& [shape, width, height] : cases)
    for (const char* theme : {"dark", "light"})
      for (const char* map : {"aurora", "ember", "grey"}) {
        const HostTensor weights = random(shape, 3);
        const Image image =
            draw(context(), {"attention-heatmap",
                             weights,
                             {{"width", width}, {"height", height}, {"theme", theme}, {"colormap", map}},
                             {}});
        HeatmapLook look = plainLook(weights, width, height);
        look.map = static_cast<ColourMap>(std::find_if(kColourMapNames.begin(), kColourMapNames.end(),
                                                       [&](const char* n) { return !strcmp(n, map); }) -
                                          kColourMapNames.begin());
        if (shape[0] * shape[1] == 1) look.low = 0;
        const HeatmapLayout layout(look);
        for (uint64_t row = 0; row < shape[0]; ++row)
          for (uint64_t column = 0; column < shape[1]; ++column) {
            // Off the middle, where the value may be printed.
            const double x = layout.panel.left + (double(column) + 0.25) / double(shape[1]) * layout.panel.width();
            const double y = layout.panel.top + (double(row) + 0.25) / double(shape[0]) * layout.panel.height();
            const double value = weights.at(row * shape[1] + column);
            ASSERT_LE(difference(image.at(int(x), int(y)), colourAt(look.map, share(look, value))), 2)
                << shape.text() << " at " << width << " x " << height << ", row " << row << ", column " << column;
          }
      }
}

// What every pixel of the panel should be: the mean of what it covers, by exact areas in double precision.
TEST_P(Scenes, ManyCellsAreAveragedByArea) {
  for (Shape shape : {Shape{301, 211}, Shape{512, 512}, Shape{90, 1200}}) {
    const HostTensor weights = random(shape, 4);
    const uint32_t width = 480, height = 270;
    const Image image = draw(context(), {"attention-heatmap", weights, {{"width", width}, {"height", height}}, {}});
    const HeatmapLook look = plainLook(weights, width, height);
    const Box panel = HeatmapLayout(look).panel;
    const double perX = double(shape[1]) / panel.width(), perY = double(shape[0]) / panel.height();
    int wrong = 0;
    for (int y = int(panel.top); y < int(panel.bottom); y += 3)
      for (int x = int(panel.left); x < int(panel.right); ++x) {
        const double left = (x - panel.left) * perX, right = left + perX, top = (y - panel.top) * perY,
                     bottom = top + perY;
        double sum = 0;
        for (auto row = uint64_t(top); row < std::min<double>(std::ceil(bottom), double(shape[0])); ++row)
          for (auto column = uint64_t(left); column < std::min<double>(std::ceil(right), double(shape[1])); ++column)
            sum += (std::min(bottom, double(row + 1)) - std::max(top, double(row))) *
                   (std::min(right, double(column + 1)) - std::max(left, double(column))) *
                   share(look, weights.at(row * shape[1] + column));
        // one step of the table and its rounding
        wrong += difference(image.at(x, y), colourAt(look.map, sum / (perX * perY))) > 4;
      }
    EXPECT_EQ(wrong, 0) << shape.text();
  }
}

TEST_P(Scenes, ZoomShowsItsWindowInTheSameColours) {
  const HostTensor weights = random({40, 40}, 5);
  const Image image = draw(context(), {"attention-heatmap",
                                       weights,
                                       {{"zoomLeft", 10.5}, {"zoomTop", 7}, {"zoomRight", 15.5}, {"zoomBottom", 10}},
                                       {}});
  HeatmapLook look = plainLook(weights, 1280, 720);
  look.window = {10.5, 7, 15.5, 10};
  const Box panel = HeatmapLayout(look).panel;
  for (uint64_t row = 7; row < 10; ++row)
    for (uint64_t column = 11; column < 15; ++column) {
      const int x = int(panel.left + (double(column) + 0.2 - 10.5) / 5 * panel.width()),
                y = int(panel.top + (double(row) + 0.2 - 7) / 3 * panel.height());
      EXPECT_LE(difference(image.at(x, y), colourAt(look.map, share(look, weights.at(row * 40 + column)))), 2);
    }
}

TEST_P(Scenes, PointsShowTheStrongestOfTheirCells) {
  HostTensor weights(kF32, {512, 512});
  weights.set(300 * 512 + 101, 1);
  const Image image = draw(context(), {"attention-heatmap", weights, {{"form", "points"}}, {}});
  HeatmapLook look = plainLook(weights, 1280, 720);
  look.points = true;
  const HeatmapLayout layout(look);
  ASSERT_GT(layout.blockColumns * layout.blockRows, 1u);
  int brightest = 0, count = 0;
  double x = 0, y = 0;
  for (int row = int(layout.panel.top); row < int(layout.panel.bottom); ++row)
    for (int column = int(layout.panel.left); column < int(layout.panel.right); ++column)
      if (difference(image.at(column, row), colourAt(look.map, 1)) <= 2)
        ++count, x += column + 0.5, y += row + 0.5;
      else
        brightest = std::max(brightest, image.at(column, row)[1]);
  ASSERT_GE(count, 4) << "brightest otherwise: " << brightest;
  EXPECT_NEAR(x / count, layout.panel.left + 101.5 / 512 * layout.panel.width(),
              layout.blockColumns * layout.panel.width() / 512);
  EXPECT_NEAR(y / count, layout.panel.top + 300.5 / 512 * layout.panel.height(),
              layout.blockRows * layout.panel.height() / 512);
}

TEST_P(Scenes, TheColourBarRunsFromLowToHigh) {
  const HostTensor weights = random({6, 6}, 6);
  const Image image = draw(context(), {"attention-heatmap", weights, {}, {}});
  const HeatmapLook look = plainLook(weights, 1280, 720);
  const HeatmapLayout layout(look);
  ASSERT_GT(layout.bar, layout.panel.right);
  for (double at : {0.02, 0.25, 0.5, 0.75, 0.98}) {
    const int y = int(layout.panel.bottom - at * layout.panel.height());
    // a row of pixels spans half a step of the table
    EXPECT_LE(difference(image.at(int(layout.bar) + 4, y), colourAt(look.map, at)), 6) << at;
  }
  EXPECT_LE(difference(image.at(1, 1), themeColours(Theme::Dark).page), 0);
}

TEST_P(Scenes, HeadsAndDtypesAndPlacesAgree) {
  const HostTensor weights = random({3, 12, 9}, 7);
  HostTensor second(kF32, {12, 9}), mean(kF32, {12, 9}), half(kF16, {3, 12, 9});
  for (size_t i = 0; i < 108; ++i) {
    second.set(i, weights.at(108 + i));
    mean.set(i, (weights.at(i) + weights.at(108 + i) + weights.at(216 + i)) / 3);
  }
  for (size_t i = 0; i < half.size(); ++i) half.set(i, weights.at(i));
  auto cells = [&](const HostTensor& tensor, int head, bool resident) {
    return draw(context(), {"attention-heatmap",
                            tensor,
                            {{"head", head}, {"width", 400}, {"height", 300}, {"minimum", 0}, {"maximum", 1}},
                            {},
                            resident});
  };
  auto expectCells = [&](const Image& image, const HostTensor& want, int tolerance) {
    HeatmapLook look = plainLook(want, 400, 300);
    look.low = 0, look.high = 1;
    const Box panel = HeatmapLayout(look).panel;
    for (uint64_t i = 0; i < 108; ++i) {
      const int x = int(panel.left + (double(i % 9) + 0.25) / 9 * panel.width()),
                y = int(panel.top + (double(i / 9) + 0.25) / 12 * panel.height());
      ASSERT_LE(difference(image.at(x, y), colourAt(look.map, want.at(i))), tolerance) << i;
    }
  };
  for (bool resident : {false, true}) {
    expectCells(cells(weights, 1, resident), second, 2);
    expectCells(cells(weights, -1, resident), mean, 4);
    expectCells(cells(half, 1, resident), second, 4);
  }
  EXPECT_EQ(draw(context(), {"attention-heatmap", second, {}, {}}).bytes,
            draw(context(), {"attention-heatmap", second, {}, {}, true}).bytes)
      << "the range found on the device is the one found on the host";
}

TEST_P(Scenes, NanIsRefusedByItsIndex) {
  for (bool resident : {false, true})
    for (DType dtype : kFloatTypes) {
      HostTensor weights = random({2, 30, 7}, 8, dtype);
      weights.set(210 + 33, kNaN);
      weights.set(210 + 40, kNaN);
      const Outcome one = tryDraw(context(), {"attention-heatmap", weights, {{"head", 1}}, {}, resident});
      ASSERT_TRUE(one.error) << one.text();
      EXPECT_EQ(one.error->code, Code::InvalidArgument);
      EXPECT_NE(one.text().find("index 243"), std::string::npos) << one.text();
      EXPECT_TRUE(tryDraw(context(), {"attention-heatmap", weights, {{"head", 0}}, {}, resident}).ok())
          << "the other head has none";
      const Outcome all = tryDraw(context(), {"attention-heatmap", weights, {}, {}, resident});
      ASSERT_TRUE(all.error) << all.text();
      EXPECT_EQ(all.error->code, Code::InvalidArgument);
      EXPECT_NE(all.text().find("row 4, column 5"), std::string::npos) << all.text();
    }
  HostTensor infinite = random({4, 4}, 9);
  infinite.set(3, kInf);
  infinite.set(5, -kInf);
  for (bool resident : {false, true})
    EXPECT_TRUE(tryDraw(context(), {"attention-heatmap", infinite, {}, {}, resident}).ok())
        << "infinities are beyond the range's ends";
}

TEST_P(Scenes, LabelsOfAnyScriptAndLength) {
  const std::vector<std::string> labels = {
      "naïve", "Ελληνικά", "Привет", "日本", "\xff\xfe", "", std::string(5000, 'w'), "e\u0301"};
  const HostTensor weights = random({8, 8}, 12);
  const Image with = draw(context(), {"attention-heatmap", weights, {}, {{"Ünïcode — 題"}, labels, labels}});
  const Image without = draw(context(), {"attention-heatmap", weights, {}, {}});
  EXPECT_NE(with.bytes, without.bytes);
  const Outcome few = tryDraw(context(), {"attention-heatmap", weights, {}, {{"t"}, {"a", "b"}}});
  ASSERT_TRUE(few.error);
  EXPECT_EQ(few.error->code, Code::InvalidArgument);
  EXPECT_NE(few.text().find("rowLabels"), std::string::npos) << few.text();
}

}  // namespace
}  // namespace switchyard::test
