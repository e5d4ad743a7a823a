// linear: activation(input weight^T + bias) + residual, the layer that models are made of. Weights are floating, or
// codes of 8 or 4 bits with scales.
#include "workloads/common.h"

namespace switchyard {
namespace {

constexpr uint32_t kActivations[] = {kActivationNone,     kActivationRelu, kActivationGelu,
                                     kActivationGeluTanh, kActivationSilu, kActivationTanh};

constexpr uint64_t kMaxGroup = 131072;  // products of codes whose sum fits an int32

struct Sizes {
  uint64_t rows, k, outputs;
  uint32_t bits = 0;   // of a code; 0: the weight is floating
  uint64_t group = 0;  // columns that share a scale; 0: all of a row
};

class Linear final : public Workload {
 public:
  enum Inputs : size_t { kInput, kWeight, kScales, kBias, kResidual };
  enum Params : size_t { kActivation, kBits, kActivationsAs, kPrecision };

  Linear()
      : Workload({"linear",
                  WorkKind::Matrix,
                  kNotJoined,
                  {{"input"},
                   {"weight", kFloating | dtypeBit(DType::Int8) | dtypeBit(DType::Uint8)},
                   {.name = "scales", .optional = true},
                   {.name = "bias", .optional = true},
                   {.name = "residual", .optional = true}},
                  {choice("activation", {"none", "relu", "gelu", "gelu-tanh", "silu", "tanh"}),
                   {.name = "bits", .kind = ParamInfo::Kind::Integer, .fallback = 8, .min = 4, .max = 8},
                   choice("activations", {"float", "int8"}),
                   precisionParam(),
                   dtypeParam()},
                  {"output"},
                  {},
                  {{{Cut::Rows, Cut::Whole, Cut::Whole, Cut::Whole, Cut::Rows}},
                   {{Cut::Rows, Cut::Whole, Cut::Whole, Cut::Whole, Cut::Whole}}}}) {}

  bool splits(const Call& call, size_t way) const override {
    return call.inputs[kResidual].present == (info.splits[way].inputs[kResidual] == Cut::Rows);
  }

  Cost check(Call& call) const override {
    const Sizes sizes = sizesOf(call);
    checkEpilogue(call, sizes);
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), outputShape(call, sizes)};
    const double products = static_cast<double>(call.outputs[0].spec.elements()) * static_cast<double>(sizes.k);
    return {2 * products, bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    const Sizes sizes = sizesOf(call);
    if (!sizes.rows || !sizes.outputs) co_return;
    Matmul op = productOf(call, sizes);
    const auto take = [&](size_t input, BufferView& view, uint32_t& format) {
      if (!call.inputs[input].present) return;
      const Elements elements = r.elements(call.inputs[input]);
      view = elements.view, format = elements.format;
    };
    take(kInput, op.a, op.formatA);
    take(kBias, op.bias, op.formatBias);
    take(kResidual, op.residual, op.formatResidual);
    if (sizes.bits)
      op.b = call.inputs[kWeight].view, op.scales = r.floats(call.inputs[kScales]);
    else
      take(kWeight, op.b, op.formatB);
    const Elements out = r.target(call.outputs[0], sizes.outputs);
    op.out = out.view, op.formatOut = out.format;
    r.matmul(op);
    r.finish(call.outputs[0], out);
  }

 private:
  static ParamInfo choice(const char* name, std::vector<const char*> choices) {
    const double last = static_cast<double>(choices.size()) - 1;
    return {.name = name, .kind = ParamInfo::Kind::Choice, .choices = std::move(choices), .min = 0, .max = last};
  }

  static Shape outputShape(const Call& call, const Sizes& sizes) {
    const Shape& input = call.shape(kInput);
    Shape shape = input.leading(input.rank() - 1);
    shape.push(sizes.outputs);
    return shape;
  }

