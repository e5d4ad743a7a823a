// Kernels that work along rows: reduce, normalize, softmax.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/rows.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include <limits>

#include "cpu/kernels.h"
#include "cpu/scratch.h"
#include "cpu/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

// ---- sums, of elements or of squares

double sumInDouble(const float* row, size_t n, bool squares) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += squares ? double{row[i]} * row[i] : double{row[i]};
  return sum;
}

// Whether float32 can be believed: not where squares over- or underflow, or a chain overflowed on the way to a finite
// sum. Then double holds all of it.
bool trusted(double sum, bool squares) { return squares ? sum >= 1e-30 && sum <= 1e38 : std::isfinite(sum); }

// Of a row that is not to be trusted: what tells whether its sum is worth making again in double. Of squares the
// largest magnitude, of elements their sum, made so small that no finite row overflows.
double hintOf(const float* row, size_t n, bool squares) {
  if (squares) return largestMagnitude(row, n);
  const Vec down = hn::Set(kF, 0x1p-64f);
  return sumOf(row, n, 0, [&](Vec sum, Vec x) HWY_ATTR { return hn::MulAdd(x, down, sum); });
}
// Where it is not, the hint is the sum: of NaN, infinities, or nothing but zeros.
bool isWorthCare(double hint, bool squares) { return std::isfinite(hint) && !(squares && hint == 0); }

double sumOfRow(const float* row, size_t n, bool squares) {
  const double sum = squares ? rowSquares(row, n) : rowSum(row, n);
  if (trusted(sum, squares)) return sum;
  const double hint = hintOf(row, n, squares);
  return isWorthCare(hint, squares) ? sumInDouble(row, n, squares) : hint;
}

double sumOfLongRow(const Call& call, const LongRow& row, size_t d, bool squares) {
  const auto total = [&](const auto& part) {
    return splitSum(call, d, [&](size_t at, size_t n) {
      return row.with(at, n, [&](const float* x) -> double { return part(x, n); });
    });
  };
  const double sum = total([&](const float* x, size_t n) { return squares ? rowSquares(x, n) : rowSum(x, n); });
  if (trusted(sum, squares)) return sum;
  // Added up, largest magnitudes tell as much.
  const double hint = total([&](const float* x, size_t n) { return hintOf(x, n, squares); });
  if (!isWorthCare(hint, squares)) return hint;
  return total([&](const float* x, size_t n) { return sumInDouble(x, n, squares); });
}

// ---- reduce

struct Extremes {
  float least, largest;
  bool nan;
};

Extremes extremesOf(const float* row, size_t n) {
  Vec least = hn::Set(kF, HUGE_VALF), largest = hn::Set(kF, -HUGE_VALF);
  Vec least2 = least, largest2 = largest;
  auto unordered = hn::IsNaN(hn::Zero(kF));
  size_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    const Vec x = hn::LoadU(kF, row + i), y = hn::LoadU(kF, row + i + kLanes);
    least = hn::Min(least, x);
    least2 = hn::Min(least2, y);
    largest = hn::Max(largest, x);
    largest2 = hn::Max(largest2, y);
    unordered = hn::Or(unordered, hn::Or(hn::IsNaN(x), hn::IsNaN(y)));
  }
  for (; i < n; i += kLanes) {
    const Vec x = n - i >= kLanes ? hn::LoadU(kF, row + i) : loadPartOr(row + i, n - i, hn::Set(kF, row[i]));
    least = hn::Min(least, x);
    largest = hn::Max(largest, x);
    unordered = hn::Or(unordered, hn::IsNaN(x));
  }
  return {hn::GetLane(hn::MinOfLanes(kF, hn::Min(least, least2))), maxLanes(hn::Max(largest, largest2)),
          !hn::AllFalse(kF, unordered)};
}

float finishReduce(uint32_t kind, double sum, const Extremes& extremes, uint32_t d) {
  switch (kind) {
    case kReduceSum: return static_cast<float>(sum);
    case kReduceMean: return static_cast<float>(sum / d);
    case kReduceNorm: return static_cast<float>(std::sqrt(sum));
    default:
      if (extremes.nan) return std::numeric_limits<float>::quiet_NaN();
      return kind == kReduceMin ? extremes.least : extremes.largest;
  }
}

float reduceRow(const float* row, const ReduceParams& params) {
  if (params.kind == kReduceMin || params.kind == kReduceMax)
    return finishReduce(params.kind, 0, extremesOf(row, params.d), params.d);
  return finishReduce(params.kind, sumOfRow(row, params.d, params.kind == kReduceNorm), {}, params.d);
}

float reduceLongRow(const Call& call, const LongRow& row, const ReduceParams& params) {
  if (params.kind == kReduceMin || params.kind == kReduceMax) {
    Extremes all{HUGE_VALF, -HUGE_VALF, false};
    for (const Extremes& part : chunkPartials<Extremes>(call, params.d, [&](size_t at, size_t n) {
           return row.with(at, n, [&](const float* x) { return extremesOf(x, n); });
         }))
      all = {std::min(all.least, part.least), std::max(all.largest, part.largest), all.nan || part.nan};
    return finishReduce(params.kind, 0, all, params.d);
  }
  return finishReduce(params.kind, sumOfLongRow(call, row, params.d, params.kind == kReduceNorm), {}, params.d);
}

