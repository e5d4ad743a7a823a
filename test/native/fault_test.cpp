// Faults injected at every point of every device: each job settles once with that error, nothing is kept, and the
// context goes on.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "fault_device.h"
#include "harness.h"
#include "options.h"

namespace switchyard::test {
namespace {

const char* pointName(Point point) {
  static constexpr const char* kNames[] = {"allocate", "createQueue", "upload", "download",
                                           "launch",   "matmul",      "submit", "wait"};
  return kNames[static_cast<int>(point)];
}

// x [64, 64] quantized and multiplied with itself, inputs as given: uses scratch, launches, a matrix product and the
// device's copies.
struct Work {
  HostTensor x = Random(7).uniform(kF16, {64, 64});  // float16: widened into scratch on every device
  std::shared_ptr<Job> quantize() const { return makeJob("quantize", {x}); }
  std::shared_ptr<Job> matmul() const { return makeJob("matmul", {x, x}); }
  std::shared_ptr<Job> uploadJob() const {
    auto job = std::make_shared<Job>();
    job->kind = Job::Kind::Upload;
    job->inputs = {{x.spec, x.bytes.data(), nullptr, true}};
    return job;
  }
};

std::shared_ptr<Job> jobThatReaches(const Work& work, Point point, Context& context,
                                    std::shared_ptr<DeviceTensor>& held) {
  if (point == Point::Upload) return work.uploadJob();
  if (point == Point::Matmul) return work.matmul();
  if (point == Point::Download) {
    held = upload(context, work.x);
    auto job = std::make_shared<Job>();
    job->kind = Job::Kind::Read;
    job->inputs = {{work.x.spec, nullptr, held, true}};
    return job;
  }
  return work.quantize();
}

class Fault : public ::testing::Test {
 public:
  Fault(const TestDevice& device, Point point, Code code) : testDevice_(device), point_(point), code_(code) {}

  void TestBody() override {
    auto faulty = std::make_shared<FaultDevice>(deviceOf(testDevice_));
    auto context = Context::create(faulty);
    Work work;
    std::shared_ptr<DeviceTensor> held;
    std::shared_ptr<Job> job = jobThatReaches(work, point_, *context, held);
    faulty->failAt(point_, code_);
    Outcome outcome = runJob(*context, job);
    ASSERT_GT(faulty->fired(), 0) << "the job never came there";
    ASSERT_TRUE(outcome.error) << outcome.text();
    EXPECT_STREQ(codeName(outcome.error->code), codeName(code_)) << outcome.text();
    EXPECT_EQ(outcome.timesSettled, 1);
    EXPECT_TRUE(job->outputs.empty());
    EXPECT_EQ(job->uploaded, nullptr);
    held.reset();
    job.reset();
    EXPECT_EQ(usedBytesAtRest(*context), 0u) << "memory was kept";
    EXPECT_EQ(context->pending(), 0u);

    faulty->setHook(nullptr);
    Outcome after = runJob(*context, work.quantize());
    if (code_ == Code::DeviceLost) {
      EXPECT_TRUE(context->lost());
      ASSERT_TRUE(after.error) << "a lost context took a job";
      EXPECT_EQ(after.error->code, Code::DeviceLost);
      context = Context::create(faulty);
      after = runJob(*context, work.quantize());
    }
    EXPECT_TRUE(after.ok()) << after.text();
  }

 private:
  const TestDevice& testDevice_;
  const Point point_;
  const Code code_;
};

// The second time is the charm: a job out of memory is tried again once, with everything unused given back.
class FaultOnce : public ::testing::Test {
 public:
  FaultOnce(const TestDevice& device, Point point) : testDevice_(device), point_(point) {}
  void TestBody() override {
    auto faulty = std::make_shared<FaultDevice>(deviceOf(testDevice_));
    auto context = Context::create(faulty);
    Work work;
    faulty->failAt(point_, Code::OutOfMemory, 0, 1);
    Outcome outcome = runJob(*context, work.quantize());
    EXPECT_EQ(faulty->fired(), 1);
    EXPECT_TRUE(outcome.ok()) << outcome.text();
    EXPECT_EQ(outcome.timesSettled, 1);
    EXPECT_EQ(usedBytesAtRest(*context), 0u);
  }

 private:
  const TestDevice& testDevice_;
  const Point point_;
};

// A later fault of the same job: its first commands are recorded already and must be dropped.
class FaultInTheMiddle : public ::testing::Test {
 public:
  explicit FaultInTheMiddle(const TestDevice& device) : testDevice_(device) {}
  void TestBody() override {
    auto faulty = std::make_shared<FaultDevice>(deviceOf(testDevice_));
    auto context = Context::create(faulty);
    HostTensor x = Random(3).uniform(kF32, {40, 7});
    auto fit = [&] { return makeJob("pca-fit", {x}, {{"components", 2}}); };
    for (int nth = 0; nth < 3; ++nth) {
      faulty->failAt(Point::Launch, Code::Internal, nth);
      Outcome outcome = runJob(*context, fit());
      if (!faulty->fired()) break;
      if (outcome.ok()) break;  // it has fewer launches
      EXPECT_EQ(outcome.error->code, Code::Internal);
      EXPECT_EQ(usedBytesAtRest(*context), 0u) << "after launch " << nth;
      faulty->setHook(nullptr);
      EXPECT_TRUE(runJob(*context, fit()).ok());
    }
    EXPECT_GT(faulty->fired(), 0);
    faulty->failAt(Point::Wait, Code::Internal);  // of the first of its two submissions
    Outcome outcome = runJob(*context, fit());
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(usedBytesAtRest(*context), 0u);
  }

