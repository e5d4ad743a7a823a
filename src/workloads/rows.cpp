// reduce, normalize and softmax: one row, the last axis, at a time.
#include <algorithm>

#include "workloads/common.h"
#include "workloads/long_rows.h"

namespace switchyard {
namespace {

class Reduce final : public Workload {
 public:
  Reduce()
      : Workload({"reduce",
                  WorkKind::Vector,
                  JoinRule{Join::Rows},
                  {{"input"}},
                  {{.name = "kind",
                    .kind = ParamInfo::Kind::Choice,
                    .choices = {"sum", "mean", "min", "max", "norm"},
                    .min = 0,
                    .max = 4,
                    .required = true},
                   dtypeParam()},
                  {"output"}}) {}

  Cost check(Call& call) const override {
    requireRankAtLeast(*this, call, 0, 1);
    uint32_t kind = call.integer(0);
    const Shape& in = call.shape(0);
    checkedUint(*this, in.back(), "the length of a row");
    if (in.back() == 0 && kind != kReduceSum && kind != kReduceNorm)
      refuse(*this,
             std::string("the ") + info.params[0].choices[kind] +
                 " of a row without elements is not defined; the shape of 'input' is " + in.text(),
             "inputs.input");
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), in.leading(in.rank() - 1)};
    return {static_cast<double>(call.inputs[0].spec.elements()), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    uint64_t d = call.shape(0).back();
    // A row gives one; without elements it is filled with words.
    const Elements out = d ? r.target(call.outputs[0], 1) : Elements{r.floatTarget(call.outputs[0])};
    if (d == 0) {
      r.fill(out.view, 0);
    } else {
      recordReduce(r, r.elements(call.inputs[0]), out, rowCount(call.shape(0)), d, call.integer(0));
    }
    r.finish(call.outputs[0], out);
    co_return;
  }
};

class Normalize final : public Workload {
 public:
  Normalize()
      : Workload({"normalize",
                  WorkKind::Vector,
                  JoinRule{Join::Rows},
                  {{"input"}},
                  {{.name = "epsilon", .fallback = 1e-12, .min = 0}, dtypeParam()},
                  {"output"},
                  {},
                  {{{Cut::Rows}}}}) {}
  Cost check(Call& call) const override {
    requireRank(*this, call, 0, 2);
    checkedUint(*this, call.shape(0).back(), "the length of a row");
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), call.shape(0)};
    return {3.0 * static_cast<double>(call.inputs[0].spec.elements()), bytesMoved(call)};
  }
  Task record(Recorder& r, const Call& call) const override {
    const Elements in = r.elements(call.inputs[0]), out = r.target(call.outputs[0], call.shape(0).back());
    recordNormalize(r, in, out, rowCount(call.shape(0)), call.shape(0).back(), call.number(0));
    r.finish(call.outputs[0], out);
    co_return;
  }
};

class Softmax final : public Workload {
 public:
  Softmax()
      : Workload({"softmax",
                  WorkKind::Vector,
                  JoinRule{Join::Rows},
                  {{"input"}},
                  {{.name = "temperature", .fallback = 1, .min = 0, .aboveMin = true}, dtypeParam()},
                  {"output"}}) {}
  Cost check(Call& call) const override {
    requireRankAtLeast(*this, call, 0, 1);
    checkedUint(*this, call.shape(0).back(), "the length of a row");
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), call.shape(0)};
    return {20.0 * static_cast<double>(call.inputs[0].spec.elements()), bytesMoved(call)};
  }
  Task record(Recorder& r, const Call& call) const override {
    const Elements in = r.elements(call.inputs[0]), out = r.target(call.outputs[0], call.shape(0).back());
    const double temperature = call.params[0];
    // Differences of huge numbers over as huge a temperature: they are made where they do not overflow.
    const bool hot = temperature > 1e30;
    const uint64_t elements = call.inputs[0].spec.elements();
    const Elements from = hot ? Elements{r.scratch(elements * 4)} : in;
    if (hot) recordScaled(r, in, from.view, elements, 0x1p-64f);
    // Below 5e-39 a temperature is taken for that: its inverse must be a float32.
    const float inverse = static_cast<float>(std::min((hot ? 0x1p64 : 1) / temperature, 2e38));
    recordSoftmax(r, from, out, rowCount(call.shape(0)), call.shape(0).back(), inverse);
    if (hot) r.release(from.view);
    r.finish(call.outputs[0], out);
    co_return;
  }
};

}  // namespace

const Workload& reduceWorkload() {
  static const Reduce w;
  return w;
}
const Workload& normalizeWorkload() {
  static const Normalize w;
  return w;
}
const Workload& softmaxWorkload() {
  static const Softmax w;
  return w;
}

}  // namespace switchyard
