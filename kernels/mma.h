// The product of two fragments on tensor cores (PTX: mma.sync.m16n8k16), for compute capability 8.0 and newer.
#pragma once
#include "kernel.h"

#if defined(SWITCHYARD_CUDA_SHIM) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800)
#define SWITCHYARD_HAS_MMA

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// sums [16, 8] += left [16, 16] * right [16, 8] of halves, two a word, the lower first. Of lane l, with g = l / 4 and
// t = l % 4:
//   left:  0: row g, columns 2t, 2t + 1; 1: row g + 8; 2: row g, columns 2t + 8, 2t + 9; 3: row g + 8 of these
//   right: 0: column g, rows 2t, 2t + 1; 1: rows 2t + 8, 2t + 9
//   sums:  0, 1: row g, columns 2t, 2t + 1; 2, 3: row g + 8
__device__ inline void multiplyAdd(float (&sums)[4], const uint32_t (&left)[4], const uint32_t (&right)[2],
                                   bool isBfloat) {
#ifdef SWITCHYARD_CUDA_SHIM
  mmaM16N8K16(sums, left, right, isBfloat);
#else
  if (isBfloat)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[0]), "r"(right[1]));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[0]), "r"(right[1]));
#endif
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
#endif
