// quantize_pack: codes of 8 or 4 bits, one 32-bit word of the output an item.
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__device__ inline uint32_t quantizeCode(float x, float scale, float levels) {
  const float q = x / scale;
  if (scale == 0.0f || q != q) return 0;
  return uint32_t(int32_t(rintf(fminf(fmaxf(q, -levels), levels))));
}

// The byte at `column` of a row of codes: one code, or two of 4 bits.
__device__ inline uint32_t quantizeByte(const float* row, float scale, const QuantizeParams& p, uint64_t column) {
  if (p.bits == 8) return quantizeCode(row[column], scale, 127.0f) & 0xFFu;
  const uint64_t at = column * 2;
  const uint32_t low = quantizeCode(row[at], scale, 7.0f) & 0xFu;
  const uint32_t high = at + 1 < p.d ? quantizeCode(row[at + 1], scale, 7.0f) & 0xFu : 0u;
  return low | high << 4;
}

__global__ void __launch_bounds__(kThreads)
    quantizePackKernel(const float* input, const float* scales, uint32_t* codes, QuantizeParams p) {
  const uint64_t word = linearThread(), bytes = uint64_t(p.rows) * p.rowBytes, first = word * 4;
  if (first >= bytes) return;
  uint64_t row = first / p.rowBytes, column = first % p.rowBytes;
  uint32_t packed = 0;
  for (uint32_t i = 0; i < 4 && first + i < bytes; ++i) {
    packed |= quantizeByte(input + row * p.d, scales[row], p, column) << (8 * i);
    if (++column == p.rowBytes) column = 0, ++row;
  }
  codes[word] = packed;
}

SWITCHYARD_KERNEL(quantize_pack, quantizePackKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
