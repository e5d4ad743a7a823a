// Small neighbours of one kind, which a context launches as one, on every device: each gets what it gets by itself.
#include <atomic>
#include <mutex>

#include "context_fixture.h"

namespace switchyard::test {
namespace {

class OnAContextThatJoins : public OnContext {
 protected:
  // The lane stands at this many launches from now on until opened; counts all of them.
  void SetUp() override {
    OnContext::SetUp();
    launches = 0;
    open = false;
    device->setHook([this](const FaultDevice::Event& event) {
      if (event.point != Point::Launch) return;
      const int launch = ++launches;
      while (launch == 1 && !open) std::this_thread::sleep_for(std::chrono::microseconds(50));
      if (atLaunch) atLaunch(launch);
    });
  }
  void TearDown() override {
    open = true;
    device->setHook(nullptr);
    OnContext::TearDown();
  }
  bool onCpu() const { return device->info.backend == Backend::Cpu; }
  // Holds the lane, so that what comes next is taken together.
  Pending hold() {
    Pending first = submit(*context, makeJob("softmax", {x}));
    for (int i = 0; i < 100000 && !launches; ++i) std::this_thread::sleep_for(std::chrono::microseconds(100));
    return first;
  }
  Pending add(uint64_t elements) {
    inputs.push_back({random.uniform(kF32, {elements}), random.uniform(kF32, {elements})});
    return submit(*context, makeJob("add", inputs.back()));
  }
  void expectSum(Pending& job, size_t of) {
    const Outcome outcome = job.wait();
    ASSERT_TRUE(outcome.ok()) << of << ": " << outcome.text();
    EXPECT_EQ(outcome.timesSettled, 1);
    const HostTensor got = outputsOf(*job.job)[0];
    ASSERT_EQ(got.spec.shape, inputs[of][0].spec.shape);
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_EQ(float(got.at(i)), float(inputs[of][0].at(i)) + float(inputs[of][1].at(i))) << of << ", element " << i;
  }

  Random random{23};
  std::vector<std::vector<HostTensor>> inputs;
  std::atomic<int> launches{0};
  std::atomic<bool> open{false};
  std::function<void(int launch)> atLaunch;
};
INSTANTIATE_TEST_SUITE_P(Devices, OnAContextThatJoins, ::testing::ValuesIn(laneDevices()), laneTestName);

constexpr uint64_t kSizes[] = {1, 1024, 7, 997, 256, 3, 2048, 1023};

TEST_P(OnAContextThatJoins, NeighboursAreOneLaunch) {
  Pending first = hold();
  const int before = launches;
  std::vector<Pending> all;
  for (uint64_t size : kSizes) all.push_back(add(size));
  std::vector<float> target(inputs[1][0].size());
  auto into = makeJob("add", inputs[1]);
  into->into = {{reinterpret_cast<std::byte*>(target.data()), target.size() * 4}};
  Pending intoTarget = submit(*context, into);
  open = true;
  EXPECT_TRUE(first.wait().ok());
  for (size_t i = 0; i < all.size(); ++i) expectSum(all[i], i);
  ASSERT_TRUE(intoTarget.wait().ok());
  for (size_t i = 0; i < target.size(); ++i)
    ASSERT_EQ(target[i], float(inputs[1][0].at(i)) + float(inputs[1][1].at(i))) << i;
  EXPECT_EQ(launches - before, onCpu() ? int(std::size(kSizes)) + 1 : 1);
  for (const Pending& job : all) {
    const JobTimings& t = job.job->timings;
    EXPECT_LE(t.queuedMs + t.uploadMs + t.computeMs + t.readbackMs, t.totalMs * 1.05 + 0.5);
    EXPECT_GT(t.totalMs, 0);
  }
}

TEST_P(OnAContextThatJoins, WhatIsNotAlikeStaysApart) {
  Pending first = hold();
  const int before = launches;
  std::vector<Pending> scaled;
  for (double factor : {2.0, 2.0, 3.0}) scaled.push_back(submit(*context, makeJob("scale", {x}, {{"factor", factor}})));
  Pending sum = add(100), one = submit(*context, makeJob("softmax", {x})),
          two = submit(*context, makeJob("softmax", {x}));
  Pending row = submit(*context, makeJob("add", {random.uniform(kF32, {4, 5}), random.uniform(kF32, {5})}));
  open = true;
  EXPECT_TRUE(first.wait().ok());
  expectSum(sum, 0);
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(scaled[i].wait().ok());
    EXPECT_FLOAT_EQ(float(outputsOf(*scaled[i].job)[0].at(5)), float(x.at(5)) * (i < 2 ? 2 : 3));
  }
  ASSERT_TRUE(one.wait().ok() && two.wait().ok());
  EXPECT_TRUE(row.wait().ok());
  EXPECT_EQ(outputsOf(*one.job)[0].bytes, outputsOf(*two.job)[0].bytes);
  EXPECT_EQ(launches - before, onCpu() ? 7 : 6);  // the two of one factor are one
}

TEST_P(OnAContextThatJoins, ALaunchThatFailsIsTriedApart) {
  if (onCpu()) GTEST_SKIP() << "SKIPPED: a CPU joins nothing";
  Pending first = hold();
  std::vector<Pending> all;
  for (uint64_t size : kSizes) all.push_back(add(size));
  atLaunch = [](int launch) {
    if (launch == 2) throw Error(Code::OutOfMemory, "a fault on purpose");
  };
  open = true;
  EXPECT_TRUE(first.wait().ok());
  for (size_t i = 0; i < all.size(); ++i) expectSum(all[i], i);
  EXPECT_EQ(launches, 2 + int(std::size(kSizes)));
}

// Neither is what it has recorded of use any more, nor gone before that was discarded.
TEST_P(OnAContextThatJoins, WhatHasToWaitBeginsAnew) {
  if (onCpu() || !GetParam().onPool) return;
  Pending first = hold();
  std::vector<Pending> all;
  for (uint64_t size : kSizes) all.push_back(add(size));
  Pending last = submit(*context, makeJob("softmax", {x}));
  Pending* const canceled = &all[3];
  atLaunch = [&](int) {
    if (!PoolThreads::onThread() || !open) return;
    if (launches == 3) throw MustWait();  // of the softmax, behind what was joined
  };
  open = true;
  EXPECT_TRUE(first.wait().ok());
  context->cancel(canceled->job);
  for (size_t i = 0; i < all.size(); ++i)
    if (i != 3) expectSum(all[i], i);
  EXPECT_EQ(canceled->wait().timesSettled, 1);
  EXPECT_TRUE(last.wait().ok());
}

TEST_P(OnAContextThatJoins, ADeviceThatIsLostFailsAll) {
  if (onCpu()) GTEST_SKIP() << "SKIPPED: a CPU joins nothing";
  Pending first = hold();
  std::vector<Pending> all;
  for (uint64_t size : kSizes) all.push_back(add(size));
  atLaunch = [](int launch) {
    if (launch >= 2) throw Error(Code::DeviceLost, "a fault on purpose");
  };
  open = true;
  EXPECT_TRUE(first.wait().ok());
  for (Pending& job : all) {
    const Outcome outcome = job.wait();
    EXPECT_EQ(outcome.timesSettled, 1);
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code, Code::DeviceLost);
  }
  EXPECT_TRUE(context->lost());
}

}  // namespace
}  // namespace switchyard::test
