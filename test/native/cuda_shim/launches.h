// Kernels by their addresses, as the CUDA runtime knows them.
#pragma once
#include <cstddef>
#include <vector>

namespace switchyard::cuda_shim {

// How many bytes each argument of a kernel has; null: a kernel that nobody has chosen yet.
const std::vector<size_t>* argumentsOf(const void* function);
void runLaunch(const void* function, unsigned threads, unsigned gridX, unsigned gridY, void** arguments);

}  // namespace switchyard::cuda_shim
