// The kernels of gather and pool.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/gather.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include <algorithm>

#include "cpu/halves-inl.h"
#include "cpu/kernels.h"
#include "cpu/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

// ---- gather

constexpr hn::Rebind<int8_t, F32> kI8{};
constexpr uint64_t kRowsAhead = 8;   // rows lie anywhere: they are asked for before their turn
constexpr size_t kBytesAhead = 512;  // of each; the rest the processor fetches by itself

void codesInto(const int8_t* codes, float scale, float* to, size_t n) {
  const Vec factor = hn::Set(kF, scale);
  const auto value = [&](hn::Vec<decltype(kI8)> code)
                         HWY_ATTR { return hn::Mul(hn::ConvertTo(kF, hn::PromoteTo(kI, code)), factor); };
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(value(hn::LoadU(kI8, codes + i)), kF, to + i);
  if (i == n) return;
  HWY_ALIGN int8_t last[kLanes] = {};
  std::memcpy(last, codes + i, n - i);
  storePart(kF, value(hn::Load(kI8, last)), to + i, n - i);
}

void moveRow(const void* from, void* to, size_t bytes, bool stream) {
  if (stream && bytes % 4 == 0 && reinterpret_cast<uintptr_t>(to) % 4 == 0)
    streamCopy(static_cast<const float*>(from), static_cast<float*>(to), bytes / 4);
  else
    std::memcpy(to, from, bytes);
}

void gather(const Call& call) {
  const auto params = call.as<GatherParams>();
  const Source table(call, 0, params.formats), scales(call, 2, params.formats);
  const int32_t* const indices = call.view<int32_t>(1);
  const Target out(call, 3, params.formats);
  const size_t d = params.d, rowBytes = d * (params.coded ? 1 : table.isFloat() ? 4 : 2);
  const uint64_t rows = params.count / d;
  const bool stream = params.count * out.bytes() >= kStreamBytes, moved = !params.coded && table.format == out.format;
  const auto rowOf = [&](uint64_t r) -> uint64_t {
    return static_cast<uint64_t>(std::clamp<int64_t>(indices[r], 0, int64_t{params.n} - 1));
  };
  const auto rowAt = [&](uint64_t row) { return static_cast<const char*>(table.data) + row * rowBytes; };
  const double rowNs = 20 + 0.25 * static_cast<double>(d);
  parallelFor(call.budget, rows, grainFor(call.budget, rows, rowNs), [&](uint64_t begin, uint64_t end, uint32_t) {
    HWY_ALIGN float work[kHalvesBlock];
    HWY_ALIGN float made[kHalvesBlock];
    for (uint64_t r = begin; r < end; ++r) {
      if (r + kRowsAhead < end)
        for (size_t at = 0; at < HWY_MIN(rowBytes, kBytesAhead); at += 64)
          hwy::Prefetch(rowAt(rowOf(r + kRowsAhead)) + at);
      const uint64_t row = rowOf(r);
      if (moved) {
        moveRow(rowAt(row), static_cast<char*>(out.data) + r * d * out.bytes(), rowBytes, stream);
        continue;
      }
      float number;
      const float scale = params.coded ? *scales.part(row, 1, &number) : 1.0f;
      for (size_t at = 0; at < d; at += kHalvesBlock) {
        const size_t n = HWY_MIN(kHalvesBlock, d - at);
        float* const to = out.place(r * d + at, made);
        if (params.coded) {
          codesInto(reinterpret_cast<const int8_t*>(rowAt(row)) + at, scale, to, n);
        } else if (const float* const from = table.part(row * d + at, n, out.isFloat() ? to : work); from != to) {
          map(from, to, n, false, [](Vec x) HWY_ATTR { return x; });
        }
        out.put(r * d + at, n, to, stream);
      }
    }
    if (stream) hwy::FlushStream();
  });
}

// ---- pool

constexpr size_t kRowsTogether = 16;   // are added up before they are added to the rest
constexpr size_t kColumnsApart = 256;  // columns a thread where sequences are few

template <class Op>
void joinRows(const float* rows, size_t stride, size_t count, float* to, size_t n, const Op& op) {
  const auto columns = [&](size_t i, const auto& load) HWY_ATTR {
    Vec all = load(rows + i);
    for (size_t r = 1; r < count; ++r) all = op(all, load(rows + r * stride + i));
    return op(load(to + i), all);
  };
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    hn::StoreU(columns(i, [](const float* x) HWY_ATTR { return hn::LoadU(kF, x); }), kF, to + i);
  if (i < n) storePart(kF, columns(i, [&](const float* x) HWY_ATTR { return loadPart(kF, x, n - i); }), to + i, n - i);
}

