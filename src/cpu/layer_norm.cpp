// The kernel of layer-norm.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/layer_norm.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include <algorithm>

#include "cpu/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

struct Affine {
  const float *gamma, *beta;  // null where absent
};

// Of a row: the mean is centre + rest, its first part a float32, so that differences to it are exact where the row lies
// close together. What those leave over corrects both mean and variance.
struct Spread {
  float centre;
  double rest, variance;
};

struct AboutCentre {
  double first = 0, second = 0;  // the sum of the differences and of their squares
};

HWY_INLINE AboutCentre sumsAbout(const float* row, size_t n, float centre) {
  constexpr size_t kChains = 4;  // enough to hide the latency of an addition
  const Vec c = hn::Set(kF, centre);
  AboutCentre all;
  for (size_t at = 0; at < n; at += kSumBlock) {
    const size_t end = HWY_MIN(n, at + kSumBlock);
    Vec first[kChains], second[kChains];
    for (size_t k = 0; k < kChains; ++k) first[k] = second[k] = hn::Zero(kF);
    size_t i = at;
    for (; i + kChains * kLanes <= end; i += kChains * kLanes)
      for (size_t k = 0; k < kChains; ++k) {
        const Vec x = hn::Sub(hn::LoadU(kF, row + i + k * kLanes), c);
        first[k] = hn::Add(first[k], x);
        second[k] = hn::MulAdd(x, x, second[k]);
      }
    for (; i < end; i += kLanes) {
      const Vec x = hn::Sub(end - i >= kLanes ? hn::LoadU(kF, row + i) : loadPartOr(row + i, end - i, c), c);
      first[0] = hn::Add(first[0], x);
      second[0] = hn::MulAdd(x, x, second[0]);
    }
    all.first += sumLanes(hn::Add(hn::Add(first[0], first[1]), hn::Add(first[2], first[3])));
    all.second += sumLanes(hn::Add(hn::Add(second[0], second[1]), hn::Add(second[2], second[3])));
  }
  return all;
}

Spread spreadOf(float centre, const AboutCentre& sums, size_t d) {
  const double n = static_cast<double>(d), rest = sums.first / n;
  return {centre, rest, std::max(sums.second / n - rest * rest, 0.0)};
}

// False where sums over- or underflowed in float32 (NaN, too): such rows are done in double, where they are finite. All
// of a row that isn't is NaN, which its variance gives.
bool trusted(const Spread& spread, float epsilon) {
  return spread.variance <= 1e38 && spread.variance + epsilon >= 1e-28;
}

void affineInto(const float* src, float* dst, size_t n, bool stream, const Spread& spread, const Affine& affine,
                float epsilon) {
  const double inverse = 1 / std::sqrt(spread.variance + epsilon);
  const Vec centre = hn::Set(kF, spread.centre), factor = hn::Set(kF, static_cast<float>(inverse)),
            rest = hn::Set(kF, static_cast<float>(spread.rest * inverse));
  const Vec zero = hn::Zero(kF), one = hn::Set(kF, 1.0f);
  const auto unit = [&](Vec x) HWY_ATTR { return hn::MulSub(hn::Sub(x, centre), factor, rest); };
  if (!affine.gamma && !affine.beta) return map(src, dst, n, stream, unit);
  mapWith(
      src, dst, n, stream,
      [&](Vec x, size_t i) HWY_ATTR {
        return wideMulAdd(unit(x), affine.gamma ? hn::LoadU(kF, affine.gamma + i) : one,
                          affine.beta ? hn::LoadU(kF, affine.beta + i) : zero);
      },
      [&](Vec x, size_t i, size_t valid) HWY_ATTR {
        return wideMulAdd(unit(x), affine.gamma ? loadPart(kF, affine.gamma + i, valid) : one,
                          affine.beta ? loadPart(kF, affine.beta + i, valid) : zero);
      });
}

struct ExactSpread {
  double mean, variance;
};

double sumExactly(const float* row, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += row[i];
  return sum;
}

AboutCentre sumsExactly(const float* row, size_t n, double mean) {
  AboutCentre all;
  for (size_t i = 0; i < n; ++i) {
    all.first += row[i] - mean;
    all.second += (row[i] - mean) * (row[i] - mean);
  }
  return all;
}

ExactSpread exactSpread(double mean, const AboutCentre& sums, size_t d) {
  const double n = static_cast<double>(d), rest = sums.first / n;
  return {mean + rest, std::max(sums.second / n - rest * rest, 0.0)};
}

