// Which errors of the CUDA runtime end a card for this process, and what is said of it. Needs no card: nothing is asked
// of one.
#ifdef SWITCHYARD_HAVE_CUDA
#include "cuda/state.h"

#include <gtest/gtest.h>

#include "device.h"
#include "lost_devices.h"

namespace switchyard::test {
namespace {

using cuda::DeviceState;

// Numbers that no machine has cards for: what is lost here stays so for this whole process.
enum Card { kBroken = 901, kWaiting, kSilent, kFine };

std::string textOf(const std::exception_ptr& thrown, Code code = Code::DeviceLost) {
  const Error error = asError(thrown);
  EXPECT_EQ(error.code, code) << error.what();
  return error.what();
}

std::exception_ptr thrownBy(const std::function<void()>& call) {
  try {
    call();
  } catch (...) {
    return std::current_exception();
  }
  ADD_FAILURE() << "nothing was thrown";
  return nullptr;
}

TEST(CudaState, WhatTheHeadersCallTheEndOfTheProcess) {
  for (const cudaError_t status : {cudaErrorContained, cudaErrorIllegalAddress, cudaErrorLaunchTimeout, cudaErrorAssert,
                                   cudaErrorHardwareStackError, cudaErrorIllegalInstruction, cudaErrorMisalignedAddress,
                                   cudaErrorInvalidAddressSpace, cudaErrorInvalidPc, cudaErrorLaunchFailure,
                                   cudaErrorTensorMemoryLeak, cudaErrorMpsClientTerminated, cudaErrorExternalDevice,
                                   cudaErrorECCUncorrectable, cudaErrorNvlinkUncorrectable}) {
    EXPECT_TRUE(cuda::isSticky(status)) << cudaGetErrorName(status);
    EXPECT_FALSE(cuda::mayPass(status)) << cudaGetErrorName(status);
    EXPECT_EQ(cuda::toError(status, "x").code, Code::DeviceLost);
  }
  for (const cudaError_t status : {cudaErrorMemoryAllocation, cudaErrorInvalidValue, cudaErrorInvalidConfiguration,
                                   cudaErrorNotReady, cudaErrorNoKernelImageForDevice, cudaErrorLaunchOutOfResources})
    EXPECT_FALSE(cuda::isSticky(status)) << cudaGetErrorName(status);
}

TEST(CudaState, AStickyErrorEndsTheCardForTheProcess) {
  DeviceState state(kBroken);
  EXPECT_NE(textOf(thrownBy([&] { state.check(cudaErrorIllegalAddress, "a kernel"); })).find("IllegalAddress"),
            std::string::npos);
  EXPECT_TRUE(state.lost());
  const std::string said = textOf(thrownBy([&] { state.enter(); }));
  EXPECT_NE(said.find("cuda:901 was lost (a kernel: "), std::string::npos) << said;
  EXPECT_NE(said.find("restart the process"), std::string::npos) << said;
  ASSERT_TRUE(lostForGood("cuda:901"));
  EXPECT_EQ(said, lostForGood("cuda:901")->what());
  // The first reason stays, and another card is another matter.
  state.lose("something later");
  EXPECT_EQ(said, lostForGood("cuda:901")->what());
  EXPECT_FALSE(lostForGood("cuda:90"));
}

TEST(CudaState, AServiceThatIsNotThereYetMayCome) {
  DeviceState state(kWaiting);
  EXPECT_THROW(state.check(cudaErrorMpsServerNotReady, "opening"), Error);
  EXPECT_TRUE(state.lost());
  EXPECT_NE(textOf(state.lostError()).find("cuda:902 is lost: opening"), std::string::npos);
  EXPECT_FALSE(lostForGood("cuda:902"));
}

TEST(CudaState, ACardThatDoesNotAnswerIsLostForGood) {
  DeviceState state(kSilent);
  state.lose("no answer for 30 s");
  EXPECT_NE(textOf(state.lostError()).find("no answer for 30 s), and this process can't open it"), std::string::npos);
}

TEST(CudaState, AnErrorThatIsNotStickyLosesNothing) {
  DeviceState state(kFine);
  EXPECT_EQ(asError(thrownBy([&] { state.check(cudaErrorMemoryAllocation, "memory"); })).code, Code::OutOfMemory);
  EXPECT_FALSE(state.lost());
  EXPECT_FALSE(lostForGood("cuda:904"));
}

}  // namespace
}  // namespace switchyard::test
#endif
