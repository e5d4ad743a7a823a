// Memory of an emulated card: nobody waits for what computes, what is free counts as free, and it goes back.
#include <atomic>
#include <thread>

#include "runtime_fixture.h"

namespace switchyard::test {
namespace {

using namespace std::chrono_literals;

class CudaMemory : public OnCudaRuntime, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    OnCudaRuntime::SetUp();
    ShimRuntime::setPools(GetParam());
    device = openOnShimRuntime();
  }
  void TearDown() override {
    device.reset();
    OnCudaRuntime::TearDown();
  }
  // A kernel that runs until release().
  std::unique_ptr<Queue> computing(Buffer& buffer, Ending& ending) {
    auto queue = device->createQueue();
    ShimRuntime::holdNextKernel();
    queue->fill({&buffer, 0, buffer.size}, 7);
    queue->submit(ending.callback());
    return queue;
  }
  static std::vector<std::string> slowCallsHere() {
    std::vector<std::string> names;
    for (const auto& call : ShimRuntime::takeSlowCalls())
      if (call.thread == std::this_thread::get_id()) names.push_back(call.name);
    return names;
  }
  std::shared_ptr<Device> device;
};
INSTANTIATE_TEST_SUITE_P(, CudaMemory, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "FromAPool" : "WithoutPools"; });

TEST_P(CudaMemory, GivingBackWaitsForNobody) {
  const auto held = device->allocate(4096);
  auto block = device->allocate(1 << 20);
  Ending ending;
  const auto queue = computing(*held, ending);
  ShimRuntime::takeSlowCalls();
  block.reset();
  EXPECT_EQ(slowCallsHere(), std::vector<std::string>());
  // And the next one who asks has it at once.
  block = device->allocate(1 << 20);
  EXPECT_EQ(slowCallsHere(), std::vector<std::string>());
  block.reset();
  std::this_thread::sleep_for(1500ms);  // it is kept until the card rests
  expectNoViolations();
  EXPECT_EQ(ShimRuntime::calls("cudaFree") + ShimRuntime::calls("cudaMemPoolTrimTo"), 0u);
  ShimRuntime::release();
  ASSERT_TRUE(ending.wait());
  EXPECT_EQ(ending.error(), "");
}

TEST_P(CudaMemory, GoesBackWhenTheCardRestsByAThreadOfItsOwn) {
  device->allocate(1 << 20);
  const char* const call = GetParam() ? "cudaMemPoolTrimTo" : "cudaFree";
  for (int i = 0; i < 100 && !ShimRuntime::calls(call); ++i) std::this_thread::sleep_for(50ms);
  int found = 0;
  for (const auto& slow : ShimRuntime::takeSlowCalls()) {
    if (slow.name != call) continue;
    ++found;
    EXPECT_EQ(slow.threadName, "switchyard-mem");
  }
  EXPECT_GT(found, 0);
}

// A moment without work between two jobs is no rest.
TEST_P(CudaMemory, StaysWhileJobsComeOneAfterTheOther) {
  const auto held = device->allocate(4096);
  const auto queue = device->createQueue();
  device->allocate(1 << 20);
  for (int i = 0; i < 60; ++i) {
    Ending ending;
    queue->fill({held.get(), 0, 4096}, uint32_t(i));
    queue->submit(ending.callback());
    ASSERT_TRUE(ending.wait());
    std::this_thread::sleep_for(40ms);
    ASSERT_EQ(ShimRuntime::calls("cudaFree") + ShimRuntime::calls("cudaMemPoolTrimTo"), 0u);
  }
}

