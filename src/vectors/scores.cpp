// Sums of float32 in double, with a few chains so that no addition waits for the one before.
#include "vectors/scores.h"

#include "cpu/simd.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "error.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vectors/scores.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::vectors::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

const hn::CappedTag<double, 8> kD;
const hn::Rebind<float, decltype(kD)> kHalf;
using Vec = hn::Vec<decltype(kD)>;
constexpr size_t kChains = 4;

HWY_INLINE Vec wide(const float* from) { return hn::PromoteTo(kD, hn::LoadU(kHalf, from)); }

// The sum of term(x, y) over all elements.
template <class Vectors, class Scalars>
HWY_INLINE double sumOf(const float* a, const float* b, size_t d, const Vectors& add, const Scalars& term) {
  const size_t lanes = hn::Lanes(kD);
  Vec sums[kChains] = {hn::Zero(kD), hn::Zero(kD), hn::Zero(kD), hn::Zero(kD)};
  size_t i = 0;
  for (; i + kChains * lanes <= d; i += kChains * lanes)
    for (size_t c = 0; c < kChains; ++c) sums[c] = add(sums[c], wide(a + i + c * lanes), wide(b + i + c * lanes));
  for (; i + lanes <= d; i += lanes) sums[0] = add(sums[0], wide(a + i), wide(b + i));
  double rest = 0;
  for (; i < d; ++i) rest += term(double{a[i]}, double{b[i]});
  const Vec all = hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
  return hn::GetLane(hn::SumOfLanes(kD, all)) + rest;
}

double products(const float* a, const float* b, size_t d) {
  return sumOf(
      a, b, d, [](Vec sum, Vec x, Vec y) HWY_ATTR { return hn::MulAdd(x, y, sum); },
      [](double x, double y) { return x * y; });
}

double distances(const float* a, const float* b, size_t d) {
  return sumOf(
      a, b, d,
      [](Vec sum, Vec x, Vec y) HWY_ATTR {
        const Vec difference = hn::Sub(x, y);
        return hn::MulAdd(difference, difference, sum);
      },
      [](double x, double y) { return (x - y) * (x - y); });
}

uint64_t mark() { return static_cast<uint64_t>(HWY_TARGET); }

}  // namespace
}  // namespace switchyard::vectors::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::vectors {
namespace {

HWY_EXPORT(products);
HWY_EXPORT(distances);
HWY_EXPORT(mark);

}  // namespace

double squaresOf(const float* row, size_t d) { return HWY_DYNAMIC_DISPATCH(products)(row, row, d); }

uint64_t sumsMark() { return HWY_DYNAMIC_DISPATCH(mark)(); }

double finiteSquaresOf(const float* row, size_t d, size_t i, const char* argument) {
  const double squares = squaresOf(row, d);
  if (std::isfinite(squares)) return squares;
  const auto at = static_cast<size_t>(std::find_if(row, row + d, [](float x) { return !std::isfinite(x); }) - row);
  throw Error(Code::InvalidArgument,
              std::string(argument) + ": row " + std::to_string(i) + " has " +
                  (std::isnan(row[at]) ? "NaN" : "an infinity") + " at " + std::to_string(at) +
                  ", but vectors must be finite",
              {.argument = argument});
}

float scoreOf(Metric metric, const float* query, double querySquares, const float* row, double rowSquares, size_t d) {
  if (metric == Metric::L2) return static_cast<float>(HWY_DYNAMIC_DISPATCH(distances)(query, row, d));
  if (metric == Metric::Dot) return static_cast<float>(HWY_DYNAMIC_DISPATCH(products)(query, row, d));
  if (querySquares == 0 || rowSquares == 0) return 0;
  return static_cast<float>(HWY_DYNAMIC_DISPATCH(products)(query, row, d) / std::sqrt(querySquares * rowSquares));
}

}  // namespace switchyard::vectors
#endif
