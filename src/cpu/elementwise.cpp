// Kernels that treat each element by itself: binary, scale, activation, center, cast; and plain copies and fills.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/elementwise.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include "cpu/kernels.h"
#include "cpu/scratch.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

constexpr uint64_t kStep = 4096;  // chunks are a multiple of this many elements

// f(first element, elements, stream) over [0, count).
template <class F>
void forElements(const Call& call, uint64_t count, double elementNs, uint64_t bytesOut, const F& f) {
  const bool stream = bytesOut >= kStreamBytes;
  parallelFor(call.budget, count, grainFor(call.budget, count, elementNs, kStep),
              [&](uint64_t begin, uint64_t end, uint32_t) {
                f(begin, end - begin, stream);
                if (stream) hwy::FlushStream();
              });
}

template <class Op>
void mapCall(const Call& call, size_t outView, uint64_t count, double elementNs, const Op& op) {
  const float* const in = call.view(0);
  float* const out = call.view(outView);
  forElements(call, count, elementNs, count * sizeof(float),
              [&](uint64_t at, uint64_t n, bool stream) { map(in + at, out + at, n, stream, op); });
}

// ---- binary

template <class Op>
void same(const Call& call, uint64_t count, const Op& op) {
  const float *const a = call.view(0), *const b = call.view(1);
  float* const out = call.view(2);
  forElements(call, count, 0.35, count * sizeof(float), [&](uint64_t at, uint64_t n, bool stream) {
    mapWith(
        a + at, out + at, n, stream, [&](Vec x, size_t i) HWY_ATTR { return op(x, hn::LoadU(kF, b + at + i)); },
        [&](Vec x, size_t i, size_t valid) HWY_ATTR { return op(x, loadPart(kF, b + at + i, valid)); });
  });
}

constexpr size_t kShortRow = 512, kPatternFloats = 4096;

// out[i] = op(a[i], row[i % d]). A short row is laid out again and again, so that the inner loop is long.
template <class Op>
void rowWise(const Call& call, const float* a, const float* row, float* out, uint64_t count, size_t d, const Op& op) {
  Scratch pattern(kPatternFloats * sizeof(float));
  if (d < kShortRow) {
    const size_t repeats = kPatternFloats / d;
    for (size_t r = 0; r < repeats; ++r) std::memcpy(pattern.as<float>() + r * d, row, d * sizeof(float));
    row = pattern.as<float>();
    d *= repeats;
  }
  forElements(call, count, 0.25, count * sizeof(float), [&](uint64_t at, uint64_t n, bool stream) {
    for (uint64_t i = at; i < at + n;) {
      const size_t column = i % d, length = HWY_MIN(d - column, at + n - i);
      const float* const b = row + column;
      mapWith(
          a + i, out + i, length, stream, [&](Vec x, size_t j) HWY_ATTR { return op(x, hn::LoadU(kF, b + j)); },
          [&](Vec x, size_t j, size_t valid) HWY_ATTR { return op(x, loadPart(kF, b + j, valid)); });
      i += length;
    }
  });
}

template <class Op>
void binaryWith(const Call& call, const BinaryParams& params, const Op& op) {
  if (params.broadcast == kBroadcastNone) return same(call, params.count, op);
  if (params.broadcast == kBroadcastRow && params.d > 1)
    return rowWise(call, call.view(0), call.view(1), call.view(2), params.count, params.d, op);
  const Vec b = hn::Set(kF, *call.view(1));
  mapCall(call, 2, params.count, 0.25, [&](Vec x) HWY_ATTR { return op(x, b); });
}

void binary(const Call& call) {
  const auto params = call.as<BinaryParams>();
  switch (params.op) {
    case kBinaryAdd: return binaryWith(call, params, [](Vec x, Vec y) HWY_ATTR { return hn::Add(x, y); });
    case kBinarySubtract: return binaryWith(call, params, [](Vec x, Vec y) HWY_ATTR { return hn::Sub(x, y); });
    case kBinaryMultiply: return binaryWith(call, params, [](Vec x, Vec y) HWY_ATTR { return hn::Mul(x, y); });
    case kBinaryDivide: return binaryWith(call, params, [](Vec x, Vec y) HWY_ATTR { return hn::Div(x, y); });
  }
}

