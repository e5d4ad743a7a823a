// How kernels go over rows: a row or a few rows a thread, or one long row on all threads. Built once for each
// instruction set.
#if defined(SWITCHYARD_CPU_ROWS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SWITCHYARD_CPU_ROWS_INL_H
#undef SWITCHYARD_CPU_ROWS_INL_H
#else
#define SWITCHYARD_CPU_ROWS_INL_H
#endif

#include <vector>

#include "cpu/halves-inl.h"
#include "cpu/kernels.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

constexpr size_t kBlockFloats = 4096;     // of the buffer that gathers short rows before they are streamed out
constexpr size_t kShortRow = 256;         // below this, ends of rows would spoil streaming stores
constexpr size_t kCachedRow = 32 * 1024;  // rows up to this many floats stay in the L2 cache between passes
constexpr size_t kSplitRow = 128 * 1024;  // rows from here on are shared by the threads when there are few of them
constexpr size_t kSplitChunk = 32 * 1024;

// Those of half precision, or to which something is added, also where there are many: as floats they would not stay in
// a cache.
bool splits(const Call& call, uint64_t rows, uint64_t d, uint32_t formats) {
  return d >= kSplitRow && (rows < 4 * uint64_t{call.budget.threads} || d > (uint64_t{1} << 22) || formats);
}

// The same where in- or output are of half precision, or rows are added: they are brought to floats in the cache,
// short ones together.
template <class RowFn>
void forRowsOfHalves(const Call& call, uint64_t rows, size_t d, double elementNs, const Source& in, const Target& out,
                     const RowFn& rowFn) {
  const bool stream = rows * d * out.bytes() >= kStreamBytes, direct = stream && out.isFloat() && d >= kShortRow;
  const uint64_t together = HWY_MAX(size_t{1}, kHalvesBlock / HWY_MAX(d, size_t{1}));
  const uint64_t grain = grainFor(call.budget, rows, 10 + elementNs * static_cast<double>(d));
  parallelFor(call.budget, rows, grain, [&](uint64_t begin, uint64_t end, uint32_t) {
    const size_t floats = together * d;
    Scratch work(2 * floats * sizeof(float));
    for (uint64_t r = begin; r < end; r += together) {
      const size_t count = HWY_MIN(together, end - r);
      const float* const src = in.part(r * d, count * d, work.as<float>());
      float* const dst = out.place(r * d, work.as<float>() + floats);
      for (size_t i = 0; i < count; ++i) rowFn(src + i * d, dst + i * d, direct);
      out.put(r * d, count * d, dst, stream);
    }
    if (stream) hwy::FlushStream();
  });
}

// rowFn(src row, dst row, stream) for every row. Short rows are gathered in the first-level cache and streamed out
// together.
template <class RowFn>
void forRows(const Call& call, uint64_t rows, size_t d, double elementNs, const Source& source, const Target& target,
             const RowFn& rowFn) {
  if (!source.isFloat() || !target.isFloat()) return forRowsOfHalves(call, rows, d, elementNs, source, target, rowFn);
  const float* const in = static_cast<const float*>(source.data);
  float* const out = static_cast<float*>(target.data);
  const bool stream = rows * d * sizeof(float) >= kStreamBytes;
  const bool gather = stream && d < kShortRow && d % kLanes != 0;
  const uint64_t grain = grainFor(call.budget, rows, 10 + elementNs * static_cast<double>(d));
  parallelFor(call.budget, rows, grain, [&](uint64_t begin, uint64_t end, uint32_t) {
    if (!gather) {
      for (uint64_t r = begin; r < end; ++r) rowFn(in + r * d, out + r * d, stream);
    } else {
      HWY_ALIGN float block[kBlockFloats];
      const size_t rowsABlock = kBlockFloats / d;
      for (uint64_t r = begin; r < end; r += rowsABlock) {
        const uint64_t last = HWY_MIN(end, r + rowsABlock);
        for (uint64_t i = r; i < last; ++i) rowFn(in + i * d, block + (i - r) * d, false);
        streamCopy(block, out + r * d, (last - r) * d);
      }
    }
    if (stream) hwy::FlushStream();
  });
}

// A long row, as floats piece by piece.
class LongRow {
 public:
  LongRow(const Source& in, uint64_t begin) : in_(in), begin_(begin) {}
  template <class F>
  auto with(size_t at, size_t n, const F& f) const {
    Scratch work(in_.isFloat() ? 0 : n * sizeof(float));
    return f(in_.part(begin_ + at, n, work.as<float>()));
  }

 private:
  const Source& in_;
  const uint64_t begin_;
};
class LongTarget {
 public:
  LongTarget(const Target& out, uint64_t begin) : out_(out), begin_(begin) {}
  // f(to, stream) writes n floats.
  template <class F>
  void with(size_t at, size_t n, const F& f) const {
    Scratch work(out_.isFloat() ? 0 : n * sizeof(float));
    float* const to = out_.place(begin_ + at, work.as<float>());
    f(to, out_.isFloat());
    out_.put(begin_ + at, n, to, true);
  }

 private:
  const Target& out_;
  const uint64_t begin_;
};

// One long row: partial(begin, length) -> T for each chunk, on all threads.
template <class T, class Partial>
std::vector<T> chunkPartials(const Call& call, size_t d, const Partial& partial) {
  const size_t chunks = (d + kSplitChunk - 1) / kSplitChunk;
  std::vector<T> partials(chunks);
  parallelFor(call.budget, chunks, 2, [&](uint64_t begin, uint64_t end, uint32_t) {
    for (uint64_t c = begin; c < end; ++c)
      partials[c] = partial(c * kSplitChunk, HWY_MIN(kSplitChunk, d - c * kSplitChunk));
  });
  return partials;
}

template <class Apply>
void chunkApply(const Call& call, size_t d, const Apply& apply) {
  const size_t chunks = (d + kSplitChunk - 1) / kSplitChunk;
  parallelFor(call.budget, chunks, 2, [&](uint64_t begin, uint64_t end, uint32_t) {
    for (uint64_t c = begin; c < end; ++c) apply(c * kSplitChunk, HWY_MIN(kSplitChunk, d - c * kSplitChunk));
    hwy::FlushStream();
  });
}

template <class Partial>
double splitSum(const Call& call, size_t d, const Partial& partial) {
  double total = 0;
  for (double part : chunkPartials<double>(call, d, partial)) total += part;
  return total;
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // include guard
