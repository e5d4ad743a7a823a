// Where pictures go and what they take: targets, limits, images that are kept, a device that is lost.
#include <thread>

#include "pictures_fixture.h"
#include "vulkan/queue.h"

namespace switchyard::test {
namespace {

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

// Below Device: a queue with its parts.
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

}  // namespace
}  // namespace switchyard::test
