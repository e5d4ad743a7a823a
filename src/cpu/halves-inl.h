// Half precision on its way to and from float32: floats of a cache's size at a time, so that kernels are written for
// float32 and memory is gone over once. Built once for each instruction set.
#if defined(SWITCHYARD_CPU_HALVES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SWITCHYARD_CPU_HALVES_INL_H
#undef SWITCHYARD_CPU_HALVES_INL_H
#else
#define SWITCHYARD_CPU_HALVES_INL_H
#endif

#include "cpu/kernels.h"
#include "cpu/scratch.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

constexpr size_t kHalvesBlock = 2048;  // floats: three such arrays stay in the first-level cache

// ---- one vector at a time: the low halves of kI's lanes

HWY_INLINE Vec floatsOfBfloats(IVec bits) { return hn::BitCast(kF, hn::ShiftLeft<16>(bits)); }

// In the upper halves of the lanes.
HWY_INLINE IVec bfloatsAbove(Vec x) {
  const IVec bits = hn::BitCast(kI, x);
  const IVec odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(kI, 1));
  const IVec rounded = hn::Add(bits, hn::Add(odd, hn::Set(kI, 0x7FFF)));
  const IVec nan = hn::Or(bits, hn::Set(kI, 0x400000));  // stays one whatever is cut off
  return hn::IfThenElse(hn::RebindMask(kI, hn::IsNaN(x)), nan, rounded);
}

// By integers, for targets without an instruction.
HWY_INLINE Vec floatsOfHalvesByBits(IVec bits) {
  const IVec sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(kI, 0x8000))), size = hn::And(bits, hn::Set(kI, 0x7FFF));
  const IVec normal = hn::Add(hn::ShiftLeft<13>(size), hn::Set(kI, 0x38000000));
  const IVec small = hn::BitCast(kI, hn::Mul(hn::ConvertTo(kF, size), hn::Set(kF, 0x1p-24f)));
  const IVec endless = hn::Add(normal, hn::Set(kI, 0x38000000));
  const IVec quiet = hn::Or(endless, hn::Set(kI, 0x400000));
  IVec all = hn::IfThenElse(hn::Lt(size, hn::Set(kI, 0x400)), small, normal);
  all = hn::IfThenElse(hn::Gt(size, hn::Set(kI, 0x7BFF)), endless, all);
  all = hn::IfThenElse(hn::Gt(size, hn::Set(kI, 0x7C00)), quiet, all);
  return hn::BitCast(kF, hn::Or(sign, all));
}

HWY_INLINE IVec halvesOfFloatsByBits(Vec x) {
  const IVec bits = hn::BitCast(kI, x), size = hn::And(bits, hn::Set(kI, 0x7FFFFFFF));
  const IVec sign = hn::And(hn::ShiftRight<16>(bits), hn::Set(kI, 0x8000));
  const IVec odd = hn::And(hn::ShiftRight<13>(size), hn::Set(kI, 1));
  IVec half = hn::ShiftRight<13>(hn::Add(hn::Add(size, odd), hn::Set(kI, 0xFFF - 0x38000000)));
  // A denormal half: adding 1/2 in float32 leaves the rounded count of 2^-24 in the low bits.
  const IVec small =
      hn::Sub(hn::BitCast(kI, hn::Add(hn::BitCast(kF, size), hn::Set(kF, 0.5f))), hn::Set(kI, 0x3F000000));
  half = hn::IfThenElse(hn::Lt(size, hn::Set(kI, 0x38800000)), small, half);
  half = hn::IfThenElse(hn::Gt(size, hn::Set(kI, 0x477FEFFF)), hn::Set(kI, 0x7C00), half);  // rounds past the largest
  const IVec nan = hn::Or(hn::And(hn::ShiftRight<13>(size), hn::Set(kI, 0x3FF)), hn::Set(kI, 0x7E00));
  half = hn::IfThenElse(hn::Gt(size, hn::Set(kI, 0x7F800000)), nan, half);
  return hn::Or(sign, half);
}

