// similarity-search: the k best base vectors of each query. Fused on the CPU; on a GPU as search_on_device.h says.
#include "workloads/common.h"
#include "workloads/search_on_device.h"

namespace switchyard {
namespace {

class SimilaritySearch final : public Workload {
 public:
  SimilaritySearch()
      : Workload({"similarity-search",
                  WorkKind::Search,
                  JoinRule{Join::Rows, Join::Same},
                  {{"queries"}, {"base"}},
                  {{.name = "k", .kind = ParamInfo::Kind::Integer, .min = 1, .max = 2147483647, .required = true},
                   {.name = "metric",
                    .kind = ParamInfo::Kind::Choice,
                    .choices = {"cosine", "dot", "l2"},
                    .min = 0,
                    .max = 2}},
                  {"scores", "indices"},
                  {},
                  // Each device reads its rows of the base alone; queries are the better cut where they outweigh it.
                  {{{Cut::Whole, Cut::Rows}, Merge::Largest},
                   {{Cut::Whole, Cut::Rows}, Merge::Smallest},
                   {{Cut::Rows, Cut::Whole}}}}) {}

  bool splits(const Call& call, size_t way) const override {
    const Merge merge = info.splits[way].merge;
    return merge == Merge::Rows || (merge == Merge::Smallest) == (call.integer(1) == kMetricL2);
  }

  Cost check(Call& call) const override {
    requireRank(*this, call, 0, 2);
    requireRank(*this, call, 1, 2);
    uint64_t q = call.shape(0)[0], d = call.shape(0)[1], n = call.shape(1)[0], k = call.integer(0);
    if (call.shape(1)[1] != d)
      refuse(*this, "'queries' " + call.shape(0).text() + " and 'base' " + call.shape(1).text() +
                        " must have rows of the same length");
    if (d == 0) refuse(*this, "the vectors have no columns: 'queries' is " + call.shape(0).text(), "inputs.queries");
    for (uint64_t extent : {q, d, n}) checkedUint(*this, extent, "a size");
    if (k > n)
      refuse(*this,
             "parameter 'k' is " + std::to_string(k) + ", but 'base' " + call.shape(1).text() + " has " +
                 std::to_string(n) + " rows",
             "params.k");
    call.outputCount = 2;
    call.outputs[0].spec = {DType::Float32, Shape{q, k}};
    call.outputs[1].spec = {DType::Int32, Shape{q, k}};
    return {2.0 * static_cast<double>(q) * static_cast<double>(call.inputs[1].spec.elements()), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    uint64_t q = call.shape(0)[0], n = call.shape(1)[0];
    uint32_t d = static_cast<uint32_t>(call.shape(0)[1]), k = call.integer(0), metric = call.integer(1);
    BufferView queries = r.floats(call.inputs[0]), base = r.floats(call.inputs[1]);
    BufferView scores = call.outputs[0].view, indices = call.outputs[1].view;
    if (r.onCpu()) {
      r.launch(Kernel::similarity_search, 1, {queries, base, scores, indices},
               SimilaritySearchParams{static_cast<uint32_t>(q), static_cast<uint32_t>(n), d, k, metric});
      co_return;
    }
    DeviceSearch search;
    search.queries = queries, search.base = base, search.scores = scores, search.indices = indices;
    search.q = q, search.n = n, search.d = d, search.k = k, search.metric = metric;
    recordSearch(r, search);
  }
};

}  // namespace

const Workload& similaritySearchWorkload() {
  static const SimilaritySearch w;
  return w;
}

}  // namespace switchyard
