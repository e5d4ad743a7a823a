// A context whose memory is in too many pieces moves tensors that no job uses together, on every device.
#include <cstring>
#include <random>
#include <thread>

#include "context_fixture.h"

namespace switchyard::test {
namespace {

using Tensor = std::shared_ptr<DeviceTensor>;

constexpr uint64_t kPiece = 64 << 10;  // bytes of a small tensor

class Fragmented : public OnContext {
 protected:
  void SetUp() override {
    device = std::make_shared<FaultDevice>(deviceOf(GetParam()));
    ContextOptions made = options();
    made.memoryLimitBytes = 16 * kPiece;
    context = Context::create(device, made);
    Random random(5);
    for (int i = 0; i < 16; ++i) {
      values.push_back(random.uniform(kF32, {kPiece / 4}));
      tensors.push_back(upload(*context, values.back()));
    }
    for (size_t i = 0; i < 16; i += 2) tensors[i].reset();
    usedAtFirst = context->memoryUse().usedBytes;
  }
  void TearDown() override {
    tensors.clear();
    OnContext::TearDown();
  }
  Outcome tryUpload(const HostTensor& value, Tensor& tensor) {
    auto job = std::make_shared<Job>();
    job->kind = Job::Kind::Upload;
    job->inputs.push_back({value.spec, value.bytes.data(), nullptr, true});
    const Outcome outcome = runJob(*context, job);
    tensor = job->uploaded;
    return outcome;
  }
  void expectAllRight() {
    for (size_t i = 1; i < 16; i += 2) {
      const HostTensor read = readBack(*context, tensors[i]);
      EXPECT_EQ(std::memcmp(read.bytes.data(), values[i].bytes.data(), kPiece), 0) << "tensor " << i;
    }
  }
  std::vector<HostTensor> values;
  std::vector<Tensor> tensors;
  uint64_t usedAtFirst = 0;
};

TEST_P(Fragmented, TensorsMoveForALargerOne) {
  EXPECT_EQ(context->memoryUse().largestFreeBytes, kPiece);
  const HostTensor large = Random(6).uniform(kF32, {8 * kPiece / 4});
  Tensor there;
  const Outcome outcome = tryUpload(large, there);
  ASSERT_TRUE(outcome.ok()) << outcome.text();
  EXPECT_EQ(std::memcmp(readBack(*context, there).bytes.data(), large.bytes.data(), 8 * kPiece), 0);
  expectAllRight();
  EXPECT_EQ(context->memoryUse().usedBytes, 16 * kPiece);
  Tensor more;
  EXPECT_EQ(tryUpload(values[0], more).error->code, Code::OutOfMemory) << "nothing is free";
  there.reset();
}

// A job that needs some of them and much memory besides, of which there is enough in pieces alone.
TEST_P(Fragmented, AJobMovesWhatItNeedsItself) {
  const HostTensor& x = values[1];
  auto job = makeJob("matmul", {HostTensor(kF32, {kPiece / 4 / 64, 64}), HostTensor(kF32, {64, kPiece / 4 / 64})});
  for (size_t i : {0, 1}) job->inputs[i].host = nullptr, job->inputs[i].device = tensors[2 * i + 1];
  const Outcome outcome = runJob(*context, job);  // an output of 4 pieces
  ASSERT_TRUE(outcome.ok()) << outcome.text();
  const HostTensor got = outputsOf(*job)[0];
  double expected = 0;
  for (size_t k = 0; k < 64; ++k) expected += x.at(64 + k) * values[3].at(k * (kPiece / 4 / 64) + 2);
  EXPECT_NEAR(got.at(kPiece / 4 / 64 + 2), expected, 1e-3);
  expectAllRight();
}

// What a job of another context of the same device uses stays where it is, and the job gets what it should.
TEST_P(Fragmented, JobsUnderWayAreNotDisturbed) {
  auto other = Context::create(device, options());
  auto sum = makeJob("add", {values[7], values[15]});
  sum->inputs[0].host = nullptr, sum->inputs[0].device = tensors[7];
  sum->inputs[1].host = nullptr, sum->inputs[1].device = tensors[15];
  std::vector<HostTensor> sums;
  {
    Gate gate(device);
    Pending pending = submit(*other, sum);
    gate.awaitReached();
    Tensor there;
    const Outcome outcome = tryUpload(Random(7).uniform(kF32, {5 * kPiece / 4}), there);
    EXPECT_TRUE(outcome.ok()) << outcome.text();
    there.reset();
    // With the two in the way there is no room for so much in one piece.
    EXPECT_FALSE(tryUpload(Random(8).uniform(kF32, {8 * kPiece / 4}), there).ok());
    gate.open();
    ASSERT_TRUE(pending.wait().ok());
    sums = outputsOf(*sum);
  }
  for (size_t i = 0; i < values[7].size(); ++i)
    ASSERT_EQ(sums[0].at(i), static_cast<float>(values[7].at(i) + values[15].at(i)));
  expectAllRight();
  EXPECT_EQ(usedBytesAtRest(*other), 0u);
}

// Whoever calls waits for no memory to be moved, however small the job is: it is the lane's.
TEST_P(Fragmented, ACallersThreadMovesNothing) {
  if (context->device()->info.backend != Backend::Cpu) return;  // the others ask the device for memory in the lane only
  const HostTensor value = Random(10).uniform(kF32, {5 * kPiece / 16});
  auto job = std::make_shared<Job>();
  job->kind = Job::Kind::Upload;
  job->inputs.push_back({value.spec, value.bytes.data(), nullptr, true});
  Pending pending(job);
  job->prepare();
  while (context->pending()) std::this_thread::yield();  // what came before tells its caller, and only then leaves
  EXPECT_FALSE(context->runNow(job));
  EXPECT_EQ(context->memoryUse().largestFreeBytes, kPiece);
  EXPECT_EQ(context->pending(), 0u);
  context->submit(job);
  const Outcome outcome = pending.wait();
  ASSERT_TRUE(outcome.ok()) << outcome.text();
  EXPECT_EQ(outcome.timesSettled, 1);
  EXPECT_EQ(std::memcmp(readBack(*context, job->uploaded).bytes.data(), value.bytes.data(), value.bytes.size()), 0);
  expectAllRight();
}

// A device that takes no copies leaves everything as it was, and refuses the job as before.
TEST_P(Fragmented, AFailureLeavesThemWhereTheyWere) {
  if (context->device()->info.backend == Backend::Cpu) return;  // its copies are none that can fail
  device->failAt(Point::Submit, Code::Internal, 0, 1);
  Tensor there;
  const Outcome outcome = tryUpload(Random(9).uniform(kF32, {2 * kPiece / 4}), there);
  device->setHook(nullptr);
  EXPECT_FALSE(context->lost());
  if (outcome.error) {
    EXPECT_EQ(outcome.error->code, Code::OutOfMemory) << outcome.text();
  }
  there.reset();
  expectAllRight();
  EXPECT_EQ(context->memoryUse().usedBytes, usedAtFirst);
}

// Traffic of uploads, reads and releases at the limit: nothing is ever wrong, and moving has let more of it go on.
TEST_P(Fragmented, RandomTraffic) {
  struct Held {
    HostTensor value;
    Tensor tensor;
  };
  std::mt19937 random(77);
  std::vector<Held> held;
  int refusedThoughFree = 0, taken = 0;
  for (int step = 0; step < 300; ++step) {
    if (random() % 3 && held.size() < 30) {
      const uint64_t elements = 1 + random() % (3 * kPiece / 4);
      Held each{Random(static_cast<uint32_t>(step)).uniform(kF32, {elements}), nullptr};
      const ArenaUse use = context->memoryUse();
      const Outcome outcome = tryUpload(each.value, each.tensor);
      if (outcome.ok()) {
        ++taken;
        held.push_back(std::move(each));
      } else {
        ASSERT_EQ(outcome.error->code, Code::OutOfMemory) << outcome.text();
        refusedThoughFree += use.limitBytes - use.usedBytes >= elements * 4 + 256;
      }
    } else if (!held.empty()) {
      const size_t i = random() % held.size();
      const HostTensor read = readBack(*context, held[i].tensor);
      ASSERT_EQ(std::memcmp(read.bytes.data(), held[i].value.bytes.data(), held[i].value.spec.bytes()), 0)
          << "step " << step;
      held.erase(held.begin() + static_cast<long>(i));
    }
  }
  for (const Held& each : held)
    ASSERT_EQ(
        std::memcmp(readBack(*context, each.tensor).bytes.data(), each.value.bytes.data(), each.value.spec.bytes()), 0);
  EXPECT_EQ(refusedThoughFree, 0) << "of " << taken;
  expectAllRight();
}

INSTANTIATE_TEST_SUITE_P(Devices, Fragmented, ::testing::ValuesIn(laneDevices()), laneTestName);

}  // namespace
}  // namespace switchyard::test
