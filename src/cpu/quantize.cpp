// Kernels between float32 rows and integer codes, and evidence_timeline.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/quantize.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include <algorithm>
#include <limits>

#include "cpu/codes-inl.h"
#include "cpu/kernels.h"
#include "cpu/scratch.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

void packNibbles(const int8_t* codes, uint8_t* out, size_t n) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::ScalableTag<uint16_t> pairs;
  const hn::Rebind<uint8_t, decltype(pairs)> bytes;
  const size_t step = 2 * hn::Lanes(pairs);
  for (; i + step <= n; i += step) {
    const auto pair = hn::LoadU(pairs, reinterpret_cast<const uint16_t*>(codes + i));
    const auto packed =
        hn::Or(hn::And(pair, hn::Set(pairs, 0x0F)), hn::And(hn::ShiftRight<4>(pair), hn::Set(pairs, 0xF0)));
    hn::StoreU(hn::DemoteTo(bytes, hn::BitCast(hn::RebindToSigned<decltype(pairs)>(), packed)), bytes, out + i / 2);
  }
#endif
  for (; i + 1 < n; i += 2) out[i / 2] = static_cast<uint8_t>((codes[i] & 15) | (codes[i + 1] & 15) << 4);
  if (n % 2) out[n / 2] = static_cast<uint8_t>(codes[n - 1] & 15);
}

constexpr size_t kPiece = 4096;  // elements worked on between a row of floats and its packed codes
// Floats of rows whose scales are found together: with as many that are fetched ahead, and the codes gathered, they
// leave some of a first-level cache of 32 KB.
constexpr size_t kTogether = 2048;
constexpr size_t kBlock = 8192;     // bytes of codes at most that are gathered before they are streamed out
constexpr size_t kGathered = 4096;  // and so many where that is four rows and more

void quantizeRow(const float* row, uint8_t* codes, const QuantizeParams& params, float scale, const float* ahead) {
  const int levels = params.bits == 4 ? 7 : 127;
  // With an infinity every x / scale is 0 or NaN; a NaN makes the scale NaN: all codes are 0 then.
  if (!(scale > 0) || std::isinf(scale)) {
    std::memset(codes, 0, params.rowBytes);
    return;
  }
  if (params.bits == 8) return codesInto(row, reinterpret_cast<int8_t*>(codes), params.d, scale, levels, ahead);
  HWY_ALIGN int8_t wide[kPiece];
  for (size_t at = 0; at < params.d; at += kPiece) {
    const size_t n = HWY_MIN(kPiece, params.d - at);
    codesInto(row + at, wide, n, scale, levels, ahead + at);
    packNibbles(wide, codes + at / 2, n);
  }
}

// A few rows at a time, all their scales first: one row's scale, a long chain of dependent steps, is then found beside
// the next one's.
void quantizeRows(const float* in, uint8_t* codes, float* scales, uint64_t rows, const QuantizeParams& params) {
  const size_t d = params.d, together = std::clamp<size_t>(kTogether / HWY_MAX(d, size_t{1}), 1, 16);
  for (uint64_t at = 0; at < rows; at += together) {
    const uint64_t n = HWY_MIN(together, rows - at);
    for (uint64_t r = at; r < at + n; ++r)
      scales[r] = largestMagnitude(in + r * d, d) / (params.bits == 4 ? 7.0f : 127.0f);
    for (uint64_t r = at; r < at + n; ++r)
      quantizeRow(in + r * d, codes + r * params.rowBytes, params, scales[r], in + (r + n) * d);
  }
}

