// dequantize: out[row, i] = code * scale[row]. A thread takes four neighbours of one row where rows allow it.
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256, kPerThread = 4;

__device__ inline float dequantizeOne(const uint8_t* row, uint64_t column, uint32_t bits) {
  if (bits == 8) return float(int8_t(row[column]));
  const int32_t nibble = row[column / 2] >> (column % 2 * 4) & 0xF;
  return float(nibble >= 8 ? nibble - 16 : nibble);
}

__global__ void __launch_bounds__(kThreads)
    dequantizeKernel(const uint8_t* codes, const float* scales, float* out, QuantizeParams p) {
  const uint64_t count = uint64_t(p.rows) * p.d, first = linearThread() * kPerThread;
  if (first >= count) return;
  uint64_t row = first / p.d, column = first % p.d;
  if (p.d % kPerThread == 0 && aligned16(out)) {
    const uint8_t* at = codes + row * p.rowBytes;
    const float scale = scales[row];
    reinterpret_cast<float4*>(out)[first / 4] =
        make_float4(dequantizeOne(at, column, p.bits) * scale, dequantizeOne(at, column + 1, p.bits) * scale,
                    dequantizeOne(at, column + 2, p.bits) * scale, dequantizeOne(at, column + 3, p.bits) * scale);
    return;
  }
  for (uint64_t i = first; i < first + kPerThread && i < count; ++i) {
    out[i] = dequantizeOne(codes + row * p.rowBytes, column, p.bits) * scales[row];
    if (++column == p.d) column = 0, ++row;
  }
}

SWITCHYARD_KERNEL(dequantize, dequantizeKernel, kThreads, kThreads* kPerThread)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
