// add, subtract, multiply, divide, scale and activation: one element at a time.
#include "workloads/common.h"

namespace switchyard {
namespace {

class Binary final : public Workload {
 public:
  Binary(const char* name, uint32_t op)
      : Workload(
            {name, WorkKind::Vector, JoinRule{Join::Flat, Join::Flat}, {{"a"}, {"b"}}, {dtypeParam()}, {"output"}}),
        op_(op) {}

  Cost check(Call& call) const override {
    broadcastOf(call);
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), call.shape(0)};
    return {static_cast<double>(call.outputs[0].spec.elements()), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    const Elements a = r.elements(call.inputs[0]), b = r.elements(call.inputs[1]), out = r.elements(call.outputs[0]);
    uint32_t broadcast = broadcastOf(call);
    uint64_t elements = call.inputs[0].spec.elements();
    // Pieces are rows where b is a row, else single elements.
    uint64_t d = broadcast == kBroadcastRow ? call.shape(1)[0] : 1;
    const uint64_t bytesB = broadcast == kBroadcastNone ? b.bytes() : 0;
    r.forRowPieces(elements / d, {d * a.bytes(), bytesB, d * out.bytes()}, [&](uint64_t row, uint32_t rows) {
      const uint64_t first = row * d, count = rows * d;
      BufferView right = broadcast == kBroadcastNone ? b.slice(first, count) : b.view;
      r.launch(
          Kernel::binary, count, {a.slice(first, count), right, out.slice(first, count)},
          BinaryParams{static_cast<uint32_t>(count), op_, broadcast, static_cast<uint32_t>(d), formatsOf({a, b, out})});
    });
    co_return;
  }

 private:
  uint32_t broadcastOf(const Call& call) const {
    const Shape &a = call.shape(0), &b = call.shape(1);
    if (a == b) return kBroadcastNone;
    if (b.rank() <= 1 && elementCount(b) == 1) return kBroadcastScalar;
    if (b.rank() == 1 && a.rank() > 1 && a.back() == b[0]) return kBroadcastRow;
    refuse(*this,
           "the shape of 'b' is " + b.text() + ", but must be that of 'a', " + a.text() +
               (a.rank() > 1 ? ", a row [" + std::to_string(a.back()) + "]" : "") + " or a scalar [1]",
           "inputs.b");
  }
  const uint32_t op_;
};

// Same shape out as in, one kernel over all elements.
template <class P>
Task recordMap(Recorder& r, const Call& call, Kernel kernel, P params) {
  const Elements in = r.elements(call.inputs[0]), out = r.elements(call.outputs[0]);
  params.formats = formatsOf({in, out});
  r.forRowPieces(call.inputs[0].spec.elements(), {in.bytes(), out.bytes()}, [&](uint64_t first, uint32_t count) {
    params.count = count;
    r.launch(kernel, count, {in.slice(first, count), out.slice(first, count)}, params);
  });
  co_return;
}

class Scale final : public Workload {
 public:
  Scale()
      : Workload({"scale",
                  WorkKind::Vector,
                  JoinRule{Join::Flat},
                  {{"input"}},
                  {{.name = "factor", .fallback = 1}, {.name = "offset"}, dtypeParam()},
                  {"output"}}) {}
  Cost check(Call& call) const override {
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), call.shape(0)};
    return {static_cast<double>(call.inputs[0].spec.elements()), bytesMoved(call)};
  }
  Task record(Recorder& r, const Call& call) const override {
    return recordMap(r, call, Kernel::scale, ScaleParams{0, call.number(0), call.number(1), 0});
  }
};

class Activation final : public Workload {
 public:
  Activation()
      : Workload({"activation",
                  WorkKind::Vector,
                  JoinRule{Join::Flat},
                  {{"input"}},
                  {{.name = "kind",
                    .kind = ParamInfo::Kind::Choice,
                    .choices = {"relu", "gelu", "silu", "tanh", "sigmoid", "exp", "gelu-tanh"},
                    .min = 0,
                    .max = 6,
                    .required = true},
                   dtypeParam()},
                  {"output"}}) {}
  Cost check(Call& call) const override {
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), call.shape(0)};
    return {20.0 * static_cast<double>(call.inputs[0].spec.elements()), bytesMoved(call)};
  }
  Task record(Recorder& r, const Call& call) const override {
    return recordMap(r, call, Kernel::activation, ActivationParams{0, call.integer(0), 0});
  }
};

}  // namespace

void recordScaled(Recorder& r, Elements from, BufferView to, uint64_t elements, float factor) {
  r.forRowPieces(elements, {from.bytes(), 4}, [&](uint64_t first, uint32_t count) {
    r.launch(Kernel::scale, count, {from.slice(first, count), to.slice(first * 4, uint64_t{count} * 4)},
             ScaleParams{count, factor, 0, formatsOf({from, {to}})});
  });
}

const Workload& addWorkload() {
  static const Binary w("add", kBinaryAdd);
  return w;
}
const Workload& subtractWorkload() {
  static const Binary w("subtract", kBinarySubtract);
  return w;
}
const Workload& multiplyWorkload() {
  static const Binary w("multiply", kBinaryMultiply);
  return w;
}
const Workload& divideWorkload() {
  static const Binary w("divide", kBinaryDivide);
  return w;
}
const Workload& scaleWorkload() {
  static const Scale w;
  return w;
}
const Workload& activationWorkload() {
  static const Activation w;
  return w;
}

}  // namespace switchyard
