// Scores that float32 loses on the way: of rows whose squares or products over- or underflow.
#pragma once
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// The cosine of two rows from their product and their norms; 0 when one of them is the zero vector. Rounding may leave
// that of a vector with itself a little above 1.
__device__ inline float cosineOf(float product, float normA, float normB) {
  const float norms = normA * normB;
  if (norms == 0.0f) return 0.0f;
  const float cosine = product / norms;
  return cosine > 1.0f ? 1.0f : cosine < -1.0f ? -1.0f : cosine;
}

// Whether a score is to be made again: where squares or a product overflowed, or underflowed. Of vectors that are not
// very short a product that did is no matter: what float32 flushes is below d * 1e-30 of its cosine, and rows that have
// nothing in common are no rarity.
__device__ inline bool lostScore(uint32_t metric, float product, float squaresA, float squaresB) {
  if (metric == kMetricDot) return !isFinite(product);
  return metric == kMetricCosine && (!trustedSquares(squaresA) || !trustedSquares(squaresB) ||
                                     (fabsf(product) < 1e-28f && squaresA * squaresB < 1e-16f));
}

// The size of a row by which it is brought near 1: its norm, or where its squares don't give that its largest
// magnitude(), which look() finds. A zero vector, and one that is not finite, is not worth care.
__device__ inline float magnitude(float x) { return isFinite(x) ? fabsf(x) : infinity(); }
template <class Look>
__device__ inline float sizeOf(float squares, Look look) {
  return trustedSquares(squares) ? sqrtf(squares) : squares != squares ? infinity() : look();
}
__device__ inline bool isWorthCare(float size) { return size != 0.0f && isFinite(size); }
// The cosine of rows that are not both worth care.
__device__ inline float plainCosine(float sizeA, float sizeB) {
  return sizeA == 0.0f || sizeB == 0.0f ? 0.0f : quietNan();
}

// A score again, of rows worth care that are first multiplied with powers of two: for a cosine so that neither squares
// nor products over- or underflow, for a product, which can only have overflowed, so that it does not. A thread takes
// the elements from `first` on, `step` apart; join() brings the threads' sums together.
template <class X, class Join>
__device__ inline float rescuedScore(const float* a, const X& b, uint32_t d, float sizeA, float sizeB, bool cosine,
                                     uint32_t first, uint32_t step, Join join) {
  const float byA = cosine ? towardsOne(sizeA) : powerOfTwo(-80), byB = cosine ? towardsOne(sizeB) : powerOfTwo(-80);
  const float up = cosine ? powerOfTwo(40) : 1.0f;  // and products of small elements keep their digits
  float product = 0.0f, againA = 0.0f, againB = 0.0f;
  for (uint64_t i = first; i < d; i += step) {
    const float x = a[i] * byA * up, y = b[i] * byB;
    product += x * y, againA += x * x, againB += y * y;
  }
  product = join(product);
  if (cosine) return cosineOf(product, sqrtf(join(againA)), sqrtf(join(againB)));
  return product * powerOfTwo(80) * powerOfTwo(80);
}

// A row of the base, in any of its formats.
class BaseRow {
 public:
  __device__ BaseRow(const void* base, const float* scales, const SearchParams& p, uint64_t row)
      : floats_(In(base, p.base & 3, 0).from(p.base == kElementInt8 ? 0 : row * p.d)),
        codes_(static_cast<const signed char*>(base) + row * p.d),
        coded_(p.base == kElementInt8),
        scale_(coded_ ? scales[row] : 1.0f) {}
  __device__ float operator[](uint64_t i) const { return coded_ ? scaled(codes_[i]) : floats_[i]; }
  __device__ float4 four(uint64_t quad) const {
    if (!coded_) return floats_.four(quad);
    const uint32_t word = reinterpret_cast<const uint32_t*>(codes_)[quad];
    const auto code = [&](uint32_t byte) { return scaled(static_cast<int32_t>(word << (24 - 8 * byte)) >> 24); };
    return make_float4(code(0), code(1), code(2), code(3));
  }

 private:
  // Rounded to float32, and not within the instruction that takes it on: a row is what dequantize makes of it.
  __device__ float scaled(int32_t code) const { return __fmul_rn(float(code), scale_); }

  In floats_;
  const signed char* codes_;
  bool coded_;
  float scale_;
};
__device__ inline float4 fourOf(const BaseRow& row, uint64_t quad) { return row.four(quad); }
// Of float32 alone, row by row.
struct PlainRows {
  const float* base;
  const SearchParams& p;
  __device__ PlainRows(const void* data, const float*, const SearchParams& params)
      : base(static_cast<const float*>(data)), p(params) {}
  using Row = const float*;
  __device__ Row operator[](uint64_t row) const { return base + row * p.d; }
};
struct AnyRows {
  const void* base;
  const float* scales;
  const SearchParams& p;
  __device__ AnyRows(const void* data, const float* of, const SearchParams& params)
      : base(data), scales(of), p(params) {}
  using Row = BaseRow;
  __device__ Row operator[](uint64_t row) const { return {base, scales, p, row}; }
};
// Whether rows may be read by fours.
__device__ inline bool hasFours(const float* queries, const void* base, const SearchParams& p) {
  return p.d % 4 == 0 && aligned16(queries) && aligned16(base);
}

// Of the view's row.
__device__ inline bool isHidden(const SearchParams& p, const uint32_t* mask, uint64_t row) {
  const uint64_t bit = p.firstRow + row;
  return (p.how & kSearchMasked) != 0 && (mask[bit / 32] >> bit % 32 & 1) == 0;
}
// A bit for each of `count` rows from `first` on that is there and not hidden.
__device__ inline uint32_t shownRows(const SearchParams& p, const uint32_t* mask, uint64_t first, uint32_t count) {
  uint32_t shown = 0;
  for (uint32_t i = 0; i < count; ++i)
    if (first + i < p.n && !isHidden(p, mask, first + i)) shown |= 1u << i;
  return shown;
}

// The order of scores, and what is written of them (kernels.def).
constexpr uint32_t kNanKey = kMissingKey - 1, kWorstKey = 0xFF800000u;
struct Ranking {
  bool largest, masked;
  __device__ explicit Ranking(const SearchParams& p)
      : largest(p.metric != kMetricL2), masked((p.how & kSearchMasked) != 0) {}
  __device__ uint32_t key(float score) const {
    const uint32_t key = sortKey(score, largest);
    return masked && key == kMissingKey ? kNanKey : key;
  }
  __device__ float score(uint32_t key) const {
    if (key == kMissingKey) return quietNan();
    const uint32_t ascending = largest ? ~key : key;
    return __int_as_float(static_cast<int32_t>(ascending >> 31 ? ascending & 0x7FFFFFFFu : ~ascending));
  }
  __device__ float ranked(uint32_t key) const {
    if (!masked) return score(key);
    return score(key == kNanKey ? kWorstKey : key == kWorstKey || key == kWorstKey - 1 ? key - 1 : key);
  }
  // Of a row that is not hidden.
  __device__ float rankedScore(float score) const { return masked ? ranked(key(score)) : score; }
};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
