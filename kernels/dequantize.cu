// dequantize: out[row, i] = code * scale[row]. A thread takes four neighbours of one row where rows allow it: their
// codes are one load, the 16 bytes that they become one store, a warp's in one stretch.
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256, kPerThread = 4;

__device__ inline float dequantizeOne(const uint8_t* row, uint64_t column, uint32_t bits) {
  if (bits == 8) return float(int8_t(row[column]));
  const int32_t nibble = row[column / 2] >> (column % 2 * 4) & 0xF;
  return float(nibble >= 8 ? nibble - 16 : nibble);
}

// Four codes that begin at a multiple of four of a row: of 8 bits a word, of 4 bits half a word, at a place for one.
__device__ inline float4 fourCodes(const uint8_t* row, uint64_t column, uint32_t bits) {
  const uint32_t word = bits == 8 ? *reinterpret_cast<const uint32_t*>(row + column)
                                  : *reinterpret_cast<const unsigned short*>(row + column / 2);
  const auto code = [&](uint32_t i) {
    return float(static_cast<int32_t>(word << (32 - bits - bits * i)) >> (32 - bits));
  };
  return make_float4(code(0), code(1), code(2), code(3));
}

__global__ void __launch_bounds__(kThreads)
    dequantizeKernel(const uint8_t* codes, const float* scales, float* out, QuantizeParams p) {
  const uint64_t count = uint64_t(p.rows) * p.d, first = linearThread() * kPerThread;
  if (first >= count) return;
  // Dividing numbers of 64 bits takes a hundred instructions.
  uint64_t row = count >> 32 ? first / p.d : uint32_t(first) / p.d, column = first - row * p.d;
  if (p.d % kPerThread == 0 && aligned16(out) && aligned16(codes)) {
    const float4 code = fourCodes(codes + row * p.rowBytes, column, p.bits);
    const float scale = scales[row];
    reinterpret_cast<float4*>(out)[first / 4] =
        make_float4(code.x * scale, code.y * scale, code.z * scale, code.w * scale);
    return;
  }
  for (uint64_t i = first; i < first + kPerThread && i < count; ++i) {
    out[i] = dequantizeOne(codes + row * p.rowBytes, column, p.bits) * scales[row];
    if (++column == p.d) column = 0, ++row;
  }
}

SWITCHYARD_KERNEL(dequantize, dequantizeKernel, kThreads, kThreads* kPerThread)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
