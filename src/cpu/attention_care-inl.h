// Which keys the queries of a tile of attention see, their rows as floats, and rows that float32 lost, done again in
// double. Built once for each instruction set.
#if defined(SWITCHYARD_CPU_ATTENTION_CARE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SWITCHYARD_CPU_ATTENTION_CARE_INL_H
#undef SWITCHYARD_CPU_ATTENTION_CARE_INL_H
#else
#define SWITCHYARD_CPU_ATTENTION_CARE_INL_H
#endif

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "cpu/halves-inl.h"
#include "cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

struct Range {
  size_t first, end;
  bool has(size_t i) const { return i >= first && i < end; }
};

HWY_INLINE Range rangeBetween(const FusedAttentionParams& p, const AttentionTile& tile, int64_t oldest,
                              int64_t newest) {
  const int64_t keys = tile.keys;
  int64_t first = 0, end = keys;
  if (p.hides & kHidesOutside) {
    first = std::clamp<int64_t>(oldest - p.window + 1, 0, keys);
    end = std::min<int64_t>(end, newest + p.window);
  }
  if (p.hides & kHidesLater) end = std::min(end, newest + 1);
  return {static_cast<size_t>(first), static_cast<size_t>(std::max(first, end))};
}
// The keys that some of these queries see, and those that all of them do.
HWY_INLINE Range rangeOf(const FusedAttentionParams& p, const AttentionTile& tile, size_t from, size_t rows) {
  const int64_t position = int64_t{tile.position} + static_cast<int64_t>(from);
  return rangeBetween(p, tile, position, position + static_cast<int64_t>(rows) - 1);
}
HWY_INLINE Range rangeOfAll(const FusedAttentionParams& p, const AttentionTile& tile, size_t from, size_t rows) {
  const int64_t position = int64_t{tile.position} + static_cast<int64_t>(from);
  return rangeBetween(p, tile, position + static_cast<int64_t>(rows) - 1, position);
}

// Rows of one head as floats.
struct RowsOf {
  const float* at;
  size_t stride;
  const float* row(size_t i) const { return at + i * stride; }
};

// n rows of d: where they lie, or in `work`, there one after the other if they are to be `compact`.
HWY_INLINE RowsOf bring(const Source& from, uint64_t first, size_t n, size_t heads, size_t head, size_t d, bool compact,
                        float* work) {
  const size_t stride = heads * d;
  const uint64_t at = first * stride + head * d;
  if (from.isFloat() && (!compact || heads == 1)) return {static_cast<const float*>(from.data) + at, stride};
  for (size_t i = 0; i < n; ++i) {
    const float* const row = from.part(at + i * stride, d, work + i * d);
    if (from.isFloat()) std::memcpy(work + i * d, row, d * sizeof(float));
  }
  return {work, d};
}

struct CareJob {
  const FusedAttentionParams& p;
  const Source &query, &key, &value, &bias;
  const AttentionTile& tile;
  size_t head, keyHead;
  const Budget& budget;
};

class Care {
 public:
  explicit Care(const CareJob& job) : job_(job), p_(job.p) {}

  // `lost`: a score of this row was not what float32 holds; `output` what came of it, which is mended in place.
  void mend(size_t row, bool lost, float* output) {
    if (!lost && allFinite(output, p_.e)) return;
    if (!memory_)
      memory_.emplace((size_t{p_.d} * 2 + p_.e + 2) * sizeof(float) + (job_.tile.keys + p_.e) * sizeof(double));
    const Range seen = rangeOf(p_, job_.tile, row, 1);
    query_ = rowOf(job_.query, uint64_t{job_.tile.query} + row, p_.heads, job_.head, p_.d, floats());
    if (isWorthIt(row, seen, lost, output)) rowExactly(row, seen, output);
  }

 private:
  float* floats() const { return memory_->as<float>() + 2 * (job_.tile.keys + size_t{p_.e}); }
  double* scores() const { return memory_->as<double>(); }

