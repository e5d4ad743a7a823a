// For the benchmark alone: the matrix product that ours is measured against.
#pragma once
#include "device.h"

namespace switchyard::vulkan {

// By a plain kernel, one thread an element. `queue` is one of a Vulkan device.
void matmulNaive(Queue& queue, const Matmul& op);

}  // namespace switchyard::vulkan
