// Tensor cores and what feeds them, for compute capability 8.0 and newer: products of fragments, fragments out of
// shared memory, copies into it that nobody waits for at once, floats as pairs of halves.
#pragma once
#include "../src/tensor_cores.h"
#include "halves.h"
#ifdef SWITCHYARD_CUDA_SHIM
#include "shim_tensor.h"
#endif

#if defined(SWITCHYARD_CUDA_SHIM) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800)
#define SWITCHYARD_HAS_MMA

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// sums [16, 8] += left [16, 16] * right [16, 8] of halves, two a word, the lower first (mma.sync.m16n8k16). Of lane l,
// with g = l / 4 and t = l % 4:
//   left:  0: row g, columns 2t, 2t + 1; 1: row g + 8; 2: row g, columns 2t + 8, 2t + 9; 3: row g + 8 of these
//   right: 0: column g, rows 2t, 2t + 1; 1: rows 2t + 8, 2t + 9
//   sums:  0, 1: row g, columns 2t, 2t + 1; 2, 3: row g + 8
template <bool kBfloat>
__device__ inline void multiplyAdd(float (&sums)[4], const uint32_t (&left)[4], uint32_t right0, uint32_t right1) {
#ifdef SWITCHYARD_CUDA_SHIM
  const uint32_t right[2] = {right0, right1};
  mmaM16N8K16(sums, left, right, kBfloat);
#else
  if (kBfloat)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right0), "r"(right1));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right0), "r"(right1));
#endif
}

// Four 8 x 8 matrices of halves in shared memory (ldmatrix): lane l says where row l % 8 of matrix l / 8 is, 16 bytes
// on a multiple of 16. out[m] of lane l: row l / 4 of matrix m, columns 2t, 2t + 1; or, transposed, column l / 4, rows
// 2t, 2t + 1. volatile and "memory": it reads what copies into shared memory have written, which the compiler can't
// see.
template <bool kTransposed>
__device__ inline void loadMatrices(uint32_t (&out)[4], const void* row) {
#ifdef SWITCHYARD_CUDA_SHIM
  ldmatrixX4(out, row, kTransposed);
#else
  const uint32_t at = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  if (kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(at)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(at)
                 : "memory");
#endif
}

// Copies of 16 bytes from global to shared memory past the registers (cp.async): there after wait(), for the thread
// that has asked for them; for others after a barrier, too.
class AsyncCopies {
 public:
  // Zeros where it is not `there`; nothing is read then.
  __device__ void copy(void* to, const void* from, bool there) {
#ifdef SWITCHYARD_CUDA_SHIM
    pending_.add(to, from, there);
#else
    const uint32_t bytes = there ? 16 : 0;
    asm volatile(
        "cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(static_cast<uint32_t>(__cvta_generic_to_shared(to))),
        "l"(__cvta_generic_to_global(from)), "r"(bytes)
        : "memory");
#endif
  }
  __device__ void wait() {
#ifdef SWITCHYARD_CUDA_SHIM
    pending_.complete();
#else
    asm volatile("cp.async.wait_all;" ::: "memory");
#endif
  }

#ifdef SWITCHYARD_CUDA_SHIM
 private:
  PendingCopies pending_;
#endif
};

// Two floats as halves, rounded to nearest even; the halves as floats.
template <bool kBfloat>
__device__ inline uint32_t pairOf(float lower, float upper) {
#ifdef SWITCHYARD_CUDA_SHIM
  const uint32_t format = kBfloat ? kFormatBfloat16 : kFormatFloat16;
  return narrowed(lower, format) | narrowed(upper, format) << 16;
#else
  uint32_t pair;
  if (kBfloat)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(upper), "f"(lower));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(upper), "f"(lower));
  return pair;
#endif
}
template <bool kBfloat>
__device__ inline float lowerOf(uint32_t pair) {
  return kBfloat ? __int_as_float(static_cast<int32_t>(pair << 16)) : widened(pair & 0xFFFFu, kFormatFloat16);
}
template <bool kBfloat>
__device__ inline float upperOf(uint32_t pair) {
  return kBfloat ? __int_as_float(static_cast<int32_t>(pair & 0xFFFF0000u)) : widened(pair >> 16, kFormatFloat16);
}
// pairOf(), and of the floats what is left of them.
template <bool kBfloat>
__device__ inline uint32_t takePair(float& lower, float& upper) {
  const uint32_t pair = pairOf<kBfloat>(lower, upper);
  lower -= lowerOf<kBfloat>(pair), upper -= upperOf<kBfloat>(pair);
  return pair;
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
#endif
