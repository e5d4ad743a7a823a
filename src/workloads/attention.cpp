// attention: softmax(scale * Q K^T + mask) V, of heads of one length or of packed sequences: one fused kernel. Where
// the weights are wanted, a kernel of the CPU that keeps them; on a GPU the scores of as many rows as the scratch
// budget allows are kept between two matrix products.
#include <algorithm>
#include <cmath>
#include <vector>

#include "workloads/attention_tiles.h"
#include "workloads/common.h"
#include "workloads/graph_input.h"
#include "workloads/sequences.h"
#include "tensor_cores.h"

namespace switchyard {
namespace {

enum Input : size_t { kQuery, kKey, kValue, kMask, kOffsets, kKeyOffsets, kBias };
enum Param : size_t { kScale, kCausal, kReturnWeights, kWindow, kPrecision };

bool isPacked(const Call& call) { return call.inputs[kOffsets].present; }

// 0: none. It stays what it was given as: joined jobs are checked again.
uint32_t windowOf(const Call& call) { return std::isnan(call.params[kWindow]) ? 0 : call.integer(kWindow); }

class Attention final : public Workload {
 public:
  Attention()
      : Workload(
            {"attention",
             WorkKind::Attention,
             JoinRule{Join::Leading, Join::Leading, Join::Leading, Join::Same, Join::Absent, Join::Absent,
                      Join::Absent},
             {{"query"},
              {"key"},
              {"value"},
              {.name = "mask", .optional = true},
              {.name = "offsets", .dtypes = dtypeBit(DType::Int32), .optional = true},
              {.name = "keyOffsets", .dtypes = dtypeBit(DType::Int32), .optional = true},
              {.name = "bias", .optional = true}},
             {{.name = "scale", .fallback = kNotGiven},
              {.name = "causal", .kind = ParamInfo::Kind::Boolean, .min = 0, .max = 1},
              {.name = "returnWeights", .kind = ParamInfo::Kind::Boolean, .min = 0, .max = 1},
              {.name = "window", .kind = ParamInfo::Kind::Integer, .fallback = kNotGiven, .min = 1, .max = 0x7FFFFFFF},
              precisionParam(),
              dtypeParam()},
             {"output", "weights"}}) {}