using U16 = hn::Rebind<uint16_t, F32>;

template <uint32_t kFormat>
HWY_INLINE Vec widen(hn::Vec<U16> bits) {
  if constexpr (kFormat == kFormatBfloat16) return floatsOfBfloats(hn::PromoteTo(kI, bits));
#if HWY_TARGET <= HWY_AVX2
  return hn::PromoteTo(kF, hn::BitCast(hn::Rebind<hwy::float16_t, F32>(), bits));
#else
  return floatsOfHalvesByBits(hn::PromoteTo(kI, bits));
#endif
}

template <uint32_t kFormat>
HWY_INLINE hn::Vec<U16> narrow(Vec x) {
  if constexpr (kFormat == kFormatBfloat16)
    return hn::TruncateTo(U16(), hn::BitCast(kU, hn::ShiftRight<16>(bfloatsAbove(x))));
#if HWY_TARGET <= HWY_AVX2
  return hn::BitCast(U16(), hn::DemoteTo(hn::Rebind<hwy::float16_t, F32>(), x));
#else
  return hn::TruncateTo(U16(), hn::BitCast(kU, halvesOfFloatsByBits(x)));
#endif
}

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
constexpr hn::ScalableTag<uint16_t> kWhole;  // of two vectors' elements

template <uint32_t kFormat>
HWY_INLINE hn::Vec<decltype(kWhole)> narrowTwo(Vec low, Vec high) {
  if constexpr (kFormat == kFormatBfloat16) {
    const auto words = [](Vec x) HWY_ATTR { return hn::BitCast(kWhole, bfloatsAbove(x)); };
    return hn::ConcatOdd(kWhole, words(high), words(low));
  }
  return hn::Combine(kWhole, narrow<kFormat>(high), narrow<kFormat>(low));
}

// dst[i] = f(src[i], i) for whole vectors of two from an aligned dst on; how many elements were done.
template <uint32_t kFormat, class F>
HWY_INLINE size_t mapTwos(const uint16_t* src, uint16_t* dst, size_t begin, size_t n, bool stream, const F& f) {
  size_t i = begin;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    const Vec low = f(widen<kFormat>(hn::LoadU(U16(), src + i)), i);
    const Vec high = f(widen<kFormat>(hn::LoadU(U16(), src + i + kLanes)), i + kLanes);
    if (stream)
      hn::Stream(narrowTwo<kFormat>(low, high), kWhole, dst + i);
    else
      hn::StoreU(narrowTwo<kFormat>(low, high), kWhole, dst + i);
  }
  return i;
}
#endif

// ---- arrays

template <uint32_t kFormat>
void widenInto(const uint16_t* src, float* dst, size_t n) {
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(widen<kFormat>(hn::LoadU(U16(), src + i)), kF, dst + i);
  if (i == n) return;
  HWY_ALIGN uint16_t last[kLanes] = {};
  std::memcpy(last, src + i, (n - i) * sizeof(uint16_t));
  storePart(kF, widen<kFormat>(hn::Load(U16(), last)), dst + i, n - i);
}

// dst[i] = f(src[i]), of vectors.
template <uint32_t kFormat, class F>
HWY_INLINE void narrowWith(const float* src, uint16_t* dst, size_t n, [[maybe_unused]] bool stream, const F& f) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  constexpr size_t kBytes = 2 * kLanes * sizeof(uint16_t);
  const auto rest = reinterpret_cast<uintptr_t>(dst) % kBytes;
  if (stream && n >= 4 * kLanes && rest % sizeof(uint16_t) == 0) {
    HWY_ALIGN uint16_t first[2 * kLanes];
    i = (kBytes - rest) % kBytes / sizeof(uint16_t);
    for (size_t at = 0; at < i; at += kLanes)
      hn::Store(narrow<kFormat>(f(loadPart(kF, src + at, HWY_MIN(kLanes, i - at)))), U16(), first + at);
    std::memcpy(dst, first, i * sizeof(uint16_t));
    for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
      const Vec low = f(hn::LoadU(kF, src + i)), high = f(hn::LoadU(kF, src + i + kLanes));
      hn::Stream(narrowTwo<kFormat>(low, high), kWhole, dst + i);
    }
  }