// Another process may want it, however long this one computes.
TEST_P(CudaMemory, OfAPoolOnlySoMuchIsKept) {
  if (!GetParam()) GTEST_SKIP() << "without pools what is freed waits for the card";
  const auto held = device->allocate(4096);
  auto first = device->allocate(200 << 20), second = device->allocate(200 << 20);
  Ending ending;
  const auto queue = computing(*held, ending);
  first.reset(), second.reset();
  for (int i = 0; i < 40 && !ShimRuntime::calls("cudaMemPoolTrimTo"); ++i) std::this_thread::sleep_for(20ms);
  EXPECT_EQ(ShimRuntime::calls("cudaMemPoolTrimTo"), 1u);
  // One of the two is still there.
  ShimRuntime::takeSlowCalls();
  first = device->allocate(200 << 20);
  EXPECT_EQ(slowCallsHere(), std::vector<std::string>());
  ShimRuntime::release();
  ASSERT_TRUE(ending.wait());
}

// The thread that gives back may be in a call of a lost card's driver that does not return.
TEST_P(CudaMemory, ALostCardDoesNotHoldUpWhoLetsItGo) {
  const char* const call = GetParam() ? "cudaMemPoolTrimTo" : "cudaFree";
  ShimRuntime::setWatchdog(200ms);
  ShimRuntime::hangAt(call);
  device->allocate(1 << 20);
  for (int i = 0; i < 200 && !ShimRuntime::hanging(); ++i) std::this_thread::sleep_for(20ms);
  ASSERT_EQ(ShimRuntime::hanging(), 1);
  std::atomic<bool> isGone{false};
  std::thread letsGo([&] {
    device.reset();
    isGone = true;
  });
  for (int i = 0; i < 200 && !isGone; ++i) std::this_thread::sleep_for(20ms);
  EXPECT_TRUE(isGone);
  EXPECT_EQ(ShimRuntime::hanging(), 1);
  ShimRuntime::release();
  letsGo.join();
  ShimRuntime::setWatchdog(10min);
  forgetLost();
}

TEST_P(CudaMemory, WhatWasGivenBackCountsAsFree) {
  const uint64_t before = device->memory().freeBytes;
  auto block = device->allocate(1 << 20);
  EXPECT_EQ(device->memory().freeBytes, before - (1 << 20));
  block.reset();
  EXPECT_EQ(device->memory().freeBytes, before);
  EXPECT_EQ(device->memory().totalBytes, uint64_t{1} << 30);
}

// What was given back in pieces that don't fit goes first.
TEST_P(CudaMemory, IsEnoughAsLongAsWhatIsFreeIsEnough) {
  ShimRuntime::setDeviceBytes(64 << 20);
  std::vector<std::unique_ptr<Buffer>> small;
  for (int i = 0; i < 30; ++i) small.push_back(device->allocate(2 << 20));
  EXPECT_THROW(device->allocate(50 << 20), Error);
  small.clear();
  EXPECT_NO_THROW(device->allocate(50 << 20));
  try {
    device->allocate(100 << 20);
    ADD_FAILURE() << "more than there is";
  } catch (const Error& e) {
    EXPECT_EQ(e.code, Code::OutOfMemory);
  }
}

TEST_P(CudaMemory, OutlivesItsDevice) {
  auto block = device->allocate(4096);
  device.reset();
  block.reset();
}

TEST_P(CudaMemory, OfAnotherCard) {
  const auto other = openOnShimRuntime(1);
  ASSERT_TRUE(other->reaches(*device));
  std::vector<std::byte> bytes(100 << 10, std::byte{9}), got(bytes.size());
  const auto from = device->allocate(bytes.size()), to = other->allocate(bytes.size());
  {
    Ending uploaded;
    const auto queue = device->createQueue();
    queue->upload({from.get(), 0, bytes.size()}, bytes);
    queue->submit(uploaded.callback());
    ASSERT_TRUE(uploaded.wait());
  }
  for (int i = 0; i < 2; ++i) {
    Ending copied;
    const auto queue = other->createQueue();
    queue->copyFrom({to.get(), 0, bytes.size()}, {from.get(), 0, bytes.size()});
    queue->download(got, {to.get(), 0, bytes.size()});
    queue->submit(copied.callback());
    ASSERT_TRUE(copied.wait());
    EXPECT_EQ(copied.error(), "");
  }
  EXPECT_EQ(got, bytes);
}

}  // namespace
}  // namespace switchyard::test
