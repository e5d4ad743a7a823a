// Kernels between float32 rows and integer codes, and evidence_timeline.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/quantize.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include <limits>

#include "cpu/kernels.h"
#include "cpu/scratch.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

constexpr hn::Rebind<int8_t, F32> kI8{};

// max|x|, or NaN when the row holds one: magnitudes order like their bits, and NaN has the largest.
float largestMagnitude(const float* row, size_t n) {
  const auto bits = [](Vec x) HWY_ATTR { return hn::BitCast(kI, hn::Abs(x)); };
  IVec a = hn::Zero(kI), b = a, c = a, e = a;
  size_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    a = hn::Max(a, bits(hn::LoadU(kF, row + i)));
    b = hn::Max(b, bits(hn::LoadU(kF, row + i + kLanes)));
    c = hn::Max(c, bits(hn::LoadU(kF, row + i + 2 * kLanes)));
    e = hn::Max(e, bits(hn::LoadU(kF, row + i + 3 * kLanes)));
  }
  for (; i + kLanes <= n; i += kLanes) a = hn::Max(a, bits(hn::LoadU(kF, row + i)));
  if (i < n) b = hn::Max(b, bits(loadPart(kF, row + i, n - i)));
  const int32_t most = hn::GetLane(hn::MaxOfLanes(kI, hn::Max(hn::Max(a, b), hn::Max(c, e))));
  float value;
  std::memcpy(&value, &most, sizeof value);
  return value;
}

// Codes of a row whose x / scale are all finite.
void codesInto(const float* row, int8_t* codes, size_t n, float scale, int levels) {
  const Vec divisor = hn::Set(kF, scale);
  const IVec most = hn::Set(kI, levels), least = hn::Set(kI, -levels);
  const auto code = [&](Vec x) HWY_ATTR {
    return hn::DemoteTo(kI8, hn::Min(most, hn::Max(least, hn::NearestInt(hn::Div(x, divisor)))));
  };
  size_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    hn::StoreU(code(hn::LoadU(kF, row + i)), kI8, codes + i);
    hn::StoreU(code(hn::LoadU(kF, row + i + kLanes)), kI8, codes + i + kLanes);
  }
  for (; i < n; i += kLanes) {
    const size_t valid = HWY_MIN(kLanes, n - i);
    HWY_ALIGN int8_t last[kLanes];
    hn::Store(code(loadPart(kF, row + i, valid)), kI8, last);
    std::memcpy(codes + i, last, valid);
  }
}

void packNibbles(const int8_t* codes, uint8_t* out, size_t n) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<uint16_t> pairs;
  const hn::Rebind<uint8_t, decltype(pairs)> bytes;
  const size_t step = 2 * hn::Lanes(pairs);
  for (; i + step <= n; i += step) {
    const auto pair = hn::LoadU(pairs, reinterpret_cast<const uint16_t*>(codes + i));
    const auto packed = hn::Or(hn::And(pair, hn::Set(pairs, 0x0F)), hn::And(hn::ShiftRight<4>(pair), hn::Set(pairs, 0xF0)));
    hn::StoreU(hn::DemoteTo(bytes, hn::BitCast(hn::RebindToSigned<decltype(pairs)>(), packed)), bytes, out + i / 2);
  }
#endif
  for (; i + 1 < n; i += 2) out[i / 2] = static_cast<uint8_t>((codes[i] & 15) | (codes[i + 1] & 15) << 4);
  if (n % 2) out[n / 2] = static_cast<uint8_t>(codes[n - 1] & 15);
}

constexpr size_t kPiece = 4096;  // elements worked on between a row of floats and its packed codes

float quantizeRow(const float* row, uint8_t* codes, const QuantizeParams& params) {
  const int levels = params.bits == 4 ? 7 : 127;
  const float scale = largestMagnitude(row, params.d) / static_cast<float>(levels);
  // With an infinity every x / scale is 0 or NaN; a NaN makes the scale NaN: all codes are 0 then.
  if (!(scale > 0) || std::isinf(scale)) {
    std::memset(codes, 0, params.rowBytes);
    return scale;
  }
  if (params.bits == 8) {
    codesInto(row, reinterpret_cast<int8_t*>(codes), params.d, scale, levels);
    return scale;
  }
  HWY_ALIGN int8_t wide[kPiece];
  for (size_t at = 0; at < params.d; at += kPiece) {
    const size_t n = HWY_MIN(kPiece, params.d - at);
    codesInto(row + at, wide, n, scale, levels);
    packNibbles(wide, codes + at / 2, n);
  }
  return scale;
}

void quantize(const Call& call) {
  const auto params = call.as<QuantizeParams>();
  const float* const in = call.view(0);
  uint8_t* const codes = call.view<uint8_t>(1);
  float* const scales = call.view(2);
  const uint64_t grain = grainFor(call.budget, params.rows, 10 + 0.2 * params.d, 16);
  parallelFor(call.budget, params.rows, grain, [&](uint64_t begin, uint64_t end, uint32_t) {
    for (uint64_t r = begin; r < end; ++r) scales[r] = quantizeRow(in + r * params.d, codes + r * params.rowBytes, params);
  });
}

// ---- dequantize

HWY_INLINE Vec widen(const int8_t* codes) { return hn::ConvertTo(kF, hn::PromoteTo(kI, hn::LoadU(kI8, codes))); }

