// Cuts a matrix product into launches whose views fit the driver's storage range.
#pragma once
#include <vector>

#include "device.h"
#include "vulkan/matmul_params.h"

namespace switchyard::vulkan {

struct MatmulPiece {
  BufferView a, b, scales, rowScales, bias, residual, out;  // in the order of linear.glsl
  MatmulParams params;
};

// In order: pieces that accumulate come after the piece that they add to. `alignment` is that of view offsets, in
// bytes; no piece has more than maxK products in a sum.
std::vector<MatmulPiece> planMatmul(const Matmul& op, uint64_t maxViewBytes, uint64_t alignment, uint32_t maxK);

}  // namespace switchyard::vulkan
