// Tensors of one device used on another: what arrives, which way it went, and what happens when a device is lost.
#include <algorithm>
#include <cstring>

#include "context_fixture.h"
#include "cuda_shim/shim_device.h"

namespace switchyard::test {
namespace {

std::shared_ptr<DeviceTensor> uploadOn(Context& context, const std::shared_ptr<DeviceTensor>& tensor,
                                       Outcome& outcome) {
  auto job = std::make_shared<Job>();
  job->kind = Job::Kind::Upload;
  job->inputs.push_back({tensor->spec, nullptr, tensor, true});
  outcome = runJob(context, job);
  return job->uploaded;
}

// add(tensor, host)
std::shared_ptr<Job> addTo(const std::shared_ptr<DeviceTensor>& tensor, const HostTensor& host) {
  auto job = makeJob("add", {host, host});
  job->inputs[0].host = nullptr;
  job->inputs[0].device = tensor;
  return job;
}

bool isDouble(const HostTensor& sum, const HostTensor& x) {
  for (size_t i = 0; i < x.size(); ++i)
    if (sum.at(i) != 2 * x.at(i)) return false;
  return sum.size() == x.size();
}

std::vector<TestDevice> shimPair() {
  const auto shim = [](uint32_t i) {
    const std::string id = "cuda-shim:" + std::to_string(i);
    return TestDevice{"emulated card " + std::to_string(i), id, [i] { return makeCudaShimDevice(i); }};
  };
  return {shim(0), shim(1)};
}

struct Pair {
  TestDevice from, to;
};
void PrintTo(const Pair& pair, std::ostream* out) { *out << pair.from.name << " to " << pair.to.name; }

std::vector<Pair> pairs() {
  std::vector<TestDevice> devices = plainDevices();
  devices.pop_back();  // the emulated card, which comes twice here
  for (TestDevice& shim : shimPair()) devices.push_back(std::move(shim));
  std::vector<Pair> all;
  for (const TestDevice& from : devices)
    for (const TestDevice& to : devices) all.push_back({from, to});
  return all;
}

std::string pairName(const ::testing::TestParamInfo<Pair>& info) {
  return deviceTestName({info.param.from, 0}) + "To" + deviceTestName({info.param.to, 0});
}

class Moved : public ::testing::TestWithParam<Pair> {
 protected:
  void SetUp() override {
    from = Context::create(deviceOf(GetParam().from));
    to = Context::create(deviceOf(GetParam().to));
  }
  void TearDown() override {
    EXPECT_EQ(usedBytesAtRest(*from), 0u);
    EXPECT_EQ(usedBytesAtRest(*to), 0u);
  }
  std::shared_ptr<Context> from, to;
};

TEST_P(Moved, ArriveWhole) {
  for (DType dtype : {kF32, DType::Float16, DType::Int8})
    for (uint64_t n : {0, 1, 3, 63, 257, 997, 70001}) {
      Random random(n + 1);
      const HostTensor x = dtype == DType::Int8 ? random.integers(dtype, {n}, -100, 100) : random.uniform(dtype, {n});
      const auto there = upload(*from, x);
      Outcome outcome;
      auto here = uploadOn(*to, there, outcome);
      ASSERT_TRUE(outcome.ok()) << outcome.text();
      const HostTensor back = readBack(*to, here);
      EXPECT_EQ(back.spec, x.spec);
      EXPECT_EQ(std::memcmp(back.bytes.data(), x.bytes.data(), x.spec.bytes()), 0) << n;
      if (dtype != kF32 || !n) continue;
      auto job = addTo(there, x);
      outcome = runJob(*to, job);
      ASSERT_TRUE(outcome.ok()) << outcome.text();
      EXPECT_TRUE(isDouble(outputsOf(*job)[0], x)) << n;
    }
}

TEST_P(Moved, ManyAtOnceAndLetGoOfAtOnce) {
  const HostTensor x = Random(5).uniform(kF32, {30011});
  auto there = upload(*from, x);
  std::vector<Pending> jobs;
  for (int i = 0; i < 40; ++i) jobs.push_back(submit(*to, addTo(there, x)));
  there.reset();  // the jobs hold it
  for (Pending& pending : jobs) {
    const Outcome outcome = pending.wait();
    ASSERT_TRUE(outcome.ok()) << outcome.text();
    EXPECT_EQ(outcome.timesSettled, 1);
    EXPECT_TRUE(isDouble(outputsOf(*pending.job)[0], x));
  }
}

INSTANTIATE_TEST_SUITE_P(Pairs, Moved, ::testing::ValuesIn(pairs()), pairName);

// ---- which way

TEST(MovedTensors, GoFromCardToCardPastTheHost) {
  const auto cards = shimPair();
  auto from = Context::create(deviceOf(cards[0])), to = Context::create(deviceOf(cards[1]));
  const HostTensor x = Random(1).uniform(kF32, {1000});
  const auto there = upload(*from, x);
  const ShimCopies before = cudaShimCopies();
  auto job = addTo(there, x);
  ASSERT_TRUE(runJob(*to, job).ok());
  ShimCopies after = cudaShimCopies();
  EXPECT_EQ(after.fromPeers - before.fromPeers, 4000u);
  EXPECT_EQ(after.uploaded - before.uploaded, 4000u) << "the other input alone";
  EXPECT_TRUE(isDouble(outputsOf(*job)[0], x));
  Outcome outcome;
  const auto here = uploadOn(*to, there, outcome);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(cudaShimCopies().fromPeers - after.fromPeers, 4000u);
  EXPECT_EQ(cudaShimCopies().uploaded, after.uploaded);
}

TEST(MovedTensors, AreCopiedByNobodyBetweenContextsOfOneDevice) {
  for (const TestDevice& which : plainDevices()) {
    auto device = std::make_shared<FaultDevice>(deviceOf(which));
    std::atomic<int> uploads{0};
    device->setHook([&](const FaultDevice::Event& event) { uploads += event.point == Point::Upload; });
    auto one = Context::create(device), other = Context::create(device);
    const HostTensor x = Random(2).uniform(kF32, {1000});
    const auto held = upload(*one, x);
    uploads = 0;
    auto job = makeJob("add", {x, x});
    for (TensorArg& input : job->inputs) input.host = nullptr, input.device = held;
    ASSERT_TRUE(runJob(*other, job).ok()) << which.name;
    EXPECT_TRUE(isDouble(outputsOf(*job)[0], x));
    EXPECT_EQ(uploads, 0) << which.name;
    device->setHook(nullptr);
  }
}

TEST(MovedTensors, AreReadByTheCpuWhereASoftwareDeviceHasThem) {
  for (const TestDevice& which : plainDevices()) {
    const auto device = deviceOf(which);
    if (device->info.backend != Backend::Vulkan || device->info.type != DeviceType::Cpu) continue;
    auto counted = std::make_shared<FaultDevice>(device);
    std::atomic<int> downloads{0};
    counted->setHook([&](const FaultDevice::Event& event) { downloads += event.point == Point::Download; });
    auto from = Context::create(counted), to = Context::create(openDevice("cpu"));
    const HostTensor x = Random(3).uniform(kF32, {5000});
    const auto held = upload(*from, x);
    auto job = addTo(held, x);
    ASSERT_TRUE(runJob(*to, job).ok());
    EXPECT_TRUE(isDouble(outputsOf(*job)[0], x));
    EXPECT_EQ(downloads, held->isSeenByHost ? 0 : 1) << which.name;
    counted->setHook(nullptr);
  }
}

// ---- what goes wrong

// A device whose memory the host does not see, and one that does not reach it: its tensors are read first.
class ReadFirst : public ::testing::Test {
 protected:
  void SetUp() override {
    source = std::make_shared<FaultDevice>(makeCudaShimDevice(0));
    target = std::make_shared<FaultDevice>(makeCudaShimDevice(1));
    from = Context::create(source);
    to = Context::create(target);
    held = upload(*from, x);
  }
  void TearDown() override {
    held.reset();
    source->setHook(nullptr);
    for (const auto& context : {from, to})
      if (context) {
        EXPECT_EQ(usedBytesAtRest(*context), 0u);
      }
  }
  // Holds reads on the source until opened.
  struct Hold {
    explicit Hold(FaultDevice& device) : device(device) {
      device.setHook([this](const FaultDevice::Event& event) {
        if (event.point != Point::Download) return;
        ++reads;
        reached = true;
        while (!open) std::this_thread::sleep_for(std::chrono::microseconds(50));
      });
    }
    ~Hold() {
      open = true;
      device.setHook(nullptr);
    }
    void awaitReached() {
      for (int i = 0; i < 100000 && !reached; ++i) std::this_thread::sleep_for(std::chrono::microseconds(100));
      ASSERT_TRUE(reached);
    }
    FaultDevice& device;
    std::atomic<bool> open{false}, reached{false};
    std::atomic<int> reads{0};
  };
  void expectGoesOn() {
    auto job = makeJob("add", {x, x});
    ASSERT_TRUE(runJob(*to, job).ok());
    EXPECT_TRUE(isDouble(outputsOf(*job)[0], x));
    EXPECT_FALSE(to->lost());
  }
  std::shared_ptr<FaultDevice> source, target;
  std::shared_ptr<Context> from, to;
  std::shared_ptr<DeviceTensor> held;
  const HostTensor x = Random(4).uniform(kF32, {1000});
};

TEST_F(ReadFirst, OnceForAllJobsThatNeedIt) {
  Hold hold(*source);
  std::vector<Pending> jobs{submit(*to, addTo(held, x))};
  hold.awaitReached();
  for (int i = 0; i < 20; ++i) jobs.push_back(submit(*to, addTo(held, x)));
  auto both = addTo(held, x);
  both->inputs[1] = both->inputs[0];
  jobs.push_back(submit(*to, both));
  for (const Pending& pending : jobs) EXPECT_FALSE(pending.settled());
  EXPECT_EQ(to->pending(), jobs.size());
  hold.open = true;
  for (Pending& pending : jobs) {
    ASSERT_TRUE(pending.wait().ok());
    EXPECT_TRUE(isDouble(outputsOf(*pending.job)[0], x));
  }
  EXPECT_EQ(hold.reads, 1);
  // nobody keeps the copy
  for (int i = 0; i < 10000 && to->pending(); ++i) std::this_thread::sleep_for(std::chrono::microseconds(100));
  auto job = addTo(held, x);
  ASSERT_TRUE(runJob(*to, job).ok());
  EXPECT_TRUE(isDouble(outputsOf(*job)[0], x));
  EXPECT_EQ(hold.reads, 2);
}

TEST_F(ReadFirst, AnewAfterItHasFailed) {
  source->failAt(Point::Download, Code::Internal, 0, 1);
  const Outcome outcome = runJob(*to, addTo(held, x));
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, Code::Internal);
  auto job = addTo(held, x);
  const Outcome next = runJob(*to, job);
  ASSERT_TRUE(next.ok()) << next.text();
  EXPECT_TRUE(isDouble(outputsOf(*job)[0], x));
}

TEST_F(ReadFirst, OfADeviceThatWasLost) {
  source->markLost();
  const Outcome outcome = runJob(*to, addTo(held, x));
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, Code::DeviceLost);
  EXPECT_NE(std::string(outcome.error->what()).find("cuda-shim:0, which was lost"), std::string::npos)
      << outcome.error->what();
  expectGoesOn();
}

