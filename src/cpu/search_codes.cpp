// A stretch of an int8 base against a group of queries. Rows and queries are multiplied as integers, which gives a
// score and how far off it may be: rows that can't reach what was found already are passed over, the others get their
// score from the query as it is. So what is found does not depend on how a query was rounded.
//
// Of a query q = s c + e (c its codes, e what they miss) and a row t b (b its codes, t its scale)
//   q.(t b) = t s (c.b) + t e.b,  |e.b| <= |e| |b|
// so no score is above  A (s c.b) + B |e| + C + offset  with A, B and C of the row alone:
//   dot     t            |t b|     0
//   cosine  1 / |b|      1         0          (with the sign of t; q of length 1)
//   l2      2 t          2 |t b|   -|t b|^2   (negated; the offset is -|q|^2; both less squaresShare())
// B is A |b| in each case, so the roundings of float32 here and in the score itself, a share of |q| |A b|, are in |e|.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/search_codes.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include "cpu/scratch.h"
#include "cpu/search_parts.h"
#include "cpu/search_rows-inl.h"
#include "cpu/search_scores-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

// Scales whose terms neither overflow nor vanish, with queries that codeQueries() takes: others are not passed over.
constexpr float kLeastScale = 1e-18f, kMostScale = 1e12f;
constexpr float kAbove = 1 + 0x1p-20f;
static_assert(kSumBlock == kLongestSum);
constexpr size_t kBlock = kRowsAChunk + 16;  // rows come by kCodeRows; arrays of it one after the other are aligned

constexpr size_t kAheadBytes = 4096;

// What a stretch of rows has by itself.
struct RowTerms {
  const int8_t* rows[kBlock];
  HWY_ALIGN float scales[kBlock];
  HWY_ALIGN int32_t sums[kBlock];
  HWY_ALIGN int32_t squares[kBlock];
  HWY_ALIGN float by[kBlock];      // A
  HWY_ALIGN float around[kBlock];  // B
  HWY_ALIGN float from[kBlock];    // C
};

void makeTerms(RowTerms& terms, size_t count, uint32_t metric, size_t d) {
  const float below = static_cast<float>(1 - squaresShare(d));
  const Vec zero = hn::Zero(kF), strange = hn::Set(kF, std::numeric_limits<float>::quiet_NaN());
  for (size_t i = 0; i < count; i += kLanes) {
    const Vec scale = hn::Load(kF, terms.scales + i), step = hn::Abs(scale);
    const Vec squares = hn::ConvertTo(kF, hn::Load(kI, terms.squares + i)), length = hn::Sqrt(squares);
    const auto isZero = hn::Or(hn::Eq(step, zero), hn::Eq(squares, zero));
    const auto isOrdinary = hn::And(hn::Ge(step, hn::Set(kF, kLeastScale)), hn::Le(step, hn::Set(kF, kMostScale)));
    Vec by = scale, around = hn::Mul(hn::Mul(step, length), hn::Set(kF, kAbove)), from = zero;
    if (metric == kMetricCosine) {
      by = hn::CopySign(hn::Div(hn::Set(kF, 1), length), scale);
      around = hn::Set(kF, kAbove);
    } else if (metric == kMetricL2) {
      by = hn::Add(by, by), around = hn::Add(around, around);
      from = hn::Mul(hn::Mul(hn::Mul(step, step), squares), hn::Set(kF, -below));
    }
    hn::Store(hn::IfThenZeroElse(isZero, hn::IfThenElse(isOrdinary, by, strange)), kF, terms.by + i);
    hn::Store(hn::IfThenZeroElse(isZero, around), kF, terms.around + i);
    hn::Store(hn::IfThenZeroElse(isZero, from), kF, terms.from + i);
  }
}

// The worst error of these rows: of ordinary ones that of the shortest, or of the largest scale.
double worstOf(const SearchBase& base, const RowTerms& terms, size_t count) {
  int32_t shortest = std::numeric_limits<int32_t>::max();
  float largest = 0;
  double worst = 0;
  if (!base.bound->needsLength()) {
    for (size_t i = 0; i < count; ++i) {
      const float step = std::fabs(terms.scales[i]);
      if (std::isinf(step))
        worst = HWY_MAX(worst, base.bound->rowError(1, step));
      else
        largest = HWY_MAX(largest, step);
    }
    return HWY_MAX(worst, base.bound->rowError(1, largest));
  }
  for (size_t i = 0; i < count; ++i) {
    const float step = std::fabs(terms.scales[i]);
    if (step >= kLeastScale && step <= kMostScale && terms.squares[i])
      shortest = HWY_MIN(shortest, terms.squares[i]);
    else
      worst = HWY_MAX(worst, base.bound->rowError(std::sqrt(static_cast<double>(terms.squares[i])), step));
  }
  if (shortest == std::numeric_limits<int32_t>::max()) return worst;
  return HWY_MAX(worst, base.bound->rowError(std::sqrt(static_cast<double>(shortest)), kLeastScale));
}

