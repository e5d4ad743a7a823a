// Kernels that treat each element by itself: binary, scale, activation, center, cast; and plain copies and fills.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/elementwise.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include "cpu/halves-inl.h"
#include "cpu/kernels.h"
#include "cpu/scratch.h"

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

// The same of a block of floats at a time, where in- or output are of half precision.
template <class F>
void forBlocks(const Call& call, uint64_t count, double elementNs, uint64_t bytesOut, const F& f) {
  forElements(call, count, elementNs, bytesOut, [&](uint64_t begin, uint64_t n, bool stream) {
    for (uint64_t at = begin; at < begin + n; at += kHalvesBlock) f(at, HWY_MIN(kHalvesBlock, begin + n - at), stream);
  });
}

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
// f(Vec, index) of elements that come and go in one half format: no floats in between. `ends` does what whole vectors
// leave over.
template <uint32_t kFormat, class F, class Ends>
void forHalves(const Call& call, size_t outView, uint64_t count, double elementNs, const F& f, const Ends& ends) {
  const uint16_t* const in = call.view<uint16_t>(0);
  uint16_t* const out = call.view<uint16_t>(outView);
  forElements(call, count, elementNs, count * sizeof(uint16_t), [&](uint64_t at, uint64_t n, bool stream) {
    const size_t apart = reinterpret_cast<uintptr_t>(out + at) % sizeof(Vec) / sizeof(uint16_t);
    const size_t first = stream ? HWY_MIN(n, (2 * kLanes - apart) % (2 * kLanes)) : 0;
    if (first) ends(at, first);
    const size_t done =
        mapTwos<kFormat>(in + at, out + at, first, n, stream, [&](Vec x, size_t i) HWY_ATTR { return f(x, at + i); });
    if (done < n) ends(at + done, n - done);
  });
}
#endif

template <class Op>
void mapHalves(const Call& call, uint32_t outView, uint32_t formats, uint64_t count, double elementNs, const Op& op) {
  const Source in(call, 0, formats);
  const Target out(call, outView, formats);
  const auto block = [&](uint64_t at, size_t n, bool stream) {
    HWY_ALIGN float wide[kHalvesBlock];
    HWY_ALIGN float made[kHalvesBlock];
    float* const to = out.place(at, made);
    map(in.part(at, n, wide), to, n, stream && out.isFloat(), op);
    out.put(at, n, to, stream);
  };
#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  const auto one = [&](Vec x, size_t) HWY_ATTR { return op(x); };
  const auto ends = [&](uint64_t at, size_t n) { block(at, n, false); };
  if (in.format == out.format && in.format == kFormatFloat16)
    return forHalves<kFormatFloat16>(call, outView, count, elementNs, one, ends);
  if (in.format == out.format && in.format == kFormatBfloat16)
    return forHalves<kFormatBfloat16>(call, outView, count, elementNs, one, ends);
#endif
  forBlocks(call, count, elementNs, count * out.bytes(), block);
}