void reduce(const Call& call) {
  const auto params = call.as<ReduceParams>();
  const Source in(call, 0, params.formats);
  const Target out(call, 1, params.formats);
  const size_t d = params.d;
  const auto put = [&](uint64_t r, float value) {
    *out.place(r, &value) = value;
    out.put(r, 1, &value, false);
  };
  if (splits(call, params.rows, d, params.formats)) {
    for (uint64_t r = 0; r < params.rows && !call.budget.stopped(); ++r)
      put(r, reduceLongRow(call, LongRow(in, r * d), params));
    return;
  }
  const uint64_t grain = grainFor(call.budget, params.rows, 5 + 0.12 * static_cast<double>(d), 16);
  parallelFor(call.budget, params.rows, grain, [&](uint64_t begin, uint64_t end, uint32_t) {
    Scratch work(in.isFloat() ? 0 : d * sizeof(float));
    for (uint64_t r = begin; r < end; ++r) put(r, reduceRow(in.part(r * d, d, work.as<float>()), params));
  });
}

// ---- normalize

// Fetches as much from `ahead` meanwhile, where it isn't null.
void scaleInto(const float* src, float* dst, size_t n, bool stream, double squares, float epsilon,
               const float* ahead = nullptr) {
  const double norm = std::sqrt(squares);
  const double divisor = norm < epsilon ? double{epsilon} : norm;
  // Ordinary rows multiply, and those that are not finite; where the reciprocal isn't an ordinary float32 every element
  // is divided in double.
  if ((divisor > 1e-30 && divisor < 1e30) || !std::isfinite(divisor)) {
    const Vec factor = hn::Set(kF, static_cast<float>(1.0 / divisor));
    mapWith(
        src, dst, n, stream,
        [&](Vec x, size_t i) HWY_ATTR {
          if (ahead) hwy::Prefetch(ahead + i);
          return hn::Mul(x, factor);
        },
        [&](Vec x, size_t, size_t) HWY_ATTR { return hn::Mul(x, factor); });
  } else {
    for (size_t i = 0; i < n; ++i) dst[i] = static_cast<float>(src[i] / divisor);
  }
}

void normalize(const Call& call) {
  const auto params = call.as<NormalizeParams>();
  const Source in(call, 0, params.formats);
  const Target out(call, 1, params.formats);
  const size_t d = params.d;
  if (!splits(call, params.rows, d, params.formats)) {
    forRows(call, params.rows, d, 0.25, in, out, [&](const float* src, float* dst, bool stream) {
      scaleInto(src, dst, d, stream, sumOfRow(src, d, true), params.epsilon, stream ? src + d : nullptr);
    });
    return;
  }
  for (uint64_t r = 0; r < params.rows && !call.budget.stopped(); ++r) {
    const LongRow row(in, r * d);
    const LongTarget target(out, r * d);
    const double squares = sumOfLongRow(call, row, d, true);
    chunkApply(call, d, [&](size_t at, size_t n) {
      row.with(at, n, [&](const float* x) {
        target.with(at, n, [&](float* to, bool stream) { scaleInto(x, to, n, stream, squares, params.epsilon); });
      });
    });
  }
}

// ---- softmax

void softmaxRow(const float* src, float* dst, size_t d, float factor, bool stream, float* work) {
  float* const exps = stream ? work : dst;
  const Vec inverse =
      hn::Set(kF, static_cast<float>(1.0 / expInto(src, exps, d, rowMax(src, d), factor, stream ? src + d : nullptr)));
  map(exps, dst, d, stream, [&](Vec x) HWY_ATTR { return hn::Mul(x, inverse); });
}

// The same of halves, which are widened, and narrowed again, in the passes that look for the largest and divide.
// Fetches the next row meanwhile, where this isn't the last.
template <uint32_t kFormat>
void softmaxRowOfHalves(const uint16_t* src, uint16_t* dst, size_t d, float factor, bool stream, bool last,
                        float* work) {
  Vec most = hn::Set(kF, -HUGE_VALF), most2 = most;
  size_t i = 0;
  for (; i + 2 * kLanes <= d; i += 2 * kLanes) {
    const Vec x = widen<kFormat>(hn::LoadU(U16(), src + i)), y = widen<kFormat>(hn::LoadU(U16(), src + i + kLanes));
    most = hn::Max(most, x), most2 = hn::Max(most2, y);
    hn::StoreU(x, kF, work + i);
    hn::StoreU(y, kF, work + i + kLanes);
  }
  if (i < d) widenInto<kFormat>(src + i, work + i, d - i);
  const float max = HWY_MAX(maxLanes(hn::Max(most, most2)), rowMax(work + i, d - i));
  const float* const ahead = last ? nullptr : reinterpret_cast<const float*>(src + d);
  const double sum = expInto(work, work, d, max, factor, ahead);
  const Vec inverse = hn::Set(kF, static_cast<float>(1.0 / sum));
  narrowWith<kFormat>(work, dst, d, stream, [&](Vec x) HWY_ATTR { return hn::Mul(x, inverse); });
}

