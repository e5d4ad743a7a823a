// similarity-search: the k best base vectors of each query. Fused on the CPU; on a GPU as search_on_device.h says.
//
// Of an int8 base a row is scales[row] * its codes, rounded to float32, and scores are those of the query as it is with
// that row, whatever a device makes of the query on its way. Rows that `mask` hides are not there: where fewer than k
// are left, the rest of a query's answer is index -1 and score NaN, behind scores of rows that are NaN. With `rescore`
// the best searchCandidates(k, n) rows are scored again by their rows in it, and the best k of those come out; it is
// float32, since `bound` is about exact scores. `bound` is what search_bound.h says; 0 where no row that may be found
// was left out.
#include <algorithm>

#include "search_bound.h"
#include "workloads/common.h"
#include "workloads/search_on_device.h"

namespace switchyard {
namespace {

class SimilaritySearch final : public Workload {
 public:
  enum Inputs : size_t { kQueries, kBase, kScales, kMask, kRescore };

  SimilaritySearch()
      : Workload({"similarity-search",
                  WorkKind::Search,
                  JoinRule{Join::Rows, Join::Same, Join::Same, Join::Same, Join::Same},
                  {{"queries"},
                   {"base", kFloating | dtypeBit(DType::Int8)},
                   {.name = "scales", .optional = true},
                   {.name = "mask", .dtypes = dtypeBit(DType::Uint8), .optional = true},
                   {.name = "rescore", .dtypes = dtypeBit(DType::Float32), .optional = true}},
                  {{.name = "k", .kind = ParamInfo::Kind::Integer, .min = 1, .max = 2147483647, .required = true},
                   {.name = "metric",
                    .kind = ParamInfo::Kind::Choice,
                    .choices = {"cosine", "dot", "l2"},
                    .min = 0,
                    .max = 2},
                   precisionParam()},
                  {"scores", "indices", "bound"},
                  {},
                  // Each device reads its rows of the base alone; queries are the better cut where they outweigh it.
                  {{{Cut::Whole, Cut::Rows, Cut::Whole, Cut::Whole, Cut::Whole}, Merge::Largest},
                   {{Cut::Whole, Cut::Rows, Cut::Whole, Cut::Whole, Cut::Whole}, Merge::Smallest},
                   {{Cut::Rows, Cut::Whole, Cut::Whole, Cut::Whole, Cut::Whole}}}}) {}

  // Bits of a mask begin within bytes, and the bounds of parts say nothing of rows that are left out when those are
  // merged: such a search is cut by its queries alone.
  bool splits(const Call& call, size_t way) const override {
    const Merge merge = info.splits[way].merge;
    if (merge == Merge::Rows) return true;
    if (call.inputs[kMask].present || call.inputs[kBase].spec.dtype != DType::Float32) return false;
    return (merge == Merge::Smallest) == (call.integer(1) == kMetricL2);
  }

  Cost check(Call& call) const override {
    requireRank(*this, call, kQueries, 2);
    requireRank(*this, call, kBase, 2);
    uint64_t q = call.shape(0)[0], d = call.shape(0)[1], n = call.shape(1)[0], k = call.integer(0);
    if (call.shape(1)[1] != d)
      refuse(*this, "'queries' " + call.shape(0).text() + " and 'base' " + call.shape(1).text() +
                        " must have rows of the same length");
    if (d == 0) refuse(*this, "the vectors have no columns: 'queries' is " + call.shape(0).text(), "inputs.queries");
    for (uint64_t extent : {q, d, n}) checkedUint(*this, extent, "a size");
    checkScales(call, n);
    checkMask(call, n);
    checkRescore(call);
    if (k > n)
      refuse(*this,
             "parameter 'k' is " + std::to_string(k) + ", but 'base' " + call.shape(1).text() + " has " +
                 std::to_string(n) + " rows",
             "params.k");
    call.outputs[0].spec = {DType::Float32, Shape{q, k}};
    call.outputs[1].spec = {DType::Int32, Shape{q, k}};
    call.outputs[2].spec = {DType::Float32, Shape{q}};
    call.outputCount = call.inputs[kBase].spec.dtype == DType::Float32 ? 2 : 3;
    return {2.0 * static_cast<double>(q) * static_cast<double>(call.inputs[1].spec.elements()), bytesOf(call, k, n)};
  }

