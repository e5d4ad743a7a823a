// NVML: absent or present, it answers; what it says of a CUDA card is plausible.
#include <gtest/gtest.h>

#include <cmath>

#include "harness.h"
#include "nvml.h"

namespace switchyard::test {
namespace {

TEST(Nvml, SaysNothingOfCardsThatAreNotThere) {
  for (const char* uuid :
       {"", "GPU-", "GPU-00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000", "no uuid"})
    EXPECT_FALSE(readCard(uuid)) << uuid;
}

TEST(Nvml, ReadsEachCudaCard) {
  for (const DeviceInfo& info : foundDevices().devices) {
    if (info.backend != Backend::Cuda) continue;
    const std::optional<CardUse> use = readCard(info.uuid);
    ASSERT_TRUE(use) << info.id << ' ' << info.uuid;
    EXPECT_LE(use->usedBytes, use->totalBytes);
    EXPECT_NEAR(static_cast<double>(use->totalBytes), static_cast<double>(info.memory.totalBytes),
                0.1 * static_cast<double>(use->totalBytes));
    if (!std::isnan(use->temperature)) {
      EXPECT_GT(use->temperature, 0);
      EXPECT_LT(use->temperature, 150);
    }
    if (!std::isnan(use->utilization)) {
      EXPECT_GE(use->utilization, 0);
      EXPECT_LE(use->utilization, 1);
    }
    const std::optional<CardUse> bare = readCard(info.uuid.substr(info.uuid.find('-') + 1));
    ASSERT_TRUE(bare);
    EXPECT_EQ(bare->totalBytes, use->totalBytes);
  }
}

}  // namespace
}  // namespace switchyard::test
