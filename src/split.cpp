// Ways of cutting a job: the axes that its workload names, where they are long enough and agree.
#include "split.h"

namespace switchyard {
namespace {

size_t axesOf(Cut cut, const Shape& shape) {
  switch (cut) {
    case Cut::Whole: return 0;
    case Cut::First: return shape.rank() ? 1 : 0;
    case Cut::Rows: return shape.rank() ? shape.rank() - 1 : 0;
  }
  return 0;
}

// False: some input can't be cut so.
bool fits(const Job& job, const SplitWay& way, Split& split) {
  for (size_t i = 0; i < way.inputs.size(); ++i) {
    if (way.inputs[i] == Cut::Whole) continue;
    const TensorArg& input = job.inputs[i];
    const size_t axes = input.present ? axesOf(way.inputs[i], input.spec.shape) : 0;
    const uint64_t units = elementCount(input.spec.shape.leading(axes));
    if (axes == 0 || units < 2 || (split.units && units != split.units)) return false;
    split.units = units;
    split.axes[i] = static_cast<uint8_t>(axes);
  }
  return split.units > 0;
}

}  // namespace

std::vector<Split> splitsOf(const Job& job) {
  std::vector<Split> splits;
  if (job.kind != Job::Kind::Workload) return splits;
  Call call;
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    call.inputs[i].spec = job.inputs[i].spec;
    call.inputs[i].present = job.inputs[i].present;
  }
  call.params = job.params;
  const std::vector<SplitWay>& ways = job.workload->info.splits;
  for (size_t way = 0; way < ways.size(); ++way) {
    Split split{.merge = ways[way].merge};
    if (fits(job, ways[way], split) && job.workload->splits(call, way)) splits.push_back(split);
  }
  return splits;
}

}  // namespace switchyard
