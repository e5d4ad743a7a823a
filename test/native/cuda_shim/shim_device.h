// A device that runs the CUDA backend's own kernel sources on the CPU, thread by thread: for tests only.
#pragma once
#include <memory>

#include "../../../src/device.h"

namespace switchyard {

// id "cuda-shim:0", backend Cuda. Synchronous; launches of all queues take turns.
std::shared_ptr<Device> makeCudaShimDevice();

}  // namespace switchyard
