// What the tests of pictures on Vulkan have in common: frames, draws of flat rectangles and of the whole picture.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "program_fixture.h"

namespace switchyard::test {

inline constexpr uint32_t kWidth = 64, kHeight = 48;

using Rgba = std::array<int, 4>;

struct Frame {
  uint32_t width, height;
  std::vector<uint8_t> bytes;
  Rgba at(uint32_t x, uint32_t y) const {
    const uint8_t* p = &bytes[(size_t(y) * width + x) * 4];
    return {p[0], p[1], p[2], p[3]};
  }
};

inline int apart(const Rgba& a, const Rgba& b) {
  int most = 0;
  for (size_t i = 0; i < 4; ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

inline const std::string kFlat = R"(#version 450
layout(location = 0) in vec2 position;
layout(push_constant) uniform P { vec4 colour; };
layout(location = 0) out vec4 shade;
void main() { gl_Position = vec4(position, 0.0, 1.0); shade = colour; })";
inline const std::string kShade = R"(#version 450
layout(location = 0) in vec4 shade;
layout(location = 0) out vec4 result;
void main() { result = shade; })";
inline const std::string kWholePicture = R"(#version 450
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

inline void expectRectangle(const Frame& f, uint32_t x0, uint32_t y0, uint32_t x1, uint32_t y1, const Rgba& inside,
                            const Rgba& outside) {
  for (uint32_t y = 0; y < f.height; ++y)
    for (uint32_t x = 0; x < f.width; ++x) {
      const bool in = x >= x0 && x < x1 && y >= y0 && y < y1;
      ASSERT_LE(apart(f.at(x, y), in ? inside : outside), 0) << "pixel " << x << ", " << y;
    }
}

}  // namespace switchyard::test
