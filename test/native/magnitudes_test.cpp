// The property over magnitudes (cases/magnitudes.cpp) as magnitudes.<workload>/<device>, and searches of every kind
// (cases/drawn_searches.cpp) as searches.<workload>/<device>: a few drawn problems in every run, thousands with
// --cases. A failure names the seed and the problem that show it.
#include <gtest/gtest.h>

#include <cfloat>

#include "cases/oracles.h"
#include "harness.h"
#include "options.h"

namespace switchyard::test {
namespace {

constexpr uint64_t kQuickCases = 20;  // of a workload on a device
constexpr int kShown = 3;             // failures told in full

// What has no finite right answer is not judged.
void leaveOutUndefined(Problem& problem) {
  for (Expected& output : problem.outputs)
    for (size_t i = 0; i < output.values.size(); ++i) {
      double& slack = output.slack[i];
      const double value = std::fabs(output.values[i]);
      if (std::isnan(value) || std::isnan(slack) || (value > FLT_MAX && slack >= value)) slack = kInf;
    }
}

std::string describe(const Problem& problem) {
  std::string text;
  for (const HostTensor& input : problem.inputs) {
    if (!input.present) continue;
    text += "\n  " + input.shape().text() + ":";
    char number[32];
    for (size_t i = 0; i < std::min<size_t>(input.size(), 8); ++i) {
      snprintf(number, sizeof number, " %.9g", input.at(i));
      text += number;
    }
  }
  for (const Param& param : problem.params) {
    char number[32];
    snprintf(number, sizeof number, "%.9g", param.number);
    text += std::string("\n  ") + param.name + ": " + (param.choice ? param.choice : number);
  }
  return text;
}

class Magnitudes : public ::testing::Test {
 public:
  Magnitudes(const MagnitudeCases& which, const TestDevice& device) : which_(which), device_(device) {}

  void TestBody() override {
    holdCpuTo(device_.cpuTargets);
    Context& context = contextOf(device_);
    const uint64_t seed = options().seed ? options().seed : 1;
    uint64_t first = 0, count = options().cases ? options().cases : kQuickCases;
    if (device_.guarded) count = (count + 9) / 10;  // the emulated device takes a thousand times longer
    if (options().onlyCase >= 0) first = uint64_t(options().onlyCase), count = 1;
    uint64_t wrong = 0;
    for (uint64_t i = first; i < first + count; ++i) {
      Random random(seedOf({which_.workload, "magnitudes"}) ^ (seed * 0x9E3779B97F4A7C15ull + i));
      Problem problem;
      which_.make(problem, random);
      if (problem.cpuOnly && device_.id != "cpu:0") continue;
      leaveOutUndefined(problem);
      const std::string failure = run(context, problem, i);
      if (failure.empty() || ++wrong > kShown) continue;
      ADD_FAILURE() << failure << "\n  again with --seed " << seed << " --case " << i << describe(problem);
    }
    EXPECT_EQ(wrong, 0u) << "of " << count << " problems";
    EXPECT_EQ(usedBytesAtRest(context), 0u) << "scratch memory was not given back";
  }

 private:
  std::string run(Context& context, const Problem& problem, uint64_t index) {
    try {
      double share = 0;
      auto outputs = runProblem(context, which_.workload, problem, {.into = true, .inputShift = index % 4});
      return problem.refused ? "ran, but has no right answer" : judge(problem, outputs, share);
    } catch (const Error& error) {
      if (problem.refused && error.code == *problem.refused) return "";
      return error.what();
    } catch (const std::exception& error) {
      return error.what();
    }
  }

  const MagnitudeCases& which_;
  const TestDevice& device_;
};

}  // namespace

namespace {

void registerDrawn(const char* suite, const std::vector<MagnitudeCases>& all) {
  for (const MagnitudeCases& which : all)
    for (const TestDevice& device : testDevices()) {
      // Guards look at memory, not at numbers: of the guarded devices only the emulated one, which is there alone.
      if (device.splitOnly || (device.guarded && device.id != "cuda-shim:0")) continue;
      if (!options().device.empty() && device.id != options().device) continue;
      std::string name = std::string(which.workload) + "/" + device.name;
      ::testing::RegisterTest(suite, name.c_str(), nullptr, device.name.c_str(), __FILE__, __LINE__,
                              [&which, &device]() -> Magnitudes* { return new Magnitudes(which, device); });
    }
}

}  // namespace

void registerMagnitudes() {
  registerDrawn("magnitudes", kMagnitudeCases);
  registerDrawn("searches", kSearchCases);
}

}  // namespace switchyard::test