void affineExactly(const float* src, float* dst, size_t n, const ExactSpread& spread, const Affine& affine,
                   float epsilon) {
  const double deviation = std::sqrt(spread.variance + epsilon);
  for (size_t i = 0; i < n; ++i) {
    const double z = (src[i] - spread.mean) / deviation;
    dst[i] = static_cast<float>(z * (affine.gamma ? affine.gamma[i] : 1.0f) + (affine.beta ? affine.beta[i] : 0.0f));
  }
}

template <class Partial>
AboutCentre splitAbout(const Call& call, size_t d, const Partial& partial) {
  AboutCentre all;
  for (const AboutCentre& part : chunkPartials<AboutCentre>(call, d, partial)) {
    all.first += part.first;
    all.second += part.second;
  }
  return all;
}

void layer_norm(const Call& call) {
  const auto params = call.as<LayerNormParams>();
  const Source residual(call, 3, params.formats), in(call, 0, params.formats, params.hasResidual ? &residual : nullptr);
  const Source gamma(call, 1, params.formats), beta(call, 2, params.formats);
  const Target out(call, 4, params.formats);
  const size_t d = params.d;
  const float epsilon = params.epsilon;
  Scratch wideGamma(gamma.isFloat() ? 0 : d * sizeof(float)), wideBeta(beta.isFloat() ? 0 : d * sizeof(float));
  const Affine affine{params.hasGamma ? gamma.part(0, d, wideGamma.as<float>()) : nullptr,
                      params.hasBeta ? beta.part(0, d, wideBeta.as<float>()) : nullptr};
  if (!splits(call, params.rows, d, params.formats | params.hasResidual)) {
    forRows(call, params.rows, d, 0.3, in, out, [&](const float* src, float* dst, bool stream) {
      const float centre = static_cast<float>(rowSum(src, d) / static_cast<double>(d));
      const Spread spread = spreadOf(centre, sumsAbout(src, d, centre), d);
      if (trusted(spread, epsilon) || !allFinite(src, d))
        return affineInto(src, dst, d, stream, spread, affine, epsilon);
      const double mean = sumExactly(src, d) / static_cast<double>(d);
      affineExactly(src, dst, d, exactSpread(mean, sumsExactly(src, d, mean), d), affine, epsilon);
    });
    return;
  }
  for (uint64_t r = 0; r < params.rows && !call.budget.stopped(); ++r) {
    const LongRow row(in, r * d);
    const LongTarget target(out, r * d);
    const auto total = [&](const auto& part) {
      return splitSum(call, d, [&](size_t at, size_t n) {
        return row.with(at, n, [&](const float* x) -> double { return part(x, n); });
      });
    };
    const auto about = [&](const auto& part) {
      return splitAbout(call, d, [&](size_t at, size_t n) {
        return row.with(at, n, [&](const float* x) -> AboutCentre { return part(x, n); });
      });
    };
    const float centre =
        static_cast<float>(total([](const float* x, size_t n) { return rowSum(x, n); }) / static_cast<double>(d));
    const Spread spread = spreadOf(centre, about([&](const float* x, size_t n) { return sumsAbout(x, n, centre); }), d);
    const auto blemished = [&] {
      return total([](const float* x, size_t n) { return allFinite(x, n) ? 0.0 : 1.0; }) != 0;
    };
    const bool ordinary = trusted(spread, epsilon) || blemished();
    ExactSpread exact{};
    if (!ordinary) {
      const double mean = total([](const float* x, size_t n) { return sumExactly(x, n); }) / static_cast<double>(d);
      exact = exactSpread(mean, about([&](const float* x, size_t n) { return sumsExactly(x, n, mean); }), d);
    }
    chunkApply(call, d, [&](size_t at, size_t n) {
      const Affine part{affine.gamma ? affine.gamma + at : nullptr, affine.beta ? affine.beta + at : nullptr};
      row.with(at, n, [&](const float* x) {
        target.with(at, n, [&](float* to, bool stream) {
          if (ordinary)
            affineInto(x, to, n, stream, spread, part, epsilon);
          else
            affineExactly(x, to, n, exact, part, epsilon);
        });
      });
    });
  }
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(layer_norm);
namespace kernels {
void layer_norm(const Call& call) { HWY_DYNAMIC_DISPATCH(layer_norm)(call); }
}  // namespace kernels
}  // namespace switchyard::cpu
#endif
