// How kernels go over rows: a row or a few rows a thread, or one long row on all threads. Built once for each
// instruction set.
#if defined(SWITCHYARD_CPU_ROWS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SWITCHYARD_CPU_ROWS_INL_H
#undef SWITCHYARD_CPU_ROWS_INL_H
#else
#define SWITCHYARD_CPU_ROWS_INL_H
#endif

#include <vector>

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

bool splits(const Call& call, uint64_t rows, uint64_t d) {
  return d >= kSplitRow && (rows < 4 * uint64_t{call.budget.threads} || d > (uint64_t{1} << 22));
}

// rowFn(src row, dst row, stream) for every row. Short rows are gathered in the first-level cache and streamed out
// together.
template <class RowFn>
void forRows(const Call& call, uint64_t rows, size_t d, double elementNs, const float* in, float* out,
             const RowFn& rowFn) {
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
