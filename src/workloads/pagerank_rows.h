// The graph as pagerank goes over it: transposed, by rows of almost one length (kernels.def, pagerank). Neighbouring
// rows are done side by side, so that no lane of a vector or thread of a warp waits for a longer row, and what a node
// gives to each of its edges is made once.
#pragma once
#include "recorder.h"

namespace switchyard {

struct PagerankRows {
  uint32_t n = 0, hubs = 0, segmentCount = 0, firstSlice = 0, slices = 0, danglingCount = 0;
  uint32_t group = 1;                    // edges of a row that lie together
  std::span<uint32_t> starts, segments;  // [slices + 1], [hubs + 1]
  std::span<uint32_t> segmentLengths;    // [hubs]
  std::span<uint32_t> place;             // [n] of a node in their order
  std::span<float> scale;                // [n + 1]
  uint64_t places() const { return starts.back(); }
};

// What is known from counting. `columns` and `weights` were checked.
PagerankRows orderRows(Recorder& r, std::span<const int32_t> offsets, std::span<const int32_t> columns,
                       std::span<const float> weights, uint32_t group);
// sources [places] and, of a graph that has some, weights [places].
void fillRows(Recorder& r, const PagerankRows& rows, std::span<const int32_t> offsets, std::span<const int32_t> columns,
              std::span<const float> weights, std::span<int32_t> sources, std::span<float> toWeights);

}  // namespace switchyard
