// The emulated kernels with several blocks in flight: that faults between blocks show, and that the kernels of kernels/
// have none.
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "cuda_shim/blocks.h"
#include "cuda_shim/cuda_shim.h"
#include "cuda_shim/shim_device.h"
#include "cuda_shim/wrong_kernels.h"
#include "harness.h"
#include "options.h"

namespace switchyard::test {
namespace {

using cuda_shim::Interleaved;

constexpr uint64_t kFewSeeds = 4;  // of `npm run test:native`; `npm run test:blocks` has a hundred
constexpr unsigned kBlocks = 12;
constexpr const char* kNotWatched = "this build does not watch what kernels read and write";

std::vector<uint64_t> seeds(uint64_t times = 1) {
  std::vector<uint64_t> all(times * (options().seeds ? options().seeds : kFewSeeds));
  std::iota(all.begin(), all.end(), options().firstSeed);
  return all;
}

// "" or what the emulation says of the launch.
template <class... Pointers>
std::string launchedBlocks(unsigned blocks, const cuda_shim::CudaVariant& variant, Pointers... pointers) {
  void* arguments[] = {&pointers...};
  try {
    cuda_shim::runKernel(variant, blocks, 1, arguments, "tried");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}
template <class... Pointers>
std::string launched(const cuda_shim::CudaVariant& variant, Pointers... pointers) {
  return launchedBlocks(kBlocks, variant, pointers...);
}

TEST(Interleaved, WhatKernelsReadAndWriteIsWatched) {
  if (!cuda_shim::watchesAccesses() && !options().watched) GTEST_SKIP() << kNotWatched;
  EXPECT_TRUE(cuda_shim::watchesAccesses()) << kNotWatched << ": --watched is for one by GCC, without a sanitizer";
}

TEST(Interleaved, UpdatesThatAreNotAtomicAreCaught) {
  uint32_t total = 0;
  EXPECT_EQ(launched(cuda_shim::losesUpdates(), &total), "");
  EXPECT_EQ(total, kBlocks) << "block after block nothing is lost";
  uint64_t caught = 0;
  for (const uint64_t seed : seeds()) {
    total = 0;
    const Interleaved several(seed);
    const std::string wrong = launched(cuda_shim::losesUpdates(), &total);
    caught += !wrong.empty() || total != kBlocks;
    if (!cuda_shim::watchesAccesses()) continue;
    EXPECT_NE(wrong.find("tried"), std::string::npos) << "seed " << seed;
    EXPECT_NE(wrong.find("no order between blocks"), std::string::npos) << "seed " << seed;
  }
  EXPECT_GT(caught, 0u);
}

TEST(Interleaved, OrderOfBlocksThatIsReliedOnShowsInResults) {
  uint32_t total = 7;
  EXPECT_EQ(launched(cuda_shim::firstClears(), &total), "");
  EXPECT_EQ(total, kBlocks);
  std::set<uint32_t> totals;
  for (uint64_t seed = 0; seed < 4 * kFewSeeds; ++seed) {
    total = 7;
    const Interleaved several(seed);
    EXPECT_EQ(launched(cuda_shim::firstClears(), &total), "");
    totals.insert(total);
  }
  EXPECT_GT(totals.size(), 2u);
}

TEST(Interleaved, WhatTheNextBlockWritesIsNotForReading) {
  if (!cuda_shim::watchesAccesses()) GTEST_SKIP() << kNotWatched;
  std::vector<uint32_t> x(kBlocks * cuda_shim::kTriedThreads + 1);
  for (const uint64_t seed : seeds()) {
    const Interleaved several(seed);
    EXPECT_NE(launched(cuda_shim::shifts(), x.data()), "") << "seed " << seed;
  }
  EXPECT_EQ(launched(cuda_shim::shifts(), x.data()), "") << "without a seed nothing is watched";
}

TEST(Interleaved, BlocksHaveMemoryOfTheirOwn) {
  std::vector<uint32_t> x(kBlocks * cuda_shim::kTriedThreads);
  std::iota(x.begin(), x.end(), 1);
  const auto all = static_cast<uint32_t>(x.size() * (x.size() + 1) / 2);
  for (const uint64_t seed : seeds(4)) {
    uint32_t total = 0;
    const Interleaved several(seed);
    EXPECT_EQ(launched(cuda_shim::sums(), x.data(), &total), "") << "seed " << seed;
    EXPECT_EQ(total, all) << "seed " << seed;
  }
  EXPECT_GE(cuda_shim::mostInFlight()["tried"], 3u);
}

TEST(Interleaved, ABarrierThatIsMissedIsCaught) {
  std::vector<uint32_t> x(kBlocks * cuda_shim::kTriedThreads, 1), out(x.size());
  uint64_t caught = 0;
  for (const uint64_t seed : seeds()) {
    const Interleaved several(seed);
    const std::string wrong = launched(cuda_shim::missesBarrier(), x.data(), out.data());
    caught += !wrong.empty() || out != x;
    if (!cuda_shim::watchesAccesses()) continue;
    EXPECT_NE(wrong.find("without a barrier"), std::string::npos) << "seed " << seed << ": " << wrong;
  }
  EXPECT_GT(caught, 0u);
}

TEST(Interleaved, ABarrierThatIsMissedAroundTensorCoresIsCaught) {
  if (!cuda_shim::watchesAccesses()) GTEST_SKIP() << kNotWatched;
  std::vector<uint32_t> x(kBlocks * cuda_shim::kTriedThreads * 4, 1), out(x.size());
  const cuda_shim::CudaVariant* const kWrong[] = {&cuda_shim::missesBarrierOfMatrices(),
                                                  &cuda_shim::missesBarrierOfCopies(), &cuda_shim::copiesOverReading()};
  for (size_t i = 0; i < std::size(kWrong); ++i)
    for (const uint64_t seed : seeds()) {
      const Interleaved several(seed);
      const std::string wrong = launched(*kWrong[i], x.data(), out.data());
      EXPECT_NE(wrong.find("without a barrier"), std::string::npos) << i << ", seed " << seed << ": " << wrong;
    }
}

TEST(Interleaved, NoReaderIsForgotten) {
  if (!cuda_shim::watchesAccesses()) GTEST_SKIP() << kNotWatched;
  std::vector<uint32_t> out(cuda_shim::kTriedThreads);
  for (const uint64_t seed : seeds(4)) {
    const Interleaved several(seed);
    const std::string wrong = launchedBlocks(1, cuda_shim::writesWhatManyRead(), out.data());
    EXPECT_NE(wrong.find("without a barrier"), std::string::npos) << "seed " << seed << ": " << wrong;
  }
}

TEST(Interleaved, WhoWriteTheSameAreNotAccused) {
  std::vector<cuda_shim::Record> out(kBlocks);
  for (const uint64_t seed : seeds()) {
    const Interleaved several(seed);
    EXPECT_EQ(launched(cuda_shim::writesTheSame(), out.data()), "") << "seed " << seed;
  }
}

TEST(Interleaved, MoreMemoryThanABlockHasIsRefused) {
  std::vector<uint32_t> out(kBlocks * cuda_shim::kTriedThreads);
  EXPECT_NE(launched(cuda_shim::takesTooMuch(), out.data()).find("more shared memory"), std::string::npos);
}

// Whatever was launched before: also an odd number of blocks, for without a seed every other one goes backwards.
TEST(Interleaved, LaunchesRepeatBySeed) {
  const auto turnsOf = [](uint64_t seed) {
    std::vector<uint32_t> log(1 + kBlocks * cuda_shim::kTriedThreads);
    const Interleaved several(seed);
    EXPECT_EQ(launched(cuda_shim::logsTurns(), log.data()), "");
    return log;
  };
  std::set<std::vector<uint32_t>> all;
  for (const uint64_t seed : seeds()) {
    cuda_shim::Record record;
    const auto [first, isNew] = all.insert(turnsOf(seed));
    EXPECT_TRUE(isNew) << "seed " << seed << " is like one before";
    EXPECT_EQ(launchedBlocks(1, cuda_shim::writesTheSame(), &record), "");
    EXPECT_EQ(turnsOf(seed), *first) << "seed " << seed;
  }
}

// ---- the kernels of kernels/

struct Chosen {
  const char *workload, *name;
};
constexpr Chosen kChosen[] = {
#define INTERLEAVED(workload, name) {workload, name},
#include "interleaved.def"
#undef INTERLEAVED
};
// One block does all that they do.
constexpr const char* kOfOneBlock[] = {"pagerank_reduce"};

const Case* caseOf(const Chosen& which) {
  for (const Case& one : allCases())
    if (one.workload == which.workload && one.name == which.name) return &one;
  return nullptr;
}

Context& card() {
  static const TestDevice device{"cuda-shim (several blocks)", "cuda-shim:0", [] { return makeCudaShimDevice(); }};
  return contextOf(device);
}

// "" or what is wrong with the outputs.
std::string ran(const Case& which, const Problem& problem, uint64_t seed) {
  const Interleaved several(seed);
  double share = 0;
  try {
    return judge(problem, runProblem(card(), which.workload, problem, {}), share);
  } catch (const std::exception& error) {
    return error.what();
  }
}

class EveryKernel : public ::testing::TestWithParam<Chosen> {};

TEST_P(EveryKernel, IsRightWhateverTheOrderOfBlocks) {
  const Case* const which = caseOf(GetParam());
  ASSERT_TRUE(which) << "interleaved.def names a case that there isn't";
  const Problem problem = makeProblem(*which);
  // For every change one, beside the one that EveryKernelHasSeveralBlocksInFlight takes.
  const uint64_t most = options().full || options().seeds ? ~0ull : 1;
  for (const uint64_t seed : seeds())
    if (seed < options().firstSeed + most) ASSERT_EQ(ran(*which, problem, seed), "") << "seed " << seed;
}

INSTANTIATE_TEST_SUITE_P(Interleaved, EveryKernel, ::testing::ValuesIn(kChosen),
                         [](const ::testing::TestParamInfo<Chosen>& info) {
                           std::string name;
                           for (char c : std::string(info.param.workload) + "_" + info.param.name)
                             name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

TEST(Interleaved, EveryKernelHasSeveralBlocksInFlight) {
  cuda_shim::forgetInFlight();  // what other tests have run, of all cases
  for (const Chosen& chosen : kChosen)
    if (const Case* which = caseOf(chosen)) {
      EXPECT_EQ(ran(*which, makeProblem(*which), 1), "") << which->name;
    }
  std::map<std::string, unsigned> most = cuda_shim::mostInFlight();
  std::set<std::string> kernels = {"fill", "matmul_tiled", "matmul_finish"};
  for (size_t i = 0; i < size_t(Kernel::kCount); ++i)
    if (cuda_shim::kKernelTable[i]) kernels.insert(kernelName(Kernel(i)));
  for (const char* one : kOfOneBlock) EXPECT_EQ(kernels.erase(one), 1u);
  for (const std::string& kernel : kernels)
    EXPECT_GE(most[kernel], 2u) << kernel << ": interleaved.def has no case that gives it several blocks";
}

}  // namespace
}  // namespace switchyard::test
