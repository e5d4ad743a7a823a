// The lane: order, many at once, cancel, close, shutdown, limits, device tensors, running at once. On every device.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <thread>

#include "fault_device.h"
#include "harness.h"

namespace switchyard::test {
namespace {

// Holds the lane at its next launch (or matrix product) until opened.
class Gate {
 public:
  explicit Gate(std::shared_ptr<FaultDevice> device) : device_(std::move(device)) {
    device_->setHook([this](const FaultDevice::Event& event) {
      if (event.point != Point::Launch && event.point != Point::Matmul) return;
      reached_ = true;
      while (!open_) std::this_thread::sleep_for(std::chrono::microseconds(50));
    });
  }
  ~Gate() {
    open_ = true;
    device_->setHook(nullptr);
  }
  void open() { open_ = true; }
  void awaitReached() {
    for (int i = 0; i < 100000 && !reached_; ++i) std::this_thread::sleep_for(std::chrono::microseconds(100));
    ASSERT_TRUE(reached_);
  }

 private:
  std::shared_ptr<FaultDevice> device_;
  std::atomic<bool> open_{false}, reached_{false};
};

std::vector<TestDevice> everyDevice() { return plainDevices(); }

class OnContext : public ::testing::TestWithParam<TestDevice> {
 protected:
  void SetUp() override {
    device = std::make_shared<FaultDevice>(deviceOf(GetParam()));
    context = Context::create(device);
  }
  void TearDown() override {
    if (context) {
      EXPECT_EQ(usedBytesAtRest(*context), 0u);
    }
  }
  std::shared_ptr<Job> addJob() { return makeJob("add", {x, x}); }
  std::shared_ptr<FaultDevice> device;
  std::shared_ptr<Context> context;
  HostTensor x = Random(11).uniform(kF32, {300});
};

std::string cleanName(const ::testing::TestParamInfo<TestDevice>& info) {
  std::string name;
  for (char c : info.param.name)
    if (std::isalnum(static_cast<unsigned char>(c))) name += c;
  return name;
}
INSTANTIATE_TEST_SUITE_P(Devices, OnContext, ::testing::ValuesIn(everyDevice()), cleanName);

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
  HostTensor half = Random(2).uniform(kF16, {9, 33});  // three launches: widen, normalize, narrow
  Pending running = submit(*context, makeJob("normalize", {half}));
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
  Pending running = submit(*context, makeJob("normalize", {half}));
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
  Pending running = submit(*context, makeJob("normalize", {Random(2).uniform(kF16, {9, 33})}));
  gate.awaitReached();
  EXPECT_FALSE(context->shutdown(std::chrono::milliseconds(20)));
  EXPECT_FALSE(running.settled());
  gate.open();
  EXPECT_TRUE(context->shutdown(std::chrono::seconds(30)));
}

TEST_P(OnContext, TheMemoryLimitHolds) {
  ContextOptions options;
  options.memoryLimitBytes = 1 << 20;
  auto small = Context::create(device, options);
  HostTensor big(kF16, {1 << 20});  // 4 MB widened
  Outcome outcome = runJob(*small, makeJob("scale", {big}));
  ASSERT_TRUE(outcome.error) << outcome.text();
  EXPECT_EQ(outcome.error->code, Code::OutOfMemory);
  EXPECT_NE(std::string(outcome.error->what()).find("1048576"), std::string::npos)
      << "the limit is not named: " << outcome.text();
  EXPECT_EQ(usedBytesAtRest(*small), 0u);
  EXPECT_TRUE(runJob(*small, addJob()).ok());
  EXPECT_LE(small->memoryUse().reservedBytes, 1u << 20);
}

TEST_P(OnContext, AChainNeedsMemoryForTwo) {
  // Thirty intermediates of 400 KB: with their memory reused by liveness, a few at a time.
  uint64_t n = 100000;
  auto job = std::make_shared<Job>();
  HostTensor input = Random(1).uniform(kF32, {n});
  job->kind = Job::Kind::Graph;
  job->graph = std::make_unique<Graph>();
  job->graph->inputCount = 1;
  for (int i = 0; i < 30; ++i) {
    GraphNode node;
    node.workload = findWorkload("scale");
    node.inputs[0] = i;
    node.outputs[0] = i + 1;
    node.params = resolveParams(*node.workload, {{"offset", 1}});
    job->graph->nodes.push_back(node);
  }
  job->graph->valueCount = 31;
  job->graph->outputs = {30};
  job->inputs = {{input.spec, input.bytes.data(), nullptr, true}};
  Outcome outcome = runJob(*context, job);
  ASSERT_TRUE(outcome.ok()) << outcome.text();
  EXPECT_LE(context->memoryUse().maxUsedBytes, 6 * n * 4) << "intermediates are not reused";
  HostTensor y = outputsOf(*job)[0];
  for (size_t i = 0; i < n; i += 997) EXPECT_NEAR(y.at(i), input.at(i) + 30, 1e-4);
}

TEST_P(OnContext, DeviceTensorsStayReadAndGo) {
  auto tensor = upload(*context, x);
  uint64_t held = context->memoryUse().usedBytes;
  EXPECT_GE(held, x.bytes.size());
  EXPECT_EQ(readBack(*context, tensor).bytes, x.bytes);
  auto job = makeJob("add", {x, x});
  for (TensorArg& input : job->inputs) input = {x.spec, nullptr, tensor, true};
  Gate gate(device);
  Pending pending = submit(*context, job);
  gate.awaitReached();
  for (TensorArg& input : job->inputs) input.device = input.device;  // the job holds it ...
  tensor.reset();                                                    // ... when its owner lets go
  gate.open();
  ASSERT_TRUE(pending.wait().ok());
  HostTensor y = outputsOf(*job)[0];
  for (size_t i = 0; i < x.size(); ++i) EXPECT_FLOAT_EQ(float(y.at(i)), float(2 * x.at(i)));
  job->inputs.clear();
}

TEST_P(OnContext, AnEmptyTensorCanStayToo) {
  HostTensor empty(kF32, {0, 5});
  auto tensor = upload(*context, empty);
  EXPECT_EQ(readBack(*context, tensor).spec, empty.spec);
}

TEST_P(OnContext, ATensorOutlivesItsContext) {
  auto tensor = upload(*context, x);
  auto other = Context::create(device);
  context.reset();
  EXPECT_EQ(readBack(*other, tensor).bytes, x.bytes);
  tensor.reset();
}

TEST_P(OnContext, ATensorOfAnotherDeviceIsRefused) {
  auto elsewhere = std::make_shared<FaultDevice>(deviceOf(GetParam()));
  auto other = Context::create(elsewhere);
  auto tensor = upload(*other, x);
  auto job = makeJob("scale", {x});
  job->inputs[0] = {x.spec, nullptr, tensor, true};
  Outcome outcome = runJob(*context, job);
  ASSERT_TRUE(outcome.error) << outcome.text();
  EXPECT_EQ(outcome.error->code, Code::InvalidArgument);
}

TEST_P(OnContext, ATinyJobRunsAtOnce) {
  auto job = addJob();
  job->prepare();
  Pending pending(job);
  ASSERT_TRUE(context->runNow(job));
  if (GetParam().id.rfind("cpu", 0) == 0) {
    EXPECT_TRUE(pending.settled()) << "a CPU job is done when runNow returns";
  }
  EXPECT_TRUE(pending.wait().ok());
  EXPECT_EQ(pending.wait().timesSettled, 1);
}

TEST_P(OnContext, ABigJobDoesNotRunAtOnce) {
  HostTensor big = Random(1).uniform(kF32, {1000, 1000});
  auto job = makeJob("matmul", {big, big});
  job->prepare();
  bool called = false;
  job->done = [&](Job&) { called = true; };
  EXPECT_FALSE(context->runNow(job));
  EXPECT_FALSE(called);
  EXPECT_EQ(context->pending(), 0u);
}

TEST_P(OnContext, RunNowOnAClosedContext) {
  context->close([] {});
  auto job = addJob();
  job->prepare();
  job->done = [](Job&) { ADD_FAILURE() << "a closed context ran a job"; };
  EXPECT_THROW(context->runNow(job), Error);
}

TEST_P(OnContext, IntoTargetsMustFit) {
  std::vector<std::byte> target(x.bytes.size() - 4);
  auto job = addJob();
  job->into = {{target.data(), target.size()}};
  Outcome outcome = runJob(*context, job);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, Code::InvalidArgument);
}

