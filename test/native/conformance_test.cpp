// Registers every case on every device as conformance.<workload>/<case>/<device>.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cuda_shim/blocks.h"
#include "harness.h"
#include "options.h"

namespace switchyard::test {
namespace {

// The oracle of a case is worked out once for all its devices, which are registered one after the other.
const Problem& problemOf(const Case& which) {
  static const Case* last = nullptr;
  static Problem problem;
  if (last != &which) {
    problem = makeProblem(which);
    last = &which;
  }
  return problem;
}

class Conformance : public ::testing::Test {
 public:
  Conformance(const Case& which, const TestDevice& device) : case_(which), device_(device) {}

  void TestBody() override {
    static uint64_t begun = 0;
    if (begun++ < options().skipFirst) GTEST_SKIP() << "an earlier process has run it";
    holdCpuTo(device_.cpuTargets);
    stopWhenLost_ = options().stopWhenLost;
    SCOPED_TRACE("seed " + std::to_string(seedOf(case_)));
    const Problem& problem = problemOf(case_);
    Context& context = contextOf(device_);
    RecordProperty("device", device_.name);
    if (problem.refused) return expectRefusal(context, problem);
    // Odd addresses and the caller's memory; then, where it costs little, tensors on the device and pooled memory. On
    // the emulated card some have several blocks in flight: that takes five times as long, for each load is watched.
    runOnce(context, problem, {.into = true, .inputShift = 1});
    if (case_.size == Size::Small && !HasFailure()) {
      std::optional<cuda_shim::Interleaved> severalBlocks;
      if (device_.id == "cuda-shim:0" && seedOf(case_) % options().interleaveEvery == 0)
        severalBlocks.emplace(seedOf(case_));
      runOnce(context, problem, {.resident = true});
    }
    char share[32];
    snprintf(share, sizeof share, "%.4f", share_);
    RecordProperty("errorShare", share);
    EXPECT_EQ(usedBytesAtRest(context), 0u) << "scratch memory was not given back";
  }

  // What is left is for a new process: where CUDA's context is lost, so is all that comes after.
  void TearDown() override {
    if (stopWhenLost_ && HasFailure() && deviceOf(device_)->lost()) ::testing::GTEST_FLAG(fail_fast) = true;
  }

 private:
  void runOnce(Context& context, const Problem& problem, const RunOptions& options) {
    try {
      auto outputs = runProblem(context, case_.workload, problem, options);
      std::string wrong = judge(problem, outputs, share_);
      EXPECT_TRUE(wrong.empty()) << wrong << (options.resident ? " (inputs on the device)" : "");
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }

  void expectRefusal(Context& context, const Problem& problem) {
    try {
      runProblem(context, case_.workload, problem, {});
      ADD_FAILURE() << "expected " << codeName(*problem.refused) << ", but it ran";
    } catch (const Error& error) {
      EXPECT_STREQ(codeName(error.code), codeName(*problem.refused)) << error.what();
      EXPECT_GT(std::string(error.what()).size(), 10u) << "the message says nothing";
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    EXPECT_EQ(usedBytesAtRest(context), 0u);
    HostTensor two = listed(kF32, {2}, {1, 2});
    Outcome after = runJob(context, makeJob("add", {two, two}));
    EXPECT_TRUE(after.ok()) << "the context is not usable any more: " << after.text();
  }

  const Case& case_;
  const TestDevice& device_;
  bool stopWhenLost_ = false;
  double share_ = 0;
};

bool runsOn(const Case& which, const TestDevice& device) {
  if (!options().device.empty() && device.id != options().device) return false;
  if (device.smallOnly) return which.size == Size::Small;
  if (device.splitOnly) return which.size == Size::Split;
  return true;
}

// Which devices each workload has met so far.
using Met = std::set<std::pair<std::string, std::string>>;

// The devices that a case runs on. Of a share every so many-th of them, at least one, drawn by the case's name: cases
// that differ in one thing are not those of one device; and each that its workload has not met yet.
std::vector<const TestDevice*> devicesOf(const Case& which, Met& met) {
  std::vector<const TestDevice*> all, shared;
  for (const TestDevice& device : testDevices())
    if (runsOn(which, device)) all.push_back(&device);
  const uint64_t share = options().share;
  const uint64_t drawn = all.empty() ? 0 : (seedOf(which) >> 20) % std::min<uint64_t>(share, all.size());
  for (size_t i = 0; i < all.size(); ++i)
    if (met.insert({which.workload, all[i]->name}).second || i % share == drawn) shared.push_back(all[i]);
  return shared;
}

}  // namespace

void registerConformance() {
  Met met;
  uint64_t index = 0;
  for (const Case& which : allCases()) {
    const auto devices = devicesOf(which, met);
    if (index++ % options().parts != options().part) continue;
    for (const TestDevice* device : devices) {
      std::string name = which.workload + "/" + which.name + "/" + device->name;
      ::testing::RegisterTest("conformance", name.c_str(), nullptr, device->name.c_str(), __FILE__, __LINE__,
                              [&which, device]() -> Conformance* { return new Conformance(which, *device); });
    }
  }
}

}  // namespace switchyard::test
