// Rows of a base as float32, and what rounding has cost them. Built once for each instruction set.
#if defined(SWITCHYARD_CPU_SEARCH_ROWS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SWITCHYARD_CPU_SEARCH_ROWS_INL_H
#undef SWITCHYARD_CPU_SEARCH_ROWS_INL_H
#else
#define SWITCHYARD_CPU_SEARCH_ROWS_INL_H
#endif

#include "cpu/halves-inl.h"
#include "cpu/search_parts.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

constexpr hn::Rebind<int8_t, F32> kCodes{};

// A row of codes times `scale`, as `dequantize` makes it.
HWY_INLINE void widenCodes(const int8_t* codes, float scale, float* to, size_t d) {
  const Vec by = hn::Set(kF, scale);
  size_t i = 0;
  const auto widened = [&](auto bytes) HWY_ATTR { return hn::Mul(hn::ConvertTo(kF, hn::PromoteTo(kI, bytes)), by); };
  for (; i + kLanes <= d; i += kLanes) hn::StoreU(widened(hn::LoadU(kCodes, codes + i)), kF, to + i);
  if (i == d) return;
  HWY_ALIGN int8_t last[kLanes] = {};
  std::memcpy(last, codes + i, d - i);
  storePart(kF, widened(hn::Load(kCodes, last)), to + i, d - i);
}

HWY_INLINE void floatRow(const SearchBase& base, size_t row, float* to) {
  const size_t d = base.d;
  if (base.element == kElementInt8)
    widenCodes(static_cast<const int8_t*>(base.rows) + row * d, base.scales[row], to, d);
  else if (base.element == kFormatFloat16)
    widenInto<kFormatFloat16>(static_cast<const uint16_t*>(base.rows) + row * d, to, d);
  else if (base.element == kFormatBfloat16)
    widenInto<kFormatBfloat16>(static_cast<const uint16_t*>(base.rows) + row * d, to, d);
  else
    std::memcpy(to, static_cast<const float*>(base.rows) + row * d, d * sizeof(float));
}

// |row|, also where float32 does not hold its square.
HWY_INLINE double lengthOf(const float* row, size_t d) {
  const double squares = rowSquares(row, d);
  if (trusted(static_cast<float>(squares)) || squares != squares) return std::sqrt(squares);
  double all = 0;
  for (size_t i = 0; i < d; ++i) all += double{row[i]} * row[i];
  return std::sqrt(all);
}

// What rounding the base has cost the row that lies in the panel.
HWY_INLINE double errorOf(const SearchBase& base, size_t row, const float* floats) {
  if (base.element != kElementInt8) return base.bound->rowError(lengthOf(floats, base.d));
  const float scale = base.scales[row];
  if (!base.bound->needsLength()) return base.bound->rowError(1, scale);
  const int8_t* const codes = static_cast<const int8_t*>(base.rows) + row * base.d;
  double squares = 0;
  for (size_t at = 0; at < base.d; at += 65536) {
    int64_t some = 0;
    for (size_t i = at; i < HWY_MIN(base.d, at + 65536); ++i) some += int{codes[i]} * codes[i];
    squares += static_cast<double>(some);
  }
  return base.bound->rowError(std::sqrt(squares), scale);
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // include guard
