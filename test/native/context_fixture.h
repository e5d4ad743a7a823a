// A context over a device whose launches a test may hold.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "fault_device.h"
#include "harness.h"
#include "pool_threads.h"

namespace switchyard::test {

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

// A device, and whose threads run the lane.
struct LaneDevice : TestDevice {
  bool onPool = false;
};
inline std::vector<LaneDevice> laneDevices() {
  std::vector<LaneDevice> all;
  for (const TestDevice& device : plainDevices())
    for (bool onPool : {false, true}) all.push_back({device, onPool});
  return all;
}
inline std::string laneTestName(const ::testing::TestParamInfo<LaneDevice>& info) {
  return deviceTestName({info.param, info.index}) + (info.param.onPool ? "OnAPool" : "");
}

class OnContext : public ::testing::TestWithParam<LaneDevice> {
 protected:
  void SetUp() override {
    device = std::make_shared<FaultDevice>(deviceOf(GetParam()));
    context = Context::create(device, options());
  }
  ContextOptions options() {
    ContextOptions made;
    if (GetParam().onPool) made.pool = &pool.lanes;
    return made;
  }
  void TearDown() override {
    if (context) {
      EXPECT_EQ(usedBytesAtRest(*context), 0u);
    }
  }
  std::shared_ptr<Job> addJob() { return makeJob("add", {x, x}); }
  PoolThreads pool{4};  // outlives the context
  std::shared_ptr<FaultDevice> device;
  std::shared_ptr<Context> context;
  HostTensor x = Random(11).uniform(kF32, {300});
};

}  // namespace switchyard::test