TEST_F(ReadFirst, OfADeviceThatIsLostMeanwhile) {
  for (Point point : {Point::Download, Point::Submit, Point::Wait}) {
    source = std::make_shared<FaultDevice>(makeCudaShimDevice(0));
    held.reset();
    from = Context::create(source);
    held = upload(*from, x);
    source->failAt(point, Code::DeviceLost);
    const Outcome outcome = runJob(*to, addTo(held, x));
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.timesSettled, 1);
    EXPECT_EQ(outcome.error->code, Code::DeviceLost);
    EXPECT_TRUE(from->lost());
    expectGoesOn();
  }
}

TEST_F(ReadFirst, OntoADeviceThatIsLostMeanwhile) {
  Hold hold(*source);
  Pending pending = submit(*to, addTo(held, x));
  hold.awaitReached();
  target->failAt(Point::Submit, Code::DeviceLost);
  EXPECT_EQ(runJob(*to, makeJob("add", {x, x})).error->code, Code::DeviceLost);
  EXPECT_FALSE(pending.settled());
  hold.open = true;
  const Outcome outcome = pending.wait();
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, Code::DeviceLost);
  EXPECT_EQ(outcome.timesSettled, 1);
}

TEST_F(ReadFirst, CanceledMeanwhile) {
  Hold hold(*source);
  Pending pending = submit(*to, addTo(held, x));
  hold.awaitReached();
  to->cancel(pending.job);
  const Outcome outcome = pending.wait();  // not for what is read
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, Code::Canceled);
  EXPECT_EQ(to->pending(), 0u);
  hold.open = true;
  expectGoesOn();
}

