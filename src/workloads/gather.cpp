// gather, rows of a table, and pool, one row for each sequence of rows.
#include <algorithm>

#include "workloads/common.h"
#include "workloads/graph_input.h"
#include "workloads/sequences.h"

namespace switchyard {
namespace {

class Gather final : public Workload {
 public:
  Gather()
      : Workload({"gather",
                  WorkKind::Vector,
                  kNotJoined,
                  {{"table", kFloating | dtypeBit(DType::Int8)},
                   {"indices", dtypeBit(DType::Int32)},
                   {.name = "scales", .optional = true}},
                  {dtypeParam()},
                  {"output"}}) {}

  Cost check(Call& call) const override {
    requireRank(*this, call, 0, 2);
    const uint64_t n = call.shape(0)[0], d = call.shape(0)[1];
    checkedUint(*this, n, "the number of rows");
    checkedUint(*this, d, "the length of a row");
    checkedUint(*this, call.inputs[1].spec.elements(), "the number of indices");
    if (call.shape(1).rank() == Shape::kMaxRank)
      refuse(*this,
             "'indices' has " + std::to_string(Shape::kMaxRank) +
                 " axes, but the output has one more, and a tensor at most as many",
             "inputs.indices");
    const bool coded = call.inputs[0].spec.dtype == DType::Int8;
    if (coded != call.inputs[2].present)
      refuse(*this,
             coded ? "input 'scales' is missing: 'table' is int8, and has one scale a row"
                   : std::string("input 'scales' is given, but 'table' is ") + dtypeName(call.inputs[0].spec.dtype) +
                         ": only an int8 one has scales",
             "inputs.scales");
    if (coded && !(call.shape(2) == Shape{n}))
      refuse(*this,
             "the shape of 'scales' is " + call.shape(2).text() + ", but must be [" + std::to_string(n) +
                 "], one a row of 'table'",
             "inputs.scales");
    Shape out = call.shape(1);
    out.push(d);
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), out};
    // Of the table only the rows that are read.
    const double moved = static_cast<double>(call.outputs[0].spec.elements());
    return {moved, moved * static_cast<double>(dtypeBytes(call.inputs[0].spec.dtype)) +
                       static_cast<double>(call.outputs[0].spec.bytes() + call.inputs[1].spec.bytes())};
  }

  Task record(Recorder& r, const Call& call) const override {
    const std::span<const int32_t> wanted = onHost<int32_t>(r, call.inputs[1]);
    if (!call.inputs[1].host) co_await r.sync();
    const uint32_t n = static_cast<uint32_t>(call.shape(0)[0]), d = static_cast<uint32_t>(call.shape(0)[1]);
    checkRows(wanted, n);
    const bool coded = call.inputs[2].present;
    const Elements table = r.elements(call.inputs[0]), out = r.elements(call.outputs[0]);
    const Elements scales = coded ? r.elements(call.inputs[2]) : table;  // some valid view
    r.requireBindable(call.inputs[0].spec.bytes(), "the table");
    const BufferView indices = call.inputs[1].view;
    r.forRowPieces(wanted.size(), {d * out.bytes(), 4, uint64_t{d} * 4}, [&](uint64_t first, uint32_t rows) {
      const uint64_t count = uint64_t{rows} * d;
      r.launch(Kernel::gather, count,
               {table.view, indices.slice(first * 4, uint64_t{rows} * 4), scales.view, out.slice(first * d, count)},
               GatherParams{static_cast<uint32_t>(count), d, n, coded, formatsOf({table, {}, scales, out})});
    });
  }

 private:
  void checkRows(std::span<const int32_t> indices, uint32_t n) const {
    uint32_t outside = 0;
    for (int32_t index : indices) outside |= static_cast<uint32_t>(index) >= n;
    if (!outside) return;
    const auto bad = std::ranges::find_if(indices, [&](int32_t index) { return static_cast<uint32_t>(index) >= n; });
    refuse(*this,
           "'indices' holds " + std::to_string(*bad) + " at index " + std::to_string(bad - indices.begin()) +
               ", but the rows of 'table' are 0 to " + std::to_string(int64_t{n} - 1),
           "inputs.indices");
  }
};

class Pool final : public Workload {
 public:
  Pool()
      : Workload({"pool",
                  WorkKind::Vector,
                  kNotJoined,
                  {{"input"}, {"offsets", dtypeBit(DType::Int32)}},
                  {{.name = "kind",
                    .kind = ParamInfo::Kind::Choice,
                    .choices = {"mean", "max", "first", "last"},
                    .min = 0,
                    .max = 3,
                    .required = true},
                   dtypeParam()},
                  {"output"}}) {}

  Cost check(Call& call) const override {
    requireRank(*this, call, 0, 2);
    requireRank(*this, call, 1, 1);
    if (call.shape(1)[0] == 0)
      refuse(*this, "'offsets' is empty, but has one element more than there are sequences", "inputs.offsets");
    const uint64_t d = call.shape(0)[1], n = call.shape(1)[0] - 1;
    checkedUint(*this, call.shape(0)[0], "the number of rows");
    checkedUint(*this, d, "the length of a row");
    checkedUint(*this, n * ((d + kPoolColumns - 1) / kPoolColumns), "the number of sequences");
    call.outputCount = 1;
    call.outputs[0].spec = {outputDType(*this, call), Shape{n, d}};
    return {static_cast<double>(call.inputs[0].spec.elements()), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    const std::span<const int32_t> offsets = onHost<int32_t>(r, call.inputs[1]);
    if (!call.inputs[1].host) co_await r.sync();
    checkSequences(*this, offsets, call.shape(0)[0], 1);
    const uint32_t n = static_cast<uint32_t>(offsets.size() - 1), d = static_cast<uint32_t>(call.shape(0)[1]);
    const bool empty = call.inputs[0].spec.elements() == 0;  // nothing but empty sequences: words are filled
    const Elements in = r.elements(call.inputs[0]);
    const Elements out = empty ? Elements{r.floatTarget(call.outputs[0])} : r.target(call.outputs[0], d);
    if (empty) {
      r.fill(out.view, 0);
    } else {
      r.requireBindable(call.inputs[0].spec.bytes(), "the rows that are pooled");
      r.requireBindable(uint64_t{n} * d * out.bytes(), "the pooled rows");
      r.launch(Kernel::pool, uint64_t{n} * ((d + kPoolColumns - 1) / kPoolColumns),
               {in.view, call.inputs[1].view, out.view}, PoolParams{n, d, call.integer(0), formatsOf({in, {}, out})});
    }
    r.finish(call.outputs[0], out);
  }
};

}  // namespace

const Workload& gatherWorkload() {
  static const Gather w;
  return w;
}
const Workload& poolWorkload() {
  static const Pool w;
  return w;
}

}  // namespace switchyard