  Cost check(Call& call) const override {
    for (size_t i : {kQuery, kKey, kValue}) requireRank(*this, call, i, 3);
    if (isPacked(call)) return checkPacked(call);
    for (size_t i : {kKeyOffsets, kBias})
      if (call.inputs[i].present)
        refuse(*this, std::string("'") + info.inputs[i].name + "' goes with 'offsets', which is missing",
               inputPath(*this, kOffsets));
    if (windowOf(call)) refuse(*this, "'window' goes with 'offsets', which is missing", "params.window");
    const Shape &q = call.shape(0), &k = call.shape(1), &v = call.shape(2);
    uint64_t h = q[0], s = q[1], t = k[1], d = q[2], e = v[2];
    if (k[0] != h || v[0] != h || k[2] != d || v[1] != t)
      refuse(*this, "'query' [h, s, d] " + q.text() + ", 'key' [h, t, d] " + k.text() + " and 'value' [h, t, e] " +
                        v.text() + " don't fit each other");
    if (d == 0) refuse(*this, "'query' and 'key' have no columns: " + q.text());
    if (e == 0 && call.flag(kReturnWeights)) refuse(*this, "'value' has no columns: " + v.text(), "inputs.value");
    if (call.inputs[kMask].present && !(call.shape(kMask) == Shape{s, t}))
      refuse(*this,
             "the shape of 'mask' is " + call.shape(kMask).text() + ", but must be [s, t] = " + Shape{s, t}.text(),
             "inputs.mask");
    for (uint64_t extent : {h, s, t, d, e}) checkedUint(*this, extent, "a size");
    if (std::isnan(call.params[kScale])) call.params[kScale] = 1 / std::sqrt(static_cast<double>(d));
    DType dtype = outputDType(*this, call);
    call.outputs[0].spec = {dtype, Shape{h, s, e}};
    call.outputs[1].spec = {dtype, Shape{h, s, t}};
    call.outputCount = call.flag(kReturnWeights) ? 2 : 1;
    double scores = static_cast<double>(elementCount({h, s, t}));
    return {scores * (2.0 * static_cast<double>(d + e) + 20), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    if (isPacked(call)) {
      const std::span<const int32_t> offsets = onHost<int32_t>(r, call.inputs[kOffsets]);
      std::span<const int32_t> keyOffsets = offsets;
      if (call.inputs[kKeyOffsets].present) keyOffsets = onHost<int32_t>(r, call.inputs[kKeyOffsets]);
      const auto isElsewhere = [](const Value& value) { return value.present && !value.host; };
      if (isElsewhere(call.inputs[kOffsets]) || isElsewhere(call.inputs[kKeyOffsets])) co_await r.sync();
      recordPacked(r, call, offsets, keyOffsets);
    } else if (call.outputCount == 1 && r.device().broadcasts && isBindable(r, call) &&
               (call.shape(kKey)[1] == 0 ||
                fusedLoopsFit(r.device(), call.shape(kKey)[1], call.shape(kQuery)[2], call.shape(kValue)[2]))) {
      recordHeads(r, call);
    } else {
      recordScores(r, call);
    }
    co_return;
  }

 private:
  Cost checkPacked(Call& call) const {
    const Shape &q = call.shape(kQuery), &k = call.shape(kKey), &v = call.shape(kValue);
    const uint64_t t = q[0], h = q[1], d = q[2], u = k[0], g = k[1], e = v[2];
    if (v[0] != u || v[1] != g || k[2] != d)
      refuse(*this, "'query' [t, h, d] " + q.text() + ", 'key' [u, g, d] " + k.text() + " and 'value' [u, g, e] " +
                        v.text() + " don't fit each other");
    if (g == 0 ? h != 0 : h % g != 0)
      refuse(*this,
             "the heads of 'query', " + std::to_string(h) + ", must be a multiple of those of 'key' and 'value', " +
                 std::to_string(g),
             "inputs.key");
    if (d == 0) refuse(*this, "'query' and 'key' have no columns: " + q.text());
    if (call.inputs[kMask].present)
      refuse(*this, "packed sequences take a 'bias' [h, s, s] in place of 'mask'", "inputs.mask");
    if (call.flag(kReturnWeights))
      refuse(*this, "there are no weights of packed sequences: leave 'returnWeights' or 'offsets' out",
             "params.returnWeights");
    if (!call.inputs[kKeyOffsets].present && u != t)
      refuse(*this,
             "'key' has " + std::to_string(u) + " rows and 'query' " + std::to_string(t) +
                 ": where they differ, 'keyOffsets' must say which keys belong to which sequence",
             inputPath(*this, kKeyOffsets));
    for (size_t i : {kOffsets, kKeyOffsets}) {
      if (!call.inputs[i].present) continue;
      requireRank(*this, call, i, 1);
      if (call.shape(i)[0] == 0 || call.shape(i)[0] != call.shape(kOffsets)[0])
        refuse(*this,
               std::string("'") + info.inputs[i].name + "' has " + std::to_string(call.shape(i)[0]) +
                   " elements, but must have one more than there are sequences, as many as 'offsets'",
               inputPath(*this, i));
    }
    if (call.inputs[kBias].present) {
      requireRank(*this, call, kBias, 3);
      const Shape& bias = call.shape(kBias);
      if (bias[0] != h || bias[1] != bias[2])
        refuse(*this, "the shape of 'bias' is " + bias.text() + ", but must be [h, s, s], h = " + std::to_string(h),
               "inputs.bias");
      checkedUint(*this, bias[1] * bias[2], "a head's bias");
    }
    for (uint64_t extent : {t, h, d, u, g, e, h * d, g * d, h * e, g * e}) checkedUint(*this, extent, "a size");
    if (std::isnan(call.params[kScale])) call.params[kScale] = 1 / std::sqrt(static_cast<double>(d));
    call.outputs[0].spec = {outputDType(*this, call), Shape{t, h, e}};
    call.outputCount = 1;
    // As if all sequences were as long as their mean: what they are is known where the job runs.
    const double sequences = std::max<double>(1, static_cast<double>(call.shape(kOffsets)[0]) - 1);
    const double scores = static_cast<double>(t * h) * static_cast<double>(u) / sequences;
    return {scores * (2.0 * static_cast<double>(d + e) + 20), bytesMoved(call)};
  }

  void recordPacked(Recorder& r, const Call& call, std::span<const int32_t> givenOffsets,
                    std::span<const int32_t> givenKeyOffsets) const {
    if (!r.device().broadcasts)
      throw Error(Code::Unsupported, "attention: packed sequences need subgroup broadcasts, which " + r.device().id +
                                         " has not: use another device");
    // What was checked is what is used, whoever writes to the caller's memory meanwhile.
    const std::vector<int32_t> offsets(givenOffsets.begin(), givenOffsets.end()),
        keyOffsets(givenKeyOffsets.begin(), givenKeyOffsets.end());
    const Shape &q = call.shape(kQuery), &k = call.shape(kKey), &v = call.shape(kValue);
    checkSequences(*this, offsets, q[0], kOffsets);
    checkSequences(*this, keyOffsets, k[0], call.inputs[kKeyOffsets].present ? kKeyOffsets : kOffsets);
    std::vector<AttentionSequence> sequences(offsets.size() - 1);
    uint64_t longest = 0, longestKeys = 0;
    for (size_t i = 0; i < sequences.size(); ++i) {
      const auto rows = static_cast<uint64_t>(offsets[i + 1] - offsets[i]),
                 keys = static_cast<uint64_t>(keyOffsets[i + 1] - keyOffsets[i]);
      // The queries are the last rows: of the keys, and of the bias where there are more queries than keys.
      const int64_t position = static_cast<int64_t>(keys) - static_cast<int64_t>(rows);
      sequences[i] = {static_cast<uint64_t>(offsets[i]),
                      rows,
                      static_cast<uint64_t>(keyOffsets[i]),
                      keys,
                      position,
                      static_cast<uint64_t>(std::max<int64_t>(position, 0))};
      longest = std::max({longest, rows, keys});
      if (rows) longestKeys = std::max(longestKeys, keys);
    }
    FusedAttention what;
    FusedAttentionParams& p = what.params;
    p.heads = static_cast<uint32_t>(q[1]), p.keyHeads = static_cast<uint32_t>(k[1]);
    p.d = static_cast<uint32_t>(q[2]), p.e = static_cast<uint32_t>(v[2]);
    p.scale = call.number(kScale);
    p.hides = (call.flag(kCausal) ? kHidesLater : 0) | (windowOf(call) ? kHidesOutside : 0);
    // No longer than the longest sequence, so that sums with it do not overflow.
    p.window = static_cast<uint32_t>(std::min<uint64_t>(windowOf(call), std::max<uint64_t>(longest, 1)));
    if (call.inputs[kBias].present) {
      const uint64_t s = call.shape(kBias)[1];
      if (s != longest)
        refuse(*this,
               "the shape of 'bias' is " + call.shape(kBias).text() +
                   ", but the longest sequence, s of [h, s, s], is " + std::to_string(longest),
               "inputs.bias");
      what.bias = r.elements(call.inputs[kBias]);
      r.requireBindable(call.inputs[kBias].spec.bytes(), "the bias");
      p.hasBias = longest > 0, p.biasRow = static_cast<uint32_t>(s), p.biasHead = static_cast<uint32_t>(s * s);
    }
    if (!fusedLoopsFit(r.device(), longestKeys, p.d, p.e))
      throw Error(Code::Unsupported, "attention: a sequence of " + std::to_string(longestKeys) +
                                         " keys is longer than the loops of " + r.device().id +
                                         " can be: use another device");
    recordTiles(r, call, what, sequences);
  }

  static void recordTiles(Recorder& r, const Call& call, FusedAttention& what,
                          std::span<const AttentionSequence> sequences) {
    const bool fast = call.flag(kPrecision);
    what.query = r.elements(call.inputs[kQuery]), what.key = r.elements(call.inputs[kKey]);
    what.value = r.elements(call.inputs[kValue]), what.output = r.target(call.outputs[0], what.params.e);
    if (fast && hasTensorCores(r.device())) what.params.hides |= kAttentionFast;
    const bool rounds = fast && wouldBeHalves(r.device(), what) && isWorthRounding(r, call, what, sequences);
    const auto round = [&](Elements& of, const Value& value) {
      const uint64_t elements = value.spec.elements();
      const Elements narrow{r.scratch((elements + 1) / 2 * 4), kFormatBfloat16};
      r.cast(of, narrow, elements);
      of = narrow;
    };
    if (rounds)
      round(what.query, call.inputs[kQuery]), round(what.key, call.inputs[kKey]),
          round(what.value, call.inputs[kValue]);
    recordFused(r, what, sequences);
    r.finish(call.outputs[0], what.output);
    if (rounds)
      for (const Elements& used : {what.query, what.key, what.value}) r.release(used.view);
  }

  // Whether float32 is worth being rounded to bfloat16: for tensor cores that take it (kernels/fused_attention.cu).
  static bool wouldBeHalves(const DeviceInfo& device, const FusedAttention& what) {
    const FusedAttentionParams& p = what.params;
    return hasTensorCores(device) && p.d % 2 == 0 && p.d <= kAttentionHalves && p.e <= kAttentionHalves &&
           (what.query.format | what.key.format | what.value.format) == kFormatFloat32;
  }

  // All of query, key and value is read and written once more for it, into memory of its own: not for a few queries to
  // each key, and not where that is much of the card's.
  static bool isWorthRounding(const Recorder& r, const Call& call, const FusedAttention& what,
                              std::span<const AttentionSequence> sequences) {
    constexpr uint64_t kShare = 16;
    uint64_t elements = 0;
    for (const size_t input : {kQuery, kKey, kValue}) elements += call.inputs[input].spec.elements();
    double keys = 0, met = 0;
    for (const AttentionSequence& s : sequences)
      keys += static_cast<double>(s.keys), met += static_cast<double>(s.keys) * static_cast<double>(s.rows);
    const uint32_t group = what.params.keyHeads ? what.params.heads / what.params.keyHeads : 0;
    return elements * 2 <= std::max(kScratchBudget, r.device().memory.totalBytes / kShare) &&
           met * group >= keys * kAttentionRows;
  }

  // Whether the device binds the keys and values of a head at once, from wherever it accepts.
  static bool isBindable(const Recorder& r, const Call& call) {
    const Shape &k = call.shape(kKey), &v = call.shape(kValue);
    const uint64_t row = 4 * std::max({k[2], v[2], uint64_t{1}});
    return std::max<uint64_t>(k[1], kAttentionRows) + r.device().viewAlignment <= r.device().maxViewBytes / row;
  }

  // The present form: each head is a sequence of one head.
  void recordHeads(Recorder& r, const Call& call) const {
    const Shape &q = call.shape(kQuery), &k = call.shape(kKey), &v = call.shape(kValue);
    const uint64_t h = q[0], s = q[1], t = k[1];
    FusedAttention what;
    FusedAttentionParams& p = what.params;
    p.heads = p.keyHeads = 1, p.d = static_cast<uint32_t>(q[2]), p.e = static_cast<uint32_t>(v[2]);
    p.scale = call.number(kScale), p.hides = call.flag(kCausal) ? kHidesLater : 0;
    if (call.inputs[kMask].present && t > 0) {
      what.bias = r.elements(call.inputs[kMask]);
      r.requireBindable(call.inputs[kMask].spec.bytes(), "the mask");
      p.hasBias = 1, p.biasRow = static_cast<uint32_t>(t);
    }
    std::vector<AttentionSequence> heads(h);
    // The queries are the last rows.
    const int64_t position = static_cast<int64_t>(t) - static_cast<int64_t>(s);
    for (uint64_t head = 0; head < h; ++head) heads[head] = {head * s, s, head * t, t, position, 0};
    recordTiles(r, call, what, heads);
  }

  // The scores of as many rows as the scratch budget allows, which become the weights where those are wanted.
  static void recordScores(Recorder& r, const Call& call) {
    const Shape &q = call.shape(kQuery), &k = call.shape(kKey), &v = call.shape(kValue);
    AttentionParams p{};
    p.h = static_cast<uint32_t>(q[0]), p.s = static_cast<uint32_t>(q[1]), p.t = static_cast<uint32_t>(k[1]);
    p.d = static_cast<uint32_t>(q[2]), p.e = static_cast<uint32_t>(v[2]);
    p.scale = call.number(kScale), p.causal = call.flag(kCausal), p.hasMask = call.inputs[kMask].present;
    const bool fast = call.flag(kPrecision);
    BufferView out = r.floatTarget(call.outputs[0]);
    BufferView weights = call.outputCount == 2 && p.t ? r.floatTarget(call.outputs[1]) : BufferView{};
    if (p.t == 0) {
      r.fill(out, 0);  // a sum over no keys
    } else {
      BufferView query = r.floats(call.inputs[kQuery]), key = r.floats(call.inputs[kKey]),
                 value = r.floats(call.inputs[kValue]);
      BufferView mask = p.hasMask ? r.floats(call.inputs[kMask]) : query;
      if (r.onCpu()) {
        uint64_t blocks = uint64_t{p.h} * ((p.s + kAttentionRows - 1) / kAttentionRows);
        r.launch(Kernel::attention, blocks, {query, key, value, mask, out, weights}, p);
      } else {
        recordInPieces(r, p, fast, query, key, value, mask, out, weights);
      }
      if (weights) r.finishTarget(call.outputs[1], weights);
    }
    r.finishTarget(call.outputs[0], out);
  }

  // Several whole heads at once while their scores fit the budget, else one head in pieces of rows.
  static void recordInPieces(Recorder& r, const AttentionParams& p, bool fast, BufferView q, BufferView k, BufferView v,
                             BufferView mask, BufferView out, BufferView weights) {
    uint64_t headScores = uint64_t{p.s} * p.t * 4;
    uint64_t budget = std::min(kScratchBudget, r.device().maxViewBytes);
    if (p.hasMask) r.requireBindable(headScores, "the mask");
    if (headScores <= budget) {
      uint64_t s = p.s, t = p.t, d = p.d, e = p.e;
      r.forRowPieces(
          p.h, {s * d * 4, t * d * 4, t * e * 4, s * e * 4, s * t * 4},
          [&](uint64_t head, uint32_t heads) {
            BufferView scores =
                weights ? weights.slice(head * headScores, heads * headScores) : r.scratch(heads * headScores);
            recordRows(r, p, fast, heads, 0, p.s, q.slice(head * s * d * 4, heads * s * d * 4),
                       k.slice(head * t * d * 4, heads * t * d * 4), v.slice(head * t * e * 4, heads * t * e * 4), mask,
                       scores, out.slice(head * s * e * 4, heads * s * e * 4));
            if (!weights) r.release(scores);
          },
          std::max<uint64_t>(1, budget / headScores));
      return;
    }
    for (uint64_t head = 0; head < p.h; ++head) recordHead(r, p, fast, head, q, k, v, mask, out, weights);
  }

  // A head too large to keep its scores: rows in pieces, through scratch where an offset isn't one the device accepts.
  static void recordHead(Recorder& r, const AttentionParams& p, bool fast, uint64_t head, BufferView q, BufferView k,
                         BufferView v, BufferView mask, BufferView out, BufferView weights) {
    uint64_t s = p.s, t = p.t, d = p.d, e = p.e;
    BufferView ownK = k.slice(head * t * d * 4, t * d * 4), ownV = v.slice(head * t * e * 4, t * e * 4);
    BufferView headK = r.aligned(ownK), headV = r.aligned(ownV);
    r.requireBindable(t * 4, "a row of scores");
    uint64_t rows = std::max<uint64_t>(1, std::min(kScratchBudget, r.device().maxViewBytes) / (t * 4));
    if (rows > 64) rows = rows / 64 * 64;
    for (uint64_t row = 0; row < s; row += rows) {
      uint32_t count = static_cast<uint32_t>(std::min(rows, s - row));
      BufferView own = q.slice((head * s + row) * d * 4, count * d * 4), piece = r.aligned(own);
      BufferView scores = r.scratch(count * t * 4), result = r.scratch(count * e * 4);
      recordRows(r, p, fast, 1, static_cast<uint32_t>(row), count, piece, headK, headV, mask, scores, result);
      r.copy(out.slice((head * s + row) * e * 4, count * e * 4), result);
      if (weights) r.copy(weights.slice((head * s + row) * t * 4, count * t * 4), scores);
      r.releaseAligned(piece, own);
      for (BufferView used : {scores, result}) r.release(used);
    }
    r.releaseAligned(headK, ownK);
    r.releaseAligned(headV, ownV);
  }

  static void recordRows(Recorder& r, const AttentionParams& p, bool fast, uint32_t heads, uint32_t firstRow,
                         uint32_t rows, BufferView q, BufferView k, BufferView v, BufferView mask, BufferView scores,
                         BufferView out) {
    Matmul product;
    product.a = q, product.b = k, product.out = scores, product.m = rows, product.n = p.t, product.k = p.d;
    product.lda = p.d, product.ldb = p.d, product.ldOut = p.t, product.transposeB = true, product.alpha = p.scale;
    product.batch = heads, product.strideA = uint64_t{rows} * p.d, product.strideB = uint64_t{p.t} * p.d,
    product.strideOut = uint64_t{rows} * p.t, product.fast = fast;
    r.matmul(product);
    uint32_t all = heads * rows;
    r.launch(Kernel::masked_softmax, all, {p.hasMask ? mask : q.slice(0, 4), scores},
             MaskedSoftmaxParams{all, p.t, p.s, firstRow, p.causal, p.hasMask});
    Matmul sum;
    sum.a = scores, sum.b = v, sum.out = out, sum.m = rows, sum.n = p.e, sum.k = p.t;
    sum.lda = p.t, sum.ldb = p.e, sum.ldOut = p.e, sum.batch = heads;
    sum.strideA = uint64_t{rows} * p.t, sum.strideB = uint64_t{p.t} * p.e, sum.strideOut = uint64_t{rows} * p.e,
    sum.fast = fast;
    r.matmul(sum);
  }
};

}  // namespace

const Workload& attentionWorkload() {
  static const Attention w;
  return w;
}

}  // namespace switchyard
