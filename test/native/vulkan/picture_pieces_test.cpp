// Pictures in pieces are those drawn whole, to the bit, on every Vulkan device found.
#include <atomic>

#include "pictures_fixture.h"

namespace switchyard::test {
namespace {

const std::string kTurns = R"(
layout(push_constant) uniform P { uint turns; };
void main() {
  float x = uv.x;
  for (uint i = 0u; i < turns; ++i) x = fract(x * 1.7 + uv.y);
  result = vec4(x, uv, 0.5);
})";

class PicturesInPieces : public PicturesOn {
 protected:
  // What is drawn with a flag that stops jobs, the first time and once it is known what it takes.
  void expectSame(Runner& r, const Picture& picture, const std::vector<Draw>& draws) {
    const Frame whole = frame(r, picture, draws);
    std::atomic<bool> stop = false;
    for (int round = 0; round < 2; ++round) {
      r.queue->setStopFlag(&stop);
      const Frame pieces = frame(r, picture, draws);
      r.queue->setStopFlag(nullptr);
      size_t unlike = 0;
      for (size_t i = 0; i < whole.bytes.size(); ++i) unlike += pieces.bytes[i] != whole.bytes[i];
      ASSERT_EQ(unlike, 0u) << "of " << whole.bytes.size() << " bytes, round " << round;
    }
  }
  Picture sized(uint32_t width, uint32_t height, uint32_t samples) {
    Picture picture = blank(samples, {0.1f, 0.2f, 0.3f, 1});
    picture.width = width, picture.height = height;
    return picture;
  }
  Draw turned(uint32_t turns, Blend blend = Blend::None) {
    Draw draw = whole(kTurns);
    draw.blend = blend;
    draw.params = paramsOf(turns);
    return draw;
  }
  Draw points(Runner& r, uint32_t vertices, uint32_t instances, bool flipped) {
    auto module = std::make_shared<ProgramModule>(*shaderOf(R"(#version 450
layout(location = 0) in vec2 position;
layout(push_constant) uniform P { vec2 sy_viewport; };
layout(location = 0) out vec4 shade;
void main() {
  gl_Position = vec4(position + float(gl_InstanceIndex) * vec2(0.03, -0.05), 0.0, 1.0);
  gl_PointSize = 3.0 + sy_viewport.x * 0.01;
  shade = vec4(fract(float(gl_VertexIndex) * 0.37), fract(float(gl_InstanceIndex) * 0.31), 0.7, 0.25);
})",
                                                            kShade));
    module->id[0] ^= flipped;
    module->info.flipY = flipped;
    Draw draw;
    draw.program = device->compile(ModulePtr(module));
    draw.primitive = Primitive::Points;
    draw.blend = Blend::Alpha;
    draw.vertices = vertices, draw.instances = instances;
    std::vector<float> at;
    for (uint32_t i = 0; i < vertices * 2; ++i) at.push_back(float((i * 7919u) % 2003u) / 1001.5f - 1);
    draw.attributes = {r.upload(at)};
    draw.params = paramsOf(std::array<float, 2>{});
    return draw;
  }
};

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PicturesInPieces);
INSTANTIATE_TEST_SUITE_P(Programs, PicturesInPieces, ::testing::ValuesIn(programDevices()), deviceTestName);

TEST_P(PicturesInPieces, Pixels) {
  Runner r(device);
  for (uint32_t samples : {1u, 4u}) {
    SCOPED_TRACE(samples);
    expectSame(r, sized(333, 217, samples), {turned(3000), turned(500, Blend::Additive)});
    expectSame(r, sized(2000, 3, samples), {turned(9000 + samples)});
  }
}

TEST_P(PicturesInPieces, PrimitivesInTheirOrder) {
  Runner r(device);
  for (uint32_t samples : {1u, 4u}) {
    SCOPED_TRACE(samples);
    expectSame(r, sized(200, 150, samples), {points(r, 1000, 7, false), points(r, 3, 2000, true), turned(2)});
    std::vector<float> ends;
    for (int i = 0; i < 4000; ++i) ends.push_back(float((i * 6007) % 1999) / 999.5f - 1);
    Draw lines = flat(r, ends, {1, 0.5f, 0, 0.3f}, Blend::Alpha), triangles = lines;
    lines.primitive = Primitive::Lines;
    triangles.vertices = 1998;
    expectSame(r, sized(311, 150, samples), {triangles, lines, triangles});
  }
}

TEST_P(PicturesInPieces, WhatShadersRead) {
  Runner r(device);
  Draw draw = whole(R"(
layout(set = 0, binding = 0) uniform sampler2D map;
layout(std430, binding = 1) readonly buffer Values { float values[]; };
layout(std140, binding = 2) uniform P { uint turns; };
void main() {
  vec4 sum = vec4(0);
  for (uint i = 0u; i < turns; ++i) sum += texture(map, fract(uv * float(i))) * values[i % 16u];
  result = vec4(fract(sum.rgb), 1.0);
})");
  Texture texture;
  texture.width = 64, texture.height = 32, texture.channels = 1;
  std::vector<uint8_t> texels(64 * 32);
  for (size_t i = 0; i < texels.size(); ++i) texels[i] = uint8_t(i * 37);
  std::vector<float> values(16);
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(i) * 0.21f;
  texture.texels = r.upload(texels);
  draw.textures = {texture};
  draw.buffers = {r.upload(values)};
  draw.params = paramsOf(std::array<uint32_t, 4>{200});
  draw.params.resize(draw.program->module->info.paramBytes);
  expectSame(r, sized(320, 200, 1), {draw, points(r, 500, 2, true), draw});
}

TEST_P(PicturesInPieces, OneThatIsStoppedIsNotDrawnToItsEnd) {
  Runner r(device);
  const Picture picture = [&] {
    Picture p = sized(640, 480, 4);
    p.out = r.allocate(640 * 480 * 4);
    return p;
  }();
  if (device->info.type != DeviceType::Cpu) GTEST_SKIP() << "what nobody knows is not cut there";
  std::atomic<bool> stop = true;
  r.queue->setStopFlag(&stop);
  EXPECT_EQ(refusal([&] { r.queue->draw(picture, std::vector<Draw>{turned(77)}); }, "canceled"), Code::Canceled);
  r.queue->discard();
  stop = false;
  r.queue->draw(picture, std::vector<Draw>{turned(77)});  // the queue goes on
  const auto drawn = r.read<uint8_t>(picture.out);
  r.queue->setStopFlag(nullptr);
  EXPECT_EQ(drawn == frame(r, picture, {turned(77)}).bytes, true);
}

TEST_P(PicturesInPieces, WhoMayNotWaitIsToldBeforeAnythingIsDrawn) {
  Runner r(device);
  if (device->info.type != DeviceType::Cpu) GTEST_SKIP() << "what nobody knows is not cut there";
  std::atomic<bool> stop = false;
  r.queue->setStopFlag(&stop);
  r.queue->setMayWait(false);
  Picture picture = sized(640, 480, 1);
  picture.out = r.allocate(640 * 480 * 4);
  EXPECT_THROW(r.queue->draw(picture, std::vector<Draw>{turned(78)}), MustWait);
  r.queue->discard();
  r.queue->setMayWait(true);
  r.queue->draw(picture, std::vector<Draw>{turned(78)});
  const auto drawn = r.read<uint8_t>(picture.out);
  r.queue->setStopFlag(nullptr);
  EXPECT_EQ(drawn == frame(r, picture, {turned(78)}).bytes, true);
}

}  // namespace
}  // namespace switchyard::test