// Where a sum is not finite it may be so only on the way.
void meanOf(const Source& in, uint64_t begin, uint64_t end, size_t d, size_t first, float* sums, size_t n) {
  const double count = static_cast<double>(end - begin);
  for (size_t i = 0; i < n; ++i) {
    double sum = sums[i];
    if (!std::isfinite(sums[i])) {
      sum = 0;
      float number;
      for (uint64_t r = begin; r < end; ++r) sum += *in.part(r * d + first + i, 1, &number);
    }
    sums[i] = static_cast<float>(sum / count);
  }
}

void pool(const Call& call) {
  const auto params = call.as<PoolParams>();
  const Source in(call, 0, params.formats);
  const int32_t* const offsets = call.view<int32_t>(1);
  const Target out(call, 2, params.formats);
  const size_t d = params.d, wide = params.n >= 4 * call.budget.threads ? HWY_MAX(d, size_t{1}) : kColumnsApart;
  const uint64_t blocks = (d + wide - 1) / wide, units = params.n * blocks;
  const double rowsEach = static_cast<double>(offsets[params.n]) / params.n;
  const double unitNs = 30 + 0.1 * (rowsEach + 2) * static_cast<double>(HWY_MIN(d, wide));
  parallelFor(call.budget, units, grainFor(call.budget, units, unitNs), [&](uint64_t unit, uint64_t last, uint32_t) {
    Scratch work((kRowsTogether + 1) * kColumnsApart * sizeof(float));
    float* const made = work.as<float>() + kRowsTogether * kColumnsApart;
    for (; unit < last; ++unit) {
      const uint64_t sequence = unit / blocks, from = unit % blocks * wide, to = HWY_MIN(d, from + wide);
      const uint64_t begin = static_cast<uint64_t>(offsets[sequence]),
                     end = static_cast<uint64_t>(offsets[sequence + 1]);
      for (uint64_t first = from; first < to; first += kColumnsApart) {
        const size_t n = HWY_MIN(kColumnsApart, to - first);
        const bool isOne = params.kind == kPoolFirst || params.kind == kPoolLast;
        if (begin == end) {
          std::fill_n(made, n, 0.0f);
        } else if (isOne) {
          const uint64_t row = params.kind == kPoolFirst ? begin : end - 1;
          const float* const x = in.part(row * d + first, n, made);
          if (x != made) std::memcpy(made, x, n * sizeof(float));
        } else {
          std::fill_n(made, n, params.kind == kPoolMean ? 0.0f : -HUGE_VALF);
          for (uint64_t r = begin; r < end; r += kRowsTogether) {
            if (call.budget.stopped()) return;
            const size_t rows = HWY_MIN(kRowsTogether, end - r);
            const float* x = static_cast<const float*>(in.data) + r * d + first;
            if (!in.isFloat())
              for (size_t i = 0; i < rows; ++i)
                x = in.part((r + i) * d + first, n, work.as<float>() + i * kColumnsApart) - i * kColumnsApart;
            const size_t stride = in.isFloat() ? d : kColumnsApart;
            if (params.kind == kPoolMean)
              joinRows(x, stride, rows, made, n, [](Vec a, Vec b) HWY_ATTR { return hn::Add(a, b); });
            else
              joinRows(x, stride, rows, made, n, [](Vec a, Vec b) HWY_ATTR {  // a NaN stays
                return hn::IfThenElse(hn::Or(hn::Gt(b, a), hn::IsNaN(b)), b, a);
              });
          }
          if (params.kind == kPoolMean) meanOf(in, begin, end, d, first, made, n);
        }
        const uint64_t at = sequence * d + first;
        if (out.isFloat()) std::memcpy(static_cast<float*>(out.data) + at, made, n * sizeof(float));
        out.put(at, n, made, false);
      }
    }
  });
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(gather);
HWY_EXPORT(pool);
namespace kernels {
void gather(const Call& call) { HWY_DYNAMIC_DISPATCH(gather)(call); }
void pool(const Call& call) { HWY_DYNAMIC_DISPATCH(pool)(call); }
}  // namespace kernels
}  // namespace switchyard::cpu
#endif