void expandRow(const int8_t* codes, float* out, size_t n, float scale, bool stream) {
  const Vec factor = hn::Set(kF, scale);
  const auto part = [&](size_t at, size_t valid) HWY_ATTR {
    HWY_ALIGN int8_t lanes[kLanes] = {};
    std::memcpy(lanes, codes + at, valid);
    storePart(kF, hn::Mul(widen(lanes), factor), out + at, valid);
  };
  size_t i = 0;
  if (stream && n >= 2 * kLanes) {
    i = elementsToAlign(out);
    if (i) part(0, i);
    for (; i + kLanes <= n; i += kLanes) hn::Stream(hn::Mul(widen(codes + i), factor), kF, out + i);
  } else {
    for (; i + kLanes <= n; i += kLanes) hn::StoreU(hn::Mul(widen(codes + i), factor), kF, out + i);
  }
  if (i < n) part(i, n - i);
}

void unpackNibbles(const uint8_t* packed, int8_t* codes, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const int nibble = packed[i / 2] >> (i % 2 * 4) & 15;
    codes[i] = static_cast<int8_t>((nibble ^ 8) - 8);
  }
}

void dequantize(const Call& call) {
  const auto params = call.as<QuantizeParams>();
  const uint8_t* const codes = call.view<uint8_t>(0);
  const float* const scales = call.view(1);
  float* const out = call.view(2);
  const size_t d = params.d;
  const bool stream = uint64_t{params.rows} * d * sizeof(float) >= kStreamBytes;
  const uint64_t grain = grainFor(call.budget, params.rows, 10 + (params.bits == 4 ? 0.6 : 0.2) * params.d);
  parallelFor(call.budget, params.rows, grain, [&](uint64_t begin, uint64_t end, uint32_t) {
    for (uint64_t r = begin; r < end; ++r) {
      const uint8_t* const row = codes + r * params.rowBytes;
      if (params.bits == 8) {
        expandRow(reinterpret_cast<const int8_t*>(row), out + r * d, d, scales[r], stream);
        continue;
      }
      HWY_ALIGN int8_t wide[kPiece];
      for (size_t at = 0; at < d; at += kPiece) {
        const size_t n = HWY_MIN(kPiece, d - at);
        unpackNibbles(row + at / 2, wide, n);
        expandRow(wide, out + r * d + at, n, scales[r], stream);
      }
    }
    if (stream) hwy::FlushStream();
  });
}

// ---- evidence_timeline

// One or more rows in a vector: (timestamp, importance, category, relevance) -> (timestamp, importance * weight, relevance, category).
// weight = e^(-decay |currentTime - timestamp|) is computed in all four lanes and used in one.
#if HWY_TARGET != HWY_SCALAR
struct Timeline {
  Vec now, decay;
  hn::Mask<F32> isImportance, isUpper;

  explicit Timeline(const TimelineParams& params) : now(hn::Set(kF, params.currentTime)), decay(hn::Set(kF, -params.decay)) {
    const Vec lane = hn::BitCast(kF, hn::And(hn::Iota(kI, 0), hn::Set(kI, 3)));
    isImportance = hn::RebindMask(kF, hn::Eq(hn::BitCast(kI, lane), hn::Set(kI, 1)));
    isUpper = hn::RebindMask(kF, hn::Gt(hn::BitCast(kI, lane), hn::Set(kI, 1)));
  }
  HWY_INLINE Vec operator()(Vec rows) const {
    const Vec age = hn::Abs(hn::Sub(now, hn::Broadcast<0>(rows)));
    const Vec weighted = hn::Mul(rows, exp(hn::Mul(decay, age)));
    return hn::IfThenElse(isUpper, hn::Shuffle2301(rows), hn::IfThenElse(isImportance, weighted, rows));
  }
};

void timelineRows(const float* in, float* out, uint64_t rows, bool stream, const TimelineParams& params) {
  map(in, out, rows * 4, stream, Timeline(params));
}
#else  // one lane
void timelineRows(const float* in, float* out, uint64_t rows, bool, const TimelineParams& params) {
  for (const float* const end = in + rows * 4; in < end; in += 4, out += 4) {
    const float time = in[0], importance = in[1], category = in[2], relevance = in[3];
    out[0] = time;
    out[1] = importance * std::exp(-params.decay * std::abs(params.currentTime - time));
    out[2] = relevance;
    out[3] = category;
  }
}
#endif

void evidence_timeline(const Call& call) {
  const auto params = call.as<TimelineParams>();
  const float* const in = call.view(0);
  float* const out = call.view(1);
  // Streaming needs whole rows on vector borders.
  const bool stream = uint64_t{params.rows} * 16 >= kStreamBytes && reinterpret_cast<uintptr_t>(out) % 16 == 0;
  parallelFor(call.budget, params.rows, grainFor(call.budget, params.rows, 1.2, 256), [&](uint64_t begin, uint64_t end, uint32_t) {
    timelineRows(in + begin * 4, out + begin * 4, end - begin, stream, params);
    if (stream) hwy::FlushStream();
  });
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(quantize);
HWY_EXPORT(dequantize);
HWY_EXPORT(evidence_timeline);
namespace kernels {
void quantize(const Call& call) { HWY_DYNAMIC_DISPATCH(quantize)(call); }
void dequantize(const Call& call) { HWY_DYNAMIC_DISPATCH(dequantize)(call); }
void evidence_timeline(const Call& call) { HWY_DYNAMIC_DISPATCH(evidence_timeline)(call); }
}  // namespace kernels
}  // namespace switchyard::cpu
#endif
