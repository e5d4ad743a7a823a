// rope: rotary position embedding.
#include <cmath>

#include "workloads/common.h"

namespace switchyard {
namespace {

class Rope final : public Workload {
 public:
  Rope()
      : Workload({"rope",
                  WorkKind::Vector,
                  kNotJoined,
                  {{"input"}, {"positions", dtypeBit(DType::Int32)}},
                  {{.name = "base", .fallback = 10000, .min = 1e-300},
                   {.name = "interleaved", .kind = ParamInfo::Kind::Boolean, .min = 0, .max = 1},
                   dtypeParam()},
                  {"output"}}) {}

  Cost check(Call& call) const override {
    requireRank(*this, call, 0, 3);
    const Shape& in = call.shape(0);
    if (in[2] % 2)
      refuse(*this, "the length of a head is " + std::to_string(in[2]) + ", but must be even: pairs are turned",
             "inputs.input");
    if (!(call.shape(1) == Shape{in[0]}))
      refuse(*this,
             "the shape of 'positions' is " + call.shape(1).text() + ", but must be [" + std::to_string(in[0]) +
                 "], one for each token of 'input'",
             "inputs.positions");
    checkedUint(*this, elementCount({in[1], in[2]}), "the length of a token");
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), in};
    return {6.0 * static_cast<double>(call.inputs[0].spec.elements()), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    const Shape& shape = call.shape(0);
    const uint32_t d = static_cast<uint32_t>(shape[2]), h = static_cast<uint32_t>(shape[1]);
    const std::span<uint64_t> turns = r.hostMemory<uint64_t>(d / 2);
    for (uint32_t i = 0; i < d / 2; ++i) turns[i] = turnOf(std::pow(call.params[0], -2.0 * i / d));
    const BufferView table = r.fresh(turns.size_bytes());
    r.upload(table, std::as_bytes(turns));
    const uint64_t row = uint64_t{h} * d;
    const Elements in = r.elements(call.inputs[0]), out = r.target(call.outputs[0], d);
    const uint32_t together = d % 4 ? 1 : 2;
    r.forRowPieces(shape[0], {row * in.bytes(), row * out.bytes(), 4, row * 4}, [&](uint64_t first, uint32_t tokens) {
      const uint64_t count = tokens * row;
      r.launch(Kernel::rope, count / 2 / together,
               {in.slice(first * row, count), call.inputs[1].view.slice(first * 4, uint64_t{tokens} * 4), table,
                out.slice(first * row, count)},
               RopeParams{tokens, d, h, call.integer(1), together, formatsOf({in, {}, {}, out})});
    });
    r.finish(call.outputs[0], out);
    co_return;
  }

 private:
  // What an angle of so many radians a position is of a whole turn, as a fraction of 64 bits.
  static uint64_t turnOf(double radians) {
    const long double whole = static_cast<long double>(radians) / (2 * 3.14159265358979323846264338327950288L);
    return static_cast<uint64_t>(std::ldexp(whole - std::floor(whole), 64));
  }
};

}  // namespace

const Workload& ropeWorkload() {
  static const Rope w;
  return w;
}

}  // namespace switchyard
