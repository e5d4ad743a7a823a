// The order of a context's jobs, on every device: many at once, cancel, close, shutdown.
#include <cmath>
#include <mutex>

#include "context_fixture.h"

namespace switchyard::test {
namespace {

INSTANTIATE_TEST_SUITE_P(Devices, OnContext, ::testing::ValuesIn(laneDevices()), laneTestName);

TEST_P(OnContext, JobsEndInTheOrderTheyWereSubmitted) {
  std::vector<int> ended;
  std::mutex mutex;
  std::atomic<int> left{100};
  std::vector<std::shared_ptr<Job>> jobs;
  for (int i = 0; i < 100; ++i) {
    auto job = i % 3 ? addJob() : makeJob("softmax", {x});
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
  std::lock_guard lock(mutex);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ended[size_t(i)], i);
}

TEST_P(OnContext, ManyThreadsManyJobs) {
  constexpr int kThreads = 4, kJobs = 60;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kJobs; i += 10) {
        std::vector<Pending> pending;
        for (int j = 0; j < 10; ++j)
          pending.push_back(submit(*context, makeJob("scale", {x}, {{"factor", t + 1}, {"offset", i + j}})));
        for (int j = 0; j < 10; ++j) {
          Outcome outcome = pending[size_t(j)].wait();
          if (!outcome.ok() || outcome.timesSettled != 1) continue;
          HostTensor y = outputsOf(*pending[size_t(j)].job)[0];
          bool same = true;
          for (size_t e = 0; e < x.size(); ++e) same &= std::fabs(y.at(e) - (x.at(e) * (t + 1) + i + j)) < 1e-4;
          right += same;
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, kThreads * kJobs);
}

TEST_P(OnContext, AQueuedJobIsCanceledAtOnce) {
  Gate gate(device);
  Pending running = submit(*context, addJob());
  gate.awaitReached();
  Pending queued = submit(*context, addJob()), last = submit(*context, addJob());
  context->cancel(queued.job);
  Outcome outcome = queued.wait(std::chrono::seconds(1));
  ASSERT_TRUE(outcome.error) << outcome.text();
  EXPECT_EQ(outcome.error->code, Code::Canceled);
  EXPECT_FALSE(running.settled());
  gate.open();
  EXPECT_TRUE(running.wait().ok());
  EXPECT_TRUE(last.wait().ok());
  EXPECT_EQ(queued.wait().timesSettled, 1);
}

TEST_P(OnContext, ARunningJobStopsBetweenLaunches) {
  Gate gate(device);
  HostTensor half = Random(2).uniform(kF16, {9, 33});  // two launches at least: widen, quantize
  Pending running = submit(*context, makeJob("quantize", {half}));
  gate.awaitReached();
  context->cancel(running.job);
  gate.open();
  Outcome outcome = running.wait();
  ASSERT_TRUE(outcome.error) << outcome.text();
  EXPECT_EQ(outcome.error->code, Code::Canceled);
  EXPECT_EQ(outcome.timesSettled, 1);
  EXPECT_TRUE(runJob(*context, addJob()).ok());
}

TEST_P(OnContext, CancelAfterTheEndChangesNothing) {
  Pending done = submit(*context, addJob());
  EXPECT_TRUE(done.wait().ok());
  context->cancel(done.job);
  EXPECT_EQ(done.wait().timesSettled, 1);
}

TEST_P(OnContext, CloseWaitsForWhatWasTaken) {
  std::atomic<int> closed{0};
  {
    Gate gate(device);
    Pending running = submit(*context, addJob());
    gate.awaitReached();
    Pending queued = submit(*context, addJob());
    context->close([&] { ++closed; });
    context->close([&] { ++closed; });
    EXPECT_EQ(closed, 0);
    EXPECT_THROW(submit(*context, addJob()), Error);
    gate.open();
    EXPECT_TRUE(running.wait().ok());
    EXPECT_TRUE(queued.wait().ok());
  }
  for (int i = 0; i < 5000 && closed < 2; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(closed, 2);
  context->close([&] { ++closed; });
  EXPECT_EQ(closed, 3);
  try {
    submit(*context, addJob());
    ADD_FAILURE() << "a closed context took a job";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::Closed);
  }
  EXPECT_EQ(context->memoryUse().reservedBytes, 0u) << "a closed context keeps memory";
}

TEST_P(OnContext, TheDestructorRefusesWhatIsQueued) {
  std::vector<Pending> all;
  {
    Gate gate(device);
    all.push_back(submit(*context, addJob()));
    gate.awaitReached();
    for (int i = 0; i < 5; ++i) all.push_back(submit(*context, addJob()));
    std::thread destroyer([&] { context.reset(); });
    Outcome queued = all.back().wait(std::chrono::seconds(10));
    gate.open();
    destroyer.join();
    ASSERT_TRUE(queued.error) << queued.text();
    EXPECT_EQ(queued.error->code, Code::Closed);
  }
  for (Pending& pending : all) EXPECT_EQ(pending.wait().timesSettled, 1) << pending.wait().text();
  EXPECT_TRUE(all.front().wait().ok());
}

TEST_P(OnContext, ShutdownStopsWhatRuns) {
  Gate gate(device);
  HostTensor half = Random(2).uniform(kF16, {9, 33});
  Pending running = submit(*context, makeJob("quantize", {half}));
  gate.awaitReached();
  Pending queued = submit(*context, addJob());
  std::thread opener([&] {
    while (!queued.settled()) std::this_thread::yield();
    gate.open();
  });
  EXPECT_TRUE(context->shutdown(std::chrono::seconds(30)));
  opener.join();
  Outcome stopped = running.wait(std::chrono::seconds(5)), refused = queued.wait();
  ASSERT_TRUE(stopped.error && refused.error);
  EXPECT_EQ(stopped.error->code, Code::Canceled);
  EXPECT_EQ(refused.error->code, Code::Canceled);
  EXPECT_TRUE(context->shutdown(std::chrono::milliseconds(0)));
  EXPECT_THROW(submit(*context, addJob()), Error);
}

TEST_P(OnContext, ShutdownSaysWhatDoesNotStop) {
  Gate gate(device);
  Pending running = submit(*context, makeJob("quantize", {Random(2).uniform(kF16, {9, 33})}));
  gate.awaitReached();
  EXPECT_FALSE(context->shutdown(std::chrono::milliseconds(20)));
  EXPECT_FALSE(running.settled());
  gate.open();
  EXPECT_TRUE(context->shutdown(std::chrono::seconds(30)));
}

TEST_P(OnContext, JobsMayBeSubmittedFromACallback) {
  Pending* next = nullptr;
  std::unique_ptr<Pending> second;
  std::atomic<bool> made{false};
  auto first = addJob();
  first->prepare();
  first->done = [&](Job&) {
    second = std::make_unique<Pending>(submit(*context, addJob()));
    next = second.get();
    made = true;
  };
  context->submit(first);
  for (int i = 0; i < 10000 && !made; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_TRUE(made && next);
  EXPECT_TRUE(next->wait().ok());
}

TEST_P(OnContext, ContextsComeAndGo) {
  for (int i = 0; i < 30; ++i) {
    auto brief = Context::create(device, options());
    if (i % 3) {
      EXPECT_TRUE(runJob(*brief, addJob()).ok());
    }
    if (i % 3 == 2) submit(*brief, addJob());  // still queued or running when it goes
  }
}

}  // namespace
}  // namespace switchyard::test
