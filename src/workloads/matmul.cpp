// matmul: batched matrix products; batch axes of 1 or none are repeated.
#include <algorithm>

#include "workloads/common.h"

namespace switchyard {
namespace {

struct Sizes {
  uint64_t m, n, k;
  Shape batch;  // of the output
};

class MatmulWorkload final : public Workload {
 public:
  MatmulWorkload()
      : Workload({"matmul",
                  WorkKind::Matrix,
                  JoinRule{Join::Stack, Join::Stack},
                  {{"a"}, {"b"}},
                  {{.name = "transposeA", .kind = ParamInfo::Kind::Boolean, .min = 0, .max = 1},
                   {.name = "transposeB", .kind = ParamInfo::Kind::Boolean, .min = 0, .max = 1},
                   {.name = "alpha", .fallback = 1},
                   precisionParam(),
                   dtypeParam()},
                  {"output"},
                  {},
                  {{{Cut::Rows, Cut::Whole}},
                   {{Cut::First, Cut::First}},
                   {{Cut::First, Cut::Whole}},
                   {{Cut::Whole, Cut::First}}}}) {}

  bool splits(const Call& call, size_t way) const override {
    const Shape &a = call.shape(0), &b = call.shape(1);
    const std::vector<Cut>& cuts = info.splits[way].inputs;
    const bool cutsA = cuts[0] != Cut::Whole, cutsB = cuts[1] != Cut::Whole;
    // One matrix against many rows, whatever axes they stand in; else whole matrices, along the output's first axis.
    if (cuts[0] == Cut::Rows) return !call.flag(0) && elementCount(batchAxes(b)) == 1;
    const size_t rank = std::max(a.rank(), b.rank());
    auto has = [&](const Shape& shape) { return shape.rank() == rank && rank > 2 && shape[0] > 1; };
    return has(a) == cutsA && has(b) == cutsB;
  }

  Cost check(Call& call) const override {
    Sizes sizes = sizesOf(call);
    Shape out = sizes.batch;
    out.push(sizes.m);
    out.push(sizes.n);
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), out};
    return {2.0 * static_cast<double>(call.outputs[0].spec.elements()) * static_cast<double>(sizes.k),
            bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    Sizes sizes = sizesOf(call);
    Matmul op = baseOp(call, sizes);
    uint64_t batch = elementCount(sizes.batch), sizeA = sizes.m * sizes.k, sizeB = sizes.k * sizes.n,
             sizeOut = sizes.m * sizes.n;
    uint64_t batchA = elementCount(batchAxes(call.shape(0))), batchB = elementCount(batchAxes(call.shape(1)));
    bool uniform = (batchA == batch || batchA == 1) && (batchB == batch || batchB == 1);
    // One by one, GPUs bind copies of matrices that lie elsewhere: in whole words.
    const bool native = r.onCpu() || uniform || (sizeA | sizeB) % 2 == 0;
    const auto taken = [&](const Value& value) { return native ? r.elements(value) : Elements{r.floats(value)}; };
    const Elements a = taken(call.inputs[0]), b = taken(call.inputs[1]);
    const Elements out = native ? r.target(call.outputs[0], sizes.n) : Elements{r.floatTarget(call.outputs[0])};
    op.formatA = a.format, op.formatB = b.format, op.formatOut = out.format;
    if (sizes.k == 0 && !r.onCpu()) {
      r.fill(out.view, 0);
    } else if (uniform && batchB == 1 && !op.transposeA && batch * sizes.m <= 0x7FFFFFFF && batchA == batch) {
      op.a = a.view, op.b = b.view, op.out = out.view,
      op.m = static_cast<uint32_t>(batch * sizes.m);  // the batch is only more rows
      r.matmul(op);
    } else if (uniform) {
      op.a = a.view, op.b = b.view, op.out = out.view, op.batch = static_cast<uint32_t>(batch);
      op.strideA = batchA == 1 ? 0 : sizeA, op.strideB = batchB == 1 ? 0 : sizeB, op.strideOut = sizeOut;
      r.matmul(op);
    } else {
      for (uint64_t i = 0; i < batch; ++i) {
        BufferView left = a.slice(sourceIndex(i, sizes.batch, call.shape(0)) * sizeA, sizeA);
        BufferView right = b.slice(sourceIndex(i, sizes.batch, call.shape(1)) * sizeB, sizeB);
        BufferView target = out.slice(i * sizeOut, sizeOut);
        // The CPU takes what lies anywhere.
        const bool direct = r.onCpu() || target.offset % r.device().viewAlignment == 0;
        op.a = r.onCpu() ? left : r.aligned(left), op.b = r.onCpu() ? right : r.aligned(right);
        op.out = direct ? target : r.scratch(sizeOut * out.bytes());
        r.matmul(op);
        if (!direct) {
          r.copy(target, op.out);
          r.release(op.out);
        }
        r.releaseAligned(op.a, left);
        r.releaseAligned(op.b, right);
      }
    }
    r.finish(call.outputs[0], out);
    co_return;
  }

