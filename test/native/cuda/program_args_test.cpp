// What a launch of a user's kernel on CUDA passes: needs no card, no driver and no toolkit.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "src/cuda/program_args.h"

namespace switchyard::test {
namespace {

using namespace switchyard::cuda;

constexpr uint32_t kThreads = 1024;

// Parameters of the block "v0", "v1", ... at the given offsets; bindings "b0", "b1", ...
ProgramModule kernel(const std::vector<CudaParam>& arguments, size_t bindings, const std::vector<uint32_t>& offsets,
                     uint32_t paramBytes) {
  ProgramModule module;
  module.info.name = "test";
  module.info.groupSize = {256, 1, 1};
  module.info.paramBytes = paramBytes;
  for (size_t i = 0; i < bindings; ++i) module.info.bindings.push_back({.name = "b" + std::to_string(i)});
  for (size_t i = 0; i < offsets.size(); ++i) {
    module.info.params.push_back({.name = "v" + std::to_string(i), .offset = offsets[i]});
    module.cuda.values.push_back({.name = "v" + std::to_string(i), .offset = uint32_t(8 * i)});
  }
  module.cuda.entry = "test";
  module.cuda.params = arguments;
  return module;
}

ProgramPlan shaped(Extent groupSize, Extent demanded, uint32_t maxThreads = kThreads) {
  ProgramModule module = kernel({}, 0, {}, 0);
  module.info.groupSize = groupSize;
  module.cuda.blockSize = demanded;
  return planProgram(module, {maxThreads});
}

template <class Call>
Error errorOf(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return Error(Code::Closed, "nothing was thrown");
}

std::byte* address(size_t i) { return reinterpret_cast<std::byte*>(0x7F0000000000 + 256 * i); }

std::byte* pointerAt(ProgramArguments& arguments, size_t i) {
  std::byte* value;
  std::memcpy(&value, arguments.pointers()[i], sizeof value);
  return value;
}

uint32_t wordAt(ProgramArguments& arguments, size_t i) {
  uint32_t value;
  std::memcpy(&value, arguments.pointers()[i], sizeof value);
  return value;
}

TEST(CudaProgram, EveryOrderOfBuffersAndValues) {
  // Up to 8 parameters: bit i says whether parameter i is a buffer. The block has a gap after each value, as std140
  // may.
  for (uint32_t count = 0; count <= 8; ++count)
    for (uint32_t mask = 0; mask < 1u << count; ++mask) {
      std::vector<CudaParam> list;
      std::vector<uint32_t> offsets;
      uint32_t bindings = 0;
      for (uint32_t i = 0; i < count; ++i) {
        if (mask >> i & 1)
          list.push_back({true, bindings++});
        else
          list.push_back({false, uint32_t(offsets.size())}), offsets.push_back(8 + 12 * uint32_t(offsets.size()));
      }
      const uint32_t bytes = 8 + 12 * uint32_t(offsets.size());
      const ProgramPlan plan = planProgram(kernel(list, bindings, offsets, bytes), {kThreads});
      std::vector<std::byte> block(bytes + 1, std::byte{0xEE});
      const std::span<std::byte> params(block.data() + 1, bytes);  // not aligned to anything
      for (uint32_t i = 0; i < offsets.size(); ++i) {
        const uint32_t word = 0xA0000000 + i;
        std::memcpy(&params[offsets[i]], &word, sizeof word);
      }
      std::vector<std::byte*> addresses;
      for (uint32_t i = 0; i < bindings; ++i) addresses.push_back(address(i));
      ProgramArguments arguments(plan, addresses, params);
      for (uint32_t i = 0, buffer = 0, value = 0; i < count; ++i) {
        if (mask >> i & 1)
          ASSERT_EQ(pointerAt(arguments, i), address(buffer++))
              << count << " parameters, mask " << mask << ", parameter " << i;
        else
          ASSERT_EQ(wordAt(arguments, i), 0xA0000000 + value++)
              << count << " parameters, mask " << mask << ", parameter " << i;
      }
    }
}

TEST(CudaProgram, OrderOfTheSourceIsNotThatOfTheBlock) {
  // __global__ void test(float v2, T* b1, uint v0, T* b0, int v1), the block of its GLSL being { v1, v0, pad, v2 }.
  const ProgramModule module = kernel({{false, 2}, {true, 1}, {false, 0}, {true, 0}, {false, 1}}, 2, {4, 0, 12}, 16);
  const ProgramPlan plan = planProgram(module, {kThreads});
  const uint32_t words[4] = {0xFFFFFFFF, 7, 0xDDDDDDDD, 0x3F800000};
  std::byte* const addresses[] = {address(0), address(1)};
  ProgramArguments arguments(plan, addresses, std::as_bytes(std::span(words)));
  EXPECT_EQ(wordAt(arguments, 0), 0x3F800000u);
  EXPECT_EQ(pointerAt(arguments, 1), address(1));
  EXPECT_EQ(wordAt(arguments, 2), 7u);
  EXPECT_EQ(pointerAt(arguments, 3), address(0));
  EXPECT_EQ(wordAt(arguments, 4), 0xFFFFFFFFu);
}

TEST(CudaProgram, MostParametersAndOneMore) {
  std::vector<CudaParam> list;
  std::vector<uint32_t> offsets;
  for (uint32_t i = 0; i < kMaxProgramArguments; ++i)
    list.push_back({false, i}), offsets.push_back(4 * (kMaxProgramArguments - 1 - i));
  const ProgramPlan plan = planProgram(kernel(list, 0, offsets, 4 * kMaxProgramArguments), {kThreads});
  std::vector<uint32_t> words(kMaxProgramArguments);
  for (uint32_t i = 0; i < words.size(); ++i) words[i] = i;
  ProgramArguments arguments(plan, {}, std::as_bytes(std::span(words)));
  for (uint32_t i = 0; i < kMaxProgramArguments; ++i) EXPECT_EQ(wordAt(arguments, i), kMaxProgramArguments - 1 - i);
  list.push_back({false, 0});
  const Error error = errorOf([&] { planProgram(kernel(list, 0, offsets, 4 * kMaxProgramArguments), {kThreads}); });
  EXPECT_EQ(error.code, Code::Compile) << error.what();
}

TEST(CudaProgram, ModulesThatContradictThemselves) {
  const auto refused = [](const ProgramModule& module) {
    return errorOf([&] { planProgram(module, {kThreads}); }).code == Code::Internal;
  };
  EXPECT_TRUE(refused(kernel({{true, 1}}, 1, {}, 0))) << "a binding that is not there";
  EXPECT_TRUE(refused(kernel({{false, 1}}, 0, {0}, 4))) << "a value that is not there";
  EXPECT_TRUE(refused(kernel({{false, 0}}, 0, {4}, 4))) << "past the block";
  EXPECT_TRUE(refused(kernel({{false, 0}}, 0, {0}, 3))) << "a block of 3 bytes";
  EXPECT_TRUE(refused(kernel({{false, 0}}, 0, {0xFFFFFFFE}, 16))) << "an offset that wraps around";
  EXPECT_FALSE(refused(kernel({{false, 0}}, 0, {12}, 16)));
  ProgramModule renamed = kernel({{false, 0}}, 0, {0}, 4);
  renamed.info.params[0].name = "other";
  EXPECT_TRUE(refused(renamed)) << "a name that the block does not have";
  ProgramModule vector = kernel({{false, 0}}, 0, {0}, 16);
  vector.info.params[0].rows = 4;
  EXPECT_TRUE(refused(vector)) << "a vector";
  ProgramModule empty = kernel({}, 0, {}, 0);
  empty.info.groupSize = {8, 0, 1};
  EXPECT_TRUE(refused(empty)) << "groups of no threads";
}

TEST(CudaProgram, BlocksAreTheGroupsUnlessTheSourceDemandsOthers) {
  EXPECT_EQ(shapeOf(shaped({256, 1, 1}, {0, 0, 0}), {5, 2, 3}).block, (Extent{256, 1, 1}));
  EXPECT_EQ(shapeOf(shaped({256, 1, 1}, {0, 0, 0}), {5, 2, 3}).grid, (Extent{5, 2, 3}));
  EXPECT_EQ(shapeOf(shaped({16, 8, 2}, {0, 0, 0}), {5, 2, 3}).block, (Extent{16, 8, 2}));
  // 5 x 64 threads in blocks of 128, 2 x 3 in ones of 4, 3 x 1 alone.
  const LaunchShape other = shapeOf(shaped({64, 3, 1}, {128, 4, 1}), {5, 2, 3});
  EXPECT_EQ(other.block, (Extent{128, 4, 1}));
  EXPECT_EQ(other.grid, (Extent{3, 2, 3}));
}

TEST(CudaProgram, EveryThreadIsCoveredAndLessThanABlockIsLeftOver) {
  std::mt19937 random(4711);
  for (int round = 0; round < 20000; ++round) {
    const auto any = [&](uint32_t most) { return uint32_t(1 + random() % most); };
    const Extent groupSize{any(64), any(4), any(4)}, demanded{any(64), any(8), any(2)},
        groups{any(3000), any(300), any(30)};
    const LaunchShape shape = shapeOf(shaped(groupSize, round % 4 ? demanded : Extent{0, 0, 0}), groups);
    for (size_t axis = 0; axis < 3; ++axis) {
      const uint64_t wanted = uint64_t{groups[axis]} * groupSize[axis],
                     got = uint64_t{shape.grid[axis]} * shape.block[axis];
      ASSERT_GE(got, wanted) << "round " << round << ", axis " << axis;
      ASSERT_LT(got - wanted, shape.block[axis]) << "round " << round << ", axis " << axis;
    }
  }
}

TEST(CudaProgram, LimitsOfAGrid) {
  const ProgramPlan plan = shaped({64, 1, 1}, {0, 0, 0});
  EXPECT_EQ(shapeOf(plan, {0x7FFFFFFF, 65535, 65535}).grid, (Extent{0x7FFFFFFF, 65535, 65535}));
  const std::pair<Extent, const char*> cases[] = {
      {{0x80000000, 1, 1}, "2147483648 groups along x, but on CUDA a launch has at most 2147483647"},
      {{1, 65536, 1}, "65536 groups along y, but on CUDA a launch has at most 65535"},
      {{1, 1, 0xFFFFFFFF}, "4294967295 groups along z, but on CUDA a launch has at most 65535"}};
  for (const auto& [groups, words] : cases) {
    const Error error = errorOf([&] { shapeOf(plan, groups); });
    EXPECT_EQ(error.code, Code::InvalidArgument);
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
  // Counted in 64 bits: 2^32 - 1 groups of 1024 are more threads than 32 bits hold, and too many blocks of 1.
  EXPECT_EQ(shapeOf(shaped({1, 1024, 1}, {1, 1, 1}), {1, 63, 1}).grid, (Extent{1, 64512, 1}));
  const Error error = errorOf([&] { shapeOf(shaped({1024, 1, 1}, {1, 1, 1}), {0xFFFFFFFF, 1, 1}); });
  EXPECT_NE(std::string(error.what()).find("4398046510080 groups along x"), std::string::npos) << error.what();
  // And fewer blocks than groups may well fit.
  EXPECT_EQ(shapeOf(shaped({1, 1, 1}, {1024, 1, 1}), {0xFFFFFFFF, 1, 1}).grid, (Extent{4194304, 1, 1}));
}

TEST(CudaProgram, LimitsOfABlock) {
  EXPECT_EQ(shapeOf(shaped({16, 1, 64}, {0, 0, 0}), {1, 1, 1}).block, (Extent{16, 1, 64}));
  const std::pair<Extent, const char*> cases[] = {
      {{2048, 1, 1}, "at most 1024 along x"},
      {{1, 2048, 1}, "at most 1024 along y"},
      {{1, 1, 65}, "at most 64 along z"},
      {{1 << 22, 1 << 21, 1 << 21}, "at most 1024 along x"},
      {{33, 32, 1}, "1056 threads, but a block of this kernel has at most 1024"}};
  for (const auto& [size, words] : cases)
    for (const ProgramPlan& plan : {shaped(size, {0, 0, 0}), shaped({64, 1, 1}, size)}) {
      const Error error = errorOf([&] { shapeOf(plan, {1, 1, 1}); });
      EXPECT_EQ(error.code, Code::InvalidArgument);
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  // What the card says of this kernel, which may be less.
  EXPECT_EQ(shapeOf(shaped({100, 1, 1}, {0, 0, 0}, 100), {1, 1, 1}).block, (Extent{100, 1, 1}));
  const Error error = errorOf([&] { shapeOf(shaped({101, 1, 1}, {0, 0, 0}, 100), {1, 1, 1}); });
  EXPECT_NE(std::string(error.what()).find("101 threads, but a block of this kernel has at most 100"),
            std::string::npos)
      << error.what();
}

TEST(CudaProgram, SharedMemory) {
  ProgramModule module = kernel({}, 0, {}, 0);
  const auto planned = [&](uint32_t wanted, uint64_t own, uint64_t most) {
    module.cuda.sharedBytes = wanted;
    return planProgram(module, {.maxThreads = kThreads, .staticBytes = own, .sharedBytes = most});
  };
  EXPECT_EQ(planned(0, 1 << 20, 0).sharedBytes, 0u);  // what the code has by itself the compiler has answered for
  EXPECT_EQ(planned(48 << 10, 0, 99 << 10).sharedBytes, 48u << 10);
  EXPECT_EQ(planned(90 << 10, 9 << 10, 99 << 10).sharedBytes, 90u << 10);
  const Error error = errorOf([&] { planned(90 << 10, (9 << 10) + 1, 99 << 10); });
  EXPECT_EQ(error.code, Code::Unsupported);
  EXPECT_NE(std::string(error.what())
                .find("kernel 'test' is to have 92160 bytes of dynamic shared memory beside 9217 of "
                      "its own, but a block has at most 101376"),
            std::string::npos)
      << error.what();
  EXPECT_EQ(errorOf([&] { planned(1, 0, 0); }).code, Code::Unsupported);
}

}  // namespace
}  // namespace switchyard::test
