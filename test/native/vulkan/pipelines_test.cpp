// When the pipelines of kernels are made.
#include <gtest/gtest.h>

#include <future>

#include "program_fixture.h"

namespace switchyard::test {
namespace {

using PipelinesOn = OnProgramDevice;
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PipelinesOn);
INSTANTIATE_TEST_SUITE_P(Programs, PipelinesOn, ::testing::ValuesIn(programDevices()), deviceTestName);

TEST_P(PipelinesOn, AreNotMadeWhereNothingMayTakeLong) {
  if (device->info.backend != Backend::Vulkan) GTEST_SKIP() << "of Vulkan";
  const auto fresh = vulkan::open(device->info);  // has made none
  const auto buffer = fresh->allocate(4096);
  const auto queue = fresh->createQueue();
  const ScaleParams params{1024, 1, 1, 0};
  const BufferView view{buffer.get(), 0, 4096}, views[] = {view, view};
  const auto launch = [&] { queue->launch(Kernel::scale, 1024, views, std::as_bytes(std::span(&params, 1))); };
  const auto finish = [&] {
    std::promise<bool> ended;
    queue->submit([&](std::exception_ptr error, const QueueTimings&) { ended.set_value(!error); });
    EXPECT_TRUE(ended.get_future().get());
  };
  queue->setMayTakeLong(false);
  EXPECT_THROW(launch(), MustWait);
  queue->discard();
  queue->setMayTakeLong(true);
  launch();
  finish();
  queue->setMayTakeLong(false);
  EXPECT_NO_THROW(launch());
  finish();
}

}  // namespace
}  // namespace switchyard::test