 private:
  static Shape batchAxes(const Shape& shape) { return shape.leading(shape.rank() - 2); }

  Sizes sizesOf(const Call& call) const {
    requireRankAtLeast(*this, call, 0, 2);
    requireRankAtLeast(*this, call, 1, 2);
    const Shape &a = call.shape(0), &b = call.shape(1);
    bool ta = call.flag(0), tb = call.flag(1);
    Sizes sizes{a.back(ta ? 0 : 1), b.back(tb ? 1 : 0), a.back(ta ? 1 : 0), {}};
    uint64_t inner = b.back(tb ? 0 : 1);
    if (sizes.k != inner)
      refuse(*this, "the inner sizes differ: 'a' " + a.text() + (ta ? " transposed" : "") + " has " +
                        std::to_string(sizes.k) + " columns, but 'b' " + b.text() + (tb ? " transposed" : "") +
                        " has " + std::to_string(inner) + " rows");
    for (uint64_t extent : {sizes.m, sizes.n, sizes.k}) checkedUint(*this, extent, "a size of a matrix");
    size_t axesA = a.rank() - 2, axesB = b.rank() - 2, axes = std::max(axesA, axesB);
    for (size_t i = 0; i < axes; ++i) {
      uint64_t extentA = i + axesA < axes ? 1 : a[i + axesA - axes],
               extentB = i + axesB < axes ? 1 : b[i + axesB - axes];
      if (extentA != extentB && extentA != 1 && extentB != 1)
        refuse(*this, "the batch axes of 'a' " + a.text() + " and 'b' " + b.text() +
                          " don't fit: each pair must be equal or hold a 1");
      sizes.batch.push(extentA == 1 ? extentB : extentA);
    }
    checkedUint(*this, elementCount(sizes.batch), "the number of products");
    return sizes;
  }

  static Matmul baseOp(const Call& call, const Sizes& sizes) {
    Matmul op;
    op.m = static_cast<uint32_t>(sizes.m), op.n = static_cast<uint32_t>(sizes.n), op.k = static_cast<uint32_t>(sizes.k);
    op.transposeA = call.flag(0), op.transposeB = call.flag(1);
    op.lda = op.transposeA ? op.m : op.k, op.ldb = op.transposeB ? op.k : op.n, op.ldOut = op.n;
    op.alpha = call.number(2), op.fast = call.flag(3);
    return op;
  }

  // Which matrix of an operand the i-th product reads: axes of 1 or none repeat.
  static uint64_t sourceIndex(uint64_t i, const Shape& batch, const Shape& operand) {
    uint64_t index = 0, stride = 1;
    size_t own = operand.rank() - 2;
    for (size_t axis = batch.rank(); axis-- > 0;) {
      uint64_t position = i % batch[axis];
      i /= batch[axis];
      if (axis + own < batch.rank()) break;
      uint64_t extent = operand[axis + own - batch.rank()];
      if (extent != 1) index += position * stride;
      stride *= extent;
    }
    return index;
  }
};

}  // namespace

const Workload& matmulWorkload() {
  static const MatmulWorkload w;
  return w;
}

}  // namespace switchyard
