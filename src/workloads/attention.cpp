// attention: softmax(scale * Q K^T + mask) V, a head at a time. Fused on the CPU; on a GPU the scores of as many rows
// as the scratch budget allows are kept between two matrix products.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "workloads/common.h"

namespace switchyard {
namespace {

class Attention final : public Workload {
 public:
  Attention()
      : Workload({"attention",
                  WorkKind::Attention,
                  JoinRule{Join::Leading, Join::Leading, Join::Leading, Join::Same},
                  {{"query"}, {"key"}, {"value"}, {.name = "mask", .optional = true}},
                  {{.name = "scale", .fallback = kNotGiven},
                   {.name = "causal", .kind = ParamInfo::Kind::Boolean, .min = 0, .max = 1},
                   {.name = "returnWeights", .kind = ParamInfo::Kind::Boolean, .min = 0, .max = 1}},
                  {"output", "weights"}}) {}

  Cost check(Call& call) const override {
    for (size_t i = 0; i < 3; ++i) requireRank(*this, call, i, 3);
    const Shape &q = call.shape(0), &k = call.shape(1), &v = call.shape(2);
    uint64_t h = q[0], s = q[1], t = k[1], d = q[2], e = v[2];
    if (k[0] != h || v[0] != h || k[2] != d || v[1] != t)
      refuse(*this, "'query' [h, s, d] " + q.text() + ", 'key' [h, t, d] " + k.text() + " and 'value' [h, t, e] " +
                        v.text() + " don't fit each other");
    if (d == 0) refuse(*this, "'query' and 'key' have no columns: " + q.text());
    if (e == 0 && call.flag(2)) refuse(*this, "'value' has no columns: " + v.text(), "inputs.value");
    if (call.inputs[3].present && !(call.shape(3) == Shape{s, t}))
      refuse(*this, "the shape of 'mask' is " + call.shape(3).text() + ", but must be [s, t] = " + Shape{s, t}.text(),
             "inputs.mask");
    for (uint64_t extent : {h, s, t, d, e}) checkedUint(*this, extent, "a size");
    if (std::isnan(call.params[0])) call.params[0] = 1 / std::sqrt(static_cast<double>(d));
    DType dtype = floatResult(*this, call);
    call.outputs[0].spec = {dtype, Shape{h, s, e}};
    call.outputs[1].spec = {dtype, Shape{h, s, t}};
    call.outputCount = call.flag(2) ? 2 : 1;
    double scores = static_cast<double>(elementCount({h, s, t}));
    return {scores * (2.0 * static_cast<double>(d + e) + 20), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    const Shape &q = call.shape(0), &k = call.shape(1), &v = call.shape(2);
    AttentionParams p{};
    p.h = static_cast<uint32_t>(q[0]), p.s = static_cast<uint32_t>(q[1]), p.t = static_cast<uint32_t>(k[1]);
    p.d = static_cast<uint32_t>(q[2]), p.e = static_cast<uint32_t>(v[2]);
    p.scale = call.number(0), p.causal = call.flag(1), p.hasMask = call.inputs[3].present,
    p.returnWeights = call.outputCount == 2;
    BufferView out = r.floatTarget(call.outputs[0]);
    BufferView weights = p.returnWeights && p.t ? r.floatTarget(call.outputs[1]) : BufferView{};
    if (p.t == 0) {
      r.fill(out, 0);  // a sum over no keys
    } else {
      BufferView query = r.floats(call.inputs[0]), key = r.floats(call.inputs[1]), value = r.floats(call.inputs[2]);
      BufferView mask = p.hasMask ? r.floats(call.inputs[3]) : query;
      if (r.onCpu()) {
        uint64_t blocks = uint64_t{p.h} * ((p.s + kAttentionRows - 1) / kAttentionRows);
        r.launch(Kernel::attention, blocks, {query, key, value, mask, out, weights ? weights : out}, p);
      } else {
        recordInPieces(r, p, query, key, value, mask, out, weights);
      }
      if (weights) r.finishTarget(call.outputs[1], weights);
    }
    r.finishTarget(call.outputs[0], out);
    co_return;
  }

 private:
  // Several whole heads at once while their scores fit the budget, else one head in pieces of rows.
  static void recordInPieces(Recorder& r, const AttentionParams& p, BufferView q, BufferView k, BufferView v,
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
            recordRows(r, p, heads, 0, p.s, q.slice(head * s * d * 4, heads * s * d * 4),
                       k.slice(head * t * d * 4, heads * t * d * 4), v.slice(head * t * e * 4, heads * t * e * 4), mask,
                       scores, out.slice(head * s * e * 4, heads * s * e * 4));
            if (!weights) r.release(scores);
          },
          std::max<uint64_t>(1, budget / headScores));
      return;
    }
    for (uint64_t head = 0; head < p.h; ++head) recordHead(r, p, head, q, k, v, mask, out, weights);
  }

  // A head too large to keep its scores: rows in pieces, through scratch where an offset isn't one the device accepts.
  static void recordHead(Recorder& r, const AttentionParams& p, uint64_t head, BufferView q, BufferView k, BufferView v,
                         BufferView mask, BufferView out, BufferView weights) {
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
      recordRows(r, p, 1, static_cast<uint32_t>(row), count, piece, headK, headV, mask, scores, result);
      r.copy(out.slice((head * s + row) * e * 4, count * e * 4), result);
      if (weights) r.copy(weights.slice((head * s + row) * t * 4, count * t * 4), scores);
      r.releaseAligned(piece, own);
      for (BufferView used : {scores, result}) r.release(used);
    }
    r.releaseAligned(headK, ownK);
    r.releaseAligned(headV, ownV);
  }

  static void recordRows(Recorder& r, const AttentionParams& p, uint32_t heads, uint32_t firstRow, uint32_t rows,
                         BufferView q, BufferView k, BufferView v, BufferView mask, BufferView scores, BufferView out) {
    Matmul product;
    product.a = q, product.b = k, product.out = scores, product.m = rows, product.n = p.t, product.k = p.d;
    product.lda = p.d, product.ldb = p.d, product.ldOut = p.t, product.transposeB = true, product.alpha = p.scale;
    product.batch = heads, product.strideA = uint64_t{rows} * p.d, product.strideB = uint64_t{p.t} * p.d,
    product.strideOut = uint64_t{rows} * p.t;
    r.matmul(product);
    uint32_t all = heads * rows;
    r.launch(Kernel::masked_softmax, all, {p.hasMask ? mask : q.slice(0, 4), scores},
             MaskedSoftmaxParams{all, p.t, p.s, firstRow, p.causal, p.hasMask});
    Matmul sum;
    sum.a = scores, sum.b = v, sum.out = out, sum.m = rows, sum.n = p.e, sum.k = p.t;
    sum.lda = p.t, sum.ldb = p.e, sum.ldOut = p.e, sum.batch = heads;
    sum.strideA = uint64_t{rows} * p.t, sum.strideB = uint64_t{p.t} * p.e, sum.strideOut = uint64_t{rows} * p.e;
    r.matmul(sum);
  }
};

}  // namespace

const Workload& attentionWorkload() {
  static const Attention w;
  return w;
}

}  // namespace switchyard
