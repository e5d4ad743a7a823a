// How far a job is: what is counted within what, and what jobs of many steps tell on each device.
#include "progress.h"

#include <gtest/gtest.h>

#include <vector>

#include "conformance.h"
#include "context_fixture.h"

namespace switchyard::test {
namespace {

using Told = std::pair<double, double>;
Told told(const Progress& progress) { return {progress.told().done, progress.told().total}; }

TEST(Progress, StepsOfOneJob) {
  Progress progress;
  EXPECT_EQ(told(progress), Told(0, 0));
  progress.step(3, 10);
  EXPECT_EQ(told(progress), Told(3, 10));
  progress.part(0.9);  // of a launch within a step
  EXPECT_EQ(told(progress), Told(3, 10));
  progress.step(2, 10);  // begun anew
  EXPECT_EQ(told(progress), Told(3, 10));
  progress.step(10, 10);
  EXPECT_EQ(told(progress), Told(10, 10));
}

TEST(Progress, StepsThatAreSaidAheadHaveNoParts) {
  Progress progress;
  progress.step(0, 10);
  progress.part(0.5);
  EXPECT_EQ(told(progress), Told(0, 0));
  progress.step(1, 10);
  EXPECT_EQ(told(progress), Told(1, 10));
}

TEST(Progress, APartOfALaunch) {
  Progress progress;
  progress.node(0, 1);
  progress.part(0.25);
  EXPECT_EQ(told(progress), Told(0.25, 1));
  progress.part(0.125);  // of the next launch
  EXPECT_EQ(told(progress), Told(0.25, 1));
}

TEST(Progress, NodesAndWhatIsWithin) {
  Progress progress;
  progress.node(0, 4);
  EXPECT_EQ(told(progress), Told(0, 0));
  progress.step(5, 10);
  EXPECT_EQ(told(progress), Told(0.5, 4));
  progress.node(1, 4);
  EXPECT_EQ(told(progress), Told(1, 4));
  progress.part(0.75);
  EXPECT_EQ(told(progress), Told(1.75, 4));
  progress.node(3, 4);
  EXPECT_EQ(told(progress), Told(3, 4));
}

TEST(Progress, NodesThatMayNotBeDoneAreToldWithAStep) {
  Progress progress;
  progress.node(2, 4, false);
  EXPECT_EQ(told(progress), Told(0, 0));
  progress.step(5, 10);
  EXPECT_EQ(told(progress), Told(2.5, 4));
}

TEST(Progress, ToldElsewhere) {
  Progress progress;
  double place[2] = {0, 0};
  progress.tellAt(place);
  progress.step(1, 2);
  EXPECT_EQ(Told(place[0], place[1]), Told(1, 2));
  EXPECT_EQ(told(progress), Told(0, 0));
}

// A ring with a chord from each node; so many optional inputs are left out.
std::vector<HostTensor> someGraph(uint64_t n, size_t optional) {
  HostTensor offsets(DType::Int32, {n + 1}), columns(DType::Int32, {2 * n});
  for (uint64_t i = 0; i <= n; ++i) offsets.set(i, static_cast<double>(2 * i));
  for (uint64_t i = 0; i < n; ++i) {
    columns.set(2 * i, static_cast<double>((i + 1) % n));
    columns.set(2 * i + 1, static_cast<double>(i * i % n));
  }
  std::vector<HostTensor> inputs{offsets, columns};
  inputs.resize(2 + optional, absent());
  return inputs;
}

TEST_P(OnContext, IterationsAreTold) {
  auto layout = makeJob("force-layout", someGraph(500, 2), {{"iterations", 200}});
  ASSERT_TRUE(runJob(*context, layout).ok());
  EXPECT_EQ(layout->progress.told().total, 200);
  EXPECT_GE(layout->progress.told().done, 64);  // that are recorded at once
  auto ranks = makeJob("pagerank", someGraph(500, 1), {{"tolerance", 0}, {"maxIterations", 40}});
  ASSERT_TRUE(runJob(*context, ranks).ok());
  EXPECT_EQ(told(ranks->progress), Told(40, 40));
}

TEST_P(OnContext, NodesOfAGraphAreTold) {
  auto job = std::make_shared<Job>();
  job->kind = Job::Kind::Graph;
  job->graph = std::make_unique<Graph>();
  job->graph->inputCount = 1;
  job->graph->valueCount = 6;
  job->graph->outputs = {5};
  for (int i = 0; i < 5; ++i) {
    GraphNode node;
    node.workload = findWorkload("scale");
    node.inputs[0] = i;
    node.outputs[0] = i + 1;
    node.params = resolveParams(*node.workload, {{"factor", 2}});
    job->graph->nodes.push_back(node);
  }
  job->inputs = {{x.spec, x.bytes.data(), nullptr, true}};
  double before = -1;
  Gate gate(device);
  Pending pending = submit(*context, job);
  gate.awaitReached();
  before = job->progress.told().done;
  gate.open();
  ASSERT_TRUE(pending.wait().ok());
  EXPECT_EQ(before, 0);
  // At the last one; a card of CUDA's was not waited for in between.
  EXPECT_EQ(told(job->progress), device->info.backend == Backend::Cuda ? Told(0, 0) : Told(4, 5));
}

}  // namespace
}  // namespace switchyard::test
