// The devices found: their order and names, opened once, opened anew when lost.
#include <gtest/gtest.h>

#include "harness.h"

namespace switchyard::test {
namespace {

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
