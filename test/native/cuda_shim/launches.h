// Kernels by their addresses, as the CUDA runtime knows them.
#pragma once
#include <cstddef>
#include <initializer_list>
#include <vector>

namespace switchyard::cuda_shim {

// Of a kernel that is chosen: how a launch by its address alone calls it.
void noteKernel(const void* function, void (*call)(const void*, void**), std::initializer_list<size_t> argumentBytes);

// How many bytes each argument of a kernel has; null: a kernel that nobody has chosen yet.
const std::vector<size_t>* argumentsOf(const void* function);
void runLaunch(const void* function, unsigned threads, unsigned gridX, unsigned gridY, void** arguments);

}  // namespace switchyard::cuda_shim