TEST_F(ReadFirst, ClosingWaitsForIt) {
  Hold hold(*source);
  Pending pending = submit(*to, addTo(held, x));
  hold.awaitReached();
  std::atomic<int> closed{0};
  to->close([&] { ++closed; });
  from->close([&] { ++closed; });
  EXPECT_EQ(closed, 0);
  EXPECT_EQ(to->pending(), 1u);
  hold.open = true;
  const Outcome outcome = pending.wait();
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  for (int i = 0; i < 10000 && closed < 2; ++i) std::this_thread::sleep_for(std::chrono::microseconds(100));
  EXPECT_EQ(closed, 2);
}

TEST_F(ReadFirst, LeavingDoesNotWaitForWhatIsRead) {
  Hold hold(*source);
  Pending pending = submit(*to, addTo(held, x));
  hold.awaitReached();
  EXPECT_TRUE(to->shutdown(std::chrono::seconds(10)));
  EXPECT_EQ(pending.wait().error->code, Code::Canceled);
  to.reset();  // before what is read is there
  hold.open = true;
}

TEST_F(ReadFirst, OfAContextThatWasClosed) {
  from->close([] {});
  const Outcome closed = runJob(*to, addTo(held, x));
  ASSERT_TRUE(closed.error);
  EXPECT_EQ(closed.error->code, Code::Closed);
  from.reset();
  const Outcome gone = runJob(*to, addTo(held, x));
  ASSERT_TRUE(gone.error);
  EXPECT_EQ(gone.error->code, Code::Closed);
  expectGoesOn();
}

