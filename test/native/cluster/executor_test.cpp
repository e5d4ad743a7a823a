// The executor on real contexts: what it runs, keeps, cancels and reports.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <thread>

#include "body_fixture.h"
#include "channel_fixture.h"
#include "cluster/executor.h"
#include "cuda_shim/shim_device.h"
#include "fault_device.h"

namespace switchyard::test {
namespace {

using namespace cluster;

class Coordinator {  // the other end of an executor
 public:
  explicit Coordinator(std::vector<std::shared_ptr<Context>> contexts) {
    auto [a, b] = Channel::makePair();
    channel_ = std::make_unique<Channel>(a);
    executor = std::make_unique<Executor>(b, page_.data(), nullptr, [this](const std::atomic<bool>&) { gone = true; });
    for (size_t i = 0; i < contexts.size(); ++i) executor->add(static_cast<uint32_t>(i), contexts[i]);
  }
  void assign(uint32_t context, const std::vector<std::pair<double, std::vector<double>>>& jobs) {
    std::vector<double> message(kAssignNumbers);
    message[kType] = kAssignType;
    message[kAssignContext] = context;
    message[kAssignCount] = static_cast<double>(jobs.size());
    for (const auto& [number, body] : jobs) {
      const size_t at = message.size();
      message.resize(at + kAssignedNumbers);
      message[at + kAssignedNumber] = number;
      message[at + kAssignedLength] = static_cast<double>(body.size());
      message.insert(message.end(), body.begin(), body.end());
    }
    message[kLength] = static_cast<double>(message.size());
    send(message);
  }
  void send(const std::vector<double>& message) {
    channel_->post(message);
    while (!channel_->flush()) std::this_thread::yield();
  }
  // Until so many have been reported.
  void await(size_t count) {
    readUntil(
        *channel_,
        [this](std::span<const double> message) {
          if (message[kType] == kDoneType)
            done.emplace(static_cast<int>(message[kDoneNumber]), std::vector<double>(message.begin(), message.end()));
        },
        [&] { return done.size() >= count; });
    EXPECT_EQ(done.size(), count);
  }
  // Until the executor has asked that often for a region once more.
  void awaitLack(double region, int times) {
    int asked = 0;
    readUntil(
        *channel_,
        [&](std::span<const double> message) {
          if (message[kType] == kLackType && message[kNumberedNumber] == region) ++asked;
        },
        [&] { return asked >= times; });
    EXPECT_GE(asked, times);
  }
  int code(int number) const {
    auto found = done.find(number);
    return found == done.end() ? -1 : static_cast<int>(found->second[kDoneCode]);
  }
  void hangUp() { channel_.reset(); }
  double context(size_t at) const { return load(page_.data() + kPageContexts, at); }  // the first one's

 private:
  std::vector<double> page_ = std::vector<double>(kPageNumbers);  // before the executor, which writes to it
  std::unique_ptr<Channel> channel_;

