// layer-norm and rms-norm: rows brought to one size, after another tensor was added to them.
#include "workloads/common.h"

namespace switchyard {
namespace {

// What both take: `input`, vectors that all rows share, and last `residual`.
class Norm : public Workload {
 public:
  using Workload::Workload;

  Cost check(Call& call) const override {
    requireRankAtLeast(*this, call, 0, 1);
    const uint64_t d = call.shape(0).back();
    checkedUint(*this, d, "the length of a row");
    const size_t residual = info.inputs.size() - 1;
    for (size_t i = 1; i < residual; ++i)
      if (call.inputs[i].present && !(call.shape(i) == Shape{d}))
        refuse(*this,
               std::string("the shape of '") + info.inputs[i].name + "' is " + call.shape(i).text() +
                   ", but must be [" + std::to_string(d) + "], the length of a row of 'input'",
               inputPath(*this, i));
    if (call.inputs[residual].present && !(call.shape(residual) == call.shape(0)))
      refuse(*this,
             "the shape of 'residual' is " + call.shape(residual).text() + ", but must be that of 'input', " +
                 call.shape(0).text(),
             inputPath(*this, residual));
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), call.shape(0)};
    return {8.0 * static_cast<double>(call.inputs[0].spec.elements()), bytesMoved(call)};
  }

 protected:
  // An absent one is bound to some valid view: `input` will do.
  static Elements orInput(Recorder& r, const Call& call, size_t input) {
    return r.elements(call.inputs[call.inputs[input].present ? input : 0]);
  }
};

class LayerNorm final : public Norm {
 public:
  LayerNorm()
      : Norm({"layer-norm",
              WorkKind::Vector,
              JoinRule{Join::Rows, Join::Same, Join::Same, Join::Rows},
              {{"input"},
               {.name = "gamma", .optional = true},
               {.name = "beta", .optional = true},
               {.name = "residual", .optional = true}},
              {{.name = "epsilon", .fallback = 1e-5, .min = 0}, dtypeParam()},
              {"output"}}) {}

  Task record(Recorder& r, const Call& call) const override {
    const uint64_t d = call.shape(0).back();
    const Elements in = r.elements(call.inputs[0]), out = r.target(call.outputs[0], d);
    const Elements gamma = orInput(r, call, 1), beta = orInput(r, call, 2), residual = orInput(r, call, 3);
    // As if of float32: a driver that cuts loops (vulkan/loops.h) would not end longer rows.
    r.forRowPieces(rowCount(call.shape(0)), {d * in.bytes(), d * residual.bytes(), d * out.bytes(), d * 4},
                   [&](uint64_t first, uint32_t rows) {
                     const uint64_t from = first * d, count = rows * d;
                     r.launch(Kernel::layer_norm, rows,
                              {in.slice(from, count), gamma.slice(0, d), beta.slice(0, d), residual.slice(from, count),
                               out.slice(from, count)},
                              LayerNormParams{rows, static_cast<uint32_t>(d), call.number(0), call.inputs[1].present,
                                              call.inputs[2].present, call.inputs[3].present,
                                              formatsOf({in, gamma, beta, residual, out})});
                   });
    r.finish(call.outputs[0], out);
    co_return;
  }
};

class RmsNorm final : public Norm {
 public:
  RmsNorm()
      : Norm({"rms-norm",
              WorkKind::Vector,
              JoinRule{Join::Rows, Join::Same, Join::Rows},
              {{"input"}, {.name = "gamma", .optional = true}, {.name = "residual", .optional = true}},
              {{.name = "epsilon", .fallback = 1e-6, .min = 0}, dtypeParam()},
              {"output"}}) {}

  Task record(Recorder& r, const Call& call) const override {
    const uint64_t d = call.shape(0).back();
    const Elements in = r.elements(call.inputs[0]), out = r.target(call.outputs[0], d);
    const Elements gamma = orInput(r, call, 1), residual = orInput(r, call, 2);
    r.forRowPieces(
        rowCount(call.shape(0)), {d * in.bytes(), d * residual.bytes(), d * out.bytes(), d * 4},
        [&](uint64_t first, uint32_t rows) {
          const uint64_t from = first * d, count = rows * d;
          r.launch(Kernel::rms_norm, rows,
                   {in.slice(from, count), gamma.slice(0, d), residual.slice(from, count), out.slice(from, count)},
                   RmsNormParams{rows, static_cast<uint32_t>(d), call.number(0), call.inputs[1].present,
                                 call.inputs[2].present, formatsOf({in, gamma, residual, out})});
        });
    r.finish(call.outputs[0], out);
    co_return;
  }
};

}  // namespace

const Workload& layerNormWorkload() {
  static const LayerNorm w;
  return w;
}
const Workload& rmsNormWorkload() {
  static const RmsNorm w;
  return w;
}

}  // namespace switchyard
