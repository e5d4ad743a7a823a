// The fused kernel of attention: queries lie in the lanes of vectors, so that keys and values are read where they are,
// and a running softmax takes no step across lanes. Blocks of keys that no query of a tile sees are never touched.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/fused_attention.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include <algorithm>
#include <utility>

#include "cpu/attention_care-inl.h"
#include "cpu/attention_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

#define SWITCHYARD_INLINE_LAMBDA HWY_ATTR __attribute__((always_inline))

template <class F, size_t... I>
HWY_INLINE void unrollWith(const F& f, std::index_sequence<I...>) {
  (f(std::integral_constant<size_t, I>{}), ...);
}
template <size_t N, class F>
HWY_INLINE void unroll(const F& f) {
  unrollWith(f, std::make_index_sequence<N>{});
}

// Rows of a register tile: keys, or columns of values. Of 16 registers 12 are sums, where products need none.
constexpr size_t kTileRows = HWY_TARGET <= HWY_AVX3 ? 8 : HWY_TARGET <= HWY_AVX2 ? 6 : 4;
constexpr size_t kKeyBlock = (64 + kTileRows - 1) / kTileRows * kTileRows;
constexpr size_t kStrips = (kAttentionRows + kWide - 1) / kWide;

// What a thread keeps of a tile, in floats.
struct Work {
  float *queries, *output;  // [strip][d or e][kWide]
  float *weights, *bias;    // [kKeyBlock][kWide]
  float *keys, *values;     // [kKeyBlock][d or e], where they do not lie so themselves
  float* rows;              // [kAttentionRows][d or e], on their way from or to halves

  static size_t floats(const FusedAttentionParams& p) {
    return kStrips * kWide * (size_t{p.d} + p.e) + 2 * kKeyBlock * kWide + kKeyBlock * (size_t{p.d} + p.e) +
           kAttentionRows * size_t{HWY_MAX(p.d, p.e)};
  }
  Work(float* memory, const FusedAttentionParams& p) {
    const auto take = [&](size_t n) { return std::exchange(memory, memory + n); };
    weights = take(kKeyBlock * kWide), bias = take(kKeyBlock * kWide);
    queries = take(kStrips * kWide * p.d), output = take(kStrips * kWide * p.e);
    keys = take(kKeyBlock * size_t{p.d}), values = take(kKeyBlock * size_t{p.e});
    rows = memory;
  }
};

// The running softmax of a strip's queries, one a lane.
struct Strip {
  HWY_ALIGN float most[kWide], sum[kWide], least[kWide];
};

// out[i][lane] = sum over k of rows[i][k * step] * lanes[k][lane], for kTileRows rows; `start` is what sums begin with.
template <size_t kV, class Start, class Put>
HWY_INLINE void registerTile(const float* const (&rows)[kTileRows], size_t step, const float* lanes, size_t n,
                             const Start& start, const Put& put) {
  Vec sum[kTileRows][kV];
  unroll<kTileRows>([&](auto i) SWITCHYARD_INLINE_LAMBDA {
    unroll<kV>([&](auto j) SWITCHYARD_INLINE_LAMBDA { sum[i][j] = start(i, j); });
  });
  const float* at[kTileRows];
  unroll<kTileRows>([&](auto i) SWITCHYARD_INLINE_LAMBDA { at[i] = rows[i]; });
#pragma GCC unroll 4
  for (size_t k = 0; k < n; ++k, lanes += kWide) {
    Vec lane[kV];
    unroll<kV>([&](auto j) SWITCHYARD_INLINE_LAMBDA { lane[j] = hn::Load(kF, lanes + j * kLanes); });
    unroll<kTileRows>([&](auto i) SWITCHYARD_INLINE_LAMBDA {
      const Vec one = hn::Set(kF, at[i][k * step]);
      unroll<kV>([&](auto j) SWITCHYARD_INLINE_LAMBDA { sum[i][j] = hn::MulAdd(one, lane[j], sum[i][j]); });
    });
  }
  unroll<kTileRows>([&](auto i) SWITCHYARD_INLINE_LAMBDA {
    unroll<kV>([&](auto j) SWITCHYARD_INLINE_LAMBDA { put(i, j, sum[i][j]); });
  });
}

// Some keys of a head in the floats that they are read from, and what their strip is to know of them.
struct Block {
  const float *keys, *values;
  size_t keyStride, valueStride;
  size_t first, count;  // among the keys of the sequence
  bool hides;           // some query of the strip does not see all of them
};

