// Kernels of users on every Vulkan device found: parameters, order, limits, and what they can reach.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "program_fixture.h"

namespace switchyard::test {
namespace {

class KernelsOn : public OnProgramDevice {
 protected:
  std::shared_ptr<const Program> compile(const std::string& glsl) { return device->compile(kernelOf(glsl)); }
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KernelsOn);
INSTANTIATE_TEST_SUITE_P(Programs, KernelsOn, ::testing::ValuesIn(programDevices()), deviceTestName);

const char* const kScale = R"(
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) readonly buffer A { float a[]; };
layout(set = 0, binding = 1) writeonly buffer B { float b[]; };
layout(push_constant) uniform P { uint count; float factor; };
void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i < count) b[i] = a[i] * factor;
})";
struct ScaleParams {
  uint32_t count;
  float factor;
};

std::vector<float> ramp(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = float(i) - 3;
  return values;
}

TEST_P(KernelsOn, PushConstants) {
  Runner r(device);
  auto program = compile(kScale);
  EXPECT_GT(program->bytes, 0u);
  for (uint32_t n : {1u, 63u, 64u, 65u, 1009u, 100000u}) {
    const auto a = ramp(n);
    const BufferView in = r.upload(a), out = r.allocate(n * 4);
    const ProgramView views[] = {{in, false}, {out, true}};
    r.queue->fill(out, 0);
    r.queue->launch(program, {(n + 63) / 64, 1, 1}, views, bytesOf(ScaleParams{n, 2.5f}));
    const auto b = r.read<float>(out);
    for (uint32_t i = 0; i < n; ++i) ASSERT_EQ(b[i], a[i] * 2.5f) << i;
  }
}

TEST_P(KernelsOn, UniformBlocksOfEachLaunch) {
  Runner r(device);
  auto program = compile(R"(
layout(local_size_x = 1) in;
layout(set = 0, binding = 3) uniform P { uint at; vec4 values[500]; } p;
layout(set = 0, binding = 0) buffer B { float b[]; };
void main() { b[p.at] = p.values[p.at].y + p.values[499].w; })");
  ASSERT_TRUE(program->module->info.paramsAreUniform);
  struct Params {
    uint32_t at, pad[3];
    float values[500][4];
  };
  const BufferView out = r.allocate(300 * 4);
  const ProgramView views[] = {{out, true}};
  for (uint32_t i = 0; i < 300; ++i) {  // more than one staging block holds
    auto params = std::make_unique<Params>();
    params->at = i;
    params->values[i][1] = float(i);
    params->values[499][3] += 0.5f;
    r.queue->launch(program, {1, 1, 1}, views, bytesOf(*params));
  }
  const auto b = r.read<float>(out);
  for (uint32_t i = 0; i < 300; ++i) ASSERT_EQ(b[i], float(i) + 0.5f);
}

TEST_P(KernelsOn, SixteenBindings) {
  Runner r(device);
  std::string glsl = "layout(local_size_x = 1) in;\n", sum;
  for (int i = 0; i < 16; ++i) {
    const std::string n = std::to_string(i);
    glsl += "layout(set = 0, binding = " + n + ") buffer B" + n + " { uint b" + n + "[]; };\n";
    if (i) sum += (i > 1 ? " + b" : "b") + n + "[0]";
  }
  auto program = compile(glsl + "void main() { b0[0] = " + sum + "; }");
  std::vector<ProgramView> views;
  for (uint32_t i = 0; i < 16; ++i) views.push_back({r.upload<uint32_t>({i}), i == 0});
  r.queue->launch(program, {1, 1, 1}, views, {});
  EXPECT_EQ(r.read<uint32_t>(views[0].view)[0], 120u);
}

TEST_P(KernelsOn, LaunchesSeeWhatCameBefore) {
  Runner r(device);
  auto add = compile(R"(
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) buffer B { uint b[]; };
void main() { b[gl_GlobalInvocationID.x] = b[gl_GlobalInvocationID.x] * 3 + b[(gl_GlobalInvocationID.x) ^ 0u] + 1; })");
  const BufferView view = r.upload(std::vector<uint32_t>(6400, 1));
  const ProgramView views[] = {{view, true}};
  uint32_t expected = 1;
  for (int i = 0; i < 12; ++i) {
    r.queue->launch(add, {100, 1, 1}, views, {});
    expected = expected * 4 + 1;
  }
  for (uint32_t value : r.read<uint32_t>(view)) ASSERT_EQ(value, expected);
}