// The score of one query and one row as it is.
class Exactly {
 public:
  Exactly(const SearchBase& base, const SearchGroup& group)
      : base_(base), group_(group), memory_(base.d * sizeof(float)) {}

  float operator()(size_t query, uint32_t row) {
    if (row != last_) floatRow(base_, row, memory_.as<float>());
    last_ = row;
    SearchGroup one = group_;
    one.queries += query * one.d, one.count = 1, one.base = memory_.as<float>();
    one.finite = group_.finite >> query & 1, one.zero = group_.zero >> query & 1;
    float score;
    fewScores(one, 0, 1, &score, 1);
    return score;
  }

 private:
  const SearchBase& base_;
  const SearchGroup& group_;
  Scratch memory_;
  uint64_t last_ = ~uint64_t{0};
};

HWY_INLINE Vec highest(Vec dot, Vec by, Vec around, Vec from, Vec scale, Vec error, Vec offset) {
  return hn::Add(hn::MulAdd(by, hn::Mul(dot, scale), hn::MulAdd(around, error, from)), offset);
}

// Few queries: rows in the lanes.
void offerFew(const CodeQueries& queries, const RowTerms& terms, const int32_t* dots, const uint32_t* rows,
              size_t count, size_t query, Exactly& exactly, BestK& best) {
  const Vec scale = hn::Set(kF, queries.scales[query]), error = hn::Set(kF, queries.errors[query]);
  const Vec offset = hn::Set(kF, queries.offsets[query]);
  for (size_t i = 0; i < count; i += kLanes) {
    const Vec dot = hn::ConvertTo(kF, hn::Load(kI, dots + i));
    const Vec most = highest(dot, hn::Load(kF, terms.by + i), hn::Load(kF, terms.around + i),
                             hn::Load(kF, terms.from + i), scale, error, offset);
    if (hn::AllTrue(kF, hn::Lt(most, hn::Set(kF, best.threshold())))) continue;
    HWY_ALIGN float each[kLanes];
    hn::Store(most, kF, each);
    for (size_t r = i; r < HWY_MIN(count, i + kLanes); ++r) {
      if (each[r - i] < best.threshold()) continue;
      const float score = exactly(query, rows[r]);
      if (!(score <= best.threshold())) best.offer(score, rows[r]);
    }
  }
}

// The least that A (c.b) + B |e| / s + C / s has to be for a row to matter: the threshold without the offset, by the
// query's scale, and less B |e| / s where B is the same for all rows. The roundings here are a few of the term's, and
// |e| has room for more.
template <uint32_t kMetric>
HWY_INLINE float limitOf(const CodeQueries& queries, size_t query, float threshold) {
  const float limit = (threshold - queries.offsets[query]) * queries.inverses[query];
  return kMetric == kMetricCosine ? limit - kAbove * queries.shares[query] : limit;
}

// Many: queries in the lanes, of one row.
template <uint32_t kMetric>
HWY_INLINE void offerMany(const CodeQueries& queries, const RowTerms& terms, const int32_t* dots, size_t at,
                          uint32_t row, size_t count, Exactly& exactly, float* limits, float* thresholds, BestK* best) {
  const IVec added = hn::Set(kI, terms.sums[at] * queries.dots.panelAdded);
  const Vec by = hn::Set(kF, terms.by[at]), around = hn::Set(kF, terms.around[at]);
  const Vec from = hn::Set(kF, terms.from[at]);
  for (size_t lane = 0; lane < count; lane += kLanes) {
    Vec most = hn::Mul(hn::ConvertTo(kF, hn::Sub(hn::Load(kI, dots + lane), added)), by);
    if constexpr (kMetric != kMetricCosine) most = hn::MulAdd(around, hn::Load(kF, queries.shares + lane), most);
    if constexpr (kMetric == kMetricL2) most = hn::MulAdd(from, hn::Load(kF, queries.inverses + lane), most);
    const auto passed = hn::Lt(most, hn::Load(kF, limits + lane));  // of a NaN is not known
    if (HWY_LIKELY(hn::AllTrue(kF, passed))) continue;
    HWY_ALIGN int32_t each[kLanes];
    hn::Store(hn::VecFromMask(kI, hn::RebindMask(kI, passed)), kI, each);
    for (size_t q = lane; q < HWY_MIN(count, lane + kLanes); ++q) {
      if (each[q - lane]) continue;
      const float score = exactly(q, row);
      if (score <= thresholds[q]) continue;
      best[q].offer(score, row);
      thresholds[q] = best[q].threshold(), limits[q] = limitOf<kMetric>(queries, q, thresholds[q]);
    }
  }
}

