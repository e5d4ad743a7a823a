// What shaders read, on every Vulkan device found: textures, parameters, buffers, attributes, the viewport.
#include <cmath>
#include <cstring>

#include "pictures_fixture.h"

namespace switchyard::test {
namespace {

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

}  // namespace
}  // namespace switchyard::test
