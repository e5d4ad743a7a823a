// force-layout gives the same positions, bit for bit, however often it is asked on one device: sums whose order is not
// known are sums of integers.
#include <gtest/gtest.h>

#include "harness.h"

namespace switchyard::test {
namespace {

TEST(ForceLayout, RepeatsItself) {
  constexpr uint64_t kNodes = 1500, kEdges = 6000;
  HostTensor offsets(DType::Int32, {kNodes + 1}), columns(DType::Int32, {kEdges});
  Random random(7);
  for (uint64_t i = 0; i <= kNodes; ++i) offsets.set(i, double(i * kEdges / kNodes));
  for (uint64_t e = 0; e < kEdges; ++e) columns.set(e, double(random.integer(0, int64_t(kNodes / (1 + e % 7)) - 1)));
  HostTensor start(kF32, {kNodes, 2});  // a third in full cells
  for (uint64_t i = 0; i < 2 * kNodes; ++i) start.set(i, random.uniform(-40, 40) * (i % 6 < 2 ? 0.01 : 1));
  for (const TestDevice& device : plainDevices()) {
    SCOPED_TRACE(device.name);
    std::vector<std::byte> first;
    for (int round = 0; round < 3; ++round) {
      std::shared_ptr<Job> job = makeJob("force-layout", {offsets, columns, absent(), start}, {{"iterations", 6}});
      const Outcome outcome = runJob(contextOf(device), job);
      ASSERT_TRUE(outcome.ok()) << outcome.text();
      const std::vector<std::byte> bytes = outputsOf(*job)[0].bytes;
      if (round == 0) first = bytes;
      EXPECT_EQ(bytes, first) << "in round " << round;
    }
  }
}

}  // namespace
}  // namespace switchyard::test
