// What becomes of a product's sums: scales, bias, activation, residual, and the output's format. Built once for each
// instruction set.
#if defined(SWITCHYARD_CPU_FINISH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SWITCHYARD_CPU_FINISH_INL_H
#undef SWITCHYARD_CPU_FINISH_INL_H
#else
#define SWITCHYARD_CPU_FINISH_INL_H
#endif

#include <vector>

#include "cpu/halves-inl.h"
#include "device.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

// total[i] += (sums[i] - shift[i]) * scales[i]. Either may be null.
void addBlock(const int32_t* sums, size_t n, const int32_t* shift, const float* scales, float* total) {
  for (size_t i = 0; i < n; ++i) {
    const float value = static_cast<float>(sums[i] - (shift ? shift[i] : 0));
    total[i] += scales ? value * scales[i] : value;
  }
}

// What some columns of an output need, as float32.
class Columns {
 public:
  Columns(const Matmul& op, size_t most, size_t blocks) : op_(op), most_(most), blocks_(blocks) {
    if (op.bias && op.formatBias != kFormatFloat32) wide_.resize(most);
    if (op.integerA && op.group) groups_.resize(blocks * most);
  }

  void take(size_t first, size_t n) {
    if (op_.bias) bias = part(op_.bias, op_.formatBias, first, n, wide_.data());
    if (op_.bits && !op_.group) scales = op_.scales.host<const float>() + first;
    if (groups_.empty()) return;
    const float* const all = op_.scales.host<const float>() + first * blocks_;
    for (size_t c = 0; c < n; ++c)
      for (size_t block = 0; block < blocks_; ++block) groups_[block * most_ + c] = all[c * blocks_ + block];
  }
  const float* groupScales(size_t block) const { return groups_.empty() ? nullptr : groups_.data() + block * most_; }

  // Elements from .. from + n of a tensor in one of the formats: where they lie, or in `work`.
  static const float* part(const BufferView& view, uint32_t format, size_t from, size_t n, float* work) {
    const uint16_t* const halves = view.host<const uint16_t>() + from;
    if (format == kFormatFloat32) return view.host<const float>() + from;
    if (format == kFormatFloat16)
      widenInto<kFormatFloat16>(halves, work, n);
    else
      widenInto<kFormatBfloat16>(halves, work, n);
    return work;
  }

  const float *bias = nullptr, *scales = nullptr;

 private:
  const Matmul& op_;
  const size_t most_, blocks_;
  std::vector<float> wide_, groups_;
};

template <uint32_t kKind>
HWY_INLINE Vec activate(Vec x) {
  if constexpr (kKind == kActivationRelu) return atLeast(0.0f, x);
  if constexpr (kKind == kActivationGelu) return gelu(x);
  if constexpr (kKind == kActivationGeluTanh) return geluTanh(x);
  if constexpr (kKind == kActivationSilu) return silu(x);
  if constexpr (kKind == kActivationTanh) return tanh(x);
  return x;
}

// The sums of a part of a row, on their way out.
struct Finish {
  const void* sums;      // float32, or int32
  const int32_t* shift;  // of int32: to be taken off; or null
  const float *scales, *bias, *residual;
  float factor;
  float* out;
  size_t n;
  bool stream;

  template <bool kInteger, uint32_t kKind, bool kWhole>
  HWY_INLINE Vec at(size_t i) const {
    const auto take = [&](const float* from)
                          HWY_ATTR { return kWhole ? hn::LoadU(kF, from + i) : loadPart(kF, from + i, n - i); };
    // Sums are there to a whole vector.
    Vec x;
    if constexpr (kInteger) {
      IVec sum = hn::LoadU(kI, static_cast<const int32_t*>(sums) + i);
      if (shift) sum = hn::Sub(sum, hn::LoadU(kI, shift + i));
      x = hn::ConvertTo(kF, sum);
    } else {
      x = hn::LoadU(kF, static_cast<const float*>(sums) + i);
    }
    // Of codes the two scales first: a row's alone may take the sum past float32.
    const Vec all = hn::Set(kF, factor);
    if (!scales)
      x = hn::Mul(x, all);
    else
      x = kInteger ? hn::Mul(x, hn::Mul(all, take(scales))) : hn::Mul(hn::Mul(x, all), take(scales));
    if (bias) x = hn::Add(x, take(bias));
    x = activate<kKind>(x);
    if (residual) x = hn::Add(x, take(residual));
    return x;
  }

  template <bool kInteger, uint32_t kKind>
  void run() const {
    size_t i = 0;
    if (stream && reinterpret_cast<uintptr_t>(out) % sizeof(Vec) == 0) {
      for (; i + kLanes <= n; i += kLanes) hn::Stream(at<kInteger, kKind, true>(i), kF, out + i);
    } else {
      for (; i + kLanes <= n; i += kLanes) hn::StoreU(at<kInteger, kKind, true>(i), kF, out + i);
    }
    if (i < n) storePart(kF, at<kInteger, kKind, false>(i), out + i, n - i);
  }

  template <bool kInteger>
  void run(uint32_t kind) const {
    switch (kind) {
      case kActivationRelu: return run<kInteger, kActivationRelu>();
      case kActivationGelu: return run<kInteger, kActivationGelu>();
      case kActivationGeluTanh: return run<kInteger, kActivationGeluTanh>();
      case kActivationSilu: return run<kInteger, kActivationSilu>();
      case kActivationTanh: return run<kInteger, kActivationTanh>();
      default: return run<kInteger, kActivationNone>();
    }
  }
};

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // include guard