TEST_F(ReadFirst, TwoInputsOfWhichOneFails) {
  auto other = std::make_shared<FaultDevice>(makeCudaShimDevice(2));
  auto third = Context::create(other);
  const auto second = upload(*third, x);
  auto job = addTo(held, x);
  job->inputs[1].host = nullptr;
  job->inputs[1].device = second;
  ASSERT_TRUE(runJob(*to, job).ok());
  EXPECT_TRUE(isDouble(outputsOf(*job)[0], x));
  other->failAt(Point::Download, Code::OutOfMemory, 0, 100);
  auto again = addTo(held, x);
  again->inputs[1].host = nullptr;
  again->inputs[1].device = second;
  const Outcome outcome = runJob(*to, again);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, Code::OutOfMemory);
  EXPECT_EQ(outcome.timesSettled, 1);
  expectGoesOn();
  other->setHook(nullptr);
}

TEST(MovedTensors, ASourceThatIsLostAsItIsCopiedFromLeavesTheTargetAlone) {
  // A card that reaches the other one, and learns only as it copies that it was lost.
  auto target = std::make_shared<FaultDevice>(makeCudaShimDevice(1));
  target->reachesAll = true;
  auto source = std::make_shared<FaultDevice>(makeCudaShimDevice(0));
  auto from = Context::create(source), to = Context::create(target);
  const HostTensor x = Random(6).uniform(kF32, {1000});
  const auto held = upload(*from, x);
  target->setHook([](const FaultDevice::Event& event) {
    if (event.point == Point::CopyFrom) throw SourceLost("cuda-shim:0");
  });
  const Outcome outcome = runJob(*to, addTo(held, x));
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, Code::DeviceLost);
  EXPECT_FALSE(to->lost());
  target->setHook(nullptr);
  auto job = addTo(held, x);
  ASSERT_TRUE(runJob(*to, job).ok());
  EXPECT_TRUE(isDouble(outputsOf(*job)[0], x));
  EXPECT_EQ(usedBytesAtRest(*to), 0u);
}

}  // namespace
}  // namespace switchyard::test
