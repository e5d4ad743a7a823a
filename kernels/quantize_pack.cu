// quantize_pack: codes of 8 or 4 bits, one 32-bit word of the output an item. Where rows allow it a word's elements are
// read 16 bytes at a time.
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

// Four codes, the first lowest.
__device__ inline uint32_t fourCodes(float4 v, float scale, uint32_t bits) {
  const float levels = bits == 8 ? 127.0f : 7.0f;
  const uint32_t mask = (1u << bits) - 1;
  return (quantizeCode(v.x, scale, levels) & mask) | (quantizeCode(v.y, scale, levels) & mask) << bits |
         (quantizeCode(v.z, scale, levels) & mask) << 2 * bits | (quantizeCode(v.w, scale, levels) & mask) << 3 * bits;
}

__global__ void __launch_bounds__(kThreads)
    quantizePackKernel(const float* input, const float* scales, uint32_t* codes, QuantizeParams p) {
  const uint64_t word = linearThread(), bytes = uint64_t(p.rows) * p.rowBytes, first = word * 4;
  if (first >= bytes) return;
  // Dividing numbers of 64 bits takes a hundred instructions.
  uint64_t row = bytes >> 32 ? first / p.rowBytes : uint32_t(first) / p.rowBytes, column = first - row * p.rowBytes;
  const uint32_t inWord = 32 / p.bits;
  if (p.d % inWord == 0 && aligned16(input)) {  // then rows begin at words
    const float4* const from = reinterpret_cast<const float4*>(input) + word * (inWord / 4);
    const float scale = scales[row];
    uint32_t packed = fourCodes(from[0], scale, p.bits);
    if (p.bits == 4) packed |= fourCodes(from[1], scale, 4) << 16;
    codes[word] = packed;
    return;
  }
  uint32_t packed = 0;
  for (uint32_t i = 0; i < 4 && first + i < bytes; ++i) {
    packed |= quantizeByte(input + row * p.d, scales[row], p, column) << (8 * i);
    if (++column == p.rowBytes) column = 0, ++row;
  }
  codes[word] = packed;
}

SWITCHYARD_KERNEL(quantize_pack, quantizePackKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
