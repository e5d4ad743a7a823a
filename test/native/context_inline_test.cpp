// What runs inside a call on a GPU's context, and what the lane does in its place.
#include "context_fixture.h"

namespace switchyard::test {
namespace {

std::vector<LaneDevice> gpuLanes() {
  std::vector<LaneDevice> lanes = laneDevices();
  std::erase_if(lanes, [](const LaneDevice& lane) { return lane.id.starts_with("cpu"); });
  return lanes;
}

class InsideACall : public OnContext {
 protected:
  // As an event loop does; the lane may still be about to rest.
  bool runNow(const Pending& pending) {
    pending.job->prepare();
    for (int i = 0; i < 200; ++i) {
      if (context->runNow(pending.job)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }
};
INSTANTIATE_TEST_SUITE_P(, InsideACall, ::testing::ValuesIn(gpuLanes()), laneTestName);

// Code is loaded and pipelines are made by the lane.
TEST_P(InsideACall, TheFirstJobOfAWorkloadIsTheLanes) {
  Pending first(addJob());
  EXPECT_FALSE(runNow(first));
  context->submit(first.job);
  EXPECT_TRUE(first.wait().ok());
  Pending second(addJob());
  EXPECT_TRUE(runNow(second));
  EXPECT_TRUE(second.wait().ok());
  Pending other(makeJob("scale", {x}, {{"factor", 2}}));
  EXPECT_FALSE(runNow(other));
  context->submit(other.job);
  EXPECT_TRUE(other.wait().ok());
}

// Nobody has noted what it is made of, whatever graph has run before.
TEST_P(InsideACall, AGraphIsTheLanes) {
  const auto graphOf = [this](const char* workload) {
    auto job = std::make_shared<Job>();
    job->kind = Job::Kind::Graph;
    job->graph = std::make_unique<Graph>();
    job->graph->inputCount = 1, job->graph->valueCount = 2, job->graph->outputs = {1};
    GraphNode node;
    node.workload = findWorkload(workload);
    node.inputs[0] = 0, node.outputs[0] = 1;
    node.params = resolveParams(*node.workload, {});
    job->graph->nodes.push_back(node);
    job->inputs = {{x.spec, x.bytes.data(), nullptr, true}};
    return job;
  };
  EXPECT_TRUE(runJob(*context, graphOf("scale")).ok());
  Pending pending(graphOf("softmax"));
  EXPECT_FALSE(runNow(pending));
  context->submit(pending.job);
  EXPECT_TRUE(pending.wait().ok());
}

TEST_P(InsideACall, MemoryOfTheDeviceIsTakenByTheLane) {
  EXPECT_TRUE(runJob(*context, addJob()).ok());
  usedBytesAtRest(*context);
  context->trim();
  const auto here = std::this_thread::get_id();
  std::atomic<int> inside{0}, all{0};
  device->setHook([&](const FaultDevice::Event& event) {
    if (event.point != Point::Allocate) return;
    ++all;
    inside += std::this_thread::get_id() == here;
  });
  Pending pending(addJob());
  if (!runNow(pending)) context->submit(pending.job);
  EXPECT_TRUE(pending.wait().ok());
  EXPECT_EQ(inside, 0);
  EXPECT_EQ(all, 1);
  device->setHook(nullptr);
}

// A card that is lost is to be noticed some time, whatever was said.
TEST_P(InsideACall, NoJobTakesLongerThanADay) {
  auto job = addJob();
  job->longest = std::chrono::hours(5000);
  EXPECT_TRUE(runJob(*context, job).ok());
  EXPECT_EQ(device->longest.load(), std::chrono::hours(24));
}

TEST_P(InsideACall, WhatTakesLongIsBegunAnewByTheLane) {
  EXPECT_TRUE(runJob(*context, addJob()).ok());
  const auto here = std::this_thread::get_id();
  std::atomic<int> refused{0}, launched{0};
  device->setHook([&](const FaultDevice::Event& event) {
    if (event.point != Point::Launch) return;
    if (std::this_thread::get_id() == here && ++refused) throw MustWait();
    ++launched;
  });
  std::vector<Pending> all;
  for (int i = 0; i < 5; ++i) {
    all.emplace_back(addJob());
    ASSERT_TRUE(runNow(all.back()));
    const Outcome outcome = all.back().wait(std::chrono::seconds(20));
    EXPECT_TRUE(outcome.ok()) << outcome.text();
    EXPECT_EQ(outcome.timesSettled, 1);
    const HostTensor sum = outputsOf(*all.back().job)[0];
    for (size_t at = 0; at < sum.size(); ++at) ASSERT_EQ(sum.at(at), 2 * x.at(at));
  }
  EXPECT_EQ(refused, 5);
  EXPECT_EQ(launched, 5);
  device->setHook(nullptr);
}

}  // namespace
}  // namespace switchyard::test
