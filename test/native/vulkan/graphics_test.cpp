// Pictures on every Vulkan device found, against what they must be by arithmetic.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <thread>

#include "vulkan/queue.h"
#include "program_fixture.h"

namespace switchyard::test {
namespace {

constexpr uint32_t kWidth = 64, kHeight = 48;

using Rgba = std::array<int, 4>;

struct Frame {
  uint32_t width, height;
  std::vector<uint8_t> bytes;
  Rgba at(uint32_t x, uint32_t y) const {
    const uint8_t* p = &bytes[(size_t(y) * width + x) * 4];
    return {p[0], p[1], p[2], p[3]};
  }
};

int apart(const Rgba& a, const Rgba& b) {
  int most = 0;
  for (size_t i = 0; i < 4; ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

const std::string kFlat = R"(#version 450
layout(location = 0) in vec2 position;
layout(push_constant) uniform P { vec4 colour; };
layout(location = 0) out vec4 shade;
void main() { gl_Position = vec4(position, 0.0, 1.0); shade = colour; })";
const std::string kShade = R"(#version 450
layout(location = 0) in vec4 shade;
layout(location = 0) out vec4 result;
void main() { result = shade; })";
const std::string kWholePicture = R"(#version 450
layout(location = 0) out vec2 uv;
void main() {
  uv = vec2(gl_VertexIndex == 1 ? 2.0 : 0.0, gl_VertexIndex == 2 ? 2.0 : 0.0);
  gl_Position = vec4(uv * 2.0 - 1.0, 0.0, 1.0);
})";

class PicturesOn : public OnProgramDevice {
 protected:
  void SetUp() override {
    OnProgramDevice::SetUp();
    if (!device->info.features.graphics) GTEST_SKIP() << "the device draws no pictures";
  }
  Frame frame(Runner& r, Picture picture, const std::vector<Draw>& draws) {
    if (!picture.out) picture.out = r.allocate(uint64_t(picture.width) * picture.height * 4);
    r.queue->draw(picture, draws);
    return {picture.width, picture.height, r.read<uint8_t>(picture.out)};
  }
  static Picture blank(uint32_t samples = 1, std::array<float, 4> background = {0, 0, 0, 1}) {
    Picture picture;
    picture.width = kWidth, picture.height = kHeight, picture.samples = samples, picture.background = background;
    return picture;
  }
  template <class P>
  static std::vector<std::byte> paramsOf(const P& params) {
    const auto bytes = bytesOf(params);
    return {bytes.begin(), bytes.end()};
  }
  // A rectangle from pixel (x0, y0) to before (x1, y1), rows from the top.
  static std::vector<float> rectangle(float x0, float y0, float x1, float y1, bool flipped = false) {
    const float l = x0 / kWidth * 2 - 1, r = x1 / kWidth * 2 - 1, s = flipped ? -1.0f : 1.0f;
    const float t = (y0 / kHeight * 2 - 1) * s, b = (y1 / kHeight * 2 - 1) * s;
    return {l, t, r, t, r, b, l, t, r, b, l, b};
  }
  Draw flat(Runner& r, const std::vector<float>& positions, std::array<float, 4> colour, Blend blend = Blend::None) {
    Draw draw;
    draw.program = device->compile(shaderOf(kFlat, kShade));
    draw.blend = blend;
    draw.vertices = uint32_t(positions.size() / 2);
    draw.attributes = {r.upload(positions)};
    draw.params = paramsOf(colour);
    return draw;
  }
  Draw whole(const std::string& fragment) {
    Draw draw;
    draw.program = device->compile(
        shaderOf(kWholePicture,
                 "#version 450\nlayout(location = 0) in vec2 uv;\nlayout(location = 0) out vec4 result;\n" + fragment));
    draw.blend = Blend::None;
    draw.vertices = 3;
    return draw;
  }
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PicturesOn);
INSTANTIATE_TEST_SUITE_P(Programs, PicturesOn, ::testing::ValuesIn(programDevices()), programDeviceName);

void expectRectangle(const Frame& f, uint32_t x0, uint32_t y0, uint32_t x1, uint32_t y1, const Rgba& inside,
                     const Rgba& outside) {
  for (uint32_t y = 0; y < f.height; ++y)
    for (uint32_t x = 0; x < f.width; ++x) {
      const bool in = x >= x0 && x < x1 && y >= y0 && y < y1;
      ASSERT_LE(apart(f.at(x, y), in ? inside : outside), 0) << "pixel " << x << ", " << y;
    }
}

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

TEST_P(PicturesOn, TexturesOfEachFormat) {
  Runner r(device);
  const std::string fragment =
      "layout(set = 0, binding = 0) uniform sampler2D map;\nvoid main() { result = texture(map, uv); }";
  for (bool isFloat : {false, true})
    for (uint32_t channels : {1u, 2u, 4u}) {
      SCOPED_TRACE(std::to_string(channels) + (isFloat ? " floats" : " bytes"));
      Texture texture;
      texture.width = 4, texture.height = 2, texture.channels = channels, texture.isFloat = isFloat,
      texture.linear = false;
      std::vector<uint8_t> bytes;
      for (uint32_t i = 0; i < 8 * channels; ++i) bytes.push_back(uint8_t(i * 251 / 32 * 7));
      std::vector<float> floats;
      for (uint8_t b : bytes) floats.push_back(b / 255.0f);
      texture.texels = isFloat ? r.upload(floats) : r.upload(bytes);
      Draw draw = whole(fragment);
      draw.textures = {texture};
      const Frame f = frame(r, blank(), {draw});
      for (uint32_t y = 0; y < kHeight; ++y)
        for (uint32_t x = 0; x < kWidth; ++x) {
          const size_t texel = size_t(y * 2 / kHeight) * 4 + x * 4 / kWidth;
          Rgba expected{0, 0, 0, 255};
          for (uint32_t c = 0; c < channels; ++c) expected[c] = bytes[texel * channels + c];
          ASSERT_LE(apart(f.at(x, y), expected), 1) << x << ", " << y;
        }
    }
}

TEST_P(PicturesOn, LinearTexturesAndEdges) {
  Runner r(device);
  Draw draw = whole("layout(set = 0, binding = 3) uniform sampler2D map;\nvoid main() { result = texture(map, uv); }");
  Texture texture;
  texture.width = 2, texture.height = 1, texture.channels = 1;
  texture.texels = r.upload<uint8_t>({0, 255});
  draw.textures = {texture};
  const Frame f = frame(r, blank(), {draw});
  for (uint32_t x = 0; x < kWidth; ++x) {
    const double at = std::clamp((x + 0.5) / kWidth * 2 - 0.5, 0.0, 1.0);  // clamped to the edges
    EXPECT_NEAR(f.at(x, 7)[0], at * 255, 2) << x;
  }
  // Two draws with the same texels, and one with others, in one picture.
  Draw other = draw;
  other.textures[0].texels = r.upload<uint8_t>({255, 255});
  const Frame again = frame(r, blank(), {draw, draw, other});
  EXPECT_EQ(again.at(0, 0)[0], 255);
}

TEST_P(PicturesOn, UniformBlocksAndPushConstantsAlike) {
  Runner r(device);
  const std::string body = R"(
void main() { result = (values[1] + gains.x * uv.x + float(step_) * 0.25) * gains.y; })";
  Draw pushed = whole("layout(push_constant) uniform P { vec4 values[2]; vec2 gains; int step_; };" + body);
  Draw uniform =
      whole("layout(set = 0, binding = 0, std140) uniform P { vec4 values[2]; vec2 gains; int step_; };" + body);
  struct Params {
    float values[2][4] = {{9, 9, 9, 9}, {0.1f, 0.2f, 0.3f, 0.4f}};
    float gains[2] = {0.3f, 0.9f};
    int32_t step = 1;
  } params;
  std::vector<std::byte> bytes = paramsOf(params);
  bytes.resize(pushed.program->module->info.paramBytes);
  pushed.params = bytes;
  bytes.resize(uniform.program->module->info.paramBytes);
  uniform.params = bytes;
  const Frame a = frame(r, blank(), {pushed}), b = frame(r, blank(), {uniform});
  EXPECT_EQ(a.bytes, b.bytes);
  EXPECT_NEAR(a.at(32, 3)[0], (0.1 + 0.3 * 32.5 / 64 + 0.25) * 0.9 * 255, 1.01);
}