void quantize(const Call& call) {
  const auto params = call.as<QuantizeParams>();
  const float* const in = call.view(0);
  uint8_t* const codes = call.view<uint8_t>(1);
  float* const scales = call.view(2);
  const size_t bytes = params.rowBytes;
  // Large results go past the caches, gathered in the first-level cache to whole rows of blocks of four bytes.
  const bool stream = uint64_t{params.rows} * bytes >= kStreamBytes && 4 * bytes <= kBlock &&
                      reinterpret_cast<uintptr_t>(codes) % 4 == 0;
  const uint64_t grain = grainFor(call.budget, params.rows, 10 + 0.12 * params.d, 16);
  parallelFor(call.budget, params.rows, grain, [&](uint64_t begin, uint64_t end, uint32_t) {
    if (!stream) {
      quantizeRows(in + begin * params.d, codes + begin * bytes, scales + begin, end - begin, params);
      return;
    }
    HWY_ALIGN uint8_t block[kBlock];
    const uint64_t rowsABlock = std::max<uint64_t>(1, kGathered / bytes / 4) * 4;
    for (uint64_t r = begin; r < end; r += rowsABlock) {
      const uint64_t last = HWY_MIN(end, r + rowsABlock);
      quantizeRows(in + r * params.d, block, scales + r, last - r, params);
      const size_t length = (last - r) * bytes, whole = length / 4;
      streamCopy(reinterpret_cast<const float*>(block), reinterpret_cast<float*>(codes + r * bytes), whole);
      std::memcpy(codes + r * bytes + whole * 4, block + whole * 4, length - whole * 4);
    }
    hwy::FlushStream();
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

// Rows of (timestamp, importance, category, relevance) -> (timestamp, importance * weight, relevance, category),
// weight = e^(-decay |currentTime - timestamp|).
#if HWY_TARGET != HWY_SCALAR
class Timeline {
 public:
  explicit Timeline(const TimelineParams& params)
      : now_(hn::Set(kF, 0.5f * params.currentTime)), decay_(hn::Set(kF, -params.decay)) {
    const IVec lane = hn::And(hn::Iota(kI, 0), hn::Set(kI, 3));
    isImportance_ = hn::RebindMask(kF, hn::Eq(lane, hn::Set(kI, 1)));
    isUpper_ = hn::RebindMask(kF, hn::Gt(lane, hn::Set(kI, 1)));
  }
  // The square roots of rows' weights from their timestamps, which may stand in any lanes. Half the time that has
  // passed: a difference of two times may be past float32, and a weight below it, where the product is not.
  HWY_INLINE Vec weights(Vec timestamps) const {
    return exp(hn::Mul(decay_, hn::Abs(hn::NegMulAdd(hn::Set(kF, 0.5f), timestamps, now_))));
  }
  // A vector of whole rows, each one's weight in its second lane.
  HWY_INLINE Vec rows(Vec rows, Vec weight) const {
    return hn::IfThenElse(isUpper_, hn::Shuffle2301(rows),
                          hn::IfThenElse(isImportance_, hn::Mul(hn::Mul(rows, weight), weight), rows));
  }
  HWY_INLINE Vec operator()(Vec rows) const { return this->rows(rows, weights(hn::Broadcast<0>(rows))); }
  // Four vectors of rows, which share one exponential: in each block of four lanes, the timestamps of the four vectors'
  // rows there.
  HWY_INLINE void four(Vec& a, Vec& b, Vec& c, Vec& e) const {
    const Vec ab = hn::InterleaveLower(kF, a, b), ce = hn::InterleaveLower(kF, c, e);  // a0 b0 a1 b1 in each block
    const hn::Repartition<double, F32> pairs;
    // a0 b0 c0 e0
    const Vec times = hn::BitCast(kF, hn::InterleaveLower(pairs, hn::BitCast(pairs, ab), hn::BitCast(pairs, ce)));
    const Vec w = weights(times);
    a = rows(a, hn::Broadcast<0>(w));
    b = rows(b, hn::Broadcast<1>(w));
    c = rows(c, hn::Broadcast<2>(w));
    e = rows(e, hn::Broadcast<3>(w));
  }

 private:
  Vec now_, decay_;
  hn::Mask<F32> isImportance_, isUpper_;
};

void timelineRows(const float* in, float* out, uint64_t rows, bool stream, const TimelineParams& params) {
  const Timeline timeline(params);
  const size_t n = rows * 4;
  // Up to the first whole vector of `out`, which starts on a border of 16 bytes where it is streamed to.
  size_t i = stream ? HWY_MIN(n, elementsToAlign(out)) : 0;
  map(in, out, i, false, timeline);
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    Vec a = hn::LoadU(kF, in + i), b = hn::LoadU(kF, in + i + kLanes), c = hn::LoadU(kF, in + i + 2 * kLanes),
        e = hn::LoadU(kF, in + i + 3 * kLanes);
    timeline.four(a, b, c, e);
    if (stream) {
      hn::Stream(a, kF, out + i);
      hn::Stream(b, kF, out + i + kLanes);
      hn::Stream(c, kF, out + i + 2 * kLanes);
      hn::Stream(e, kF, out + i + 3 * kLanes);
    } else {
      hn::StoreU(a, kF, out + i);
      hn::StoreU(b, kF, out + i + kLanes);
      hn::StoreU(c, kF, out + i + 2 * kLanes);
      hn::StoreU(e, kF, out + i + 3 * kLanes);
    }
  }
  map(in + i, out + i, n - i, false, timeline);
}
#else  // one lane
void timelineRows(const float* in, float* out, uint64_t rows, bool, const TimelineParams& params) {
  for (const float* const end = in + rows * 4; in < end; in += 4, out += 4) {
    const float time = in[0], importance = in[1], category = in[2], relevance = in[3];
    out[0] = time;
    out[1] =
        static_cast<float>(importance * std::exp(-double{params.decay} * std::abs(double{params.currentTime} - time)));
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
  parallelFor(call.budget, params.rows, grainFor(call.budget, params.rows, 1.2, 256),
              [&](uint64_t begin, uint64_t end, uint32_t) {
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
