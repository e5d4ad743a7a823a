// The kernel of attention whose weights are wanted: scores, softmax and the weighted sum for a block of rows at a time.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/attention.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/matmul.h"
#include "cpu/scratch.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

constexpr size_t kColumnsALook = 512;  // at the stop flag, in rows that are done in double
// consecutive blocks taken together, so that keys and values are packed less often
constexpr size_t kMaxBlocks = 4;
constexpr size_t kMaxScores = 128 * 1024;  // as long as their scores leave room in the L2 cache

struct Attention {
  const Budget& budget;
  AttentionParams params;
  const float *query, *key, *value, *mask;
  float *output, *weights;
};

// A block of rows of one head.
struct Block {
  const float *query, *key, *value;
  float* output;
  float* weights;
  size_t firstRow, rows;
};

Block blockAt(const Attention& job, uint64_t unit, size_t units) {
  const AttentionParams& p = job.params;
  const size_t blocks = (p.s + kAttentionRows - 1) / kAttentionRows, head = unit / blocks,
               row = unit % blocks * kAttentionRows;
  return {job.query + (head * p.s + row) * p.d,
          job.key + head * p.t * p.d,
          job.value + head * p.t * p.e,
          job.output + (head * p.s + row) * p.e,
          job.weights + (head * p.s + row) * p.t,
          row,
          HWY_MIN(units * kAttentionRows, p.s - row)};
}

// The queries are the last rows.
size_t visibleColumns(const AttentionParams& p, size_t row) {
  return p.causal ? HWY_MIN(size_t{p.t}, HWY_MAX(row + 1 + p.t, size_t{p.s}) - p.s) : p.t;
}

void addInto(float* to, const float* from, size_t n) {
  mapWith(
      to, to, n, false, [&](Vec x, size_t i) HWY_ATTR { return hn::Add(x, hn::LoadU(kF, from + i)); },
      [&](Vec x, size_t i, size_t valid) HWY_ATTR { return hn::Add(x, loadPart(kF, from + i, valid)); });
}

void scaleBy(float* row, size_t n, float factor) {
  const Vec f = hn::Set(kF, factor);
  map(row, row, n, false, [&](Vec x) HWY_ATTR { return hn::Mul(x, f); });
}

double dotExactly(const float* a, const float* b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += double{a[i]} * b[i];
  return sum;
}

// One row in double, where float32 does not hold its scores, or what they are made of.
void rowExactly(const Attention& job, const Block& block, size_t r) {
  const AttentionParams& p = job.params;
  const size_t visible = visibleColumns(p, block.firstRow + r);
  const float* const query = block.query + r * p.d;
  Scratch memory((visible + p.e) * sizeof(double));
  double* const scores = memory.as<double>();
  double* const output = scores + visible;
  double max = -HUGE_VAL, sum = 0;
  for (size_t c = 0; c < visible; ++c) {
    if (c % kColumnsALook == 0 && job.budget.stopped()) return;
    scores[c] = dotExactly(query, block.key + c * p.d, p.d) * p.scale +
                (job.mask ? job.mask[(block.firstRow + r) * p.t + c] : 0.0f);
    max = HWY_MAX(max, scores[c]);
  }
  for (size_t c = 0; c < visible; ++c) {
    scores[c] = std::exp(scores[c] - max);
    sum += scores[c];  // a NaN shows here
  }
  std::fill_n(output, p.e, 0.0);
  for (size_t c = 0; c < visible; ++c) {
    const double weight = scores[c] / sum;
    block.weights[r * p.t + c] = static_cast<float>(weight);
    for (size_t j = 0; j < p.e; ++j) output[j] += weight * block.value[c * p.e + j];
  }
  for (size_t j = 0; j < p.e; ++j) block.output[r * p.e + j] = static_cast<float>(output[j]);
}

// Where the keys and values that a block sees are not finite: no care mends what comes of them.
struct Blemishes {
  std::vector<size_t> keys;    // the columns of such keys, in order
  std::vector<size_t> values;  // for each column of the values the first row with such an element
};

Blemishes blemishesOf(const AttentionParams& p, const Block& block, size_t columns) {
  Blemishes found;
  found.values.assign(p.e, columns);
  for (size_t c = 0; c < columns; ++c) {
    if (!allFinite(block.key + c * p.d, p.d)) found.keys.push_back(c);
    const float* const value = block.value + c * p.e;
    if (allFinite(value, p.e)) continue;
    for (size_t j = 0; j < p.e; ++j)
      if (!std::isfinite(value[j])) found.values[j] = HWY_MIN(found.values[j], c);
  }
  return found;
}

// Whether the mask alone makes a row NaN: it hides all that there is, or is no number, or infinite.
bool settledByMask(const float* mask, size_t visible) {
  const float largest = rowMax(mask, visible);
  return std::isinf(largest) || std::any_of(mask, mask + visible, [](float x) { return std::isnan(x); });
}

