// Lanes on an emulated card: what each waits for by itself, and what the event loop is spared.
#include <thread>

#include "runtime_fixture.h"

namespace switchyard::test {
namespace {

using namespace std::chrono_literals;

class CudaLanes : public OnCudaRuntime {
 protected:
  void TearDown() override {
    ShimRuntime::setWatchdog(10min);
    OnCudaRuntime::TearDown();
  }
  // One lane computes something that does not end, another one goes on.
  void besideAnother(Queue& held, Queue& other, Buffer& a, Buffer& b, Ending& ending) {
    ShimRuntime::holdNextKernel();
    held.fill({&a, 0, a.size}, 7);
    held.submit(ending.callback());
    for (int i = 0; i < 200 && !ending.wait(0ms); ++i) {
      Ending quick;
      try {
        other.fill({&b, 0, b.size}, 7);
      } catch (const Error& lost) {
        other.discard();
        return;
      }
      other.submit(quick.callback());
      ASSERT_TRUE(quick.wait());
      std::this_thread::sleep_for(5ms);
    }
  }
};

TEST_F(CudaLanes, TheWatchdogCountsForEachLane) {
  ShimRuntime::setWatchdog(300ms);
  {
    const auto device = openOnShimRuntime();
    const auto a = device->allocate(4096), b = device->allocate(4096);
    const auto held = device->createQueue(), other = device->createQueue();
    Ending ending;
    besideAnother(*held, *other, *a, *b, ending);
    EXPECT_TRUE(ending.wait(1s)) << "a lane that is not answered is not noticed while another one is";
    EXPECT_EQ(ending.error(), "ERR_DEVICE_LOST");
    EXPECT_TRUE(device->lost());
  }
  ShimRuntime::release();
  forgetLost();
}

TEST_F(CudaLanes, ALongKernelThatWasAnnouncedIsNoLoss) {
  ShimRuntime::setWatchdog(200ms);
  const auto device = openOnShimRuntime();
  const auto a = device->allocate(4096), b = device->allocate(4096);
  const auto held = device->createQueue(), other = device->createQueue();
  held->setLongest(1h);
  Ending ending;
  besideAnother(*held, *other, *a, *b, ending);
  EXPECT_FALSE(ending.wait(0ms));
  EXPECT_FALSE(device->lost());
  ShimRuntime::release();
  ASSERT_TRUE(ending.wait());
  EXPECT_EQ(ending.error(), "");
}

// Nor does it hide that another one is not answered, that one goes on submitting.
TEST_F(CudaLanes, ABusyLaneDoesNotHideAnotherOne) {
  ShimRuntime::setWatchdog(400ms);
  {
    const auto device = openOnShimRuntime();
    const auto a = device->allocate(4096), b = device->allocate(4096);
    const auto held = device->createQueue(), other = device->createQueue();
    Ending ending;
    ShimRuntime::holdNextKernel();
    held->fill({a.get(), 0, a->size}, 7);
    held->submit(ending.callback());
    for (int i = 0; i < 30 && !ending.wait(0ms); ++i) {
      Ending slow;
      ShimRuntime::delayNextKernel(120ms);
      try {
        other->fill({b.get(), 0, b->size}, 7);
      } catch (const Error&) {
        other->discard();
        break;
      }
      other->submit(slow.callback());
      ASSERT_TRUE(slow.wait());
    }
    EXPECT_TRUE(ending.wait(0ms));
    EXPECT_TRUE(device->lost());
  }
  ShimRuntime::release();
  forgetLost();
}

// What is dropped behind one has to wait for it.
TEST_F(CudaLanes, AJobIsDroppedBehindALongKernelThatWasAnnounced) {
  ShimRuntime::setWatchdog(100ms);
  const auto device = openOnShimRuntime();
  const auto a = device->allocate(4096);
  const auto queue = device->createQueue();
  queue->setLongest(1h);
  ShimRuntime::holdNextKernel();
  queue->fill({a.get(), 0, a->size}, 7);
  Ending ending;
  queue->submit(ending.callback());
  queue->fill({a.get(), 0, a->size}, 8);
  std::thread releases([] {
    std::this_thread::sleep_for(500ms);
    ShimRuntime::release();
  });
  queue->discard();
  releases.join();
  EXPECT_FALSE(device->lost());
  ASSERT_TRUE(ending.wait());
  EXPECT_EQ(ending.error(), "");
}

std::vector<std::string> slowCallsHere() {
  std::vector<std::string> names;
  for (const auto& call : ShimRuntime::takeSlowCalls())
    if (call.thread == std::this_thread::get_id()) names.push_back(call.name);
  return names;
}

// The memory of a small job is there, or the lane asks for it.
TEST_F(CudaLanes, MemoryIsAskedForByTheLane) {
  const auto device = openOnShimRuntime();
  const auto context = Context::create(device);
  const HostTensor x = Random(1).uniform(kF32, {3, 40});
  ASSERT_TRUE(runJob(*context, makeJob("softmax", {x})).ok());
  usedBytesAtRest(*context);
  context->trim();
  const auto taken = device->allocate(1 << 20);  // what it had: there is none like it left
  ShimRuntime::takeSlowCalls();
  const uint64_t before = ShimRuntime::calls("cudaMallocFromPoolAsync");
  Pending pending(makeJob("softmax", {x}));
  pending.job->prepare();
  bool inside = false;
  for (int i = 0; i < 100 && !inside; ++i) {
    if (i) std::this_thread::sleep_for(1ms);
    inside = context->runNow(pending.job);
  }
  EXPECT_EQ(slowCallsHere(), std::vector<std::string>());
  if (!inside) context->submit(pending.job);
  EXPECT_TRUE(pending.wait().ok()) << pending.wait().text();
  EXPECT_GT(ShimRuntime::calls("cudaMallocFromPoolAsync"), before);
}

// As an event loop calls it.
TEST_F(CudaLanes, NothingThatTakesLongRunsInsideACall) {
  {
    const auto device = openOnShimRuntime();
    const auto context = Context::create(device);
    const HostTensor few = Random(1).uniform(kF32, {3, 40}), long_ = Random(2).uniform(kF32, {1, 20000});
    const auto run = [&](const HostTensor& x) {
      Pending pending(makeJob("softmax", {x}));
      pending.job->prepare();
      bool inside = false;  // the lane may still be about to rest
      for (int i = 0; i < 100 && !inside; ++i) {
        if (i) std::this_thread::sleep_for(1ms);
        inside = context->runNow(pending.job);
      }
      EXPECT_EQ(slowCallsHere(), std::vector<std::string>());
      if (!inside) context->submit(pending.job);
      EXPECT_TRUE(pending.wait().ok()) << pending.wait().text();
      double sum = 0;
      const auto outputs = outputsOf(*pending.job);
      for (size_t i = 0; i < x.shape().back(); ++i) sum += outputs[0].at(i);
      EXPECT_NEAR(sum, 1, 1e-4);
      usedBytesAtRest(*context);
      return inside;
    };
    ShimRuntime::takeSlowCalls();
    EXPECT_FALSE(run(few));  // nothing of it was ever made
    EXPECT_TRUE(run(few));
    const uint64_t loaded = ShimRuntime::calls("cudaFuncGetAttributes");
    run(long_);  // by other kernels
    EXPECT_GT(ShimRuntime::calls("cudaFuncGetAttributes"), loaded);
    EXPECT_TRUE(run(few));
  }
}

}  // namespace
}  // namespace switchyard::test