  static const float* rowOf(const Source& from, uint64_t row, size_t heads, size_t head, size_t d, float* work) {
    return from.part((row * heads + head) * d, d, work);
  }
  const float* keyOf(size_t c) const {
    return rowOf(job_.key, uint64_t{job_.tile.key} + c, p_.keyHeads, job_.keyHead, p_.d, floats() + p_.d);
  }
  const float* valueOf(size_t c) const {
    return rowOf(job_.value, uint64_t{job_.tile.key} + c, p_.keyHeads, job_.keyHead, p_.e, floats() + 2 * p_.d);
  }
  float biasOf(size_t row, size_t c) const {
    if (!p_.hasBias) return 0;
    float one;
    return *job_.bias.part(job_.head * uint64_t{p_.biasHead} + (job_.tile.biasRow + row) * uint64_t{p_.biasRow} + c, 1,
                           &one);
  }
  double scoreOf(size_t row, size_t c) const {
    const float* const key = keyOf(c);
    double sum = 0;
    for (size_t i = 0; i < p_.d; ++i) sum += double{query_[i]} * key[i];
    return sum * p_.scale + biasOf(row, c);
  }

  // Where the keys and values of the tile are not finite: no care mends what comes of them.
  struct Blemishes {
    std::vector<size_t> keys;                   // in order
    std::vector<size_t> firstValue, lastValue;  // for each column of the values: the first and the last such row
  };
  Blemishes blemishesOf() const {
    Blemishes found;
    const Range all = rangeOf(p_, job_.tile, 0, job_.tile.rows);
    found.firstValue.assign(p_.e, SIZE_MAX);
    found.lastValue.assign(p_.e, 0);
    for (size_t c = all.first; c < all.end; ++c) {
      if (!allFinite(keyOf(c), p_.d)) found.keys.push_back(c);
      const float* const value = valueOf(c);
      if (allFinite(value, p_.e)) continue;
      for (size_t j = 0; j < p_.e; ++j)
        if (!std::isfinite(value[j])) found.firstValue[j] = HWY_MIN(found.firstValue[j], c), found.lastValue[j] = c;
    }
    return found;
  }
  bool isBlemished(size_t column, const Range& seen) const {
    const size_t first = blemishes_->firstValue[column], last = blemishes_->lastValue[column];
    if (first >= seen.end || last < seen.first) return false;
    if (seen.has(first) || seen.has(last)) return true;
    for (size_t c = seen.first; c < seen.end; ++c)
      if (!std::isfinite(valueOf(c)[column])) return true;
    return false;
  }

  // Whether there is an answer that care finds: not where it is NaN by what went in.
  bool isWorthIt(size_t row, const Range& seen, bool lost, const float* output) {
    if (!allFinite(query_, p_.d)) return false;
    if (p_.hasBias) {  // it may hide all that there is, or be no number, or infinite
      float most = -HUGE_VALF;
      for (size_t c = seen.first; c < seen.end; ++c) {
        const float x = biasOf(row, c);
        if (std::isnan(x)) return false;
        most = HWY_MAX(most, x);
      }
      if (std::isinf(most)) return false;
    }
    if (!blemishes_) blemishes_ = blemishesOf();
    for (size_t c : blemishes_->keys)
      if (seen.has(c) && !(scoreOf(row, c) < 0)) return false;  // NaN or infinity; what is -infinity is hidden
    for (size_t j = 0; j < p_.e; ++j)
      if ((lost || !std::isfinite(output[j])) && !isBlemished(j, seen)) return true;
    return false;
  }

  void rowExactly(size_t row, const Range& seen, float* output) {
    double* const score = scores();
    double* const sums = score + job_.tile.keys;
    double most = -HUGE_VAL, sum = 0;
    for (size_t c = seen.first; c < seen.end; ++c) {
      if (c % 512 == 0 && job_.budget.stopped()) return;
      score[c] = scoreOf(row, c);
      most = HWY_MAX(most, score[c]);
    }
    for (size_t c = seen.first; c < seen.end; ++c) {
      score[c] = std::exp(score[c] - most);
      sum += score[c];  // a NaN shows here
    }
    std::fill_n(sums, p_.e, 0.0);
    for (size_t c = seen.first; c < seen.end; ++c) {
      const double weight = score[c] / sum;
      const float* const value = valueOf(c);
      for (size_t j = 0; j < p_.e; ++j) sums[j] += weight * value[j];
    }
    for (size_t j = 0; j < p_.e; ++j) output[j] = static_cast<float>(sums[j]);
  }

  const CareJob job_;
  const FusedAttentionParams& p_;
  std::optional<Scratch> memory_;
  std::optional<Blemishes> blemishes_;
  const float* query_ = nullptr;
};

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // include guard