void scale(const Call& call) {
  const auto params = call.as<ScaleParams>();
  const Vec factor = hn::Set(kF, params.factor), offset = hn::Set(kF, params.offset);
  mapCall(call, 1, params.count, 0.25, [&](Vec x) HWY_ATTR { return wideMulAdd(x, factor, offset); });
}

void activation(const Call& call) {
  const auto params = call.as<ActivationParams>();
  switch (params.kind) {
    case kActivationRelu: return mapCall(call, 1, params.count, 0.25, [](Vec x) HWY_ATTR { return atLeast(0.0f, x); });
    case kActivationGelu: return mapCall(call, 1, params.count, 0.9, [](Vec x) HWY_ATTR { return gelu(x); });
    case kActivationSilu: return mapCall(call, 1, params.count, 0.6, [](Vec x) HWY_ATTR { return silu(x); });
    case kActivationTanh: return mapCall(call, 1, params.count, 0.8, [](Vec x) HWY_ATTR { return tanh(x); });
    case kActivationSigmoid: return mapCall(call, 1, params.count, 0.6, [](Vec x) HWY_ATTR { return sigmoid(x); });
    case kActivationExp: return mapCall(call, 1, params.count, 0.5, [](Vec x) HWY_ATTR { return exp(x); });
  }
}

void center(const Call& call) {
  const auto params = call.as<MeanParams>();
  rowWise(call, call.view(0), call.view(1), call.view(2), uint64_t{params.rows} * params.d, params.d,
          [](Vec x, Vec y) HWY_ATTR {
            const Vec quarter = hn::Set(kF, 0.25f);
            return hn::Sub(hn::Mul(x, quarter), hn::Mul(y, quarter));
          });
}

// ---- cast

#if HWY_TARGET <= HWY_AVX2
void toHalf(const float* src, uint16_t* dst, size_t n) {
  const hn::Rebind<hwy::float16_t, F32> h;
  const hn::Rebind<uint16_t, F32> bits;
  for (size_t i = 0; i < n; i += kLanes) {
    if (n - i >= kLanes) {
      hn::StoreU(hn::BitCast(bits, hn::DemoteTo(h, hn::LoadU(kF, src + i))), bits, dst + i);
    } else {
      HWY_ALIGN uint16_t last[kLanes];
      hn::Store(hn::BitCast(bits, hn::DemoteTo(h, loadPart(kF, src + i, n - i))), bits, last);
      std::memcpy(dst + i, last, (n - i) * sizeof(uint16_t));
    }
  }
}

void fromHalf(const uint16_t* src, float* dst, size_t n, bool stream) {
  const hn::Rebind<hwy::float16_t, F32> h;
  const hn::Rebind<uint16_t, F32> bits;
  const auto widen = [&](const uint16_t* from)
                         HWY_ATTR { return hn::PromoteTo(kF, hn::BitCast(h, hn::LoadU(bits, from))); };
  const auto widenPart = [&](const uint16_t* from, size_t valid) HWY_ATTR {
    HWY_ALIGN uint16_t part[kLanes] = {};
    std::memcpy(part, from, valid * sizeof(uint16_t));
    return widen(part);
  };
  size_t i = 0;
  if (stream && n >= 2 * kLanes) {
    i = elementsToAlign(dst);
    if (i) storePart(kF, widenPart(src, i), dst, i);
    for (; i + kLanes <= n; i += kLanes) hn::Stream(widen(src + i), kF, dst + i);
  } else {
    for (; i + kLanes <= n; i += kLanes) hn::StoreU(widen(src + i), kF, dst + i);
  }
  if (i < n) storePart(kF, widenPart(src + i, n - i), dst + i, n - i);
}
#else
uint16_t halfOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return static_cast<uint16_t>(sign | 0x7E00 | (magnitude >> 13 & 0x1FF));
  if (magnitude >= 0x477FF000) return static_cast<uint16_t>(sign | 0x7C00);  // rounds past the largest half
  // a denormal half: adding 2^-1 in float32 leaves the rounded count of 2^-24 in the low bits
  if (magnitude < 0x38800000) {
    float shifted;
    std::memcpy(&shifted, &magnitude, sizeof shifted);
    shifted += 0.5f;
    uint32_t low;
    std::memcpy(&low, &shifted, sizeof low);
    return static_cast<uint16_t>(sign | (low - 0x3F000000));
  }
  const uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);
  return static_cast<uint16_t>(sign | (rounded - 0x38000000) >> 13);
}

