// What draws put where, on every Vulkan device found: against what the pixels must be by arithmetic.
#include <cmath>
#include <set>

#include "pictures_fixture.h"

namespace switchyard::test {
namespace {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PicturesOn);
INSTANTIATE_TEST_SUITE_P(Programs, PicturesOn, ::testing::ValuesIn(programDevices()), deviceTestName);

TEST_P(PicturesOn, WithoutVerticesTheBackground) {
  Runner r(device);
  Draw none = flat(r, rectangle(0, 0, 9, 9), {1, 1, 1, 1}), noInstances = none;
  none.vertices = 0;
  noInstances.instances = 0;
  for (uint32_t samples : {1u, 4u}) {
    expectRectangle(frame(r, blank(samples, {0.2f, 0.4f, 0.6f, 0.8f}), {none, noInstances}), 0, 0, 0, 0, {},
                    {51, 102, 153, 204});
    expectRectangle(frame(r, blank(samples, {0, 0, 0, 0}), {}), 0, 0, 0, 0, {}, {0, 0, 0, 0});
  }
}

TEST_P(PicturesOn, RectanglesToThePixel) {
  Runner r(device);
  for (uint32_t samples : {1u, 4u}) {
    const Frame f = frame(r, blank(samples), {flat(r, rectangle(10, 5, 31, 40), {1, 0.2f, 0, 1})});
    expectRectangle(f, 10, 5, 31, 40, {255, 51, 0, 255}, {0, 0, 0, 255});
  }
}

TEST_P(PicturesOn, UpwardsForWebgl) {
  Runner r(device);
  auto module = std::make_shared<ProgramModule>(*shaderOf(kFlat, kShade));
  module->id[0] ^= 1;
  module->info.flipY = true;
  Draw draw = flat(r, rectangle(3, 5, 20, 9, true), {1, 1, 1, 1}),
       down = flat(r, rectangle(40, 5, 50, 9), {1, 1, 1, 1});
  draw.program = device->compile(module);
  const Frame f = frame(r, blank(), {draw, down});  // both kinds in one picture
  EXPECT_EQ(f.at(3, 5), (Rgba{255, 255, 255, 255}));
  EXPECT_EQ(f.at(19, 8), (Rgba{255, 255, 255, 255}));
  EXPECT_EQ(f.at(10, 9), (Rgba{0, 0, 0, 255}));
  EXPECT_EQ(f.at(10, kHeight - 7), (Rgba{0, 0, 0, 255}));
  EXPECT_EQ(f.at(45, 6), (Rgba{255, 255, 255, 255}));
}

TEST_P(PicturesOn, CounterClockwiseIsInFront) {
  Runner r(device);
  const std::string facing =
      "#version 450\nlayout(location = 0) out vec4 result;\nvoid main() { result = gl_FrontFacing ? vec4(0, 1, 0, 1) : "
      "vec4(1, 0, 0, 1); }";
  const std::string plain =
      "#version 450\nlayout(location = 0) in vec2 position;\nvoid main() { gl_Position = vec4(position, 0.0, 1.0); }";
  auto down = shaderOf(plain, facing);
  auto up = std::make_shared<ProgramModule>(*down);
  up->id[0] ^= 1;
  up->info.flipY = true;
  // As seen, with y down: (0, 0) bottom left of the picture ... counter-clockwise.
  const std::vector<float> seenDown{-1, 1, 1, 1, -1, -1}, seenUp{-1, -1, 1, -1, -1, 1};
  for (bool flipped : {false, true}) {
    Draw draw;
    draw.program = device->compile(flipped ? ModulePtr(up) : down);
    draw.blend = Blend::None;
    draw.vertices = 3;
    draw.attributes = {r.upload(flipped ? seenUp : seenDown)};
    EXPECT_EQ(frame(r, blank(), {draw}).at(5, kHeight - 5), (Rgba{0, 255, 0, 255})) << flipped;
  }
}

TEST_P(PicturesOn, GradientsWithinOne) {
  Runner r(device);
  Draw draw = whole("void main() { result = vec4(uv, gl_FragCoord.x / 64.0, 1.0); }");
  for (uint32_t samples : {1u, 4u}) {
    const Frame f = frame(r, blank(samples), {draw});
    for (uint32_t y = 0; y < kHeight; ++y)
      for (uint32_t x = 0; x < kWidth; ++x) {
        const double u = (x + 0.5) / kWidth, v = (y + 0.5) / kHeight;
        const Rgba expected{int(std::lround(u * 255)), int(std::lround(v * 255)), int(std::lround(u * 255)), 255};
        ASSERT_LE(apart(f.at(x, y), expected), 1) << x << ", " << y;
      }
  }
}

TEST_P(PicturesOn, PointsAreSquaresWithCoordinates) {
  Runner r(device);
  Draw draw;
  draw.program = device->compile(shaderOf(R"(#version 450
layout(location = 0) in vec3 point;
void main() { gl_Position = vec4(point.xy, 0.0, 1.0); gl_PointSize = point.z; })",
                                          R"(#version 450
layout(location = 0) out vec4 result;
void main() { result = vec4(gl_PointCoord, 1.0, 1.0); })"));
  draw.primitive = Primitive::Points;
  draw.blend = Blend::None;
  draw.vertices = 2;
  // 9 pixels around the middle of pixel (20, 15), 1 pixel at (50, 40).
  draw.attributes = {r.upload<float>(
      {20.5f / kWidth * 2 - 1, 15.5f / kHeight * 2 - 1, 9, 50.5f / kWidth * 2 - 1, 40.5f / kHeight * 2 - 1, 1})};
  const Frame f = frame(r, blank(), {draw});
  for (uint32_t y = 0; y < kHeight; ++y)
    for (uint32_t x = 0; x < kWidth; ++x) {
      const bool large = x >= 16 && x < 25 && y >= 11 && y < 20, small = x == 50 && y == 40;
      if (!large && !small) {
        ASSERT_EQ(f.at(x, y), (Rgba{0, 0, 0, 255})) << x << ", " << y;
      }
      if (large) {
        const Rgba expected{int(std::lround((x - 16 + 0.5) / 9 * 255)), int(std::lround((y - 11 + 0.5) / 9 * 255)), 255,
                            255};
        ASSERT_LE(apart(f.at(x, y), expected), 2) << x << ", " << y;
      }
    }
  EXPECT_EQ(f.at(50, 40)[2], 255);
}

TEST_P(PicturesOn, LinesOfOnePixel) {
  Runner r(device);
  auto clip = [](float x, float y) { return std::array<float, 2>{x / kWidth * 2 - 1, y / kHeight * 2 - 1}; };
  std::vector<float> ends;
  for (auto p : {clip(10, 20.5f), clip(30, 20.5f), clip(40.5f, 5), clip(40.5f, 35)})
    ends.insert(ends.end(), p.begin(), p.end());
  Draw draw = flat(r, ends, {1, 1, 1, 1});
  draw.primitive = Primitive::Lines;
  const Frame f = frame(r, blank(), {draw});
  int lit = 0;
  for (uint32_t y = 0; y < kHeight; ++y)
    for (uint32_t x = 0; x < kWidth; ++x) {
      if (f.at(x, y)[0] == 0) continue;
      ++lit;
      EXPECT_TRUE((y == 20 && x >= 9 && x <= 30) || (x == 40 && y >= 4 && y <= 35)) << x << ", " << y;
    }
  EXPECT_NEAR(lit, 50, 2);
}

TEST_P(PicturesOn, BlendingByItsFormulas) {
  Runner r(device);
  const std::array<float, 4> background{0.5f, 0.5f, 0.5f, 0.5f}, colour{1, 0, 0, 0.25f};
  const std::pair<Blend, std::array<double, 4>> cases[] = {{Blend::None, {1, 0, 0, 0.25}},
                                                           {Blend::Alpha, {0.625, 0.375, 0.375, 0.625}},
                                                           {Blend::Additive, {0.75, 0.5, 0.5, 0.75}}};
  for (uint32_t samples : {1u, 4u})
    for (const auto& [blend, expected] : cases) {
      const Frame f = frame(r, blank(samples, background), {flat(r, rectangle(8, 8, 24, 24), colour, blend)});
      Rgba want;
      for (size_t i = 0; i < 4; ++i) want[i] = int(std::lround(expected[i] * 255));
      EXPECT_LE(apart(f.at(12, 12), want), 1) << int(blend) << " with " << samples;
      EXPECT_LE(apart(f.at(40, 40), {128, 128, 128, 128}), 1);
    }
  // Draws of one picture, in their order.
  const Frame f = frame(r, blank(),
                        {flat(r, rectangle(0, 0, 20, 20), {1, 1, 1, 1}),
                         flat(r, rectangle(10, 10, 30, 30), {0, 0, 1, 0.5f}, Blend::Alpha),
                         flat(r, rectangle(10, 10, 30, 30), {0.2f, 0, 0, 1}, Blend::Additive)});
  EXPECT_LE(apart(f.at(15, 15), {179, 128, 255, 255}), 1);
  EXPECT_LE(apart(f.at(25, 25), {51, 0, 128, 255}), 1);
}

TEST_P(PicturesOn, FourSamplesSmoothEdges) {
  Runner r(device);
  const std::vector<float> half{-1, -1, 0.9f, 0.37f, -1, 0.61f};
  const Frame rough = frame(r, blank(1), {flat(r, half, {1, 1, 1, 1})}),
              smooth = frame(r, blank(4), {flat(r, half, {1, 1, 1, 1})});
  std::set<int> roughValues, smoothValues;
  int64_t roughSum = 0, smoothSum = 0;
  for (uint32_t y = 0; y < kHeight; ++y)
    for (uint32_t x = 0; x < kWidth; ++x) {
      roughValues.insert(rough.at(x, y)[0]);
      smoothValues.insert(smooth.at(x, y)[0]);
      roughSum += rough.at(x, y)[0], smoothSum += smooth.at(x, y)[0];
    }
  EXPECT_EQ(roughValues, (std::set<int>{0, 255}));
  // quarters
  for (int value : smoothValues) EXPECT_LE(std::abs(value - std::lround(value / 63.75) * 63.75), 1.0) << value;
  EXPECT_GE(smoothValues.size(), 4u) << ::testing::PrintToString(smoothValues);
  // the triangle's area
  EXPECT_NEAR(double(smoothSum), 1.61 * 1.9 / 2 / 4 * kWidth * kHeight * 255, 0.01 * kWidth * kHeight * 255);
  EXPECT_NEAR(double(roughSum), double(smoothSum), 0.02 * kWidth * kHeight * 255);
}

}  // namespace
}  // namespace switchyard::test