TEST_P(KernelsOn, ManyLaunchesInASubmission) {  // more than a descriptor pool has sets
  Runner r(device);
  auto program = compile(kScale);
  std::vector<BufferView> links{r.upload(std::vector<float>{1.0f})};
  for (int i = 0; i < 8; ++i) links.push_back(r.allocate(4));
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 1200; ++i) {
      const ProgramView views[] = {{links[size_t(i % 8)], false}, {links[size_t(i % 8 + 1)], true}};
      r.queue->launch(program, {1, 1, 1}, views, bytesOf(ScaleParams{1, 2}));
    }
    EXPECT_EQ(r.read<float>(links[8])[0], 256.0f);
  }
}

TEST_P(KernelsOn, OneObjectForAModule) {
  auto module = kernelOf(kScale);
  auto first = device->compile(module);
  EXPECT_EQ(device->compile(std::make_shared<ProgramModule>(*module)), first);
  std::vector<std::thread> threads;
  std::atomic<int> same{0};
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { same += device->compile(module) == first; });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(same, 4);
  std::weak_ptr<const Program> gone = first;
  first.reset();
  EXPECT_TRUE(gone.expired());
  EXPECT_TRUE(device->compile(module));
}

TEST_P(KernelsOn, AProgramMayGoOnceItIsLaunched) {
  Runner r(device);
  const BufferView in = r.upload(ramp(64)), out = r.allocate(256);
  std::weak_ptr<const Program> gone;
  {
    auto program = compile(kScale);
    gone = program;
    const ProgramView views[] = {{in, false}, {out, true}};
    r.queue->launch(program, {1, 1, 1}, views, bytesOf(ScaleParams{64, 1}));
  }
  EXPECT_FALSE(gone.expired());
  EXPECT_EQ(r.read<float>(out), ramp(64));
  r.queue->fill(out, 0);
  r.run();
  EXPECT_TRUE(gone.expired());
}

TEST_P(KernelsOn, LimitsAreNamed) {
  Runner r(device);
  auto program = compile(kScale);
  const BufferView view = r.allocate(256), small = r.allocate(0);
  const ProgramView views[] = {{view, false}, {view, true}}, tiny[] = {{view, false}, {small, true}};
  auto launch = [&](Extent groups, std::span<const ProgramView> with) {
    return [&, groups, with] { r.queue->launch(program, groups, with, bytesOf(ScaleParams{1, 1})); };
  };
  EXPECT_EQ(refusal(launch({1, ~0u, 1}, views), "along y"), Code::InvalidArgument);
  EXPECT_EQ(refusal(launch({1, 1, ~0u}, views), "4294967295"), Code::InvalidArgument);
  EXPECT_EQ(refusal(launch({1, 1, 1}, tiny), "\"b\""), Code::InvalidArgument);
  EXPECT_EQ(refusal(launch({1, 1, 1}, std::span(views, 1)), "test"), Code::Internal);
  EXPECT_NO_THROW(launch({0, 1, 1}, views)());
  auto wide = std::make_shared<ProgramModule>(*kernelOf(kScale));
  wide->id[0] ^= 1;
  wide->info.groupSize = {1 << 20, 1, 1};
  EXPECT_EQ(refusal([&] { device->compile(wide); }, "threads along x"), Code::Unsupported);
  auto deep = std::make_shared<ProgramModule>(*kernelOf(kScale));
  deep->id[0] ^= 2;
  deep->info.bindings[0].set = 9;
  EXPECT_EQ(refusal([&] { device->compile(deep); }, "set"), Code::Unsupported);
  auto full = std::make_shared<ProgramModule>(*kernelOf(kScale));
  full->id[0] ^= 3;
  full->info.sharedBytes = 1 << 30;
  EXPECT_EQ(refusal([&] { device->compile(full); }, "1073741824 bytes of shared variables"), Code::Unsupported);
  auto none = std::make_shared<ProgramModule>();
  EXPECT_EQ(refusal([&] { device->compile(none); }, "SPIR-V"), Code::Unsupported);
}

TEST_P(KernelsOn, CapabilitiesTheDeviceLacks) {
  auto module = std::make_shared<ProgramModule>(*kernelOf(kScale));
  module->id[0] ^= 4;
  auto& words = module->compute;
  words.insert(words.begin() + 5, {2u << 16 | 17u, 5u});  // OpCapability, of a Kernel of OpenCL's Addresses kind
  EXPECT_EQ(refusal([&] { device->compile(module); }, "capability 5"), Code::Unsupported);
}

