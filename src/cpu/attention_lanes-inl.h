// Rows of attention into the lanes of vectors, and back: a query a lane. Built once for each instruction set.
#if defined(SWITCHYARD_CPU_ATTENTION_LANES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SWITCHYARD_CPU_ATTENTION_LANES_INL_H
#undef SWITCHYARD_CPU_ATTENTION_LANES_INL_H
#else
#define SWITCHYARD_CPU_ATTENTION_LANES_INL_H
#endif

#include "cpu/attention_care-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

constexpr size_t kSides = 2;               // vectors of queries beside each other
constexpr size_t kWide = kSides * kLanes;  // queries of one register tile

using Small = hn::CappedTag<float, 4>;

// to[c * kWide + r] = row r's element c for r < rows, 0 for the other lanes.
void transposeInto(const RowsOf& from, size_t rows, size_t columns, float* to) {
  size_t r = 0;
#if HWY_TARGET != HWY_SCALAR
  constexpr Small d4;
  constexpr hn::RepartitionToWide<Small> d2;
  for (; r + 4 <= rows; r += 4) {
    const float *const a = from.row(r), *const b = from.row(r + 1), *const c = from.row(r + 2),
                       *const d = from.row(r + 3);
    size_t i = 0;
    for (; i + 4 <= columns; i += 4) {
      const auto x0 = hn::LoadU(d4, a + i), x1 = hn::LoadU(d4, b + i), x2 = hn::LoadU(d4, c + i),
                 x3 = hn::LoadU(d4, d + i);
      const auto y0 = hn::BitCast(d2, hn::InterleaveLower(d4, x0, x1)),
                 y1 = hn::BitCast(d2, hn::InterleaveLower(d4, x2, x3)),
                 y2 = hn::BitCast(d2, hn::InterleaveUpper(d4, x0, x1)),
                 y3 = hn::BitCast(d2, hn::InterleaveUpper(d4, x2, x3));
      float* const at = to + i * kWide + r;
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, y0, y1)), d4, at);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, y0, y1)), d4, at + kWide);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, y2, y3)), d4, at + 2 * kWide);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, y2, y3)), d4, at + 3 * kWide);
    }
    for (; i < columns; ++i) {
      float* const at = to + i * kWide + r;
      at[0] = a[i], at[1] = b[i], at[2] = c[i], at[3] = d[i];
    }
  }
#endif
  for (; r < kWide; ++r)
    for (size_t i = 0; i < columns; ++i) to[i * kWide + r] = r < rows ? from.row(r)[i] : 0.0f;
}

// The way back: element c of row r is from[c * kWide + r] * factor[r].
void transposeFrom(const float* from, size_t rows, size_t columns, const float* factor, float* to, size_t stride) {
  size_t r = 0;
#if HWY_TARGET != HWY_SCALAR
  constexpr Small d4;
  constexpr hn::RepartitionToWide<Small> d2;
  for (; r + 4 <= rows; r += 4) {
    const auto by = hn::LoadU(d4, factor + r);
    size_t i = 0;
    for (; i + 4 <= columns; i += 4) {
      const float* const at = from + i * kWide + r;
      const auto x0 = hn::Mul(hn::LoadU(d4, at), by), x1 = hn::Mul(hn::LoadU(d4, at + kWide), by),
                 x2 = hn::Mul(hn::LoadU(d4, at + 2 * kWide), by), x3 = hn::Mul(hn::LoadU(d4, at + 3 * kWide), by);
      const auto y0 = hn::BitCast(d2, hn::InterleaveLower(d4, x0, x1)),
                 y1 = hn::BitCast(d2, hn::InterleaveLower(d4, x2, x3)),
                 y2 = hn::BitCast(d2, hn::InterleaveUpper(d4, x0, x1)),
                 y3 = hn::BitCast(d2, hn::InterleaveUpper(d4, x2, x3));
      float* const row = to + r * stride + i;
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, y0, y1)), d4, row);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, y0, y1)), d4, row + stride);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, y2, y3)), d4, row + 2 * stride);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, y2, y3)), d4, row + 3 * stride);
    }
    for (; i < columns; ++i)
      for (size_t j = 0; j < 4; ++j) to[(r + j) * stride + i] = from[i * kWide + r + j] * factor[r + j];
  }
#endif
  for (; r < rows; ++r)
    for (size_t i = 0; i < columns; ++i) to[r * stride + i] = from[i * kWide + r] * factor[r];
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // include guard
