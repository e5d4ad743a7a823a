// linear on the CPU with each instruction set for products that can run here, and which those are.
#include <gtest/gtest.h>

#include <cstdio>

#include <hwy/targets.h>

#include "cpu/product_sets.h"
#include "harness.h"

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

TEST_P(ProductSets, LinearIsRight) {
  std::printf("%s: %s\n", GetParam().name, namesOf().c_str());
  TestDevice device{"cpu:0", "cpu:0", [] { return openDevice("cpu:0"); }};
  Context& context = contextOf(device);
  size_t ran = 0;
  for (const Case& which : allCases()) {
    if (which.workload != "linear" || which.size != Size::Small) continue;
    const Problem problem = makeProblem(which);
    if (problem.refused) continue;
    double share = 0;
    const std::string wrong = judge(problem, runProblem(context, which.workload, problem, {.into = true}), share);
    EXPECT_TRUE(wrong.empty()) << which.name << ": " << wrong;
    ++ran;
  }
  EXPECT_GT(ran, 100u);
}

INSTANTIATE_TEST_SUITE_P(Cpu, ProductSets, ::testing::ValuesIn(kLevels), [](const auto& info) {
  std::string name;
  for (const char* c = info.param.name; *c; ++c)
    if (std::isalnum(static_cast<unsigned char>(*c))) name += *c;
  return name;
});

}  // namespace
}  // namespace switchyard::test