  Sizes sizesOf(const Call& call) const {
    requireRankAtLeast(*this, call, kInput, 1);
    requireRank(*this, call, kWeight, 2);
    Sizes sizes{rowCount(call.shape(kInput)), call.shape(kInput).back(), call.shape(kWeight)[0]};
    for (uint64_t extent : {sizes.rows, sizes.k, sizes.outputs}) checkedUint(*this, extent, "a size of a matrix");
    const DType dtype = call.inputs[kWeight].spec.dtype;
    const bool isInteger = !(dtypeBit(dtype) & kFloating);
    if (isInteger) checkCodes(call, sizes);
    const uint64_t columns = call.shape(kWeight)[1], wanted = sizes.bits == 4 ? (sizes.k + 1) / 2 : sizes.k;
    if (columns != wanted)
      refuse(*this,
             "the shape of 'weight' is " + call.shape(kWeight).text() + ", but must be [m, " + std::to_string(wanted) +
                 "]: a row of 'input' " + call.shape(kInput).text() + " has " + std::to_string(sizes.k) + " elements" +
                 (sizes.bits == 4 ? ", of which a byte holds two" : ""),
             "inputs.weight");
    if (isInteger)
      sizes.group = checkedGroup(call, sizes);
    else if (call.integer(kBits) != 8)
      refuse(*this,
             "parameter 'bits' is " + std::to_string(call.integer(kBits)) + ", which is of codes, but 'weight' is " +
                 dtypeName(dtype),
             "params.bits");
    else if (call.inputs[kScales].present)
      refuse(*this, std::string("'scales' belong to a weight of int8 or uint8, but 'weight' is ") + dtypeName(dtype),
             "inputs.scales");
    else if (call.flag(kActivationsAs))
      refuse(*this,
             std::string("parameter 'activations' is int8, which takes a weight of int8 or uint8, but 'weight' is ") +
                 dtypeName(dtype),
             "params.activations");
    return sizes;
  }

  void checkCodes(const Call& call, Sizes& sizes) const {
    const DType dtype = call.inputs[kWeight].spec.dtype;
    sizes.bits = call.integer(kBits);
    if (sizes.bits != 8 && sizes.bits != 4)
      refuse(*this, "parameter 'bits' is " + std::to_string(sizes.bits) + ", but must be 8 or 4", "params.bits");
    const DType wanted = sizes.bits == 8 ? DType::Int8 : DType::Uint8;
    if (dtype != wanted)
      refuse(*this,
             std::string("input 'weight' is ") + dtypeName(dtype) + ", but with bits = " + std::to_string(sizes.bits) +
                 " must be " + dtypeName(wanted),
             "inputs.weight");
    if (!call.inputs[kScales].present)
      refuse(*this, std::string("input 'scales' is missing, which a weight of ") + dtypeName(dtype) + " needs",
             "inputs.scales");
  }

  // How many columns share a scale, by the shape of the scales; 0: all.
  uint64_t checkedGroup(const Call& call, const Sizes& sizes) const {
    const Shape& scales = call.shape(kScales);
    const auto wrong = [&](const std::string& why) {
      refuse(*this, "the shape of 'scales' is " + scales.text() + why, "inputs.scales");
    };
    const std::string m = std::to_string(sizes.outputs);
    if (scales.rank() < 1 || scales.rank() > 2 || scales[0] != sizes.outputs)
      wrong(", but must be [" + m + "], one a row of 'weight', or [" + m + ", groups]");
    if (scales.rank() == 1) return 0;
    if (scales[1] == 0) wrong(": a row of 'weight' has at least one group");
    if (sizes.k % scales[1] != 0)
      wrong(": its " + std::to_string(scales[1]) + " groups don't divide the " + std::to_string(sizes.k) +
            " columns of 'weight'");
    const uint64_t group = sizes.k / scales[1];
    if (group > kMaxGroup && call.flag(kActivationsAs))
      wrong(": groups of " + std::to_string(group) + " columns, but with activations = int8 at most " +
            std::to_string(kMaxGroup) + " can be added up");
    if (sizes.bits == 4 && group % 2 && scales[1] > 1)
      wrong(": groups of " + std::to_string(group) + " columns begin within a byte, where codes have 4 bits");
    return scales[1] == 1 ? 0 : group;
  }

  void checkEpilogue(const Call& call, const Sizes& sizes) const {
    if (call.inputs[kBias].present && !(call.shape(kBias) == Shape{sizes.outputs}))
      refuse(*this,
             "the shape of 'bias' is " + call.shape(kBias).text() + ", but must be [" + std::to_string(sizes.outputs) +
                 "], one a row of 'weight'",
             "inputs.bias");
    const Shape wanted = outputShape(call, sizes);
    if (call.inputs[kResidual].present && !(call.shape(kResidual) == wanted))
      refuse(*this,
             "the shape of 'residual' is " + call.shape(kResidual).text() + ", but must be that of the output, " +
                 wanted.text(),
             "inputs.residual");
  }

  static Matmul productOf(const Call& call, const Sizes& s) {
    Matmul op;
    op.m = static_cast<uint32_t>(s.rows), op.n = static_cast<uint32_t>(s.outputs), op.k = static_cast<uint32_t>(s.k);
    op.lda = op.ldb = op.k, op.ldOut = op.n, op.transposeB = true, op.fast = call.flag(kPrecision);
    op.bits = s.bits, op.group = static_cast<uint32_t>(s.group), op.integerA = call.flag(kActivationsAs);
    op.activation = kActivations[call.integer(kActivation)];
    return op;
  }
};

}  // namespace

const Workload& linearWorkload() {
  static const Linear w;
  return w;
}

}  // namespace switchyard