 private:
  const TestDevice& testDevice_;
};

// Small jobs that travel in one submission, of which one can't be recorded: the others must not notice.
class FaultyNeighbour : public ::testing::Test {
 public:
  explicit FaultyNeighbour(const TestDevice& device) : testDevice_(device) {}
  void TestBody() override {
    auto faulty = std::make_shared<FaultDevice>(deviceOf(testDevice_));
    auto context = Context::create(faulty);
    std::atomic<bool> open{false}, blocked{false};
    faulty->setHook([&](const FaultDevice::Event& event) {
      if (event.point != Point::Launch) return;
      if (event.kernel == Kernel::softmax) throw Error(Code::Internal, "a fault on purpose");
      blocked = true;
      while (!open) std::this_thread::yield();  // the first job holds the lane until all are queued
    });
    HostTensor x = Random(5).uniform(kF32, {9, 33});
    std::vector<Pending> good;
    good.push_back(submit(*context, makeJob("normalize", {x})));
    while (!blocked) std::this_thread::yield();
    for (int i = 0; i < 3; ++i) good.push_back(submit(*context, makeJob("normalize", {x})));
    Pending bad = submit(*context, makeJob("softmax", {x}));
    for (int i = 0; i < 3; ++i) good.push_back(submit(*context, makeJob("normalize", {x})));
    open = true;
    Outcome outcome = bad.wait();
    ASSERT_TRUE(outcome.error) << outcome.text();
    EXPECT_EQ(outcome.error->code, Code::Internal);
    for (Pending& pending : good) {
      Outcome neighbour = pending.wait();
      EXPECT_TRUE(neighbour.ok()) << neighbour.text();
      EXPECT_EQ(neighbour.timesSettled, 1);
      double sum = 0;
      if (neighbour.ok())
        for (size_t i = 0; i < 33; ++i) sum += std::pow(outputsOf(*pending.job)[0].at(i), 2);
      EXPECT_NEAR(sum, 1, 1e-5);
    }
    good.clear();
    EXPECT_EQ(usedBytesAtRest(*context), 0u);
    faulty->setHook(nullptr);
  }

 private:
  const TestDevice& testDevice_;
};

// A device lost under a queue full of jobs: all of them are refused with that.
class LostWithQueue : public ::testing::Test {
 public:
  explicit LostWithQueue(const TestDevice& device) : testDevice_(device) {}
  void TestBody() override {
    auto faulty = std::make_shared<FaultDevice>(deviceOf(testDevice_));
    auto context = Context::create(faulty);
    std::atomic<bool> open{false};
    faulty->setHook([&](const FaultDevice::Event& event) {
      if (event.point != Point::Wait) return;
      while (!open) std::this_thread::yield();
      throw Error(Code::DeviceLost, "a fault on purpose");
    });
    HostTensor x = Random(5).uniform(kF32, {300, 300});
    std::vector<Pending> all;
    for (int i = 0; i < 20; ++i) all.push_back(submit(*context, makeJob("normalize", {x})));
    open = true;
    for (Pending& pending : all) {
      Outcome outcome = pending.wait();
      ASSERT_TRUE(outcome.error) << outcome.text();
      EXPECT_EQ(outcome.error->code, Code::DeviceLost);
      EXPECT_EQ(outcome.timesSettled, 1);
    }
    EXPECT_EQ(usedBytesAtRest(*context), 0u);
    EXPECT_TRUE(context->lost());
  }

 private:
  const TestDevice& testDevice_;
};

TEST(FaultyDevice, ContextCreationFailsCleanly) {
  auto faulty = std::make_shared<FaultDevice>(openDevice("cpu"));
  faulty->failAt(Point::CreateQueue, Code::OutOfMemory, 0, 1);
  EXPECT_THROW(Context::create(faulty), Error);
  EXPECT_NE(Context::create(faulty), nullptr);
}

template <class T, class... Arguments>
void add(const std::string& name, const Arguments&... arguments) {
  ::testing::RegisterTest("faults", name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [=]() -> ::testing::Test* { return new T(arguments...); });
}

// Device references must outlive the registration: the list does.
const std::vector<TestDevice>& faultDevices() {
  static const std::vector<TestDevice> devices = plainDevices();
  return devices;
}

struct OnDevice {
  const TestDevice* device;
  operator const TestDevice&() const { return *device; }
};

}  // namespace

void registerFaults() {
  for (const TestDevice& device : faultDevices()) {
    OnDevice on{&device};
    for (Point point :
         {Point::Allocate, Point::Upload, Point::Download, Point::Launch, Point::Matmul, Point::Submit, Point::Wait})
      for (Code code : {Code::DeviceLost, Code::OutOfMemory, Code::Internal})
        add<Fault>(std::string(pointName(point)) + "-" + codeName(code) + "/" + device.name, on, point, code);
    add<FaultOnce>("out-of-memory-once/" + device.name, on, Point::Allocate);
    add<FaultOnce>("out-of-memory-at-launch-once/" + device.name, on, Point::Launch);
    add<FaultInTheMiddle>("in-the-middle/" + device.name, on);
    add<FaultyNeighbour>("neighbours/" + device.name, on);
    add<LostWithQueue>("lost-with-a-queue/" + device.name, on);
  }
}

}  // namespace switchyard::test