template <class Op>
void mapCall(const Call& call, uint32_t outView, uint32_t formats, uint64_t count, double elementNs, const Op& op) {
  if (formats) return mapHalves(call, outView, formats, count, elementNs, op);
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

// b repeated with its `period`: one for each element, or a row.
template <class Op>
void binaryOfHalves(const Call& call, const BinaryParams& params, uint64_t period, const Op& op) {
  const Source a(call, 0, params.formats), b(call, 1, params.formats);
  const Target out(call, 2, params.formats);
  const auto block = [&](uint64_t at, size_t n, bool stream) {
    HWY_ALIGN float left[kHalvesBlock];
    HWY_ALIGN float right[kHalvesBlock];
    HWY_ALIGN float made[kHalvesBlock];
    const float* y = right;
    if (const uint64_t place = at % period; period - place >= n) {
      y = b.part(place, n, right);
    } else {
      for (size_t i = 0; i < n;) {
        const uint64_t from = (at + i) % period;
        const size_t length = HWY_MIN(period - from, n - i);
        const float* const piece = b.part(from, length, right + i);
        if (piece != right + i) std::memcpy(right + i, piece, length * sizeof(float));
        i += length;
      }
    }
    float* const to = out.place(at, made);
    mapWith(
        a.part(at, n, left), to, n, stream && out.isFloat(),
        [&](Vec x, size_t i) HWY_ATTR { return op(x, hn::LoadU(kF, y + i)); },
        [&](Vec x, size_t i, size_t valid) HWY_ATTR { return op(x, loadPart(kF, y + i, valid)); });
    out.put(at, n, to, stream);
  };
#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  const auto ends = [&](uint64_t at, size_t n) { block(at, n, false); };
  const uint16_t* const halvesOfB = call.view<uint16_t>(1);
  const bool alike = params.broadcast == kBroadcastNone && a.format == b.format && b.format == out.format;
  if (alike && a.format == kFormatFloat16)
    return forHalves<kFormatFloat16>(
        call, 2, params.count, 0.35,
        [&](Vec x, size_t i) HWY_ATTR { return op(x, widen<kFormatFloat16>(hn::LoadU(U16(), halvesOfB + i))); }, ends);
  if (alike && a.format == kFormatBfloat16)
    return forHalves<kFormatBfloat16>(
        call, 2, params.count, 0.35,
        [&](Vec x, size_t i) HWY_ATTR { return op(x, widen<kFormatBfloat16>(hn::LoadU(U16(), halvesOfB + i))); }, ends);
#endif
  forBlocks(call, params.count, 0.35, params.count * out.bytes(), block);
}

template <class Op>
void binaryWith(const Call& call, const BinaryParams& params, const Op& op) {
  const bool isRow = params.broadcast == kBroadcastRow && params.d > 1;
  if (params.formats && (isRow || params.broadcast == kBroadcastNone))
    return binaryOfHalves(call, params, isRow ? params.d : params.count, op);
  if (params.broadcast == kBroadcastNone) return same(call, params.count, op);
  if (isRow) return rowWise(call, call.view(0), call.view(1), call.view(2), params.count, params.d, op);
  float number;
  const Vec b = hn::Set(kF, *Source(call, 1, params.formats).part(0, 1, &number));
  mapCall(call, 2, params.formats, params.count, 0.25, [&](Vec x) HWY_ATTR { return op(x, b); });
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
  mapCall(call, 1, params.formats, params.count, 0.25, [&](Vec x) HWY_ATTR { return wideMulAdd(x, factor, offset); });
}

void activation(const Call& call) {
  const auto params = call.as<ActivationParams>();
  const auto each = [&](double elementNs, const auto& op) {
    mapCall(call, 1, params.formats, params.count, elementNs, op);
  };
  switch (params.kind) {
    case kActivationRelu: return each(0.25, [](Vec x) HWY_ATTR { return atLeast(0.0f, x); });
    case kActivationGelu: return each(0.9, [](Vec x) HWY_ATTR { return gelu(x); });
    case kActivationSilu: return each(0.6, [](Vec x) HWY_ATTR { return silu(x); });
    case kActivationTanh: return each(0.8, [](Vec x) HWY_ATTR { return tanh(x); });
    case kActivationSigmoid: return each(0.6, [](Vec x) HWY_ATTR { return sigmoid(x); });
    case kActivationGeluTanh: return each(0.7, [](Vec x) HWY_ATTR { return geluTanh(x); });
    case kActivationExp: return each(0.5, [](Vec x) HWY_ATTR { return exp(x); });
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

void cast(const Call& call) {
  const auto params = call.as<CastParams>();
  const Source in(call, 0, params.formats);
  const Target out(call, 1, params.formats);
  forBlocks(call, params.n, 0.2, params.n * out.bytes(), [&](uint64_t at, size_t n, bool stream) {
    HWY_ALIGN float wide[kHalvesBlock];
    const float* const from = in.part(at, n, wide);
    if (out.isFloat())
      map(from, out.place(at, nullptr), n, stream, [](Vec x) HWY_ATTR { return x; });
    else
      out.put(at, n, from, stream);
  });
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