// Whether a query sees a key, lane by lane: the first lane's position among the keys is `position`.
class Sight {
 public:
  Sight(const FusedAttentionParams& p, int64_t position) : position_(position) {
    before_ = p.hides & kHidesOutside ? static_cast<int32_t>(p.window) : INT32_MAX;
    after_ = p.hides & kHidesLater ? 1 : before_;
  }
  // -before < key - position < after, from the lane's number on.
  HWY_INLINE hn::Mask<I32> operator()(size_t key, size_t side) const {
    const IVec lane = hn::Iota(kI, static_cast<int32_t>(side * kLanes));
    const IVec ahead = hn::Sub(hn::Set(kI, static_cast<int32_t>(static_cast<int64_t>(key) - position_)), lane);
    return hn::And(hn::Lt(ahead, hn::Set(kI, after_)), hn::Gt(ahead, hn::Set(kI, -before_)));
  }

 private:
  int64_t position_;
  int32_t before_, after_;
};

// The scores of a block: scaled, the bias added, -infinity where hidden.
template <size_t kV>
void scoresOf(const FusedAttentionParams& p, const Block& block, const float* queries, const float* bias,
              const Sight& sight, float* scores, Strip& strip) {
  const Vec scale = hn::Set(kF, p.scale), hidden = hn::Set(kF, -HUGE_VALF);
  Vec most[kV], least[kV];
  unroll<kV>([&](auto j) SWITCHYARD_INLINE_LAMBDA {
    most[j] = hn::Load(kF, strip.most + j * kLanes);
    least[j] = hn::Load(kF, strip.least + j * kLanes);
  });
  for (size_t c = 0; c < block.count; c += kTileRows) {
    const float* rows[kTileRows];
    unroll<kTileRows>([&](auto i) SWITCHYARD_INLINE_LAMBDA {
      rows[i] = block.keys + HWY_MIN(c + i, block.count - 1) * block.keyStride;
    });
    registerTile<kV>(
        rows, 1, queries, p.d, [&](auto, auto) SWITCHYARD_INLINE_LAMBDA { return hn::Zero(kF); },
        [&](auto i, auto j, Vec sum) SWITCHYARD_INLINE_LAMBDA {
          const size_t at = (c + i) * kWide + j * kLanes;
          Vec score = hn::Mul(sum, scale);
          const Vec plain = score;
          if (bias) score = hn::Add(score, hn::Load(kF, bias + at));
          if (block.hides) {
            const auto seen = hn::RebindMask(kF, sight(block.first + c + i, j));
            score = hn::IfThenElse(seen, score, hidden);
            least[j] = hn::Min(least[j], hn::IfThenElseZero(seen, plain));
          } else {
            least[j] = hn::Min(least[j], plain);
          }
          hn::Store(score, kF, scores + at);
          most[j] = hn::Max(most[j], score);
        });
  }
  unroll<kV>([&](auto j) SWITCHYARD_INLINE_LAMBDA {
    hn::Store(most[j], kF, strip.most + j * kLanes);
    hn::Store(least[j], kF, strip.least + j * kLanes);
  });
}

// Scores to weights relative to the largest so far; `earlier` is what the output so far is to be multiplied with.
template <size_t kV>
void weightsOf(size_t count, const float (&before)[kWide], float* scores, Strip& strip, float (&earlier)[kWide]) {
  const ExpNegative exponential;
  const Vec none = hn::Set(kF, -HUGE_VALF);
  unroll<kV>([&](auto j) SWITCHYARD_INLINE_LAMBDA {
    const Vec most = hn::Load(kF, strip.most + j * kLanes), last = hn::Load(kF, before + j * kLanes);
    // Where all is -infinity so far, weights are 0 and not NaN: what is hidden does not count.
    const Vec top = hn::IfThenZeroElse(hn::Eq(most, none), most);
    const Vec factor = exponential(hn::Sub(last, top));
    Vec sum = hn::Zero(kF), sum2 = sum;
    float* at = scores + j * kLanes;
    size_t c = 0;
    for (; c + 2 <= count; c += 2, at += 2 * kWide) {
      const Vec w = exponential(hn::Sub(hn::Load(kF, at), top)),
                w2 = exponential(hn::Sub(hn::Load(kF, at + kWide), top));
      hn::Store(w, kF, at);
      hn::Store(w2, kF, at + kWide);
      sum = hn::Add(sum, w);
      sum2 = hn::Add(sum2, w2);
    }
    if (c < count) {
      const Vec w = exponential(hn::Sub(hn::Load(kF, at), top));
      hn::Store(w, kF, at);
      sum = hn::Add(sum, w);
    }
    const Vec total = hn::Load(kF, strip.sum + j * kLanes);
    hn::Store(hn::MulAdd(total, factor, hn::Add(sum, sum2)), kF, strip.sum + j * kLanes);
    hn::Store(factor, kF, earlier + j * kLanes);
  });
}

