// Rows as whole numbers, as `quantize` makes them. Built once for each instruction set.
#if defined(SWITCHYARD_CPU_CODES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SWITCHYARD_CPU_CODES_INL_H
#undef SWITCHYARD_CPU_CODES_INL_H
#else
#define SWITCHYARD_CPU_CODES_INL_H
#endif

#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

constexpr hn::Rebind<int8_t, F32> kI8{};

template <class Code>
HWY_INLINE void codeRow(const float* row, int8_t* codes, size_t n, const float* ahead, const Code& code) {
  size_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    fetchAhead(ahead + i);
    fetchAhead(ahead + i + 2 * kLanes);
    hn::StoreU(code(hn::LoadU(kF, row + i)), kI8, codes + i);
    hn::StoreU(code(hn::LoadU(kF, row + i + kLanes)), kI8, codes + i + kLanes);
    hn::StoreU(code(hn::LoadU(kF, row + i + 2 * kLanes)), kI8, codes + i + 2 * kLanes);
    hn::StoreU(code(hn::LoadU(kF, row + i + 3 * kLanes)), kI8, codes + i + 3 * kLanes);
  }
  for (; i < n; i += kLanes) {
    const size_t valid = HWY_MIN(kLanes, n - i);
    HWY_ALIGN int8_t last[kLanes];
    hn::Store(code(loadPart(kF, row + i, valid)), kI8, last);
    std::memcpy(codes + i, last, valid);
  }
}

// Codes of a row whose x / scale are all finite: x / scale rounded to the nearest whole number, ties to even.
// Fetches as much from `ahead` meanwhile.
void codesInto(const float* row, int8_t* codes, size_t n, float scale, int levels, const float* ahead) {
  const Vec divisor = hn::Set(kF, scale);
#if HWY_TARGET <= HWY_AVX2
  // A division takes ten times as long as the three fused steps that give the same correctly rounded quotient from the
  // reciprocal (Markstein 1990), where scale and reciprocal are ordinary numbers. The scale is as large there as to
  // need no clamp.
  if (scale > 1e-30f && scale < 1e30f) {
    const Vec reciprocal = hn::Set(kF, 1.0f / scale), shift = hn::Set(kF, 12582912.0f);
    const IVec shiftBits = hn::BitCast(kI, shift);
    codeRow(row, codes, n, ahead, [&](Vec x) HWY_ATTR {
      const Vec near = hn::Mul(x, reciprocal);
      const Vec quotient = hn::MulAdd(hn::NegMulAdd(near, divisor, x), reciprocal, near);
      return hn::DemoteTo(kI8, hn::Sub(hn::BitCast(kI, hn::Add(quotient, shift)), shiftBits));
    });
    return;
  }
#endif
  const IVec most = hn::Set(kI, levels), least = hn::Set(kI, -levels);
  codeRow(row, codes, n, ahead, [&](Vec x) HWY_ATTR {
    return hn::DemoteTo(kI8, hn::Min(most, hn::Max(least, hn::NearestInt(hn::Div(x, divisor)))));
  });
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // include guard
