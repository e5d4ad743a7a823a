// The rows of a base as fragments of halves: what each format is on tensor cores (search_tensor.h).
#pragma once
#include "mma.h"

#ifdef SWITCHYARD_HAS_MMA
namespace switchyard::SWITCHYARD_KERNEL_SPACE {

struct alignas(16) Words {
  uint32_t at[4];
};
// A word of four codes as two pairs of float16: 1024 + 128 + code has the code in its lowest bits.
__device__ inline void pairsOfCodes(uint32_t codes, uint32_t& lower, uint32_t& upper) {
#ifdef SWITCHYARD_CUDA_SHIM
  const auto at = [&](uint32_t i) { return float(static_cast<int32_t>(codes << (24 - 8 * i)) >> 24); };
  lower = pairOf<false>(at(0), at(1)), upper = pairOf<false>(at(2), at(3));
#else
  const uint32_t raised = codes ^ 0x80808080u;
  const uint32_t first = __byte_perm(raised, 0x64646464u, 0x4140u), last = __byte_perm(raised, 0x64646464u, 0x4342u);
  asm("sub.f16x2 %0, %1, %2;" : "=r"(lower) : "r"(first), "r"(0x64806480u));
  asm("sub.f16x2 %0, %1, %2;" : "=r"(upper) : "r"(last), "r"(0x64806480u));
#endif
}
__device__ inline int32_t squaresOfCodes(uint32_t codes, int32_t sum) {
#ifdef SWITCHYARD_CUDA_SHIM
  for (uint32_t i = 0; i < 4; ++i) {
    const int32_t code = static_cast<int32_t>(codes << (24 - 8 * i)) >> 24;
    sum += code * code;
  }
  return sum;
#else
  return __dp4a(static_cast<int32_t>(codes), static_cast<int32_t>(codes), sum);
#endif
}

// The kinds of a base. kPlanes: halves whose sum an element is; kQueryPlanes: the same of a query's; kTerms: products
// of planes a and b are made where a + b < kTerms. kChunks: of 32 depths, which a lane loads at once; Raw: 8 * kChunks
// elements of a row. Sum: of squares, which is 0 of what is not where kSquaresVanish; bits() tells then.
template <bool kBfloat_>
struct HalfBase {
  static constexpr bool kBfloat = kBfloat_;
  static constexpr uint32_t kPlanes = 1, kQueryPlanes = kBfloat ? 3 : 2, kTerms = kQueryPlanes;
  static constexpr uint32_t kChunks = 1, kElementBytes = 2;
  static constexpr bool kSquaresVanish = kBfloat;  // of float16 the least is 2^-48
  using Raw = Words;
  using Sum = float;
  static __device__ void takeFragments(const Raw& raw, uint32_t (&out)[kPlanes][4]) {
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < 4; ++i) out[0][i] = raw.at[i];
  }
  static __device__ uint32_t bits(const Raw& raw) {
    return (raw.at[0] | raw.at[1] | raw.at[2] | raw.at[3]) & 0x7FFF7FFFu;
  }
  static __device__ float squares(const Raw& raw, float sum) {
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      const float x = lowerOf<kBfloat>(raw.at[i]), y = upperOf<kBfloat>(raw.at[i]);
      sum += x * x, sum += y * y;
    }
    return sum;
  }
};
struct CodeBase {
  static constexpr bool kBfloat = false;
  static constexpr uint32_t kPlanes = 1, kQueryPlanes = 2, kTerms = kQueryPlanes;
  static constexpr uint32_t kChunks = 2, kElementBytes = 1;
  static constexpr bool kSquaresVanish = false;
  using Raw = Words;
  using Sum = int32_t;  // at most 2^14 an element, kMostTensorCodes of them
  // Of the first half of the row's piece, which makes place for the second.
  static __device__ void takeFragments(Raw& raw, uint32_t (&out)[kPlanes][4]) {
    pairsOfCodes(raw.at[0], out[0][0], out[0][1]);
    pairsOfCodes(raw.at[1], out[0][2], out[0][3]);
    raw.at[0] = raw.at[2], raw.at[1] = raw.at[3];
  }
  static __device__ uint32_t bits(const Raw& raw) { return raw.at[0] | raw.at[1] | raw.at[2] | raw.at[3]; }
  static __device__ int32_t squares(const Raw& raw, int32_t sum) {
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < 4; ++i) sum = squaresOfCodes(raw.at[i], sum);
    return sum;
  }
};
template <bool kFast>
struct FloatBase {
  static constexpr bool kBfloat = true;
  static constexpr uint32_t kPlanes = kFast ? 2 : 3, kQueryPlanes = kPlanes, kTerms = kPlanes;
  static constexpr uint32_t kChunks = 1, kElementBytes = 4;
  static constexpr bool kSquaresVanish = true;
  struct Raw {
    float4 at[2];
  };
  using Sum = float;
  static __device__ void takeFragments(const Raw& raw, uint32_t (&out)[kPlanes][4]) {
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < 2; ++i) {
      float4 x = raw.at[i];
      SWITCHYARD_UNROLL
      for (uint32_t plane = 0; plane < kPlanes; ++plane)
        out[plane][2 * i] = takePair<true>(x.x, x.y), out[plane][2 * i + 1] = takePair<true>(x.z, x.w);
    }
  }
  static __device__ uint32_t bits(const Raw& raw) {
    uint32_t all = 0;
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < 2; ++i) {
      const float4 x = raw.at[i];
      all |= __float_as_int(x.x) | __float_as_int(x.y) | __float_as_int(x.z) | __float_as_int(x.w);
    }
    return all & 0x7FFFFFFFu;
  }
  static __device__ float squares(const Raw& raw, float sum) {
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < 2; ++i) {
      const float4 x = raw.at[i];
      sum += x.x * x.x, sum += x.y * x.y, sum += x.z * x.z, sum += x.w * x.w;
    }
    return sum;
  }
};

template <uint32_t kBase, bool kFast>
struct TensorBaseOf;
template <>
struct TensorBaseOf<kFormatFloat16, false> {
  using Type = HalfBase<false>;
};
template <>
struct TensorBaseOf<kFormatBfloat16, false> {
  using Type = HalfBase<true>;
};
template <>
struct TensorBaseOf<kElementInt8, false> {
  using Type = CodeBase;
};
template <bool kFast>
struct TensorBaseOf<kFormatFloat32, kFast> {
  using Type = FloatBase<kFast>;
};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
#endif