template <size_t kV>
void addValues(const Block& block, size_t e, const float* weights, const float (&earlier)[kWide], float* output) {
  Vec factor[kV];
  unroll<kV>([&](auto j) SWITCHYARD_INLINE_LAMBDA { factor[j] = hn::Load(kF, earlier + j * kLanes); });
  for (size_t c = 0; c < e; c += kTileRows) {
    const float* columns[kTileRows];
    unroll<kTileRows>([&](auto i) SWITCHYARD_INLINE_LAMBDA { columns[i] = block.values + HWY_MIN(c + i, e - 1); });
    registerTile<kV>(
        columns, block.valueStride, weights, block.count,
        [&](auto i, auto j) SWITCHYARD_INLINE_LAMBDA {
          return hn::Mul(factor[j], hn::Load(kF, output + HWY_MIN(c + i, e - 1) * kWide + j * kLanes));
        },
        [&](auto i, auto j, Vec sum) SWITCHYARD_INLINE_LAMBDA {
          if (c + i < e) hn::Store(sum, kF, output + (c + i) * kWide + j * kLanes);
        });
  }
}

struct Job {
  FusedAttentionParams p;
  const Budget& budget;
  Source query, key, value, bias;
  Target output;
  const AttentionTile* tiles;
};

// One tile of one head.
class TileOfHead {
 public:
  TileOfHead(const Job& job, const AttentionTile& tile, size_t head, const Work& work)
      : job_(job),
        p_(job.p),
        tile_(tile),
        head_(head),
        keyHead_(head / (p_.heads / p_.keyHeads)),
        work_(work),
        care_({job.p, job.query, job.key, job.value, job.bias, tile, head, keyHead_, job.budget}) {}

  void run() {
    const size_t strips = (tile_.rows + kWide - 1) / kWide;
    for (size_t s = 0; s < strips; ++s) begin(s);
    const Range seen = rangeOf(p_, tile_, 0, tile_.rows);
    for (size_t first = seen.first; first < seen.end; first += kKeyBlock) {
      if (job_.budget.stopped()) return;
      const Block block = blockAt(first, HWY_MIN(kKeyBlock, seen.end - first));
      for (size_t s = 0; s < strips; ++s) advance(s, block);
    }
    for (size_t s = 0; s < strips; ++s) end(s);
  }

 private:
  size_t rowsOf(size_t s) const { return HWY_MIN(kWide, tile_.rows - s * kWide); }
  float* queriesOf(size_t s) const { return work_.queries + s * kWide * p_.d; }
  float* outputOf(size_t s) const { return work_.output + s * kWide * p_.e; }

  void begin(size_t s) {
    const RowsOf rows = bring(job_.query, tile_.query + s * kWide, rowsOf(s), p_.heads, head_, p_.d, false, work_.rows);
    transposeInto(rows, rowsOf(s), p_.d, queriesOf(s));
    std::memset(outputOf(s), 0, kWide * p_.e * sizeof(float));
    for (size_t r = 0; r < kWide; ++r) strips_[s].most[r] = -HUGE_VALF, strips_[s].sum[r] = 0, strips_[s].least[r] = 0;
  }

  Block blockAt(size_t first, size_t count) const {
    const uint64_t row = uint64_t{tile_.key} + first;
    // Values are read down their columns: strides that are powers of two would meet in few lines of the cache.
    const RowsOf keys = bring(job_.key, row, count, p_.keyHeads, keyHead_, p_.d, false, work_.keys);
    const RowsOf values = bring(job_.value, row, count, p_.keyHeads, keyHead_, p_.e, true, work_.values);
    return {keys.at, values.at, keys.stride, values.stride, first, count, false};
  }