TEST_P(KernelsOn, SixteenBitsWhereTheDeviceHasThem) {
  const std::string glsl = R"(
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
layout(local_size_x = 1) in;
layout(set = 0, binding = 0) buffer B { float16_t b[]; };
void main() { b[gl_GlobalInvocationID.x] *= float16_t(2); })";
  if (!device->info.features.float16) {
    EXPECT_EQ(refusal([&] { compile(glsl); }, "16"), Code::Unsupported);
    return;
  }
  Runner r(device);
  const BufferView view = r.upload<uint16_t>({0x3C00, 0x4200, 0x3800});  // 1, 3, 0.5
  const ProgramView views[] = {{view, true}};
  r.queue->launch(compile(glsl), {3, 1, 1}, views, {});
  EXPECT_EQ(r.read<uint16_t>(view), (std::vector<uint16_t>{0x4000, 0x4600, 0x3C00}));
}

// ---- what a kernel can reach

constexpr uint32_t kGuard = 0xAAAAAAAA, kSecret = 0x5EC7E700, kOwn = 0x11111111;

// Reads and writes at `index` of a view in the middle of a slab, with secrets on both sides of it.
TEST_P(KernelsOn, NothingPastItsViewIsReadOrWritten) {
  Runner r(device);
  auto program = compile(R"(
layout(local_size_x = 1) in;
layout(set = 0, binding = 0) buffer A { uint a[]; };
layout(set = 0, binding = 1) buffer B { uint b[]; };
layout(push_constant) uniform P { uint index; uint value; };
void main() {
  b[gl_GlobalInvocationID.x] = a[index + gl_GlobalInvocationID.x];
  a[index + gl_GlobalInvocationID.x] = value;
  atomicAdd(a[index + gl_GlobalInvocationID.x], 1u);
})");
  struct Params {
    uint32_t index, value;
  };
  constexpr uint32_t kSlabWords = 1 << 16, kFirst = 1 << 14, kThreads = 16;
  const uint32_t indices[] = {
      100,        101,      127,         128,        4096,        kSlabWords - kFirst - kThreads,
      kSlabWords, 1u << 20, 1u << 28,    1u << 30,   3u << 30,    0u - 1,
      0u - 16,    0u - 64,  0u - kFirst, 0x7FFFFFFF, 0x80000000u, 0xC0000000u - kFirst,
      ~0u - 100};
  for (uint32_t words : {100u, 64u, 1u}) {
    for (uint32_t index : indices) {
      SCOPED_TRACE("view of " + std::to_string(words) + " words, index " + std::to_string(index));
      std::vector<uint32_t> before(kSlabWords);
      for (uint32_t i = 0; i < kSlabWords; ++i) before[i] = kSecret + i % 251;
      for (uint32_t i = 0; i < words; ++i) before[kFirst + i] = kOwn;
      const BufferView slab = r.upload(before), out = r.upload(std::vector<uint32_t>(kThreads, kGuard));
      const ProgramView views[] = {{slab.slice(kFirst * 4, words * 4), true}, {out, true}};
      r.queue->launch(program, {kThreads, 1, 1}, views, bytesOf(Params{index, 0xBAD0BAD0}));
      std::vector<uint32_t> after(kSlabWords);
      r.queue->download(std::as_writable_bytes(std::span(after)), slab);
      const auto seen = r.read<uint32_t>(out);
      if (GetParam().name.ends_with("clamped")) {
        EXPECT_TRUE(after[kFirst] != kOwn || after[kFirst + words - 1] != kOwn) << "the indices were not clamped";
      }
      for (uint32_t i = 0; i < kSlabWords; ++i)
        if (i < kFirst || i >= kFirst + words) {
          ASSERT_EQ(after[i], before[i]) << "a neighbour's word " << int64_t(i) - kFirst;
        }
      for (uint32_t i = 0; i < kThreads; ++i) {
        const bool own = seen[i] == 0 || seen[i] == kOwn || (seen[i] & 0xFFFFFF00) == 0xBAD0BA00;
        ASSERT_TRUE(own) << "read " << std::hex << seen[i] << " of a neighbour";
      }
    }
  }
}