// False where rows are better gathered: short ones, and those whose ends would spoil streaming stores.
template <uint32_t kFormat>
bool softmaxOfHalves(const Call& call, const SoftmaxParams& params, const Source& in, const Target& out) {
  const size_t d = params.d;
  if (in.format != kFormat || out.format != kFormat || d < kShortRow || d % 32 != 0) return false;
  const bool stream = uint64_t{params.rows} * d * out.bytes() >= kStreamBytes;
  const uint64_t grain = grainFor(call.budget, params.rows, 10 + 0.4 * static_cast<double>(d));
  parallelFor(call.budget, params.rows, grain, [&](uint64_t begin, uint64_t end, uint32_t) {
    Scratch work(d * sizeof(float));
    for (uint64_t r = begin; r < end; ++r)
      softmaxRowOfHalves<kFormat>(static_cast<const uint16_t*>(in.data) + r * d,
                                  static_cast<uint16_t*>(out.data) + r * d, d, params.inverseTemperature, stream,
                                  r + 1 == params.rows, work.as<float>());
    if (stream) hwy::FlushStream();
  });
  return true;
}

struct Running {
  float max = -HUGE_VALF;
  double sum = 0;
};

// max and sum of a stretch that is read once: each block's sum is brought to the largest element so far.
Running runningOf(const float* row, size_t n, float factor) {
  constexpr size_t kBlock = 2048;
  float exps[kBlock];
  Running all;
  for (size_t at = 0; at < n; at += kBlock) {
    const size_t length = HWY_MIN(kBlock, n - at);
    const float max = HWY_MAX(all.max, rowMax(row + at, length));
    if (max == -HUGE_VALF) {  // nothing visible yet: no sum, unless a NaN settles it
      if (extremesOf(row + at, length).nan) all.sum = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    if (all.max != -HUGE_VALF) all.sum *= std::exp((double{all.max} - max) * factor);
    all.sum += expInto(row + at, exps, length, max, factor);
    all.max = max;
  }
  return all;
}

void softmaxLongRow(const Call& call, const LongRow& row, const LongTarget& target, size_t d, float factor) {
  Running all;
  const auto parts = chunkPartials<Running>(call, d, [&](size_t at, size_t n) {
    return row.with(at, n, [&](const float* x) { return runningOf(x, n, factor); });
  });
  for (const Running& part : parts) all.max = std::max(all.max, part.max);
  for (const Running& part : parts)
    all.sum += part.max == -HUGE_VALF ? part.sum : part.sum * std::exp((double{part.max} - all.max) * factor);
  const Vec top = hn::Set(kF, all.max), inverse = hn::Set(kF, static_cast<float>(1.0 / all.sum));
  const ExpNegative exponential(factor);
  chunkApply(call, d, [&](size_t at, size_t n) {
    row.with(at, n, [&](const float* src) {
      target.with(at, n, [&](float* to, bool stream) {
        map(src, to, n, stream, [&](Vec x) HWY_ATTR { return hn::Mul(exponential(hn::Sub(x, top)), inverse); });
      });
    });
  });
}

void softmax(const Call& call) {
  const auto params = call.as<SoftmaxParams>();
  const Source in(call, 0, params.formats);
  const Target out(call, 1, params.formats);
  const size_t d = params.d;
  if (splits(call, params.rows, d, params.formats)) {
    for (uint64_t r = 0; r < params.rows && !call.budget.stopped(); ++r)
      softmaxLongRow(call, LongRow(in, r * d), LongTarget(out, r * d), d, params.inverseTemperature);
    return;
  }
  if (softmaxOfHalves<kFormatFloat16>(call, params, in, out)) return;
  if (softmaxOfHalves<kFormatBfloat16>(call, params, in, out)) return;
  forRows(call, params.rows, d, 0.4, in, out, [&](const float* src, float* dst, bool stream) {
    const bool throughWork = stream && d <= kCachedRow;
    float small[1024];
    if (d <= 1024 || !throughWork) {
      softmaxRow(src, dst, d, params.inverseTemperature, throughWork, small);
    } else {
      Scratch work(d * sizeof(float));
      softmaxRow(src, dst, d, params.inverseTemperature, true, work.as<float>());
    }
  });
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(reduce);
HWY_EXPORT(normalize);
HWY_EXPORT(softmax);
namespace kernels {
void reduce(const Call& call) { HWY_DYNAMIC_DISPATCH(reduce)(call); }
void normalize(const Call& call) { HWY_DYNAMIC_DISPATCH(normalize)(call); }
void softmax(const Call& call) { HWY_DYNAMIC_DISPATCH(softmax)(call); }
}  // namespace kernels
}  // namespace switchyard::cpu
#endif
