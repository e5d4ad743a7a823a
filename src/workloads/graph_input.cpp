// Graphs are large: the loop over the columns is one that compilers make vectors of, and looks for the index only when
// there is one.
#include "workloads/graph_input.h"

#include <cmath>

namespace switchyard {

void checkOffsets(const Workload& workload, std::span<const int32_t> offsets, uint64_t edges) {
  if (offsets[0] != 0)
    refuse(workload, "'rowOffsets' must begin with 0, but begins with " + std::to_string(offsets[0]),
           "inputs.rowOffsets");
  for (size_t i = 1; i < offsets.size(); ++i)
    if (offsets[i] < offsets[i - 1])
      refuse(workload,
             "'rowOffsets' must not fall, but falls from " + std::to_string(offsets[i - 1]) + " to " +
                 std::to_string(offsets[i]) + " at index " + std::to_string(i),
             "inputs.rowOffsets");
  if (static_cast<uint64_t>(offsets.back()) != edges)
    refuse(workload,
           "'rowOffsets' must end with the number of edges, " + std::to_string(edges) + ", but ends with " +
               std::to_string(offsets.back()),
           "inputs.rowOffsets");
}

void checkColumns(const Workload& workload, std::span<const int32_t> columns, uint32_t nodes) {
  uint32_t outside = 0;
  for (int32_t column : columns) outside |= static_cast<uint32_t>(column) >= nodes;
  if (!outside) return;
  for (size_t e = 0; e < columns.size(); ++e)
    if (static_cast<uint32_t>(columns[e]) >= nodes)
      refuse(workload,
             "'columns' holds " + std::to_string(columns[e]) + " at index " + std::to_string(e) +
                 ", but the nodes are 0 to " + std::to_string(int64_t{nodes} - 1),
             "inputs.columns");
}

void checkWeights(const Workload& workload, std::span<const float> weights) {
  for (size_t e = 0; e < weights.size(); ++e)
    if (!(weights[e] >= 0) || !std::isfinite(weights[e]))
      refuse(workload,
             "'weights' holds " + std::to_string(weights[e]) + " at index " + std::to_string(e) +
                 ", but a weight is finite and not negative",
             "inputs.weights");
}

}  // namespace switchyard
