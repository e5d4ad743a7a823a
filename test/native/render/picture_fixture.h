// What the tests of scenes have in common: the devices that draw, a drawn picture, and differences of pixels.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "harness.h"
#include "render/colours.h"

namespace switchyard::test {

struct Image {
  uint32_t width = 0, height = 0;
  std::vector<std::byte> bytes;
  std::array<int, 4> at(double x, double y) const {
    std::array<int, 4> pixel{};
    for (size_t c = 0; c < 4; ++c) pixel[c] = int(bytes[(size_t(y) * width + size_t(x)) * 4 + c]);
    return pixel;
  }
};

// The largest difference of a pixel from a colour in one channel, of 255.
inline int difference(const std::array<int, 4>& pixel, const render::Colour& colour) {
  const uint32_t packed = colour.packed();
  int most = 0;
  for (int c = 0; c < 3; ++c) most = std::max(most, std::abs(pixel[c] - int(packed >> (8 * c) & 255)));
  return most;
}

// How many pixels of two pictures of one size differ by more than 2 of 255 in any channel.
inline size_t pixelsApart(const Image& a, const Image& b) {
  EXPECT_EQ(a.bytes.size(), b.bytes.size());
  size_t apart = 0;
  for (size_t i = 0; i < std::min(a.bytes.size(), b.bytes.size()); i += 4) {
    int most = 0;
    for (size_t c = 0; c < 4; ++c) most = std::max(most, std::abs(int(a.bytes[i + c]) - int(b.bytes[i + c])));
    apart += most > 2;
  }
  return apart;
}

inline std::vector<TestDevice> drawingDevices() {
  std::vector<TestDevice> devices;
  for (const DeviceInfo& info : foundDevices().devices)
    if (info.features.graphics) devices.push_back({info.id, info.id, [id = info.id] { return openDevice(id); }});
  return devices;
}

inline std::string drawingDeviceName(const ::testing::TestParamInfo<TestDevice>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), ':', '_');
  return name;
}

// The picture that a finished job has drawn.
inline Image pictureOf(const Job& job) {
  const HostTensor out = outputsOf(job)[0];
  return {uint32_t(out.shape()[1]), uint32_t(out.shape()[0]), out.bytes};
}

// A test on one device that draws. Each suite of such tests is instantiated once, with drawingDevices().
class OnDrawingDevice : public ::testing::TestWithParam<TestDevice> {
 protected:
  Context& context() { return contextOf(GetParam()); }
};

}  // namespace switchyard::test
