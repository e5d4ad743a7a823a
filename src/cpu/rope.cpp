// The kernel of rope.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/rope.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include "cpu/halves-inl.h"
#include "cpu/kernels.h"
#include "cpu/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

// Cosines and sines of `position` times each fraction of a whole turn, of 64 bits: integers leave what is past a
// quarter of a turn, series do the rest, so that far positions lose nothing.
void cosinesAndSines(int32_t position, const uint64_t* turns, float* cosines, float* sines, size_t n) {
  const uint64_t far = static_cast<uint64_t>(std::abs(int64_t{position}));
  const IVec flip = hn::Set(kI, position < 0 ? INT32_MIN : 0);
  for (size_t i = 0; i < n; i += kLanes) {
    const size_t valid = HWY_MIN(kLanes, n - i);
    HWY_ALIGN uint32_t fractions[kLanes] = {};
    for (size_t lane = 0; lane < valid; ++lane) fractions[lane] = static_cast<uint32_t>(far * turns[i + lane] >> 32);
    const auto fraction = hn::Load(kU, fractions);
    const auto quarter = hn::ShiftRight<30>(hn::Add(fraction, hn::Set(kU, 0x20000000u)));
    const IVec rest = hn::BitCast(kI, hn::Sub(fraction, hn::ShiftLeft<30>(quarter)));
    const Vec a = hn::Mul(hn::ConvertTo(kF, rest), hn::Set(kF, 1.4629180792671596e-09f));  // 2 pi / 2^32
    const Vec z = hn::Mul(a, a);
    Vec s = hn::MulAdd(hn::Set(kF, -1.9515295891e-4f), z, hn::Set(kF, 8.3321608736e-3f));
    s = hn::MulAdd(hn::Mul(a, z), hn::MulSub(s, z, hn::Set(kF, 1.6666654611e-1f)), a);
    Vec c = hn::MulSub(hn::Set(kF, 2.443315711809948e-5f), z, hn::Set(kF, 1.388731625493765e-3f));
    c = hn::MulAdd(c, z, hn::Set(kF, 4.166664568298827e-2f));
    c = hn::MulAdd(hn::Mul(z, z), c, hn::NegMulAdd(hn::Set(kF, 0.5f), z, hn::Set(kF, 1.0f)));
    const auto odd = hn::RebindMask(kF, hn::Ne(hn::And(quarter, hn::Set(kU, 1)), hn::Zero(kU)));
    const IVec back = hn::BitCast(kI, hn::ShiftLeft<30>(hn::And(quarter, hn::Set(kU, 2))));  // the sign's place
    const auto signedBy = [](Vec x, IVec sign) HWY_ATTR { return hn::BitCast(kF, hn::Xor(hn::BitCast(kI, x), sign)); };
    const Vec cosine = signedBy(hn::IfThenElse(odd, hn::Neg(s), c), back);
    const Vec sine = signedBy(hn::IfThenElse(odd, c, s), hn::Xor(back, flip));
    storePart(kF, cosine, cosines + i, valid);
    storePart(kF, sine, sines + i, valid);
  }
}

// A head whose pairs lie half of it apart.
void turnHalves(const float* x, float* y, const float* cosines, const float* sines, size_t half) {
  const auto turn = [&](size_t i, const auto& load, const auto& store) HWY_ATTR {
    const Vec a = load(x + i), b = load(x + half + i), c = load(cosines + i), s = load(sines + i);
    store(hn::NegMulAdd(b, s, hn::Mul(a, c)), y + i);
    store(hn::MulAdd(a, s, hn::Mul(b, c)), y + half + i);
  };
  size_t i = 0;
  for (; i + kLanes <= half; i += kLanes)
    turn(
        i, [](const float* from) HWY_ATTR { return hn::LoadU(kF, from); },
        [](Vec v, float* to) HWY_ATTR { hn::StoreU(v, kF, to); });
  if (i < half)
    turn(
        i, [&](const float* from) HWY_ATTR { return loadPart(kF, from, half - i); },
        [&](Vec v, float* to) HWY_ATTR { storePart(kF, v, to, half - i); });
}

// A head whose pairs are neighbours.
void turnNeighbours(const float* x, float* y, const float* cosines, const float* sines, size_t half) {
  size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  for (; i + kLanes <= half; i += kLanes) {
    Vec a, b;
    hn::LoadInterleaved2(kF, x + 2 * i, a, b);
    const Vec c = hn::LoadU(kF, cosines + i), s = hn::LoadU(kF, sines + i);
    hn::StoreInterleaved2(hn::NegMulAdd(b, s, hn::Mul(a, c)), hn::MulAdd(a, s, hn::Mul(b, c)), kF, y + 2 * i);
  }
#endif
  for (; i < half; ++i) {
    const float a = x[2 * i], b = x[2 * i + 1];
    y[2 * i] = a * cosines[i] - b * sines[i];
    y[2 * i + 1] = b * cosines[i] + a * sines[i];
  }
}

void rope(const Call& call) {
  const auto params = call.as<RopeParams>();
  const Source in(call, 0, params.formats);
  const int32_t* const positions = call.view<int32_t>(1);
  const uint64_t* const turns = call.view<uint64_t>(2);
  const Target out(call, 3, params.formats);
  const size_t d = params.d, half = d / 2;
  const uint64_t row = uint64_t{params.h} * d;
  const bool stream = params.tokens * row * out.bytes() >= kStreamBytes;
  const double tokenNs = 20 + 1.5 * static_cast<double>(half) + 0.3 * static_cast<double>(row);
  parallelFor(call.budget, params.tokens, grainFor(call.budget, params.tokens, tokenNs),
              [&](uint64_t begin, uint64_t end, uint32_t) {
                Scratch work(4 * d * sizeof(float));
                float *const cosines = work.as<float>(), *const sines = cosines + d, *const wide = sines + d,
                             *const made = wide + d;
                for (uint64_t t = begin; t < end; ++t) {
                  cosinesAndSines(positions[t], turns, cosines, sines, half);
                  for (uint64_t at = t * row; at < (t + 1) * row; at += d) {
                    const float* const x = in.part(at, d, wide);
                    const bool direct = out.isFloat() && !stream;
                    float* const y = direct ? out.place(at, made) : made;
                    (params.interleaved ? turnNeighbours : turnHalves)(x, y, cosines, sines, half);
                    if (out.isFloat() && stream) streamCopy(made, out.place(at, nullptr), d);
                    out.put(at, d, y, stream);
                  }
                }
                if (stream) hwy::FlushStream();
              });
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(rope);
namespace kernels {
void rope(const Call& call) { HWY_DYNAMIC_DISPATCH(rope)(call); }
}  // namespace kernels
}  // namespace switchyard::cpu
#endif