// `packed` has room for the rows of a panel, which need not lie one after the other.
template <uint32_t kMetric>
void searchBlock(const SearchBase& base, const SearchGroup& group, const CodeQueries& queries, const uint32_t* rows,
                 size_t count, RowTerms& terms, Exactly& exactly, int8_t* packed, float* limits, float* thresholds,
                 BestK* best, double* worst) {
  const int8_t* const codes = static_cast<const int8_t*>(base.rows);
  const size_t whole = (count + kCodeRows - 1) / kCodeRows * kCodeRows, few = queries.lanes ? 0 : group.count;
  for (size_t i = 0; i < whole; ++i) {
    const uint32_t row = rows[HWY_MIN(i, count - 1)];
    terms.rows[i] = codes + row * base.d, terms.scales[i] = base.scales[row];
  }
  HWY_ALIGN int32_t dots[kFew * kBlock];
  const bool isDense = rows[count - 1] - rows[0] + 1 == count;
  for (size_t i = 0; i < whole; i += kCodeRows)
    queries.dots.few(terms.rows + i, isDense && few ? kAheadBytes : 0, queries.few, few, base.d, dots + i, kBlock,
                     terms.sums + i, terms.squares + i);
  // Vectors of rows end with the last one, too.
  for (size_t i = whole; i % kLanes; ++i) {
    terms.scales[i] = terms.scales[whole - 1];
    terms.sums[i] = terms.sums[whole - 1], terms.squares[i] = terms.squares[whole - 1];
    for (size_t q = 0; q < few; ++q) dots[q * kBlock + i] = dots[q * kBlock + whole - 1];
  }
  makeTerms(terms, whole, kMetric, base.d);
  if (base.bound) *worst = HWY_MAX(*worst, worstOf(base, terms, count));
  for (size_t q = 0; q < few; ++q) offerFew(queries, terms, dots + q * kBlock, rows, count, q, exactly, best[q]);
  if (few) return;
  HWY_ALIGN int32_t panel[kPanelRows * kGroup];
  for (size_t i = 0; i < count; i += kPanelRows) {
    const size_t height = HWY_MIN(kPanelRows, count - i);
    const int8_t* some = terms.rows[i];
    if (!isDense) {
      for (size_t r = 0; r < height; ++r) std::memcpy(packed + r * base.d, terms.rows[i + r], base.d);
      some = packed;
    }
    // The block behind this one: memory has the time that the products take.
    queries.dots.panel(some, height, queries.panel, queries.lanes, base.d, some + (isDense ? kRowsAChunk * base.d : 0),
                       panel);
    for (size_t r = 0; r < height; ++r)
      offerMany<kMetric>(queries, terms, panel + r * queries.lanes, i + r, rows[i + r], group.count, exactly, limits,
                         thresholds, best);
  }
}

template <uint32_t kMetric>
void codesOfMetric(const SearchBase& base, const SearchGroup& group, const CodeQueries& queries, size_t begin,
                   size_t end, float* thresholds, BestK* best, double* worst) {
  Exactly exactly(base, group);
  RowTerms terms;
  uint32_t rows[kRowsAChunk];
  Scratch packed(queries.lanes && base.mask ? kPanelRows * base.d : 0);
  HWY_ALIGN float limits[kGroup];
  for (size_t q = 0; q < queries.lanes; ++q) limits[q] = limitOf<kMetric>(queries, q, thresholds[q]);
  for (size_t from = begin; from < end && !group.budget->stopped(); from += kRowsAChunk) {
    const size_t count = allowedRows(base.mask, from, HWY_MIN(end, from + kRowsAChunk), rows);
    if (count)
      searchBlock<kMetric>(base, group, queries, rows, count, terms, exactly, packed.as<int8_t>(), limits, thresholds,
                           best, worst);
  }
}