#endif
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(narrow<kFormat>(f(hn::LoadU(kF, src + i))), U16(), dst + i);
  if (i == n) return;
  HWY_ALIGN uint16_t last[kLanes];
  hn::Store(narrow<kFormat>(f(loadPart(kF, src + i, n - i))), U16(), last);
  std::memcpy(dst + i, last, (n - i) * sizeof(uint16_t));
}

template <uint32_t kFormat>
void narrowInto(const float* src, uint16_t* dst, size_t n, bool stream) {
  narrowWith<kFormat>(src, dst, n, stream, [](Vec x) HWY_ATTR { return x; });
}

// ---- a buffer of a kernel's contract

HWY_INLINE uint32_t formatAt(uint32_t formats, uint32_t buffer) { return formats >> 2 * buffer & 3; }

struct Source {
  const void* data;
  uint32_t format;
  const Source* added = nullptr;  // another one, which is added to it

  Source(const Call& call, uint32_t buffer, uint32_t formats, const Source* added = nullptr)
      : data(call.view<void>(buffer)), format(formatAt(formats, buffer)), added(added) {}
  bool isFloat() const { return format == kFormatFloat32 && !added; }
  // Elements at .. at + n as float32: where they lie, or in `work`.
  const float* part(uint64_t at, size_t n, float* work) const {
    if (!added) return ownPart(at, n, work);
    for (size_t i = 0; i < n; i += kSumOfTwo) {
      HWY_ALIGN float left[kSumOfTwo];
      HWY_ALIGN float right[kSumOfTwo];
      const size_t length = HWY_MIN(kSumOfTwo, n - i);
      const float* const y = added->part(at + i, length, right);
      mapWith(
          ownPart(at + i, length, left), work + i, length, false,
          [&](Vec x, size_t j) HWY_ATTR { return hn::Add(x, hn::LoadU(kF, y + j)); },
          [&](Vec x, size_t j, size_t valid) HWY_ATTR { return hn::Add(x, loadPart(kF, y + j, valid)); });
    }
    return work;
  }

 private:
  static constexpr size_t kSumOfTwo = 512;

  const float* ownPart(uint64_t at, size_t n, float* work) const {
    if (format == kFormatFloat32) return static_cast<const float*>(data) + at;
    const uint16_t* const halves = static_cast<const uint16_t*>(data) + at;
    if (format == kFormatFloat16)
      widenInto<kFormatFloat16>(halves, work, n);
    else
      widenInto<kFormatBfloat16>(halves, work, n);
    return work;
  }
};

struct Target {
  void* data;
  uint32_t format;

  Target(const Call& call, uint32_t buffer, uint32_t formats)
      : data(call.view<void>(buffer)), format(formatAt(formats, buffer)) {}
  bool isFloat() const { return format == kFormatFloat32; }
  size_t bytes() const { return isFloat() ? sizeof(float) : sizeof(uint16_t); }
  // Where to write elements at .. at + n, and what to do then.
  float* place(uint64_t at, float* work) const { return isFloat() ? static_cast<float*>(data) + at : work; }
  void put(uint64_t at, size_t n, const float* from, bool stream) const {
    if (isFloat()) return;
    uint16_t* const halves = static_cast<uint16_t*>(data) + at;
    if (format == kFormatFloat16)
      narrowInto<kFormatFloat16>(from, halves, n, stream);
    else
      narrowInto<kFormatBfloat16>(from, halves, n, stream);
  }
};

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // include guard
