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
  Pending other(makeJob("normalize", {x}));
  EXPECT_FALSE(runNow(other));
  context->submit(other.job);
  EXPECT_TRUE(other.wait().ok());
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