TEST_P(PicturesOn, InstancesReadBuffersInBothStages) {
  Runner r(device);
  Draw draw;
  draw.program = device->compile(shaderOf(R"(#version 450
layout(set = 0, binding = 0) readonly buffer Cells { vec4 cells[]; };  // x, y, w, h in pixels
layout(location = 0) flat out uint which;
void main() {
  vec4 cell = cells[gl_InstanceIndex];
  vec2 corner = vec2(gl_VertexIndex == 1 || gl_VertexIndex == 2 || gl_VertexIndex == 4,
                     gl_VertexIndex == 2 || gl_VertexIndex == 4 || gl_VertexIndex == 5);
  gl_Position = vec4((cell.xy + corner * cell.zw) / vec2(32.0, 24.0) - 1.0, 0.0, 1.0);
  which = gl_InstanceIndex;
})",
                                          R"(#version 450
layout(set = 0, binding = 1) readonly buffer Colours { vec4 colours[]; };
layout(location = 0) flat in uint which;
layout(location = 0) out vec4 result;
void main() { result = colours[which]; })"));
  draw.blend = Blend::None;
  draw.vertices = 6;
  draw.instances = 12;
  std::vector<float> cells, colours;
  for (int i = 0; i < 12; ++i) {
    for (float v : {float(i % 4 * 16 + 2), float(i / 4 * 16 + 1), 9.0f, 12.0f}) cells.push_back(v);
    for (float v : {float(i) * 20 / 255, 1 - float(i) * 10 / 255, 0.0f, 1.0f}) colours.push_back(v);
  }
  draw.buffers = {r.upload(cells), r.upload(colours)};
  const Frame f = frame(r, blank(), {draw});
  for (uint32_t y = 0; y < kHeight; ++y)
    for (uint32_t x = 0; x < kWidth; ++x) {
      const int i = int(y / 16 * 4 + x / 16), cx = int(x % 16) - 2, cy = int(y % 16) - 1;
      const bool in = cx >= 0 && cx < 9 && cy >= 0 && cy < 12;
      ASSERT_EQ(f.at(x, y), in ? (Rgba{i * 20, 255 - i * 10, 0, 255}) : (Rgba{0, 0, 0, 255})) << x << ", " << y;
    }
}

