// reshape: the same elements in the same order, with another shape. Between nodes of a graph it is another view of the
// same memory (WorkloadInfo::isView).
#include <array>
#include <cmath>

#include "workloads/common.h"

namespace switchyard {
namespace {

class Reshape final : public Workload {
 public:
  Reshape()
      : Workload(
            {.name = "reshape",
             .kind = WorkKind::Vector,
             .join = kNotJoined,
             .inputs = {{"input", (1u << kDTypeCount) - 1}},
             .params = {{.name = "shape", .kind = ParamInfo::Kind::List, .min = -1, .max = 0x1p53, .required = true}},
             .outputs = {"output"},
             .isView = true}) {}

  Cost check(Call& call) const override {
    const TensorSpec& in = call.inputs[0].spec;
    call.outputCount = 1;
    call.outputs[0].spec = {in.dtype, shapeOf(call, in)};
    if (call.outputs[0].spec.elements() != in.elements())
      refuse(*this,
             "the shape " + call.outputs[0].spec.shape.text() + " has " +
                 std::to_string(call.outputs[0].spec.elements()) + " elements, but 'input' " + in.shape.text() +
                 " has " + std::to_string(in.elements()),
             "params.shape");
    return {0, bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    recordMove(r, call.inputs[0], call.outputs[0]);
    co_return;
  }

 private:
  // As it is said, -1 for what is left.
  Shape shapeOf(const Call& call, const TensorSpec& in) const {
    std::array<uint64_t, Shape::kMaxRank> sizes{};
    size_t rank = 0, left = Shape::kMaxRank;
    uint64_t others = 1;
    for (; rank < Shape::kMaxRank && !std::isnan(call.params[rank]); ++rank) {
      if (call.params[rank] >= 0) {
        sizes[rank] = static_cast<uint64_t>(call.params[rank]);
        if (__builtin_mul_overflow(others, sizes[rank], &others))
          refuse(*this, "the shape has more elements than can be counted", "params.shape");
        continue;
      }
      if (left != Shape::kMaxRank)
        refuse(*this, "the shape has -1 twice, but what is left can be worked out for one axis only", "params.shape");
      left = rank;
    }
    if (left != Shape::kMaxRank) {
      if (others == 0 || in.elements() % others)
        refuse(*this,
               "'input' " + in.shape.text() + " has " + std::to_string(in.elements()) +
                   " elements, which the other axes of the shape, " + std::to_string(others) +
                   " together, don't divide",
               "params.shape");
      sizes[left] = in.elements() / others;
    }
    Shape shape;
    for (size_t axis = 0; axis < rank; ++axis) shape.push(sizes[axis]);
    return shape;
  }
};

}  // namespace

const Workload& reshapeWorkload() {
  static const Reshape w;
  return w;
}

}  // namespace switchyard
