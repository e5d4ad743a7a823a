// What a context gives its jobs, on every device: memory and its limit, device tensors, running at once, timings.
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <system_error>
#include <vector>

#include "context_fixture.h"

namespace switchyard::test {
namespace {

TEST_P(OnContext, TheMemoryLimitHolds) {
  ContextOptions little = options();
  little.memoryLimitBytes = 1 << 20;
  auto small = Context::create(device, little);
  HostTensor big(kF16, {1 << 10, 1 << 10});  // 4 MB widened
  Outcome outcome = runJob(*small, makeJob("quantize", {big}));
  ASSERT_TRUE(outcome.error) << outcome.text();
  EXPECT_EQ(outcome.error->code, Code::OutOfMemory);
  EXPECT_NE(std::string(outcome.error->what()).find("1048576"), std::string::npos)
      << "the limit is not named: " << outcome.text();
  EXPECT_EQ(usedBytesAtRest(*small), 0u);
  EXPECT_TRUE(runJob(*small, addJob()).ok());
  EXPECT_LE(small->memoryUse().reservedBytes, 1u << 20);
}

// A lane that can't be started refuses its job, and is started for the next.
TEST_P(OnContext, NeedsAThreadForItsJobs) {
  if (GetParam().onPool) return;  // which has its threads already
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "SKIPPED: sanitizers take all addresses themselves";
#endif
  unsigned long pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit before{};
  getrlimit(RLIMIT_AS, &before);
  const rlimit few{.rlim_cur = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + (rlim_t{64} << 20),
                   .rlim_max = before.rlim_max};
  std::atomic<bool> done{false};
  std::vector<std::thread> others;  // which have taken all stacks there are
  others.reserve(1000);
  auto job = addJob();
  job->done = [](Job&) {};
  std::exception_ptr error;
  setrlimit(RLIMIT_AS, &few);
  try {
    while (others.size() < 1000)
      others.emplace_back([&] {
        while (!done) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      });
  } catch (const std::system_error&) {
    try {
      context->submit(job);
    } catch (...) {
      error = std::current_exception();
    }
  }
  setrlimit(RLIMIT_AS, &before);
  done = true;
  for (std::thread& other : others) other.join();
  ASSERT_TRUE(error) << others.size();
  EXPECT_EQ(asError(error).code, Code::OutOfMemory) << asError(error).what();
  EXPECT_EQ(context->pending(), 0u);
  EXPECT_TRUE(runJob(*context, addJob()).ok());
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
  auto other = Context::create(device, options());
  context.reset();
  EXPECT_EQ(readBack(*other, tensor).bytes, x.bytes);
  tensor.reset();
}

TEST_P(OnContext, ATinyJobRunsAtOnce) {
  EXPECT_TRUE(runJob(*context, addJob()).ok());  // the first is a GPU's lane's
  auto job = addJob();
  job->prepare();
  Pending pending(job);
  bool ran = false;  // the lane may be about to rest
  for (int i = 0; i < 200 && !ran; ++i) {
    if (i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ran = context->runNow(job);
  }
  ASSERT_TRUE(ran);
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

TEST_P(OnContext, TrimGivesMemoryBack) {
  HostTensor half = Random(2).uniform(kF16, {100, 100});
  ASSERT_TRUE(runJob(*context, makeJob("quantize", {half})).ok());
  ASSERT_EQ(usedBytesAtRest(*context), 0u);
  EXPECT_GT(context->memoryUse().reservedBytes, 0u);
  context->trim();
  EXPECT_EQ(context->memoryUse().reservedBytes, 0u);
  EXPECT_TRUE(runJob(*context, makeJob("quantize", {half})).ok());
}

TEST_P(OnContext, ALossIsToldToTheDevice) {
  auto lost = std::make_shared<FaultDevice>(deviceOf(GetParam()));
  auto losing = Context::create(lost, options());
  lost->failAt(Point::Launch, Code::DeviceLost, 0, 1);
  EXPECT_EQ(runJob(*losing, makeJob("normalize", {Random(1).uniform(kF32, {4, 4})})).error->code, Code::DeviceLost);
  EXPECT_TRUE(losing->lost());
  EXPECT_TRUE(lost->lost());
}

}  // namespace
}  // namespace switchyard::test
