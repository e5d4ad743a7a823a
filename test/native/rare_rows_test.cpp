// What can't be mended costs what the ordinary costs: NaN, infinities, zero vectors and rows that a mask hides must not
// send a kernel the slow ways that finite rows past float32's range take. Timed, and so no part of the tests: `npm run
// bench:rare-rows`, which is --rare-rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "harness.h"
#include "options.h"

namespace switchyard::test {
namespace {

constexpr int kRuns = 7, kAttempts = 3;  // the best counts
// A second look at what was lost, and room: the slow ways take ten to a hundred times as long.
constexpr double kMost = 3;

struct RareCase {
  const char* name;
  const char* workload;
  void (*make)(Problem& p, Random& random);  // ordinary
  void (*spoil)(Problem& p);
};

void setRows(HostTensor& tensor, size_t every, double value, size_t elements) {
  const size_t d = tensor.shape().back();
  for (size_t r = 0; r < tensor.size() / d; r += every)
    for (size_t i = 0; i < std::min(elements, d); ++i) tensor.set(r * d + i, value);
}

template <uint64_t kQueries, uint64_t kRows>
void makeSearch(Problem& p, Random& random) {
  p.inputs = {random.uniform(kF32, {kQueries, 128}), random.uniform(kF32, {kRows, 128})};
  p.params = {{"k", 10}};
}
template <uint64_t kQueries, uint64_t kRows>
void makeDotSearch(Problem& p, Random& random) {
  makeSearch<kQueries, kRows>(p, random);
  p.params.push_back({"metric", "dot"});
}
void makeProduct(Problem& p, Random& random) {
  p.inputs = {random.uniform(kF32, {384, 384}), random.uniform(kF32, {384, 384})};
}
void makeVectorProduct(Problem& p, Random& random) {
  p.inputs = {random.uniform(kF32, {2048, 1024}), random.uniform(kF32, {1024, 1})};
}
void makeAttention(Problem& p, Random& random) {
  p.inputs = {random.uniform(kF32, {2, 256, 64}), random.uniform(kF32, {2, 256, 64}),
              random.uniform(kF32, {2, 256, 64}), random.uniform(kF32, {256, 256})};
}
void makeLongAttention(Problem& p, Random& random) {
  p.inputs = {random.uniform(kF32, {1, 128, 64}), random.uniform(kF32, {1, 1500, 64}),
              random.uniform(kF32, {1, 1500, 64}), random.uniform(kF32, {128, 1500})};
}
void makeRows(Problem& p, Random& random) { p.inputs = {random.uniform(kF32, {2000, 1000}), absent(), absent()}; }
void makeNorms(Problem& p, Random& random) { p.inputs = {random.uniform(kF32, {2000, 1000})}; }
void makeSums(Problem& p, Random& random) {
  makeNorms(p, random);
  p.params = {{"kind", "sum"}};
}
void makeLongRow(Problem& p, Random& random) { p.inputs = {random.uniform(kF32, {1, 1000003}), absent(), absent()}; }

template <size_t kInput>
void oneNan(Problem& p) {
  p.inputs[kInput].set(p.inputs[kInput].size() / 2, kNaN);
}
template <size_t kInput>
void nanInEachRow(Problem& p) {
  setRows(p.inputs[kInput], 1, kNaN, 1);
}
template <size_t kInput>
void infinityInEachRow(Problem& p) {
  setRows(p.inputs[kInput], 1, kInf, 1);
}
template <size_t kInput, size_t kEvery>
void zeroRows(Problem& p) {
  setRows(p.inputs[kInput], kEvery, 0, ~size_t{0});
}
void hideAll(Problem& p) { setRows(p.inputs[3], 1, -kInf, ~size_t{0}); }

const RareCase kRareCases[] = {
    {"search-one-nan", "similarity-search", makeSearch<1, 20000>, oneNan<1>},
    {"search-tenth-zero", "similarity-search", makeSearch<1, 20000>, zeroRows<1, 10>},
    {"search-all-zero", "similarity-search", makeSearch<1, 20000>, zeroRows<1, 1>},
    {"search-zero-query", "similarity-search", makeSearch<1, 20000>, zeroRows<0, 1>},
    {"search-many-tenth-zero", "similarity-search", makeSearch<70, 2000>, zeroRows<1, 10>},
    {"search-many-all-zero", "similarity-search", makeSearch<70, 2000>, zeroRows<1, 1>},
    {"search-many-zero-queries", "similarity-search", makeSearch<70, 2000>, zeroRows<0, 1>},
    {"search-many-nan", "similarity-search", makeSearch<70, 2000>, nanInEachRow<1>},
    {"search-dot-nan", "similarity-search", makeDotSearch<1, 20000>, nanInEachRow<1>},
    {"search-dot-nan-query", "similarity-search", makeDotSearch<1, 20000>, nanInEachRow<0>},
    {"search-dot-many-nan", "similarity-search", makeDotSearch<70, 2000>, nanInEachRow<1>},
    {"search-dot-many-nan-queries", "similarity-search", makeDotSearch<70, 2000>, nanInEachRow<0>},
    {"matmul-one-nan", "matmul", makeProduct, oneNan<0>},
    {"matmul-nan-in-a", "matmul", makeProduct, nanInEachRow<0>},
    {"matmul-nan-in-b", "matmul", makeProduct, nanInEachRow<1>},
    {"matmul-infinity", "matmul", makeProduct, infinityInEachRow<0>},
    {"matmul-vector-nan", "matmul", makeVectorProduct, oneNan<1>},
    {"matmul-vector-nan-rows", "matmul", makeVectorProduct, infinityInEachRow<0>},
    {"attention-hidden", "attention", makeAttention, hideAll},
    {"attention-nan-queries", "attention", makeAttention, nanInEachRow<0>},
    {"attention-nan-key", "attention", makeAttention, oneNan<1>},
    {"attention-nan-value", "attention", makeAttention, nanInEachRow<2>},
    {"attention-long-hidden", "attention", makeLongAttention, hideAll},
    {"attention-long-nan-mask", "attention", makeLongAttention, nanInEachRow<3>},
    {"layer-norm-nan", "layer-norm", makeRows, nanInEachRow<0>},
    {"layer-norm-infinity", "layer-norm", makeRows, infinityInEachRow<0>},
    {"layer-norm-long-nan", "layer-norm", makeLongRow, oneNan<0>},
    {"normalize-zero", "normalize", makeNorms, zeroRows<0, 1>},
    {"normalize-nan", "normalize", makeNorms, nanInEachRow<0>},
    {"normalize-infinity", "normalize", makeNorms, infinityInEachRow<0>},
    {"reduce-nan", "reduce", makeSums, nanInEachRow<0>},
    {"reduce-infinity", "reduce", makeSums, infinityInEachRow<0>},
};

double bestMs(Context& context, const RareCase& which, const Problem& problem) {
  double best = kInf;
  for (int i = 0; i < kRuns; ++i) {
    auto job = makeJob(which.workload, problem.inputs, problem.params);
    const auto start = std::chrono::steady_clock::now();
    const Outcome outcome = runJob(context, job);
    if (!outcome.ok()) throw std::runtime_error(outcome.text());
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

class RareRows : public ::testing::Test {
 public:
  RareRows(const RareCase& which, const TestDevice& device) : which_(which), device_(device) {}

  void TestBody() override {
    holdCpuTo(device_.cpuTargets);
    Context& context = contextOf(device_);
    Problem ordinary, rare;
    Random random(seedOf({which_.workload, which_.name})), again(seedOf({which_.workload, which_.name}));
    which_.make(ordinary, random);
    which_.make(rare, again);
    which_.spoil(rare);
    double plain = 0, spoiled = 0;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {  // a machine that is busy with something else
      plain = bestMs(context, which_, ordinary);
      spoiled = bestMs(context, which_, rare);
      if (spoiled <= kMost * plain) break;
    }
    std::printf("%-28s %-16s %8.3f ms, ordinary %8.3f: x %.2f\n", which_.name, device_.name.c_str(), spoiled, plain,
                spoiled / plain);
    EXPECT_LE(spoiled / plain, kMost);
  }

 private:
  const RareCase& which_;
  const TestDevice& device_;
};

}  // namespace

void registerRareRows() {
  if (!options().rareRows) return;
  for (const RareCase& which : kRareCases)
    for (const TestDevice& device : testDevices()) {
      if (device.splitOnly || device.guarded) continue;  // which are slow
      std::string name = std::string(which.name) + "/" + device.name;
      ::testing::RegisterTest("rare-rows", name.c_str(), nullptr, device.name.c_str(), __FILE__, __LINE__,
                              [&which, &device]() -> RareRows* { return new RareRows(which, device); });
    }
}

}  // namespace switchyard::test