TEST_P(PicturesOn, AttributesOfEachKind) {
  Runner r(device);
  Draw draw;
  draw.program = device->compile(shaderOf(R"(#version 450
layout(location = 0) in mat2 turn;
layout(location = 2) in int steps;
layout(location = 3) in uvec3 parts;
layout(location = 5) in float gain;
layout(location = 6) in vec2 position;
layout(location = 0) out vec4 shade;
void main() {
  gl_Position = vec4(turn * position, 0.0, 1.0);
  shade = vec4(float(-steps), float(parts.y) * gain, float(parts.z), 255.0) / 255.0;
})",
                                          kShade));
  draw.blend = Blend::None;
  draw.vertices = 6;
  std::vector<float> turns, gains;
  std::vector<int32_t> steps;
  std::vector<uint32_t> parts;
  const auto positions = rectangle(10, 5, 31, 40);
  std::vector<float> swapped;
  for (size_t i = 0; i < 6; ++i) {
    for (float v : {0.0f, 1.0f, 1.0f, 0.0f}) turns.push_back(v);  // swaps x and y
    swapped.push_back(positions[i * 2 + 1]), swapped.push_back(positions[i * 2]);
    steps.push_back(-77), gains.push_back(0.5f);
    for (uint32_t v : {1u, 200u, 31u}) parts.push_back(v);
  }
  draw.attributes = {r.upload(turns), r.upload(steps), r.upload(parts), r.upload(gains), r.upload(swapped)};
  expectRectangle(frame(r, blank(), {draw}), 10, 5, 31, 40, {77, 100, 31, 255}, {0, 0, 0, 255});
}

TEST_P(PicturesOn, TheViewportIsFilledIn) {
  Runner r(device);
  Draw draw = whole(
      "layout(set = 0, binding = 0, std140) uniform P { float other; vec2 sy_viewport; };\n"
      "void main() { result = vec4(sy_viewport / 255.0, other, 1.0); }");
  draw.params.resize(draw.program->module->info.paramBytes);
  const float other = 1;
  std::memcpy(draw.params.data(), &other, 4);
  EXPECT_EQ(frame(r, blank(), {draw}).at(1, 1), (Rgba{int(kWidth), int(kHeight), 255, 255}));
}