// Whether a row that float32 lost has an answer that care finds: not where that is NaN by what went in.
bool isWorthCare(const Attention& job, const Block& block, size_t r, bool lost, const Blemishes& blemishes) {
  const AttentionParams& p = job.params;
  const size_t visible = visibleColumns(p, block.firstRow + r);
  const float* const query = block.query + r * p.d;
  const float* const mask = job.mask ? job.mask + (block.firstRow + r) * p.t : nullptr;
  if (visible == 0) return false;
  if (!allFinite(query, p.d) || (mask && settledByMask(mask, visible))) return false;
  for (size_t c : blemishes.keys) {
    if (c >= visible) break;
    const double score = dotExactly(query, block.key + c * p.d, p.d) * p.scale + (mask ? mask[c] : 0.0f);
    if (!(score < 0)) return false;  // NaN or infinity; what is -infinity is hidden
  }
  if (lost) return true;
  for (size_t j = 0; j < p.e; ++j)
    if (blemishes.values[j] >= visible && !std::isfinite(block.output[r * p.e + j])) return true;
  return false;
}

// Does those rows of a block again that float32 lost. lost[r]: their scores were not finite before the mask.
void mendRows(const Attention& job, const Block& block, size_t columns, const bool* lost) {
  const AttentionParams& p = job.params;
  std::optional<Blemishes> blemishes;
  for (size_t r = 0; r < block.rows && !job.budget.stopped(); ++r) {
    if (!lost[r] && allFinite(block.output + r * p.e, p.e)) continue;
    if (!blemishes) blemishes = blemishesOf(p, block, columns);
    if (isWorthCare(job, block, r, lost[r], *blemishes)) rowExactly(job, block, r);
  }
}

// Scaled scores of columns [0, n), with the mask added. Sets lost[r] where one that row r sees is not finite before
// that.
void scoresInto(const Attention& job, const Block& block, size_t n, float* scores, size_t ld, bool* lost) {
  const AttentionParams& p = job.params;
  if (p.d == 0) {
    for (size_t r = 0; r < block.rows; ++r) std::memset(scores + r * ld, 0, n * sizeof(float));
  } else {
    gemm({.m = block.rows, .n = n, .k = p.d, .transposeB = true, .alpha = p.scale}, block.query, p.d, block.key, p.d,
         scores, ld);
  }
  for (size_t r = 0; r < block.rows; ++r) {
    const size_t visible = visibleColumns(p, block.firstRow + r);
    if (!allFinite(scores + r * ld, HWY_MIN(n, visible))) lost[r] = true;
  }
  if (!job.mask) return;
  for (size_t r = 0; r < block.rows; ++r) addInto(scores + r * ld, job.mask + (block.firstRow + r) * p.t, n);
}

// All columns at once: every row's softmax is exact in two passes.
void wholeBlock(const Attention& job, const Block& block) {
  const AttentionParams& p = job.params;
  const size_t columns = visibleColumns(p, block.firstRow + block.rows - 1);
  if (columns == 0) {
    std::fill_n(block.weights, block.rows * p.t, 0.0f);
    std::fill_n(block.output, block.rows * p.e, 0.0f);
    return;
  }
  bool lost[kMaxBlocks * kAttentionRows] = {};
  scoresInto(job, block, columns, block.weights, p.t, lost);
  for (size_t r = 0; r < block.rows; ++r) {
    float* const row = block.weights + r * p.t;
    const size_t visible = visibleColumns(p, block.firstRow + r);
    const double sum = expInto(row, row, visible, rowMax(row, visible), 1.0f);
    std::memset(row + visible, 0, (p.t - visible) * sizeof(float));
    scaleBy(row, visible, static_cast<float>(1.0 / sum));
  }
  gemm({.m = block.rows, .n = p.e, .k = columns}, block.weights, p.t, block.value, p.e, block.output, p.e);
  mendRows(job, block, columns, lost);
}

void attention(const Call& call) {
  const auto p = call.as<AttentionParams>();
  const Attention job{
      call.budget,  p,           call.view(0), call.view(1), call.view(2), p.hasMask ? call.view(3) : nullptr,
      call.view(4), call.view(5)};
  const double unitNs = kAttentionRows * static_cast<double>(p.t) * (2.0 * (p.d + p.e) / 90 + 0.4);
  const uint64_t count = uint64_t{p.h} * ((p.s + kAttentionRows - 1) / kAttentionRows);
  const uint64_t blocks = (p.s + kAttentionRows - 1) / kAttentionRows;
  // A causal block skips the columns right of it, which a taller one would have to compute.
  const uint64_t together =
      p.causal ? 1 : std::clamp<uint64_t>(kMaxScores / (uint64_t{kAttentionRows} * p.t), 1, kMaxBlocks);
  parallelFor(call.budget, count, grainFor(call.budget, count, unitNs, together),
              [&](uint64_t begin, uint64_t end, uint32_t) {
                for (uint64_t unit = begin; unit < end && !call.budget.stopped();) {
                  const uint64_t units = std::min({together, end - unit, blocks - unit % blocks});
                  wholeBlock(job, blockAt(job, unit, units));
                  unit += units;
                }
              });
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(attention);
namespace kernels {
void attention(const Call& call) { HWY_DYNAMIC_DISPATCH(attention)(call); }
}  // namespace kernels
}  // namespace switchyard::cpu
#endif
