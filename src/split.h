// How a job may be cut by rows into parts that run on several devices at once: what the workload says of its inputs
// (WorkloadInfo::splits), for the shapes of one call. Each part is a job of the same workload.
#pragma once
#include <array>
#include <vector>

#include "job.h"

namespace switchyard {

struct Split {
  uint64_t units = 0;  // rows, or what else is cut: 2 at least. Each cut input, and each output, has as many.
  // Of each input: how many of its leading axes are cut, as one axis of `units`; 0: every part has all of it.
  std::array<uint8_t, kMaxTensors> axes{};
  Merge merge = Merge::Rows;
};

// The ways that suit a job of a workload that was prepared, the preferred first; none: it is one piece.
std::vector<Split> splitsOf(const Job& job);

}  // namespace switchyard
