// The formulae of search_bound.h, in double.
#include "search_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "params.h"

namespace switchyard {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
// Half a step of a scale, and what rounds on the way to a code and back: 2.5 units of 2^-17 where a device divides no
// better (Vulkan's may not), and 127 of 2^-24: 0.500027 in all.
constexpr double kHalfStep = 0.50004;
constexpr double kLeastScale = 0x1p-142;  // a scale itself is rounded: 127 times half of the least float32
constexpr double kFlushed = 0x1p-125;     // of a product that a device may take for 0

double angleOf(double cosine) { return std::acos(std::clamp(cosine, -1.0, 1.0)); }

}  // namespace

double leastDistance(double returned, double rounding) {
  return rounding < 1 ? returned * (1 - rounding) / ((1 + rounding) * (1 + rounding)) : 0;
}

SearchBound::SearchBound(DType base, uint32_t metric, uint64_t d)
    : isCodes_(base == DType::Int8),
      metric_(metric),
      d_(static_cast<double>(d)),
      unit_(base == DType::Float16 ? 0x1p-11 : 0x1p-8),
      least_(base == DType::Float16 ? 0x1p-25 : 0x1p-134) {
  const double share = (d_ + 64) * 0x1p-24;
  rounding_ = share < 0.5 ? share / (1 - share) : kInfinite;
}

bool SearchBound::needsSum() const { return isCodes_ && metric_ == kMetricDot; }

double SearchBound::rowError(double length, float scale) const {
  if (std::isnan(length) || std::isnan(scale)) return 0;  // its score is NaN, whatever it was made of
  const bool isCosine = metric_ == kMetricCosine;
  if (!isCodes_) {
    const double error = unit_ * length * (1 + rounding_) + std::sqrt(d_) * least_;
    if (!isCosine || std::isinf(error)) return error;
    return length == 0 ? 0 : error / (length * (1 - std::min(rounding_, 0.5)));
  }
  const double step = std::fabs(static_cast<double>(scale)), error = kHalfStep * step + kLeastScale;
  if (metric_ == kMetricDot) return error;
  if (std::isinf(step)) return 0;  // no row that holds an infinity is near to anything
  if (!isCosine) return std::sqrt(d_) * error;
  return step == 0 || length == 0 ? 0 : std::sqrt(d_) * error / (step * length * (1 - std::min(rounding_, 0.5)));
}

// The best score that a row can have by what it was made of, if it has no better one than `last` by what it is.
double SearchBound::bestExact(double norm, double worst, double last) const {
  switch (metric_) {
    case kMetricDot: {
      if (norm == 0) return last;
      // The magnitudes of the products: |b_i| <= 128 scales, |b| <= |e| / u.
      const double magnitude = norm * worst * (isCodes_ ? 257 : 1 / unit_);
      return last + norm * worst + kScoreErrors * (rounding_ * magnitude + d_ * kFlushed);
    }
    case kMetricL2: {
      const double nearest = std::max(0.0, std::sqrt(leastDistance(last, rounding_)) - worst);
      return std::max(0.0, nearest * nearest / (1 + rounding_) - kScoreErrors * d_ * kFlushed);
    }
    default: {
      if (norm == 0) return last;
      const double rounding = kScoreErrors * 2 * rounding_;  // of the product and of both norms
      const double turn = worst < 1 ? std::asin(worst) : angleOf(-1);
      return std::cos(std::max(0.0, angleOf(last + rounding) - turn)) + rounding;
    }
  }
}

float SearchBound::of(double norm, double worst, float last, float returned) const {
  const double best = bestExact(norm, worst, last), by = metric_ == kMetricL2 ? returned - best : best - returned;
  if (std::isnan(by)) return std::numeric_limits<float>::infinity();
  const double bound = std::max(0.0, by) * (1 + 0x1p-40);
  const float rounded = static_cast<float>(bound);
  return rounded < bound ? std::nextafter(rounded, std::numeric_limits<float>::infinity()) : rounded;
}

}  // namespace switchyard
