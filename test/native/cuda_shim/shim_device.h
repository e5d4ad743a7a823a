// A device that runs the CUDA backend's own kernel sources on the CPU, thread by thread: for tests only.
#pragma once
#include <memory>

#include "../../../src/device.h"

namespace switchyard {

// id "cuda-shim:0" and so on, backend Cuda. Synchronous; launches of all queues take turns. They reach each other.
std::shared_ptr<Device> makeCudaShimDevice(uint32_t index = 0);
// Of all queues so far: bytes from the host's memory, and from other cards'.
struct ShimCopies {
  uint64_t uploaded = 0, fromPeers = 0;
};
ShimCopies cudaShimCopies();

}  // namespace switchyard
