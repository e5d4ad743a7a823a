// The graph of render/document-network: read, checked, and with what is worked out from all of it.
#pragma once
#include <span>

#include "render/draw_list.h"
#include "task.h"
#include "workload.h"

namespace switchyard::render {

enum NetworkInput : size_t { kRowOffsets, kColumns, kWeights, kPositions, kRanks, kGroups };
constexpr int32_t kMaxGroup = 65535;

// The device's views are of the same values as the host's spans; `weightView` and `groupView` are any view where there
// are none.
struct NetworkGraph {
  uint32_t nodes = 0, edges = 0;
  std::span<const int32_t> offsets, columns, groups;
  std::span<const float> weights, positions, ranks;  // ranks: the numbers of links, in and out, where none were given
  BufferView offsetView, columnView, weightView, positionView, rankView, groupView;
  bool ranked = false;  // ranks were given
  float rankLow = 0, rankHigh = 0, rankMean = 0;
  float weightLow = 0, weightHigh = 0;
};

// Throws InvalidArgument with the index of the first value that does not belong there. Lays the graph out where `call`
// has no positions.
Task readNetwork(Recorder& recorder, const Workload& workload, const Call& call, NetworkGraph& graph);
// What the layout of a graph without positions costs.
double layoutFlops(uint64_t nodes, uint64_t edges);

// From positions to pixels: y of positions points up.
struct NetworkView {
  Point centre, middle;  // the position that is shown in this pixel
  float scale = 1;       // pixels for a unit
  Point operator()(float x, float y) const {
    return {middle.x + (x - centre.x) * scale, middle.y - (y - centre.y) * scale};
  }
};
// Shows all positions in `panel`, but for those far out where most are near each other. `extent` gets the pixels that
// they take.
NetworkView fitNetwork(std::span<const float> positions, const Box& panel, Point* extent = nullptr);
// The mean length of edges in pixels, from an even sample.
float meanEdge(const NetworkGraph& graph, const NetworkView& view);

}  // namespace switchyard::render
