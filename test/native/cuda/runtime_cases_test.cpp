// Cases of every workload through a context on the emulated runtime: what the lanes and queues make of them, where
// conformance.* on the emulated device looks at the kernels.
#include <map>

#include "runtime_fixture.h"

namespace switchyard::test {
namespace {

using CudaCases = OnCudaRuntime;

TEST_F(CudaCases, OfEveryWorkloadComeOutRight) {
  constexpr int kOfEach = 6;
  const auto device = openOnShimRuntime();
  {
    const auto context = Context::create(device);
    std::map<std::string, int> done;
    for (const Case& which : allCases()) {
      if (which.size != Size::Small || done[which.workload] == kOfEach) continue;
      const Problem problem = makeProblem(which);
      if (problem.refused || problem.cpuOnly) continue;
      SCOPED_TRACE(which.workload + "/" + which.name);
      ShimRuntime::seed(seedOf(which));
      for (const bool resident : {false, true}) {
        try {
          double share = 0;
          const auto outputs = runProblem(*context, which.workload, problem, {.resident = resident, .into = !resident});
          EXPECT_EQ(judge(problem, outputs, share), "");
        } catch (const std::exception& error) {
          ADD_FAILURE() << error.what();
        }
      }
      expectNoViolations();
      ++done[which.workload];
      EXPECT_EQ(usedBytesAtRest(*context), 0u);
    }
    EXPECT_GT(done.size(), 20u);
  }
}

}  // namespace
}  // namespace switchyard::test