  Task record(Recorder& r, const Call& call) const override {
    return r.onCpu() ? recordOnCpu(r, call) : recordSearchOnDevice(r, call);
  }

 private:
  void checkScales(const Call& call, uint64_t n) const {
    const bool coded = call.inputs[kBase].spec.dtype == DType::Int8;
    if (coded != call.inputs[kScales].present)
      refuse(*this,
             coded ? "input 'scales' is missing: 'base' is int8, and has one scale a row"
                   : std::string("input 'scales' is given, but 'base' is ") + dtypeName(call.inputs[kBase].spec.dtype) +
                         ": only an int8 one has scales",
             "inputs.scales");
    if (coded && !(call.shape(kScales) == Shape{n}))
      refuse(*this,
             "the shape of 'scales' is " + call.shape(kScales).text() + ", but must be [" + std::to_string(n) +
                 "], one a row of 'base'",
             "inputs.scales");
  }

  void checkMask(const Call& call, uint64_t n) const {
    const uint64_t bytes = (n + 7) / 8;
    if (call.inputs[kMask].present && !(call.shape(kMask) == Shape{bytes}))
      refuse(*this,
             "the shape of 'mask' is " + call.shape(kMask).text() + ", but must be [" + std::to_string(bytes) +
                 "], one bit for each of the " + std::to_string(n) + " rows of 'base', eight a byte",
             "inputs.mask");
  }

  void checkRescore(const Call& call) const {
    if (!call.inputs[kRescore].present) return;
    if (call.inputs[kBase].spec.dtype == DType::Float32)
      refuse(*this,
             "input 'rescore' is given, but 'base' is float32, whose scores are exact: leave it out, or give a 'base' "
             "of int8, float16 or bfloat16",
             "inputs.rescore");
    if (!(call.shape(kRescore) == call.shape(kBase)))
      refuse(*this,
             "the shape of 'rescore' is " + call.shape(kRescore).text() + ", but must be that of 'base', " +
                 call.shape(kBase).text(),
             "inputs.rescore");
  }

  // Of `rescore` only the rows that are read.
  static double bytesOf(const Call& call, uint64_t k, uint64_t n) {
    const Value& rescore = call.inputs[kRescore];
    const double bytes = bytesMoved(call);
    if (!rescore.present) return bytes;
    const double read = static_cast<double>(searchCandidates(k, n) * call.shape(kQueries)[0]);
    const double whole = static_cast<double>(rescore.spec.bytes()), row = n ? whole / static_cast<double>(n) : 0;
    return bytes - whole + std::min(whole, read * row);
  }

  Task recordOnCpu(Recorder& r, const Call& call) const {
    const Value &base = call.inputs[kBase], &rescore = call.inputs[kRescore];
    const BufferView queries = r.floats(call.inputs[kQueries]);
    const bool coded = base.spec.dtype == DType::Int8;
    const auto view = [&](size_t input) { return call.inputs[input].present ? call.inputs[input].view : base.view; };
    SimilaritySearchParams p{static_cast<uint32_t>(call.shape(0)[0]),
                             static_cast<uint32_t>(call.shape(1)[0]),
                             static_cast<uint32_t>(call.shape(0)[1]),
                             call.integer(0),
                             call.integer(1),
                             coded ? kElementInt8 : formatOf(base.spec.dtype),
                             rescore.present ? formatOf(rescore.spec.dtype) : 0,
                             0};
    if (call.inputs[kMask].present) p.has |= kSearchHasMask;
    if (rescore.present) p.has |= kSearchHasRescore;
    if (call.outputCount == 3) p.has |= kSearchHasBound;
    const BufferView scales = coded ? r.floats(call.inputs[kScales]) : base.view;
    r.launch(Kernel::similarity_search, 1,
             {queries, base.view, scales, view(kMask), view(kRescore), call.outputs[0].view, call.outputs[1].view,
              call.outputs[call.outputCount - 1].view},
             p);
    co_return;
  }
};

}  // namespace

const Workload& similaritySearchWorkload() {
  static const SimilaritySearch w;
  return w;
}

}  // namespace switchyard
