// The device that a test opens, and what of the backend needs more than the runtime.
#include "../../../../src/cuda/completer.h"
#include "../../../../src/cuda/cublaslt.h"
#include "control.h"

namespace switchyard::cuda_shim {

std::shared_ptr<Device> openOnShimRuntime(uint32_t index) {
  DeviceInfo info;
  info.id = "cuda-runtime:" + std::to_string(index);
  info.index = uint32_t(kFirstShimCard) + index;
  info.backend = Backend::Cuda;
  info.name = "CUDA's runtime and kernels emulated on the CPU (for tests)";
  info.vendor = "switchyard";
  info.type = DeviceType::Cpu;
  info.computeUnits = 1;
  info.computeCapability = 90;
  info.features.float16 = info.features.int8 = info.features.subgroups = true;
  return open(info);
}

void ShimRuntime::setWatchdog(std::chrono::milliseconds limit) { watchdog = limit; }

// The library is not there: matrix products go to our own kernel.
const CublasLt* CublasLt::get() { return nullptr; }

}  // namespace switchyard::cuda_shim