void codesChunk(const SearchBase& base, const SearchGroup& group, const CodeQueries& queries, size_t begin, size_t end,
                float* thresholds, BestK* best, double* worst) {
  const auto search = group.metric == kMetricCosine ? codesOfMetric<kMetricCosine>
                      : group.metric == kMetricDot  ? codesOfMetric<kMetricDot>
                                                    : codesOfMetric<kMetricL2>;
  search(base, group, queries, begin, end, thresholds, best, worst);
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(codesChunk);

void searchCodes(const SearchBase& base, const SearchGroup& group, const CodeQueries& queries, size_t begin, size_t end,
                 float* thresholds, BestK* best, double* worst) {
  HWY_DYNAMIC_DISPATCH(codesChunk)(base, group, queries, begin, end, thresholds, best, worst);
}

namespace {

constexpr size_t kTermLanes = 16;  // of the longest vector: a panel has a multiple of it
constexpr size_t kTerms = 5;       // of each query
constexpr double kLeastLength = 1e-12, kMostLength = 1e15;

size_t roundUp(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }
size_t panelLanes(size_t count) { return count <= kFew ? 0 : roundUp(count, kTermLanes); }
size_t fewBytes(const CodeDots& dots, size_t d) { return roundUp(d, kCodeStep) * (dots.areBytes ? 1 : 2); }

// One query's codes, by `put`; what they miss is added up.
template <class Put>
void codesOf(const float* query, size_t d, double factor, float scale, double& missed, const Put& put) {
  for (size_t i = 0; i < d; ++i) {
    const double x = double{query[i]} * factor, code = scale > 0 ? std::nearbyint(x / double{scale}) : 0;
    const double error = x - code * double{scale};
    missed += error * error;
    put(i, static_cast<int>(code));
  }
}

}  // namespace

size_t codeBytes(const CodeDots& dots, size_t count, size_t d) {
  const size_t lanes = panelLanes(count);
  return kTerms * sizeof(float) * roundUp(std::max(lanes, count), kTermLanes) +
         (lanes ? roundUp(d, 4) * lanes : fewBytes(dots, d) * count);
}

bool codeQueries(const SearchGroup& group, std::byte* memory, CodeQueries& to) {
  const size_t d = group.d, count = group.count;
  to.lanes = panelLanes(count);
  const size_t terms = roundUp(std::max(to.lanes, count), kTermLanes);
  float* const scales = reinterpret_cast<float*>(memory);
  float* const errors = scales + terms;
  float* const offsets = errors + terms;
  float* const inverses = offsets + terms;
  float* const shares = inverses + terms;
  uint8_t* const bytes = reinterpret_cast<uint8_t*>(memory + kTerms * terms * sizeof(float));
  std::memset(memory, 0, kTerms * terms * sizeof(float));
  const size_t each = fewBytes(to.dots, d);
  if (to.lanes)
    std::memset(bytes, to.dots.panelAdded, roundUp(d, 4) * to.lanes);
  else
    std::memset(bytes, to.dots.areBytes ? 128 : 0, each * count);
  const double factor = group.metric == kMetricCosine ? 1 / double{kUnitQuery} : 1;
  for (size_t q = 0; q < count; ++q) {
    const float* const query = group.queries + q * d;
    double largest = 0, squares = 0, missed = 0;
    for (size_t i = 0; i < d; ++i) {
      const double x = std::fabs(double{query[i]} * factor);
      largest = std::max(largest, x), squares += x * x;
    }
    const double length = std::sqrt(squares);
    if (!(group.zero >> q & 1) && !(length >= kLeastLength && length <= kMostLength)) return false;
    const float scale = static_cast<float>(largest / 127);
    if (to.lanes)
      codesOf(query, d, factor, scale, missed, [&](size_t i, int code) {
        bytes[(i / 4 * to.lanes + q) * 4 + i % 4] = static_cast<uint8_t>(code + to.dots.panelAdded);
      });
    else if (to.dots.areBytes)
      codesOf(query, d, factor, scale, missed,
              [&](size_t i, int code) { bytes[q * each + i] = static_cast<uint8_t>(code + 128); });
    else
      codesOf(query, d, factor, scale, missed, [&](size_t i, int code) {
        reinterpret_cast<int16_t*>(bytes + q * each)[i] = static_cast<int16_t>(code);
      });
    scales[q] = scale;
    // More than squaresShare(): what sums of float32 may be off by, in a score itself and here.
    errors[q] = static_cast<float>((std::sqrt(missed) + 0x1.1p-13 * length) * 1.0001);
    inverses[q] = scale > 0 ? 1 / scale : 1;
    shares[q] = errors[q] * inverses[q];
    if (group.metric == kMetricL2) offsets[q] = static_cast<float>(-squares * (1 - squaresShare(d)));
    if (!to.lanes) to.few[q] = bytes + q * each;
  }
  to.panel = reinterpret_cast<const uint32_t*>(bytes), to.scales = scales, to.errors = errors, to.offsets = offsets;
  to.inverses = inverses, to.shares = shares;
  return true;
}

}  // namespace switchyard::cpu
#endif
