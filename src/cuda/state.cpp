// The runtime's errors as the codes of the public interface.
#include "state.h"

#include "../lost_devices.h"

namespace switchyard::cuda {

bool isSticky(cudaError_t status) noexcept {
  switch (status) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorLaunchFailure:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorTensorMemoryLeak:
    case cudaErrorContained:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorExternalDevice:
    case cudaErrorContextIsDestroyed:
    case cudaErrorDeviceUninitialized:
    case cudaErrorMpsConnectionFailed:
    case cudaErrorMpsRpcFailure:
    case cudaErrorMpsServerNotReady:
    case cudaErrorMpsClientTerminated:
    case cudaErrorCudartUnloading:
    case cudaErrorUnknown: return true;
    default: return false;
  }
}

bool mayPass(cudaError_t status) noexcept {
  return status == cudaErrorMpsConnectionFailed || status == cudaErrorMpsServerNotReady;
}

static Code codeOf(cudaError_t status) noexcept {
  if (isSticky(status)) return Code::DeviceLost;
  switch (status) {
    case cudaErrorMemoryAllocation: return Code::OutOfMemory;
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorJitCompilerNotFound:
    case cudaErrorJitCompilationDisabled:
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
    case cudaErrorDevicesUnavailable:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice: return Code::Unsupported;
    default: return Code::Internal;
  }
}

Error toError(cudaError_t status, const std::string& what) {
  return Error(codeOf(status), what + ": " + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) + ")");
}

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // or the next call to be asked would report this one again
  throw toError(status, what);
}

void DeviceState::enter() {
  if (lost()) std::rethrow_exception(lostError());
  check(cudaSetDevice(ordinal), "cudaSetDevice");
}

void DeviceState::lose(const std::string& why, bool mayPass) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (lost()) return;
  if (!mayPass) loseForGood("cuda:" + std::to_string(ordinal), why);
  try {
    why_ = why;
  } catch (...) {  // the flag matters, the words don't
  }
  lost_.store(true, std::memory_order_release);
}

std::exception_ptr DeviceState::lostError() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::string id = "cuda:" + std::to_string(ordinal);
  if (const auto forGood = lostForGood(id)) return std::make_exception_ptr(*forGood);
  return std::make_exception_ptr(Error(Code::DeviceLost, id + " is lost: " + why_));
}

void DeviceState::check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  if (isSticky(status)) lose(toError(status, what).what(), mayPass(status));
  cuda::check(status, what);
}

void DeviceState::reachPeer(int other) {
  const std::lock_guard<std::mutex> lock(peersMutex_);
  if (!peers_.insert(other).second) return;
  int can = 0;
  const cudaError_t asked = cudaDeviceCanAccessPeer(&can, ordinal, other);
  const cudaError_t status = asked == cudaSuccess && can ? cudaDeviceEnablePeerAccess(other, 0) : asked;
  if (status == cudaSuccess) return;
  cudaGetLastError();
  if (isSticky(status)) check(status, "cudaDeviceEnablePeerAccess");
}

void DeviceState::addPinned(std::span<const std::byte> memory) {
  std::unique_lock lock(pinnedMutex_);
  pinned_[memory.data()] = memory.size();
  pinnedCount_ = pinned_.size();
}

void DeviceState::removePinned(std::span<const std::byte> memory) noexcept {
  std::unique_lock lock(pinnedMutex_);
  pinned_.erase(memory.data());
  pinnedCount_ = pinned_.size();
}

bool DeviceState::isPinned(std::span<const std::byte> memory) const {
  if (pinnedCount_.load(std::memory_order_relaxed) == 0) return false;
  std::shared_lock lock(pinnedMutex_);
  auto next = pinned_.upper_bound(memory.data());
  if (next == pinned_.begin()) return false;
  const auto& [begin, bytes] = *std::prev(next);
  return memory.data() + memory.size() <= begin + bytes;
}

}  // namespace switchyard::cuda