TEST_P(PicturesOn, OneSubmissionOfPicturesAndKernels) {
  Runner r(device);
  auto fill = device->compile(kernelOf(R"(
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) buffer B { vec4 b[]; };
layout(push_constant) uniform P { float value; };
void main() { b[gl_GlobalInvocationID.x] = vec4(value); })"));
  auto sum = device->compile(kernelOf(R"(
layout(local_size_x = 1) in;
layout(set = 0, binding = 0) readonly buffer A { uint pixels[]; };
layout(set = 0, binding = 1) buffer B { uint total; };
layout(push_constant) uniform P { uint count; };
void main() { uint t = 0u; for (uint i = 0u; i < count; ++i) t += pixels[i] & 255u; total = t; })"));
  Draw draw = whole(
      "layout(set = 0, binding = 0) readonly buffer B { vec4 b[]; };\nvoid main() { result = b[int(gl_FragCoord.x)]; "
      "}");
  const BufferView row = r.allocate(kWidth * 16), out = r.allocate(kWidth * kHeight * 4), totals = r.allocate(3 * 256);
  draw.buffers = {row};
  Picture picture = blank();
  picture.out = out;
  for (uint32_t i = 0; i < 3; ++i) {  // each overwrites what the one before has read
    const ProgramView filled[] = {{row, true}}, summed[] = {{out, false}, {totals.slice(i * 256, 4), true}};
    r.queue->launch(fill, {1, 1, 1}, filled, bytesOf(float(i + 1) * 10 / 255));
    picture.samples = i == 1 ? 4 : 1;
    r.queue->draw(picture, std::span(&draw, 1));
    r.queue->launch(sum, {1, 1, 1}, summed, bytesOf(kWidth * kHeight));
  }
  const auto read = r.read<uint32_t>(totals);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_EQ(read[i * 64], (i + 1) * 10 * kWidth * kHeight) << i;
}

TEST_P(PicturesOn, NothingAroundThePictureIsWritten) {
  Runner r(device);
  const uint64_t bytes = kWidth * kHeight * 4;
  const BufferView slab = r.upload(std::vector<uint8_t>(bytes + 1024, 0xAB));
  Picture picture = blank(1, {1, 1, 1, 1});
  picture.out = slab.slice(512, bytes);
  r.queue->draw(picture, {});
  const auto after = r.read<uint8_t>(slab);
  for (size_t i = 0; i < after.size(); ++i) ASSERT_EQ(after[i], i >= 512 && i < 512 + bytes ? 255 : 0xAB) << i;
}

TEST_P(PicturesOn, OntoWrappedHostMemory) {
  std::vector<std::byte> memory((1 << 20) + 4096);
  auto aligned = std::span(memory).subspan(4096 - reinterpret_cast<uintptr_t>(memory.data()) % 4096, 1 << 20);
  auto wrapped = device->wrap(aligned);
  if (!wrapped) GTEST_SKIP() << "the device wraps no host memory";
  Runner r(device);
  Picture picture = blank(1, {0, 1, 0, 1});
  picture.width = picture.height = 512;
  picture.out = {wrapped.get(), 0, 1 << 20};
  r.queue->draw(picture, {});
  r.run();
  EXPECT_EQ(int(aligned[1]), 255);
  EXPECT_EQ(int(aligned[(1 << 20) - 3]), 255);
  EXPECT_EQ(int(aligned[(1 << 20) - 4]), 0);
}

TEST_P(PicturesOn, LimitsAreNamed) {
  Runner r(device);
  const BufferView out = r.allocate(64);
  auto drawn = [&](uint32_t width, uint32_t height, uint32_t samples) {
    Picture picture;
    picture.width = width, picture.height = height, picture.samples = samples, picture.out = out;
    return [&r, picture] { r.queue->draw(picture, {}); };
  };
  EXPECT_EQ(refusal(drawn(kMaxPictureExtent + 1, 1, 1), "8193"), Code::InvalidArgument);
  EXPECT_EQ(refusal(drawn(1, 0, 1), "1 x 0"), Code::InvalidArgument);
  EXPECT_EQ(refusal(drawn(1, 1, 3), "3"), Code::InvalidArgument);
  EXPECT_EQ(refusal(drawn(5, 5, 1), "larger than its target"), Code::Internal);
  Draw draw = flat(r, rectangle(0, 0, 9, 9), {1, 1, 1, 1});
  draw.vertices = 7;
  EXPECT_EQ(refusal([&] { frame(r, blank(), {draw}); }, "position"), Code::Internal);
  draw.vertices = 6;
  draw.attributes.clear();
  EXPECT_EQ(refusal([&] { frame(r, blank(), {draw}); }, "test"), Code::Internal);
  Draw kernel;
  kernel.program = device->compile(kernelOf("layout(local_size_x = 1) in;\nvoid main() {}"));
  kernel.vertices = 3;
  EXPECT_EQ(refusal([&] { frame(r, blank(), {kernel}); }, "another kind"), Code::Internal);
  expectRectangle(frame(r, blank(), {}), 0, 0, 0, 0, {}, {0, 0, 0, 255});  // and the queue goes on
}

TEST_P(PicturesOn, Large) {
  Runner r(device);
  Picture picture;
  picture.width = 3001, picture.height = 2003;
  Draw draw =
      whole("void main() { result = vec4(int(gl_FragCoord.x) % 256, int(gl_FragCoord.y) % 256, 255, 255) / 255.0; }");
  const Frame f = frame(r, picture, {draw});
  for (uint32_t y : {0u, 1u, 1000u, 2002u})
    for (uint32_t x : {0u, 1u, 255u, 256u, 2999u, 3000u})
      EXPECT_LE(apart(f.at(x, y), {int(x % 256), int(y % 256), 255, 255}), 1) << x << ", " << y;
}

// ---- below Device: memory, and a device that is lost

struct Parts {
  std::shared_ptr<vulkan::Gpu> gpu;
  std::shared_ptr<vulkan::Pipelines> pipelines;
  std::shared_ptr<vulkan::StagingPool> staging;
  std::shared_ptr<vulkan::Graphics> graphics;
  std::shared_ptr<vulkan::Completer> completer;
  std::unique_ptr<vulkan::GpuBuffer> out;
  std::unique_ptr<vulkan::GpuQueue> queue;

  explicit Parts(const DeviceInfo& info) {
    auto instance = vulkan::Instance::get();
    for (auto& physical : vulkan::inspectDevices(*instance))
      if (physical.info.id == info.id) gpu = std::make_shared<vulkan::Gpu>(instance, physical);
    pipelines = std::make_shared<vulkan::Pipelines>(gpu);
    staging = std::make_shared<vulkan::StagingPool>(gpu);
    graphics = std::make_shared<vulkan::Graphics>(gpu);
    completer = std::make_shared<vulkan::Completer>(gpu, pipelines, graphics);
    out = vulkan::GpuBuffer::allocate(gpu, 4 * kWidth * kHeight);
    queue = std::make_unique<vulkan::GpuQueue>(gpu, pipelines, staging, graphics, completer);
  }
  ~Parts() { queue.reset(); }
  std::shared_ptr<const Program> shader(const ModulePtr& module) {
    return std::make_shared<vulkan::GpuProgram>(gpu, pipelines, module);
  }
  void submit(std::atomic<int>& left) {
    queue->submit([&left](std::exception_ptr error, const QueueTimings&) {
      EXPECT_FALSE(error);
      --left;
    });
  }
};

TEST_P(PicturesOn, ManyFramesTakeNoMoreMemory) {
  Parts parts(device->info);
  auto program = parts.shader(shaderOf(kWholePicture, R"(#version 450
layout(set = 0, binding = 0) uniform sampler2D map;
layout(location = 0) in vec2 uv;
layout(location = 0) out vec4 result;
void main() { result = texture(map, uv); })"));
  auto texels = vulkan::GpuBuffer::allocate(parts.gpu, 64 * 64 * 4);
  Draw draw;
  draw.program = program;
  draw.vertices = 3;
  draw.textures = {{{texels.get(), 0, 64 * 64 * 4}, 64, 64}};
  Picture picture = blank(4);
  picture.out = {parts.out.get(), 0, 4 * kWidth * kHeight};
  uint64_t settled = 0;
  for (int i = 0; i < 200; ++i) {
    std::atomic<int> left{2};
    for (int twice = 0; twice < 2; ++twice) {  // two in flight
      parts.queue->draw(picture, std::span(&draw, 1));
      parts.submit(left);
    }
    while (left > 0) std::this_thread::yield();
    if (i == 20) settled = parts.gpu->allocatedBytes;
  }
  EXPECT_EQ(parts.gpu->allocatedBytes, settled);
  EXPECT_FALSE(parts.graphics->images.empty());
  if (GetParam().name.ends_with("clamped")) return;  // what follows takes seconds, and has nothing to do with bounds
  const auto start = std::chrono::steady_clock::now();
  while (!parts.graphics->images.empty() && std::chrono::steady_clock::now() - start < std::chrono::seconds(20))
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_TRUE(parts.graphics->images.empty()) << "an idle device keeps its images";
  EXPECT_LT(parts.gpu->allocatedBytes, settled);
}

TEST_P(PicturesOn, ALostDeviceSaysSo) {
  Parts parts(device->info);
  auto module = shaderOf(kFlat, kShade);
  Draw draw;
  draw.program = parts.shader(module);
  Picture picture = blank();
  picture.out = {parts.out.get(), 0, 4 * kWidth * kHeight};
  parts.gpu->markLost();
  EXPECT_EQ(refusal([&] { parts.queue->draw(picture, std::span(&draw, 1)); }, "lost"), Code::DeviceLost);
  EXPECT_EQ(refusal([&] { parts.shader(module); }, "lost"), Code::DeviceLost);
  EXPECT_EQ(refusal([&] { parts.shader(kernelOf("layout(local_size_x = 1) in;\nvoid main() {}")); }, "lost"),
            Code::DeviceLost);
}

// ---- drivers against each other

TEST(vulkan_drivers, DrawTheSame) {
  std::vector<std::shared_ptr<Device>> devices;
  for (const DeviceInfo& info : foundDevices().devices)
    if (info.backend == Backend::Vulkan && info.features.graphics) devices.push_back(openDevice(info.id));
  if (devices.size() < 2) GTEST_SKIP() << "one Vulkan driver only: VK_DRIVER_FILES names several";
  std::vector<std::vector<uint8_t>> frames;
  for (const auto& device : devices) {
    Runner r(device);
    Draw draw;
    draw.program = device->compile(shaderOf(R"(#version 450
layout(location = 0) in vec4 particle;
layout(location = 0) out vec4 shade;
void main() {
  gl_Position = vec4(particle.xy, 0.0, 1.0);
  gl_PointSize = particle.z;
  shade = vec4(particle.w, 1.0 - particle.w, 0.5, 0.7);
})",
                                            R"(#version 450
layout(location = 0) in vec4 shade;
layout(location = 0) out vec4 result;
void main() {
  float d = length(gl_PointCoord - 0.5) * 2.0;
  if (d > 1.0) discard;
  result = vec4(shade.rgb, shade.a * smoothstep(1.0, 0.6, d));
})"));
    draw.primitive = Primitive::Points;
    std::vector<float> particles;
    Random random(7);
    for (int i = 0; i < 200; ++i)
      for (double v : {random.uniform(-1, 1), random.uniform(-1, 1), random.uniform(3, 30), random.uniform(0, 1)})
        particles.push_back(float(v));
    draw.vertices = 200;
    draw.attributes = {r.upload(particles)};
    Picture picture;
    picture.width = 320, picture.height = 200;
    picture.out = r.allocate(320 * 200 * 4);
    r.queue->draw(picture, std::span(&draw, 1));
    frames.push_back(r.read<uint8_t>(picture.out));
  }
  for (size_t i = 1; i < frames.size(); ++i) {
    double sum = 0;
    size_t far = 0;
    for (size_t b = 0; b < frames[0].size(); ++b) {
      const int d = std::abs(frames[0][b] - frames[i][b]);
      sum += d;
      far += d > 8;
    }
    EXPECT_LT(sum / double(frames[0].size()), 0.5) << devices[i]->info.name;
    EXPECT_LT(double(far) / double(frames[0].size()), 0.005) << devices[i]->info.name;
  }
}

}  // namespace
}  // namespace switchyard::test
