// quantize and dequantize: symmetric codes of 8 or 4 bits with one scale a row.
#include "workloads/common.h"

namespace switchyard {
namespace {

uint64_t roundedToWord(uint64_t bytes) { return (bytes + 3) / 4 * 4; }

ParamInfo bitsParam() { return {.name = "bits", .kind = ParamInfo::Kind::Integer, .fallback = 8, .min = 4, .max = 8}; }

class Quantize final : public Workload {
 public:
  Quantize()
      : Workload(
            {"quantize", WorkKind::Vector, JoinRule{Join::Rows}, {{"input"}}, {bitsParam()}, {"output", "scales"}}) {}

  Cost check(Call& call) const override {
    requireRank(*this, call, 0, 2);
    uint32_t bits = call.integer(0);
    if (bits != 8 && bits != 4)
      refuse(*this, "parameter 'bits' is " + std::to_string(bits) + ", but must be 8 or 4", "params.bits");
    uint64_t n = call.shape(0)[0], d = call.shape(0)[1];
    checkedUint(*this, d, "the length of a row");
    call.outputCount = 2;
    call.outputs[0].spec =
        bits == 8 ? TensorSpec{DType::Int8, Shape{n, d}} : TensorSpec{DType::Uint8, Shape{n, (d + 1) / 2}};
    call.outputs[1].spec = {DType::Float32, Shape{n}};
    return {4.0 * static_cast<double>(call.inputs[0].spec.elements()), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    uint64_t n = call.shape(0)[0], d = call.shape(0)[1], rowBytes = call.outputs[0].spec.shape[1];
    BufferView codes = call.outputs[0].view, scales = call.outputs[1].view;
    if (d == 0) {
      r.fill(scales, 0);
      co_return;
    }
    BufferView input = r.floats(call.inputs[0]);
    r.forRowPieces(n, {d * 4, rowBytes, 4}, [&](uint64_t first, uint32_t rows) {
      QuantizeParams p{rows, static_cast<uint32_t>(d), call.integer(0), static_cast<uint32_t>(rowBytes)};
      BufferView in = input.slice(first * d * 4, rows * d * 4), scale = scales.slice(first * 4, uint64_t{rows} * 4);
      uint64_t bytes = rows * rowBytes;
      if (r.onCpu()) {
        r.launch(Kernel::quantize, rows, {in, codes.slice(first * rowBytes, bytes), scale}, p);
        return;
      }
      r.launch(Kernel::quantize_scales, rows, {in, scale}, p);
      r.launch(Kernel::quantize_pack, roundedToWord(bytes) / 4,
               {in, scale, codes.slice(first * rowBytes, roundedToWord(bytes))}, p);
    });
  }
};

class Dequantize final : public Workload {
 public:
  Dequantize()
      : Workload({"dequantize",
                  WorkKind::Vector,
                  kNotJoined,
                  {{"input", dtypeBit(DType::Int8) | dtypeBit(DType::Uint8)}, {"scales"}},
                  {bitsParam(),
                   {.name = "columns",
                    .kind = ParamInfo::Kind::Integer,
                    .fallback = kNotGiven,
                    .min = 0,
                    .max = 2147483647}},
                  {"output"}}) {}

  Cost check(Call& call) const override {
    requireRank(*this, call, 0, 2);
    uint32_t bits = call.integer(0);
    if (bits != 8 && bits != 4)
      refuse(*this, "parameter 'bits' is " + std::to_string(bits) + ", but must be 8 or 4", "params.bits");
    DType wanted = bits == 8 ? DType::Int8 : DType::Uint8;
    if (call.inputs[0].spec.dtype != wanted)
      refuse(*this,
             std::string("input 'input' is ") + dtypeName(call.inputs[0].spec.dtype) +
                 ", but with bits = " + std::to_string(bits) + " must be " + dtypeName(wanted),
             "inputs.input");
    uint64_t n = call.shape(0)[0], rowBytes = call.shape(0)[1];
    checkedUint(*this, rowBytes * 2, "the length of a row");
    if (!(call.shape(1) == Shape{n}))
      refuse(*this,
             "the shape of 'scales' is " + call.shape(1).text() + ", but must be [" + std::to_string(n) +
                 "], one a row of 'input'",
             "inputs.scales");
    uint64_t most = bits == 8 ? rowBytes : rowBytes * 2;
    uint64_t columns = call.params[1] == call.params[1] ? call.integer(1) : most;
    if (bits == 8 ? columns != rowBytes : (columns + 1) / 2 != rowBytes)
      refuse(*this,
             "parameter 'columns' is " + std::to_string(columns) + ", which does not fit the " +
                 std::to_string(rowBytes) + " bytes of a row of 'input'",
             "params.columns");
    call.params[1] = static_cast<double>(columns);
    call.outputCount = 1;
    call.outputs[0].spec = {DType::Float32, Shape{n, columns}};
    return {2.0 * static_cast<double>(call.outputs[0].spec.elements()), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    uint64_t n = call.shape(0)[0], rowBytes = call.shape(0)[1], d = call.outputs[0].spec.shape[1];
    BufferView input = call.inputs[0].view, scales = r.floats(call.inputs[1]), out = call.outputs[0].view;
    r.forRowPieces(n, {rowBytes, 4, d * 4}, [&](uint64_t first, uint32_t rows) {
      r.launch(Kernel::dequantize, rows * d,
               {input.slice(first * rowBytes, rows * rowBytes), scales.slice(first * 4, uint64_t{rows} * 4),
                out.slice(first * d * 4, rows * d * 4)},
               QuantizeParams{rows, static_cast<uint32_t>(d), call.integer(0), static_cast<uint32_t>(rowBytes)});
    });
    co_return;
  }
};

}  // namespace

const Workload& quantizeWorkload() {
  static const Quantize w;
  return w;
}
const Workload& dequantizeWorkload() {
  static const Dequantize w;
  return w;
}

}  // namespace switchyard