 public:
  std::atomic<bool> gone{false};
  std::unique_ptr<Executor> executor;
  std::multimap<int, std::vector<double>> done;
};

constexpr int failed(Code code) { return 1 + static_cast<int>(code); }

class ExecutorOn : public ::testing::TestWithParam<TestDevice> {};
INSTANTIATE_TEST_SUITE_P(Devices, ExecutorOn, ::testing::ValuesIn(plainDevices()), deviceTestName);

TEST_P(ExecutorOn, RunsJobsAloneAndJoinedAndReportsEachOnce) {
  auto context = Context::create(deviceOf(GetParam()));
  {
    Coordinator coordinator({context});
    std::vector<Shared> ins, outs;
    std::vector<std::pair<double, std::vector<double>>> batch;
    for (int i = 0; i < 60; ++i) {
      const double rows = 1 + i % 3;
      ins.push_back(share(12)), outs.push_back(share(12));
      for (int e = 0; e < 12; ++e) ins.back().floats()[e] = static_cast<float>(i + e), outs.back().floats()[e] = -77;
      // the last twenty are like no other
      batch.emplace_back(i + 1, scaleBody(ins.back(), outs.back(), rows, i < 40 ? 2 : i));
    }
    coordinator.assign(0, {batch.begin(), batch.begin() + 40});
    for (int i = 40; i < 60; ++i) coordinator.assign(0, {batch[static_cast<size_t>(i)]});
    coordinator.await(60);
    for (int i = 0; i < 60; ++i) {
      ASSERT_EQ(coordinator.done.count(i + 1), 1u);
      EXPECT_EQ(coordinator.code(i + 1), 0);
      EXPECT_EQ(coordinator.done.find(i + 1)->second[kDoneBatch], i < 40 ? 40 : 1);
      for (int e = 0; e < 12; ++e)
        EXPECT_EQ(outs[static_cast<size_t>(i)].floats()[e],
                  e < 4 * (1 + i % 3) ? static_cast<float>((i + e) * (i < 40 ? 2 : i)) : -77.0f);
    }
    EXPECT_EQ(coordinator.context(kContextRemotePending), 0);
    EXPECT_EQ(coordinator.context(kContextRemoteRun), 60);
    for (size_t i = 0; i < kMaxStarted; ++i) EXPECT_EQ(coordinator.context(kContextStarted + i), 0);
    EXPECT_FALSE(coordinator.gone);
    coordinator.hangUp();
    for (int i = 0; i < 1000 && !coordinator.gone; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_TRUE(coordinator.gone);
  }
  EXPECT_EQ(usedBytesAtRest(*context), 0u);
}

TEST_P(ExecutorOn, WhatMemoryIsMissingForFailsAloneAndTheMemoryIsAskedForAgain) {
  constexpr double kMissing = 4242;
  auto context = Context::create(deviceOf(GetParam()));
  Coordinator coordinator({context});
  Shared in = share(8), out = share(8);
  const std::vector<double> good = scaleBody(in, out, 2, 3);
  std::vector<double> bad = good;
  std::replace(bad.begin(), bad.end(), in.region(), kMissing);
  coordinator.send({3, kWithheldType, kMissing});
  coordinator.assign(0, {{1, bad}, {2, good}});
  coordinator.await(2);
  EXPECT_EQ(coordinator.code(1), failed(Code::OutOfMemory));
  EXPECT_EQ(coordinator.code(2), 0);
  coordinator.awaitLack(kMissing, 2);
  coordinator.send({3, kDropType, kMissing});
  coordinator.assign(0, {{3, bad}, {4, good}});
  coordinator.await(4);
  EXPECT_EQ(coordinator.code(3), failed(Code::Internal));  // nobody has ever heard of it
  EXPECT_EQ(coordinator.code(4), 0);
  EXPECT_FALSE(coordinator.gone);
}

TEST_P(ExecutorOn, KeepsSealedInputsOnDevicesWithMemoryOfTheirOwn) {
  auto context = Context::create(deviceOf(GetParam()));
  {
    Coordinator coordinator({context});
    const bool keeps = context->device()->info.backend != Backend::Cpu;
    Shared in = share(40'000), out = share(40'000);
    for (int e = 0; e < 40'000; ++e) in.floats()[e] = static_cast<float>(e);
    for (int i = 1; i <= 4; ++i) {
      coordinator.assign(0, {{i, scaleBody(in, out, 10'000, 3, 9)}});
      coordinator.await(static_cast<size_t>(i));
      EXPECT_EQ(coordinator.code(i), 0);
      EXPECT_EQ(out.floats()[39'999], keeps || i == 1 ? 3.0f * 39'999 : 15.0f);
      in.floats()[39'999] = 5;  // which was promised not to happen: so it shows who looks again
    }
    EXPECT_EQ(context->memoryUse().usedBytes >= 160'000, keeps);
    coordinator.send({3, kDropType, in.region()});
    const auto known = [&] { return RegionTable::shared().find(in.block->region->id) != nullptr; };
    for (int i = 0; i < 1000 && (known() || context->memoryUse().usedBytes); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_FALSE(known());
    EXPECT_EQ(context->memoryUse().usedBytes, 0u);
    RegionTable::shared().add(in.block->region);
  }
}

// As its memory fills up: those that were not used for a while go, and no more than are left may stay.
TEST_P(ExecutorOn, KeepsNoMoreSealedInputsThanItIsTold) {
  auto context = Context::create(deviceOf(GetParam()));
  if (context->device()->info.backend == Backend::Cpu) return;  // which has none
  Coordinator coordinator({context});
  std::vector<Shared> ins;
  const Shared out = share(40'000);
  int job = 0;
  // What the job sees of it, of which a copy on the device knows nothing.
  const auto seen = [&](size_t i, float now) {
    ins[i].floats()[0] = now;
    coordinator.assign(0, {{++job, scaleBody(ins[i], out, 10'000, 1, 9)}});
    coordinator.await(static_cast<size_t>(job));
    EXPECT_EQ(coordinator.code(job), 0);
    return out.floats()[0];
  };
  for (int i = 0; i < 3; ++i) ins.push_back(share(40'000));
  const auto resident = [&] { return coordinator.context(kContextResidentBytes); };
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(seen(i, 1), 1);
  EXPECT_EQ(resident(), 3 * 160'000);
  coordinator.executor->limitResident(0, 0, 60'000);  // all were used just now
  EXPECT_EQ(resident(), 3 * 160'000);
  coordinator.executor->limitResident(0, 200'000, 0);
  EXPECT_EQ(resident(), 160'000);
  EXPECT_EQ(seen(2, 2), 1) << "the last one used has stayed";
  EXPECT_EQ(seen(0, 2), 2);
  EXPECT_EQ(resident(), 160'000) << "it has taken the other's place";
  EXPECT_EQ(seen(0, 3), 2);
  coordinator.executor->limitResident(0, ~uint64_t{0}, 0);
  for (size_t i = 0; i < 3; ++i) seen(i, 4);
  EXPECT_EQ(resident(), 3 * 160'000);
  coordinator.executor->limitResident(0, 0, 0);
  EXPECT_EQ(resident(), 0);
  EXPECT_EQ(seen(1, 5), 5);
  coordinator.executor->limitResident(15, 0, 0);  // there is no such context
}

// Small ones, too, and all of them with the first job.
TEST_P(ExecutorOn, KeepsTheSealedInputsOfAGraph) {
  constexpr size_t kInputs = 12, kElements = 10;  // their sum, two by two
  auto context = Context::create(deviceOf(GetParam()));
  Coordinator coordinator({context});
  const bool keeps = context->device()->info.backend != Backend::Cpu;
  Graph graph;
  graph.inputCount = kInputs, graph.valueCount = 2 * kInputs - 1;
  graph.outputs = {2 * kInputs - 2};
  for (int i = 1; i < static_cast<int>(kInputs); ++i) {
    GraphNode node;
    node.workload = findWorkload("add");
    node.params = resolveParams(*node.workload, {});
    node.inputs[0] = i == 1 ? 0 : static_cast<int>(kInputs) + i - 2, node.inputs[1] = i;
    node.outputs[0] = static_cast<int>(kInputs) + i - 1;
    graph.nodes.push_back(node);
  }
  std::vector<double> body{kGraphBody};
  const std::vector<double> numbers = encodeGraph(graph);
  body.insert(body.end(), numbers.begin(), numbers.end());
  body.push_back(kInputs);
  std::vector<Shared> inputs;
  for (size_t i = 0; i < kInputs; ++i) {
    inputs.push_back(share(kElements));
    std::fill_n(inputs.back().floats(), kElements, 1.0f);
    for (double number : {1.0, 0.0, 1.0, double{kElements}, inputs.back().region(), inputs.back().offset(), 9.0})
      body.push_back(number);
  }
  const Shared out = share(kElements);
  for (double number : {1.0, out.region(), out.offset(), kElements * 4.0}) body.push_back(number);
  for (int i = 1; i <= 3; ++i) {
    coordinator.assign(0, {{i, body}});
    coordinator.await(static_cast<size_t>(i));
    EXPECT_EQ(coordinator.code(i), 0);
    EXPECT_EQ(out.floats()[kElements - 1], keeps || i == 1 ? 12.0f : 60.0f);
    // which was promised not to happen: so it shows who looks again
    for (const Shared& input : inputs) std::fill_n(input.floats(), kElements, 5.0f);
  }
}

TEST_P(ExecutorOn, TellsPiecesOfASealedTensorApart) {
  auto context = Context::create(deviceOf(GetParam()));
  Coordinator coordinator({context});
  Shared in = share(80'000), out = share(80'000);
  for (int e = 0; e < 80'000; ++e) in.floats()[e] = static_cast<float>(e);
  size_t jobs = 0;
  for (int rows : {5'000, 20'000, 5'000, 20'000, 10'000}) {  // all from its beginning
    std::memset(out.floats(), 0, 80'000 * sizeof(float));
    ++jobs;
    coordinator.assign(0, {{static_cast<double>(jobs), scaleBody(in, out, rows, 3, 9)}});
    coordinator.await(jobs);
    EXPECT_EQ(coordinator.code(static_cast<int>(jobs)), 0);
    for (int e = 0; e < 4 * rows; ++e) ASSERT_EQ(out.floats()[e], 3.0f * static_cast<float>(e)) << rows;
  }
}

TEST(ClusterExecutor, TakesASealedInputFromAnotherContextOfItsProcess) {
  for (const bool isLost : {false, true})
    for (const uint32_t second : {0, 1}) {  // on the same card; on one that reaches it
      auto card = makeCudaShimDevice(0), other = second ? makeCudaShimDevice(1) : card;
      auto one = Context::create(card), two = Context::create(other);
      Coordinator coordinator({one, two});
      Shared in = share(40'000), out = share(40'000);
      for (int e = 0; e < 40'000; ++e) in.floats()[e] = static_cast<float>(e);
      coordinator.assign(0, {{1, scaleBody(in, out, 10'000, 3, 9)}});
      coordinator.await(1);
      in.floats()[39'999] = 5;  // which was promised not to happen: so it shows where the second context has it from
      if (isLost && !second) continue;
      if (isLost) card->markLost();
      const ShimCopies before = cudaShimCopies();
      coordinator.assign(1, {{2, scaleBody(in, out, 10'000, 3, 9)}});
      coordinator.await(2);
      EXPECT_EQ(coordinator.code(2), 0);
      EXPECT_EQ(out.floats()[39'999], isLost ? 15.0f : 3.0f * 39'999);
      EXPECT_EQ(out.floats()[39'998], 3.0f * 39'998);
      EXPECT_EQ(cudaShimCopies().fromPeers - before.fromPeers, second && !isLost ? 160'000u : 0u);
      EXPECT_EQ(cudaShimCopies().uploaded - before.uploaded, isLost ? 160'000u : 0u);
      EXPECT_GE(two->memoryUse().usedBytes, 160'000u);
    }
}

TEST(ClusterExecutor, ReportsWhatItCannotRun) {
  auto context = Context::create(openDevice("cpu"));
  Coordinator coordinator({context});
  Shared in = share(8), out = share(8);
  std::vector<double> unknownRegion = scaleBody(in, out, 2, 3), wrongSize = unknownRegion;
  unknownRegion[2 + kMaxParams + 6] = 12345;
  wrongSize.back() = 4;
  coordinator.assign(0, {{1, unknownRegion}, {2, wrongSize}, {3, {}}, {4, scaleBody(in, out, 2, 3)}});
  coordinator.assign(5, {{5, scaleBody(in, out, 2, 3)}});
  coordinator.send({3, kCancelType, 999});
  coordinator.send({4, 77, 1, 2});
  coordinator.await(5);
  EXPECT_EQ(coordinator.code(1), failed(Code::Internal));
  EXPECT_EQ(coordinator.code(2), failed(Code::Internal));
  EXPECT_EQ(coordinator.code(3), failed(Code::Internal));
  EXPECT_EQ(coordinator.code(4), 0);
  EXPECT_EQ(coordinator.code(5), failed(Code::DeviceLost));
  coordinator.executor->remove(0);
  coordinator.assign(0, {{6, scaleBody(in, out, 2, 3)}});
  coordinator.await(6);
  EXPECT_EQ(coordinator.code(6), failed(Code::DeviceLost));
}

TEST(ClusterExecutor, CancelsWhatWaitsAndALaunchThatNobodyWants) {
  auto device = std::make_shared<FaultDevice>(openDevice("cpu"));
  std::atomic<bool> open{false}, reached{false};
  device->setHook([&](const FaultDevice::Event& event) {
    if (event.point != Point::Launch) return;
    reached = true;
    while (!open) std::this_thread::sleep_for(std::chrono::microseconds(50));
  });
  auto context = Context::create(device);
  {
    Coordinator coordinator({context});
    Shared in = share(200'000), out = share(200'000);
    coordinator.assign(0, {{1, scaleBody(in, out, 50'000, 3)}});  // too large to run on the executor's own thread
    for (int i = 0; i < 10000 && !reached; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(reached);
    auto cancel = [&](double number) { coordinator.send({3, kCancelType, number}); };
    std::vector<Shared> outs;
    for (int i = 0; i < 5; ++i) outs.push_back(share(100'000));
    coordinator.assign(0, {{2, scaleBody(in, outs[0], 20'000, 3)}, {3, scaleBody(in, outs[1], 20'000, 3)}});
    coordinator.assign(0, {{4, scaleBody(in, outs[2], 20'000, 3)}, {5, scaleBody(in, outs[3], 20'000, 3)}});
    coordinator.assign(0, {{6, scaleBody(in, outs[4], 20'000, 3)}});
    for (double number : {2, 3, 3, 4, 6}) cancel(number);
    coordinator.await(3);
    EXPECT_EQ(coordinator.code(2), failed(Code::Canceled));
    EXPECT_EQ(coordinator.code(3), failed(Code::Canceled));
    EXPECT_EQ(coordinator.code(6), failed(Code::Canceled));
    open = true;
    coordinator.await(6);
    EXPECT_EQ(coordinator.code(1), 0);
    EXPECT_EQ(coordinator.code(4), 0);  // its companion was wanted
    EXPECT_EQ(coordinator.code(5), 0);
  }
  device->setHook(nullptr);
}

TEST(ClusterExecutor, EndsQuietlyWhenTheEndIsMeant) {
  auto context = Context::create(openDevice("cpu"));
  Coordinator coordinator({context});
  coordinator.send({2, kByeType});
  coordinator.hangUp();
  coordinator.executor->stop(false);
  EXPECT_FALSE(coordinator.gone);
}

}  // namespace
}  // namespace switchyard::test