float floatOf(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16, exponent = half >> 10 & 31, mantissa = half & 0x3FF;
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -value : value;
  }
  const uint32_t bits = sign | (exponent == 31 ? 0x7F800000 | mantissa << 13 | (mantissa ? 0x400000 : 0)
                                               : (exponent + 112) << 23 | mantissa << 13);
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

void toHalf(const float* src, uint16_t* dst, size_t n) {
  for (size_t i = 0; i < n; ++i) dst[i] = halfOf(src[i]);
}
void fromHalf(const uint16_t* src, float* dst, size_t n, bool) {
  for (size_t i = 0; i < n; ++i) dst[i] = floatOf(src[i]);
}
#endif

void cast(const Call& call) {
  const auto params = call.as<CastParams>();
  const uint64_t n = params.n;
  if (!params.toFloat16) {
    forElements(call, n, 0.2, n * 4, [&](uint64_t at, uint64_t length, bool stream) {
      fromHalf(call.view<uint16_t>(0) + at, call.view(1) + at, length, stream);
    });
    return;
  }
  uint16_t* const out = call.view<uint16_t>(1);
  forElements(call, n, 0.2, n * 2,
              [&](uint64_t at, uint64_t length, bool) { toHalf(call.view(0) + at, out + at, length); });
}

// ---- copies

void copyFloats(const Budget& budget, float* dst, const float* src, uint64_t count) {
  const Call call{count, {}, nullptr, budget};
  forElements(call, count, 0.2, count * sizeof(float),
              [&](uint64_t at, uint64_t n, bool) { streamCopy(src + at, dst + at, n); });
}

void fillFloats(const Budget& budget, uint32_t* dst, uint32_t word, uint64_t count) {
  const Call call{count, {}, nullptr, budget};
  forElements(call, count, 0.15, count * sizeof(uint32_t), [&](uint64_t at, uint64_t n, bool) {
    float* const to = reinterpret_cast<float*>(dst + at);
    const Vec value = hn::BitCast(kF, hn::Set(kU, word));
    size_t i = HWY_MIN(elementsToAlign(to), n);
    std::fill_n(dst + at, i, word);
    for (; i + kLanes <= n; i += kLanes) hn::Stream(value, kF, to + i);
    std::fill(dst + at + i, dst + at + n, word);
  });
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(binary);
HWY_EXPORT(scale);
HWY_EXPORT(activation);
HWY_EXPORT(center);
HWY_EXPORT(cast);
HWY_EXPORT(copyFloats);
HWY_EXPORT(fillFloats);
namespace kernels {
void binary(const Call& call) { HWY_DYNAMIC_DISPATCH(binary)(call); }
void scale(const Call& call) { HWY_DYNAMIC_DISPATCH(scale)(call); }
void activation(const Call& call) { HWY_DYNAMIC_DISPATCH(activation)(call); }
void center(const Call& call) { HWY_DYNAMIC_DISPATCH(center)(call); }
void cast(const Call& call) { HWY_DYNAMIC_DISPATCH(cast)(call); }
}  // namespace kernels

void copyBytes(const Budget& budget, void* dst, const void* src, size_t bytes) {
  const bool words = reinterpret_cast<uintptr_t>(dst) % 4 == 0 && reinterpret_cast<uintptr_t>(src) % 4 == 0;
  if (bytes < kStreamBytes || !words) {
    std::memcpy(dst, src, bytes);
    return;
  }
  HWY_DYNAMIC_DISPATCH(copyFloats)(budget, static_cast<float*>(dst), static_cast<const float*>(src), bytes / 4);
  const size_t done = bytes / 4 * 4;
  std::memcpy(static_cast<char*>(dst) + done, static_cast<const char*>(src) + done, bytes - done);
}

void fillWords(const Budget& budget, uint32_t* dst, uint32_t word, size_t words) {
  if (words < kStreamBytes / 4)
    std::fill_n(dst, words, word);
  else
    HWY_DYNAMIC_DISPATCH(fillFloats)(budget, dst, word, words);
}

const char* simdName() noexcept {
  const int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  return targets & HWY_AVX3 ? "AVX-512" : targets & HWY_AVX2 ? "AVX2" : "baseline";
}
}  // namespace switchyard::cpu
#endif
