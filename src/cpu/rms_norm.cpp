// The kernel of rms-norm.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/rms_norm.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include "cpu/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

double squaresExactly(const float* row, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += double{row[i]} * row[i];
  return sum;
}

// Whether float32 can be believed: not where squares over- or underflow. Of what is not finite double knows no more.
bool trusted(double squares) { return squares >= 1e-30 && squares <= 1e38; }

// By the deviation, an ordinary number or not finite; where its inverse is no such float32 all is done in double.
void scaleInto(const float* src, float* dst, size_t n, bool stream, double deviation, const float* gamma) {
  if (!((deviation > 1e-30 && deviation < 1e30) || !std::isfinite(deviation))) {
    for (size_t i = 0; i < n; ++i) dst[i] = static_cast<float>(src[i] / deviation * (gamma ? gamma[i] : 1.0f));
    return;
  }
  const Vec factor = hn::Set(kF, static_cast<float>(1 / deviation));
  if (!gamma) return map(src, dst, n, stream, [&](Vec x) HWY_ATTR { return hn::Mul(x, factor); });
  mapWith(
      src, dst, n, stream,
      [&](Vec x, size_t i) HWY_ATTR { return hn::Mul(hn::Mul(x, factor), hn::LoadU(kF, gamma + i)); },
      [&](Vec x, size_t i, size_t valid)
          HWY_ATTR { return hn::Mul(hn::Mul(x, factor), loadPart(kF, gamma + i, valid)); });
}

void rms_norm(const Call& call) {
  const auto params = call.as<RmsNormParams>();
  const Source residual(call, 2, params.formats), in(call, 0, params.formats, params.hasResidual ? &residual : nullptr);
  const Source gammas(call, 1, params.formats);
  const Target out(call, 3, params.formats);
  const size_t d = params.d;
  Scratch wideGamma(gammas.isFloat() ? 0 : d * sizeof(float));
  const float* const gamma = params.hasGamma ? gammas.part(0, d, wideGamma.as<float>()) : nullptr;
  const auto deviationOf = [&](double squares) {
    return std::sqrt(squares / static_cast<double>(d) + double{params.epsilon});
  };
  if (!splits(call, params.rows, d, params.formats | params.hasResidual)) {
    forRows(call, params.rows, d, 0.25, in, out, [&](const float* src, float* dst, bool stream) {
      const double squares = rowSquares(src, d);
      scaleInto(src, dst, d, stream, deviationOf(trusted(squares) ? squares : squaresExactly(src, d)), gamma);
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
    double squares = total([](const float* x, size_t n) { return rowSquares(x, n); });
    if (!trusted(squares)) squares = total([](const float* x, size_t n) { return squaresExactly(x, n); });
    const double deviation = deviationOf(squares);
    chunkApply(call, d, [&](size_t at, size_t n) {
      row.with(at, n, [&](const float* x) {
        target.with(at, n, [&](float* to, bool stream) {
          scaleInto(x, to, n, stream, deviation, gamma ? gamma + at : nullptr);
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
HWY_EXPORT(rms_norm);
namespace kernels {
void rms_norm(const Call& call) { HWY_DYNAMIC_DISPATCH(rms_norm)(call); }
}  // namespace kernels
}  // namespace switchyard::cpu
#endif
