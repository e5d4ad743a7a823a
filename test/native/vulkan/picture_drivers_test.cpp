// One picture by every Vulkan driver found: they differ by little.
#include "pictures_fixture.h"

namespace switchyard::test {
namespace {

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
