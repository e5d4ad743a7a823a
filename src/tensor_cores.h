// What plans for CUDA tell its kernels of tensor cores, in words that other backends' kernels get without them. Read by
// C++ and CUDA alike.
#pragma once
#include <cstdint>

namespace switchyard {

// Beside kHides* in FusedAttentionParams.hides: weights may be rounded to the halves that values are; the card has the
// tensor cores of compute capability 8.0.
constexpr uint32_t kAttentionFast = 4, kAttentionTensorCores = 8;
constexpr uint32_t kAttentionHalves = 128;  // of d and e, which they take
// In SearchParams.how, of the best of blocks, whose rows are scored again: the same; factors may be rounded to 16 bits,
// of a base of float32.
constexpr uint32_t kSearchTensorCores = 8, kSearchFast = 16;

// Whether kernels may multiply halves by mma.sync: our code for older cards has it not, and a build may have no other.
template <class Info>  // DeviceInfo
bool hasTensorCores(const Info& device) {
  return device.backend == decltype(device.backend)::Cuda && device.multipliesHalves;
}

}  // namespace switchyard
