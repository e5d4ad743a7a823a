// convert: elements from one dtype to another, one of them an integer's. Four a thread.
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256, kPerThread = 4;

__device__ inline bool isFloating(uint32_t dtype) { return dtype <= kFormatBfloat16; }

// Of an integer's buffer.
__device__ inline int64_t integerAt(const void* data, uint32_t dtype, uint64_t i) {
  switch (dtype) {
    case kElementInt32: return static_cast<const int32_t*>(data)[i];
    case kElementUint32: return static_cast<const uint32_t*>(data)[i];
    case kElementInt8: return static_cast<const int8_t*>(data)[i];
    default: return static_cast<const uint8_t*>(data)[i];
  }
}
__device__ inline int64_t clamped(int64_t x, int64_t least, int64_t most) {
  return x < least ? least : x > most ? most : x;
}
__device__ inline void putInteger(void* data, uint32_t dtype, uint64_t i, int64_t x) {
  switch (dtype) {
    case kElementInt32: static_cast<int32_t*>(data)[i] = int32_t(clamped(x, -2147483648LL, 2147483647LL)); break;
    case kElementUint32: static_cast<uint32_t*>(data)[i] = uint32_t(clamped(x, 0, 4294967295LL)); break;
    case kElementInt8: static_cast<int8_t*>(data)[i] = int8_t(clamped(x, -128, 127)); break;
    default: static_cast<uint8_t*>(data)[i] = uint8_t(clamped(x, 0, 255)); break;
  }
}
// Towards zero; what is past all integers to one that is past those of 32 bits.
__device__ inline int64_t towardsZero(float x) {
  if (x != x) return 0;
  return x >= 8589934592.0f ? 8589934592LL : x <= -8589934592.0f ? -8589934592LL : int64_t(x);
}

// As float32 without losing on which side of a tie it is when it becomes a bfloat16: rounded to odd.
__device__ inline float roundedToOdd(int64_t x) {
  uint32_t size = uint32_t(x < 0 ? -x : x), lost = 0;
  while (size >> lost >> 24) ++lost;
  const uint32_t kept = size >> lost << lost;
  if (kept != size) size = kept | 1u << lost;
  return x < 0 ? -float(size) : float(size);
}

__global__ void __launch_bounds__(kThreads) convertKernel(const void* input, void* out, ConvertParams p) {
  const uint64_t first = linearThread() * kPerThread;  // the thread's item
  // A format stands for its dtype, the first of what formats name.
  const In in(input, p.from, 0);
  const Out to(out, p.to, 0);
  for (uint64_t i = first; i < first + kPerThread && i < p.n; ++i) {
    if (isFloating(p.to))
      to.put(i, isFloating(p.from)         ? in[i]
                : p.to == kFormatBfloat16  ? roundedToOdd(integerAt(input, p.from, i))
                : p.from == kElementUint32 ? float(uint32_t(integerAt(input, p.from, i)))
                                           : float(int32_t(integerAt(input, p.from, i))));
    else
      putInteger(out, p.to, i, isFloating(p.from) ? towardsZero(in[i]) : integerAt(input, p.from, i));
  }
}

SWITCHYARD_KERNEL(convert, convertKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
