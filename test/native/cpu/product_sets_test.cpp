// linear and searches of codes on the CPU with each instruction set for products that can run here, and which those
// are.
#include <gtest/gtest.h>

#include <cstdio>

#include <hwy/targets.h>

#include "cases/oracles.h"
#include "cpu/code_dots.h"
#include "cpu/product_sets.h"
#include "harness.h"
#include "options.h"

namespace switchyard::test {
namespace {

struct Level {
  const char* name;
  int64_t targets;  // of Highway; 0: the best
  uint32_t sets;
};
constexpr Level kLevels[] = {
    {"baseline", HWY_STATIC_TARGET, 0},
    {"AVX2", HWY_AVX2, 0},
    {"AVX2 with AVX-VNNI", HWY_AVX2, cpu::kProductVnni256},
    {"AVX-512", HWY_AVX3, 0},
    {"AVX-512 with VNNI and BF16", HWY_AVX3, cpu::kProductVnni512 | cpu::kProductBfloat16},
    {"AVX-512 with AMX", HWY_AVX3, cpu::kProductAll},
};
void PrintTo(const Level& level, std::ostream* out) { *out << level.name; }

class ProductSets : public ::testing::TestWithParam<Level> {
 protected:
  void SetUp() override {
    const Level level = GetParam();
    if (!(hwy::SupportedTargets() & level.targets)) GTEST_SKIP() << level.name << ": this processor hasn't got it";
    holdCpuTo(level.targets);
    cpu::allowProductSets(level.sets);
    if (cpu::productSets() != level.sets) GTEST_SKIP() << level.name << ": this processor hasn't got it";
  }
  void TearDown() override {
    cpu::allowProductSets();
    holdCpuTo(0);
  }
};

std::string namesOf() {
  const cpu::TileKernel bfloats = cpu::bfloatTiles();
  return std::string("integers by ") + cpu::integerTiles().name + ", bfloat16 by " +
         (bfloats.multiply ? bfloats.name : "float32");
}

// How many of a workload's small cases ran whose name has `part` in it: for every change a fourth of them.
size_t every() { return options().full ? 1 : 4; }
size_t runCases(const char* workload, const char* part = "") {
  TestDevice device{"cpu:0", "cpu:0", [] { return openDevice("cpu:0"); }};
  Context& context = contextOf(device);
  size_t ran = 0, seen = 0;
  for (const Case& which : allCases()) {
    if (which.workload != workload || which.size != Size::Small) continue;
    if (which.name.find(part) == std::string::npos || seen++ % every()) continue;
    const Problem problem = makeProblem(which);
    if (problem.refused) continue;
    double share = 0;
    const std::string wrong = judge(problem, runProblem(context, which.workload, problem, {.into = true}), share);
    EXPECT_TRUE(wrong.empty()) << which.name << ": " << wrong;
    ++ran;
  }
  return ran;
}

TEST_P(ProductSets, LinearIsRight) {
  std::printf("%s: %s\n", GetParam().name, namesOf().c_str());
  EXPECT_GT(runCases("linear"), 100 / every());
}

TEST_P(ProductSets, SearchesOfCodesAreRight) {
  std::printf("%s: codes of searches by %s\n", GetParam().name, cpu::codeDots().name);
  EXPECT_GT(runCases("similarity-search", "int8"), 100 / every());
}

TEST_P(ProductSets, DotsOfCodesAreExact) {
  const cpu::CodeDots dots = cpu::codeDots();
  Random random(7);
  const auto code = [&] { return int8_t(random.integer(0, 20) ? random.integer(-128, 127) : -128); };
  for (size_t d : {1u, 3u, 4u, 5u, 31u, 63u, 64u, 65u, 100u, 384u, 1031u, 65536u}) {
    std::vector<int8_t> rows(12 * d);
    for (int8_t& x : rows) x = d == cpu::kMaxCodeRow ? int8_t(-128) : code();
    const int8_t* pointers[12];
    for (size_t r = 0; r < 12; ++r) pointers[r] = rows.data() + r * d;
    const size_t padded = (d + cpu::kCodeStep - 1) / cpu::kCodeStep * cpu::kCodeStep, queries = 48;
    std::vector<int8_t> asked(queries * d);
    for (int8_t& x : asked) x = d == cpu::kMaxCodeRow ? int8_t(127) : int8_t(random.integer(-127, 127));
    const auto dotOf = [&](const int8_t* x, const int8_t* y) {
      int64_t sum = 0;
      for (size_t i = 0; i < d; ++i) sum += int64_t{x[i]} * y[i];
      return sum;
    };
    const std::vector<int8_t> ones(d, 1);
    std::vector<uint8_t> bytes(4 * padded, 128);
    std::vector<int16_t> words(4 * padded);
    const void* few[4];
    for (size_t q = 0; q < 4; ++q) {
      for (size_t i = 0; i < d; ++i) {
        bytes[q * padded + i] = uint8_t(asked[q * d + i] + 128);
        words[q * padded + i] = asked[q * d + i];
      }
      few[q] = dots.areBytes ? static_cast<const void*>(bytes.data() + q * padded) : words.data() + q * padded;
    }
    for (size_t count = 0; count <= 4; ++count) {
      int32_t got[4 * 7] = {}, sums[4], squares[4];
      dots.few(pointers + 1, 64, few, count, d, got, 7, sums, squares);
      for (size_t r = 0; r < 4; ++r) {
        ASSERT_EQ(sums[r], dotOf(pointers[r + 1], ones.data())) << d;
        ASSERT_EQ(squares[r], dotOf(pointers[r + 1], pointers[r + 1])) << d;
        for (size_t q = 0; q < count; ++q)
          ASSERT_EQ(got[q * 7 + r], dotOf(pointers[r + 1], asked.data() + q * d)) << d << ", query " << q;
      }
    }
    if (!dots.panel) continue;
    std::vector<uint32_t> panel((d + 3) / 4 * queries, 0x01010101 * uint32_t(dots.panelAdded));
    for (size_t q = 0; q < queries; ++q)
      for (size_t i = 0; i < d; ++i)
        reinterpret_cast<uint8_t*>(panel.data())[(i / 4 * queries + q) * 4 + i % 4] =
            uint8_t(asked[q * d + i] + dots.panelAdded);
    for (size_t count : {1u, 5u, 7u, 12u}) {
      std::vector<int32_t> got(count * queries);
      dots.panel(rows.data(), count, panel.data(), queries, d, rows.data(), got.data());
      for (size_t r = 0; r < count; ++r)
        for (size_t q = 0; q < queries; ++q)
          ASSERT_EQ(got[r * queries + q] - dots.panelAdded * dotOf(pointers[r], ones.data()),
                    dotOf(pointers[r], asked.data() + q * d))
              << d << ", row " << r << ", query " << q;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cpu, ProductSets, ::testing::ValuesIn(kLevels), [](const auto& info) {
  std::string name;
  for (const char* c = info.param.name; *c; ++c)
    if (std::isalnum(static_cast<unsigned char>(*c))) name += *c;
  return name;
});

}  // namespace
}  // namespace switchyard::test