TEST_P(OnContext, TimingsAddUp) {
  HostTensor big = Random(1).uniform(kF32, {400, 400});
  auto job = makeJob("matmul", {big, big});
  ASSERT_TRUE(runJob(*context, job).ok());
  const JobTimings& t = job->timings;
  EXPECT_GT(t.totalMs, 0);
  for (double part : {t.queuedMs, t.uploadMs, t.computeMs, t.readbackMs}) EXPECT_GE(part, 0);
  EXPECT_LE(t.queuedMs + t.uploadMs + t.computeMs + t.readbackMs, t.totalMs * 1.05 + 0.5);
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
    auto brief = Context::create(device);
    if (i % 3) {
      EXPECT_TRUE(runJob(*brief, addJob()).ok());
    }
    if (i % 3 == 2) submit(*brief, addJob());  // still queued or running when it goes
  }
}

TEST_P(OnContext, TrimGivesMemoryBack) {
  HostTensor half = Random(2).uniform(kF16, {100, 100});
  ASSERT_TRUE(runJob(*context, makeJob("normalize", {half})).ok());
  ASSERT_EQ(usedBytesAtRest(*context), 0u);
  EXPECT_GT(context->memoryUse().reservedBytes, 0u);
  context->trim();
  EXPECT_EQ(context->memoryUse().reservedBytes, 0u);
  EXPECT_TRUE(runJob(*context, makeJob("normalize", {half})).ok());
}