  void advance(size_t s, Block block) {
    const Range seen = rangeOf(p_, tile_, s * kWide, rowsOf(s)), all = rangeOfAll(p_, tile_, s * kWide, rowsOf(s));
    if (seen.end <= block.first || seen.first >= block.first + block.count) return;
    block.count = HWY_MIN(block.count, seen.end - block.first);
    block.hides = block.first < all.first || block.first + block.count > all.end;
    if (rowsOf(s) <= kLanes)
      advanceBy<1>(s, block);
    else
      advanceBy<kSides>(s, block);
  }

  template <size_t kV>
  void advanceBy(size_t s, const Block& block) {
    Strip& strip = strips_[s];
    HWY_ALIGN float before[kWide], earlier[kWide];
    std::memcpy(before, strip.most, sizeof before);
    if (p_.hasBias) bringBias(s, block);
    const Sight sight(p_, int64_t{tile_.position} + static_cast<int64_t>(s * kWide));
    scoresOf<kV>(p_, block, queriesOf(s), p_.hasBias ? work_.bias : nullptr, sight, work_.weights, strip);
    weightsOf<kV>(block.count, before, work_.weights, strip, earlier);
    if (p_.e) addValues<kV>(block, p_.e, work_.weights, earlier, outputOf(s));
  }

  void bringBias(size_t s, const Block& block) {
    float row[kKeyBlock];
    for (size_t r = 0; r < kWide; ++r) {
      const uint64_t at =
          head_ * uint64_t{p_.biasHead} + (tile_.biasRow + s * kWide + r) * uint64_t{p_.biasRow} + block.first;
      const float* const from = r < rowsOf(s) ? job_.bias.part(at, block.count, row) : nullptr;
      // What fills up the last register tile is the last key once more.
      for (size_t c = 0; c < kKeyBlock && c / kTileRows <= (block.count - 1) / kTileRows; ++c)
        work_.bias[c * kWide + r] = from ? from[HWY_MIN(c, block.count - 1)] : 0.0f;
    }
  }

  void end(size_t s) {
    Strip& strip = strips_[s];
    HWY_ALIGN float factor[kWide] = {};
    for (size_t r = 0; r < rowsOf(s); ++r) {
      const Range seen = rangeOf(p_, tile_, s * kWide + r, 1);
      factor[r] = seen.first < seen.end ? 1.0f / strip.sum[r] : 0.0f;  // no key: zeros
    }
    const bool isFloat = job_.output.isFloat();
    const uint64_t stride = uint64_t{p_.heads} * p_.e;
    const uint64_t first = (tile_.query + s * kWide) * stride + head_ * p_.e;
    float* const to = isFloat ? static_cast<float*>(job_.output.data) + first : work_.rows;
    const size_t toStride = isFloat ? stride : p_.e;
    transposeFrom(outputOf(s), rowsOf(s), p_.e, factor, to, toStride);
    for (size_t r = 0; r < rowsOf(s); ++r) {
      float* const row = to + r * toStride;
      if (factor[r] != 0) care_.mend(s * kWide + r, strip.least[r] == -HUGE_VALF, row);
      job_.output.put(first + r * stride, p_.e, row, false);
    }
  }

  const Job& job_;
  const FusedAttentionParams& p_;
  const AttentionTile& tile_;
  const size_t head_, keyHead_;
  const Work& work_;
  Care care_;
  Strip strips_[kStrips];
};

void fused_attention(const Call& call) {
  const auto p = call.as<FusedAttentionParams>();
  const Job job{p,
                call.budget,
                Source(call, 0, p.formats),
                Source(call, 1, p.formats),
                Source(call, 2, p.formats),
                Source(call, 3, p.formats),
                Target(call, 5, p.formats),
                call.view<const AttentionTile>(4)};
  const uint64_t units = call.count / (kAttentionRows / kAttentionPart);
  const double unitNs = 500 + static_cast<double>(p.steps) / static_cast<double>(units) / 40;
  const uint64_t grain = grainFor(call.budget, units, unitNs);
  parallelFor(call.budget, units, grain, [&](uint64_t begin, uint64_t end, uint32_t) {
    Scratch memory(Work::floats(p) * sizeof(float));
    const Work work(memory.as<float>(), p);
    for (uint64_t unit = begin; unit < end && !call.budget.stopped(); ++unit)
      TileOfHead(job, job.tiles[unit / p.heads], unit % p.heads, work).run();
  });
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(fused_attention);
namespace kernels {
void fused_attention(const Call& call) { HWY_DYNAMIC_DISPATCH(fused_attention)(call); }
}  // namespace kernels
}  // namespace switchyard::cpu
#endif
