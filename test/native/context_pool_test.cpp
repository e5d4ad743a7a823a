// A context on a pool's threads, and what goes to a thread of its own nevertheless.
#include <mutex>

#include "context_fixture.h"

namespace switchyard::test {
namespace {

class PooledContext : public OnContext {
 protected:
  // Keeps all of the pool's threads until it goes.
  struct Busy {
    explicit Busy(PoolThreads& pool) {
      for (int i = 0; i < 4; ++i)
        pool.give([this] {
          ++taken;
          while (!ended) std::this_thread::sleep_for(std::chrono::microseconds(100));
          --taken;
        });
      while (taken < 4) std::this_thread::yield();
    }
    ~Busy() {
      ended = true;
      while (taken) std::this_thread::yield();
    }
    std::atomic<int> taken{0};
    std::atomic<bool> ended{false};
  };
  Pending submitElsewhere() {
    auto job = addJob();
    job->prepare();
    Pending pending(job);
    context->submit(job, Asked::Elsewhere);
    return pending;
  }
  // On which threads the lane's launches are recorded from now on: how many on the pool's, how many on others.
  void watch() {
    device->setHook([this](const FaultDevice::Event& event) {
      if (event.point != Point::Launch && event.point != Point::Matmul) return;
      ++(PoolThreads::onThread() ? pooled : others);
      if (PoolThreads::onThread() && waits) throw MustWait();
    });
  }
  std::atomic<int> pooled{0}, others{0};
  std::atomic<bool> waits{false};  // a launch would have to wait for the device
};

std::vector<LaneDevice> pooledDevices() {
  auto all = laneDevices();
  std::erase_if(all, [](const LaneDevice& device) { return !device.onPool; });
  return all;
}
INSTANTIATE_TEST_SUITE_P(Devices, PooledContext, ::testing::ValuesIn(pooledDevices()), laneTestName);

// Where a thread is not the device itself.
class PooledGpu : public PooledContext {};
std::vector<LaneDevice> pooledGpus() {
  auto all = pooledDevices();
  std::erase_if(all, [](const LaneDevice& device) { return device.id == "cpu:0"; });
  return all;
}
INSTANTIATE_TEST_SUITE_P(Devices, PooledGpu, ::testing::ValuesIn(pooledGpus()), laneTestName);

TEST_P(PooledContext, ItsOwnJobsRunOnThePool) {
  watch();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(runJob(*context, addJob()).ok());
  EXPECT_EQ(others, 0);
  EXPECT_EQ(pooled, 20);
}

// In their order: what the process itself has asked before goes with it, the rest waits for the pool.
TEST_P(PooledContext, OtherProcessesJobsGoOnWhileThePoolIsBusy) {
  watch();
  std::unique_ptr<Busy> busy = std::make_unique<Busy>(pool);
  Pending first = submit(*context, makeJob("softmax", {x}));
  EXPECT_FALSE(first.wait(std::chrono::milliseconds(50)).settled);
  Pending elsewhere = submitElsewhere();
  EXPECT_TRUE(elsewhere.wait().ok());
  EXPECT_TRUE(first.settled());
  // The device's own thread takes what comes before it has gone to sleep.
  std::unique_ptr<Pending> last;
  int awake = 0;
  while (!last || last->wait(std::chrono::milliseconds(50)).settled) {
    if (last) ++awake;
    ASSERT_LT(awake, 20);
    last.reset(new Pending(submit(*context, addJob())));  // it can't be moved
  }
  busy.reset();
  EXPECT_TRUE(last->wait().ok());
  EXPECT_EQ(pooled, 1);
  EXPECT_EQ(others, 2 + awake);
}

TEST_P(PooledContext, BothKindsOfJobsMixed) {
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; i += 5) {
        std::vector<Pending> all;
        for (int j = 0; j < 5; ++j) all.push_back(t ? submitElsewhere() : submit(*context, addJob()));
        for (Pending& one : all) right += one.wait().ok() && one.wait().timesSettled == 1;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 400);
}

TEST_P(PooledGpu, AThreadOfThePoolDoesNotWaitForTheDevice) {
  watch();
  waits = true;
  std::vector<int> ended;
  std::mutex mutex;
  std::atomic<int> left{10};
  std::vector<std::shared_ptr<Job>> jobs;
  HostTensor half = Random(2).uniform(kF16, {9, 33});  // two launches
  for (int i = 0; i < 10; ++i) {
    auto job = i % 2 ? makeJob("quantize", {half}) : addJob();
    job->prepare();
    job->done = [&, i](Job& settled) {
      std::lock_guard lock(mutex);
      EXPECT_FALSE(settled.error);
      ended.push_back(i);
      --left;
    };
    jobs.push_back(job);
    context->submit(job);
  }
  for (int i = 0; i < 60000 && left; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_EQ(left, 0);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ended[size_t(i)], i);
  EXPECT_EQ(others, 5 + 5 * 3);
  // Not for ever: what the device has had to be waited for changes.
  waits = false;
  pooled = 0;
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(runJob(*context, addJob()).ok());
  EXPECT_GT(pooled, 100);
}

// A job of several phases that has to wait in a later one is not begun on the pool again and again.
TEST_P(PooledGpu, AJobThatWaitsLateStaysWithItsThread) {
  std::atomic<int> launches{0};
  device->setHook([&](const FaultDevice::Event& event) {
    if (event.point != Point::Launch && event.point != Point::Matmul) return;
    if (++launches >= 2 && PoolThreads::onThread()) throw MustWait();
  });
  HostTensor offsets(DType::Int32, {5}), columns(DType::Int32, {4});
  for (size_t i = 0; i < 5; ++i) offsets.set(i, double(i));
  for (size_t i = 0; i < 4; ++i) columns.set(i, double((i + 1) % 4));
  Outcome outcome = runJob(*context, makeJob("pagerank", {offsets, columns}));
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  EXPECT_EQ(outcome.timesSettled, 1);
}

// What runs on the device gives its memory back first, and no thread of the pool waits for that.
TEST_P(PooledGpu, AJobThatRanOutOfMemoryBesideAnotherIsTriedAgain) {
  if (GetParam().id == "cuda-shim:0") return;  // where nothing is beside another: submit() comes back when it is done
  std::atomic<bool> open{false}, reached{false}, failed{false};
  std::atomic<int> tries{0};
  device->setHook([&](const FaultDevice::Event& event) {
    if (event.point == Point::Wait && !reached.exchange(true))
      while (!open) std::this_thread::sleep_for(std::chrono::microseconds(50));
    if (event.point != Point::Launch || !reached) return;
    ++tries;
    if (PoolThreads::onThread() && !failed.exchange(true)) throw Error(Code::OutOfMemory, "on purpose");
  });
  Pending first = submit(*context, addJob());
  while (!reached) std::this_thread::yield();
  Pending second = submit(*context, addJob());
  while (!failed) std::this_thread::yield();
  Pending third = submit(*context, addJob());
  Busy busy(pool);  // all of the pool's threads are to be had
  EXPECT_FALSE(second.wait(std::chrono::milliseconds(50)).settled);
  EXPECT_EQ(tries, 1);
  open = true;
  EXPECT_TRUE(first.wait().ok());
  EXPECT_TRUE(second.wait().ok());
  EXPECT_EQ(tries, 2);
  busy.ended = true;
  EXPECT_TRUE(third.wait().ok());
}

TEST_P(PooledGpu, WhatWaitsCanBeCanceled) {
  std::atomic<bool> open{false}, reached{false};
  device->setHook([&](const FaultDevice::Event& event) {
    if (event.point != Point::Launch) return;
    if (PoolThreads::onThread()) throw MustWait();
    reached = true;
    while (!open) std::this_thread::sleep_for(std::chrono::microseconds(50));
  });
  Pending running = submit(*context, makeJob("quantize", {Random(2).uniform(kF16, {9, 33})}));
  while (!reached) std::this_thread::yield();
  Pending queued = submit(*context, addJob());
  context->cancel(running.job);
  context->cancel(queued.job);
  EXPECT_EQ(queued.wait().error->code, Code::Canceled);
  open = true;
  Outcome outcome = running.wait();
  ASSERT_TRUE(outcome.error) << outcome.text();
  EXPECT_EQ(outcome.error->code, Code::Canceled);
}

// While another process's job runs inside a call, what the process itself asks goes to a thread that is there.
TEST_P(PooledContext, ItsOwnJobBesideOneOfAnotherProcessInsideACall) {
  EXPECT_TRUE(runJob(*context, addJob()).ok());  // the first is a GPU's lane's
  Pending own(addJob());
  own.job->prepare();
  Pending small(addJob());
  small.job->prepare();
  bool isFirst = true;
  small.job->begun = [&] {
    if (std::exchange(isFirst, false)) context->submit(own.job);
  };
  bool ran = false;  // the lane may be about to rest
  for (int i = 0; i < 200 && !ran; ++i) {
    if (i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ran = context->runNow(small.job, Asked::Elsewhere);
  }
  ASSERT_TRUE(ran);
  EXPECT_TRUE(small.wait(std::chrono::seconds(20)).ok());
  EXPECT_TRUE(own.wait(std::chrono::seconds(20)).ok());
}

// A job that is resumed does not submit what another one has recorded and is going to record anew.
TEST_P(PooledGpu, AJobThatIsResumedIsRecordedBehindOneThatBeginsAnew) {
  if (GetParam().id.starts_with("cuda-shim"))
    GTEST_SKIP() << "SKIPPED: the emulated card is done within submit(): nothing comes behind what runs there";
  const HostTensor offsets = listed(DType::Int32, {5}, {0, 1, 2, 3, 4});
  const HostTensor columns = listed(DType::Int32, {4}, {1, 2, 3, 0});
  int mixed = 0;
  for (int round = 0; round < 40; ++round) {
    context = Context::create(device, options());  // which has not heard of what has to wait
    std::atomic<bool> open{false}, reached{false}, thrown{false}, restarted{false};
    std::atomic<int> launches{0}, submitted{0};
    device->setHook([&](const FaultDevice::Event& event) {
      if (event.point == Point::Wait && !reached.exchange(true)) {
        while (!open) std::this_thread::yield();
        std::this_thread::sleep_for(std::chrono::microseconds(round % 20 * 5));
        return;
      }
      if (!reached) return;
      if (event.point == Point::Launch || event.point == Point::Matmul) {
        if (PoolThreads::onThread() && !thrown) {
          if (++launches < 2) return;
          thrown = open = true;
          throw MustWait();
        }
        if (thrown && !PoolThreads::onThread()) restarted = true;
      }
      if (event.point != Point::Submit) return;
      submitted += PoolThreads::onThread() && thrown && !restarted;
      open = true;  // also where nothing begins anew
    });
    Pending ranks = submit(*context, makeJob("pagerank", {offsets, columns}));
    while (!reached) std::this_thread::yield();
    Pending rows = submit(*context, makeJob("quantize", {Random(2).uniform(kF16, {9, 33})}));
    EXPECT_TRUE(rows.wait().ok());
    EXPECT_TRUE(ranks.wait().ok());
    mixed += submitted > 0;
    device->setHook(nullptr);
  }
  EXPECT_EQ(mixed, 0);
}

}  // namespace
}  // namespace switchyard::test