// Structs, vectors and fixed arrays have their own ways to be left.
TEST_P(KernelsOn, NothingPastItsStructsAndVectors) {
  Runner r(device);
  auto program = compile(R"(
layout(local_size_x = 1) in;
struct Item { vec4 v; uint tags[4]; };
layout(set = 0, binding = 0) buffer A { uint head[8]; Item items[]; };
layout(set = 0, binding = 1) buffer B { uint b[]; };
layout(push_constant) uniform P { uint index; };
void main() {
  b[0] = head[index];
  b[1] = items[index].tags[index & 3u];
  b[2] = floatBitsToUint(items[index].v[index & 3u]);
  b[3] = items[1].tags[index];
  head[index] = 7u;
  items[index].tags[index & 3u] = 7u;
  items[index].v = vec4(uintBitsToFloat(7u));
  items[0].tags[index] = 7u;
})");
  constexpr uint32_t kSlabWords = 1 << 14, kFirst = 1 << 12, kWords = 8 + 3 * 8;
  for (uint32_t index : {3u, 8u, 100u, 5000u, 1u << 26, 1u << 27, 1u << 29, 0u - 1, 0u - 200, 0u - kFirst / 8}) {
    SCOPED_TRACE("index " + std::to_string(index));
    std::vector<uint32_t> before(kSlabWords, kSecret);
    for (uint32_t i = 0; i < kWords; ++i) before[kFirst + i] = kOwn;
    const BufferView slab = r.upload(before), out = r.upload(std::vector<uint32_t>(4, kGuard));
    const ProgramView views[] = {{slab.slice(kFirst * 4, kWords * 4), true}, {out, true}};
    r.queue->launch(program, {1, 1, 1}, views, bytesOf(index));
    std::vector<uint32_t> after(kSlabWords);
    r.queue->download(std::as_writable_bytes(std::span(after)), slab);
    for (uint32_t value : r.read<uint32_t>(out))
      ASSERT_TRUE(value == 0 || value == 7 || value == kOwn) << std::hex << value;
    for (uint32_t i = 0; i < kSlabWords; ++i)
      if (i < kFirst || i >= kFirst + kWords) {
        ASSERT_EQ(after[i], kSecret) << "word " << int64_t(i) - kFirst;
      }
  }
}

// On a software driver they lie in this process.
TEST_P(KernelsOn, SharedVariablesHaveEdgesToo) {
  if (device->info.type != DeviceType::Cpu) GTEST_SKIP() << "a card's own: not memory that others have";
  Runner r(device);
  auto program = compile(R"(
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) buffer B { uint b[]; };
shared uint s[64];
layout(push_constant) uniform P { uint index; };
void main() {
  const uint i = gl_LocalInvocationID.x;
  s[i] = i + 1;
  barrier();
  s[i * index] = 7;
  atomicAdd(s[i * index + 3], 1u);
  barrier();
  b[i] = s[i * index + 1];
})");
  const BufferView out = r.allocate(64 * 4);
  const ProgramView views[] = {{out, true}};
  for (uint32_t index : {1u, 64u, 1u << 20, 100000000u, 1u << 30, ~0u}) {
    r.queue->launch(program, {4, 1, 1}, views, bytesOf(index));
    for (uint32_t value : r.read<uint32_t>(out)) EXPECT_LE(value, 7u + 64 * 4) << index;
  }
}

TEST_P(KernelsOn, TheUniformBlockHasEdgesToo) {
  Runner r(device);
  auto program = compile(R"(
layout(local_size_x = 1) in;
layout(set = 0, binding = 1) uniform P { uint at; uvec4 values[4]; } p;
layout(set = 0, binding = 0) buffer B { uint b[]; };
void main() { b[0] = p.values[p.at].x; })");
  struct Params {
    uint32_t at, pad[3], values[4][4];
  };
  Params secret{};
  for (auto& row : secret.values) std::fill(row, row + 4, kSecret);
  Params own{};
  const BufferView out = r.allocate(4), aside = r.allocate(4);
  // the pieces of other launches lie 256 bytes apart
  for (uint32_t at : {4u, 16u, 17u, 20u, 0u - 16, 0u - 12, 1u << 28}) {
    own.at = at;
    const ProgramView to[] = {{out, true}}, toAside[] = {{aside, true}};
    r.queue->launch(program, {1, 1, 1}, toAside, bytesOf(secret));
    r.queue->launch(program, {1, 1, 1}, to, bytesOf(own));
    r.queue->launch(program, {1, 1, 1}, toAside, bytesOf(secret));
    EXPECT_EQ(r.read<uint32_t>(out)[0], 0u) << at;
  }
}

}  // namespace
}  // namespace switchyard::test