TEST(Devices, OrderAndNames) {
  const Enumeration& found = foundDevices();
  ASSERT_FALSE(found.devices.empty());
  auto rank = [](const DeviceInfo& info) {
    if (info.backend == Backend::Cuda) return 0;
    if (info.backend == Backend::Cpu) return 2;
    return info.type == DeviceType::Cpu ? 3 : 1;
  };
  int last = 0;
  bool cpu = false;
  for (const DeviceInfo& info : found.devices) {
    EXPECT_GE(rank(info), last);
    last = rank(info);
    cpu |= info.id == "cpu:0";
    EXPECT_FALSE(info.name.empty());
    EXPECT_EQ(info.id, std::string(backendName(info.backend)) + ":" + std::to_string(info.index));
    EXPECT_GE(info.maxViewBytes, 128u << 20 >> 1);
    EXPECT_EQ(openDevice(info.id)->info.id, info.id);
  }
  EXPECT_TRUE(cpu) << "there is always a CPU";
  for (const BackendProblem& problem : found.problems) {
    EXPECT_FALSE(problem.reason.empty());
    EXPECT_FALSE(problem.remedy.empty());
  }
}

TEST(Devices, TurnedOffBackendsAreNotThere) {
  EnumerateOptions none;
  none.cuda = none.vulkan = false;
  Enumeration found = enumerateDevices(none);
  ASSERT_EQ(found.devices.size(), 1u);
  EXPECT_EQ(found.devices[0].backend, Backend::Cpu);
  EXPECT_EQ(found.problems.size(), 2u);
}

TEST(Devices, OpenedOnceAndUnknownOnesRefused) {
  auto first = openDevice("cpu:0");
  EXPECT_EQ(first, openDevice("cpu"));
  for (const char* id : {"cpu:7", "cuda:99", "vulkan:99", "abacus", ""}) {
    try {
      openDevice(id);
      ADD_FAILURE() << "'" << id << "' was opened";
    } catch (const Error& error) {
      EXPECT_TRUE(error.code == Code::Unsupported || error.code == Code::InvalidArgument) << id << ": " << error.what();
    }
  }
}

TEST_P(OnContext, ALossIsToldToTheDevice) {
  auto lost = std::make_shared<FaultDevice>(deviceOf(GetParam()));
  auto losing = Context::create(lost);
  lost->failAt(Point::Launch, Code::DeviceLost, 0, 1);
  EXPECT_EQ(runJob(*losing, makeJob("normalize", {Random(1).uniform(kF32, {4, 4})})).error->code, Code::DeviceLost);
  EXPECT_TRUE(losing->lost());
  EXPECT_TRUE(lost->lost());
}

TEST(Devices, ALostOneIsOpenedAnew) {
  for (const DeviceInfo& info : enumerateDevices().devices) {
    auto first = openDevice(info.id);
    EXPECT_EQ(first, openDevice(info.id));
    first->markLost();
    auto second = openDevice(info.id);
    EXPECT_NE(first, second);
    EXPECT_FALSE(second->lost());
    first.reset();
    EXPECT_EQ(second, openDevice(info.id));
  }
}

}  // namespace
}  // namespace switchyard::test
