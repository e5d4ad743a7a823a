// The host looks at every value once, in loops that compilers make vectors of. What comes from the device is read back
// in one go.
#include "render/network_graph.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "render/scale.h"
#include "workloads/common.h"
#include "workloads/graph_input.h"

namespace switchyard {
const Workload& forceLayoutWorkload();
}

namespace switchyard::render {
namespace {

constexpr double kFarthest = 1e15;  // as force-layout: squares stay far from the end of float32

struct Reader {
  Recorder& r;
  bool waits = false;

  template <class T>
  std::span<const T> read(const Value& value, BufferView device) {
    const size_t count = value.spec.elements();
    if (count == 0 || (value.host && !isHalf(value.spec.dtype))) return {reinterpret_cast<const T*>(value.host), count};
    const std::span<T> copied = r.hostMemory<T>(count);
    r.download(std::as_writable_bytes(copied), device);
    waits = true;
    return copied;
  }
};

uint32_t layoutIterations(uint64_t nodes) {
  return static_cast<uint32_t>(std::clamp<uint64_t>(600'000 / std::max<uint64_t>(nodes, 1), 60, 400));
}

// Throws for the first value that is not from low to high.
void checkRange(const Workload& workload, const char* name, std::span<const float> values, float low, float high,
                const char* rule, size_t perNode = 0) {
  uint32_t outside = 0;
  for (float v : values) outside |= !(v >= low && v <= high);
  if (!outside) return;
  for (size_t i = 0; i < values.size(); ++i)
    if (!(values[i] >= low && values[i] <= high))
      refuse(workload,
             "'" + std::string(name) + "' holds " + numberText(values[i], 6) + " at index " + std::to_string(i) +
                 (perNode ? " (node " + std::to_string(i / perNode) + ")" : "") + ", but " + rule,
             "inputs." + std::string(name));
}

void checkGroups(const Workload& workload, std::span<const int32_t> groups) {
  for (size_t i = 0; i < groups.size(); ++i)
    if (groups[i] < -1 || groups[i] > kMaxGroup)
      refuse(workload,
             "'groups' holds " + std::to_string(groups[i]) + " at index " + std::to_string(i) +
                 ", but groups are 0 to " + std::to_string(kMaxGroup) + ", or -1 for none",
             "inputs.groups");
}

void countLinks(Recorder& r, NetworkGraph& graph) {
  const std::span<float> links = r.hostMemory<float>(graph.nodes);
  for (uint32_t i = 0; i < graph.nodes; ++i) links[i] = static_cast<float>(graph.offsets[i + 1] - graph.offsets[i]);
  for (int32_t column : graph.columns) ++links[static_cast<size_t>(column)];
  graph.ranks = links;
  graph.rankView = r.fresh(links.size_bytes());
  r.upload(graph.rankView, std::as_bytes(links));
}

Task layOut(Recorder& r, const Call& call, NetworkGraph& graph) {
  const Workload& layout = forceLayoutWorkload();
  Call inner;
  for (size_t i = 0; i < 3; ++i) inner.inputs[i] = call.inputs[i];
  for (size_t i = 0; i < layout.info.params.size(); ++i) inner.params[i] = layout.info.params[i].fallback;
  inner.params[0] = layoutIterations(graph.nodes);
  layout.check(inner);
  inner.outputs[0].view = r.scratch(inner.outputs[0].spec.bytes());
  inner.outputs[1].view = r.scratch(inner.outputs[1].spec.bytes());
  inner.outputs[0].present = inner.outputs[1].present = true;
  co_await layout.record(r, inner);
  graph.positionView = inner.outputs[0].view;
  const std::span<float> positions = r.hostMemory<float>(size_t{graph.nodes} * 2);
  r.download(std::as_writable_bytes(positions), graph.positionView);
  graph.positions = positions;
  co_await r.sync();
}

void summarize(NetworkGraph& graph) {
  if (!graph.weights.empty()) {
    const auto [low, high] = std::ranges::minmax(graph.weights);
    graph.weightLow = low, graph.weightHigh = high;
  }
  if (graph.ranks.empty()) return;
  const auto [low, high] = std::ranges::minmax(graph.ranks);
  graph.rankLow = low, graph.rankHigh = high;
  double sum = 0;
  for (float rank : graph.ranks) sum += rank;
  graph.rankMean = static_cast<float>(sum / static_cast<double>(graph.ranks.size()));
}

}  // namespace

double layoutFlops(uint64_t nodes, uint64_t edges) {
  return layoutIterations(nodes) * (800.0 * static_cast<double>(nodes) + 60.0 * static_cast<double>(edges));
}

Task readNetwork(Recorder& r, const Workload& workload, const Call& call, NetworkGraph& graph) {
  const auto& in = call.inputs;
  graph.nodes = static_cast<uint32_t>(call.shape(kRowOffsets)[0] - 1);
  graph.edges = static_cast<uint32_t>(call.shape(kColumns)[0]);
  graph.ranked = in[kRanks].present;
  Reader reader{r};
  graph.offsetView = r.aligned(in[kRowOffsets].view);
  graph.columnView = graph.weightView = graph.groupView = graph.offsetView;
  if (graph.edges) graph.columnView = r.aligned(in[kColumns].view);
  graph.offsets = reader.read<int32_t>(in[kRowOffsets], graph.offsetView),
  graph.columns = reader.read<int32_t>(in[kColumns], graph.columnView);
  auto floats = [&](NetworkInput input, std::span<const float>& host, BufferView& device) {
    if (!in[input].present || in[input].spec.elements() == 0) return;
    device = r.aligned(r.floats(in[input]));
    host = reader.read<float>(in[input], device);
  };
  floats(kWeights, graph.weights, graph.weightView);
  floats(kPositions, graph.positions, graph.positionView);
  floats(kRanks, graph.ranks, graph.rankView);
  if (in[kGroups].present && graph.nodes) {
    graph.groupView = r.aligned(in[kGroups].view);
    graph.groups = reader.read<int32_t>(in[kGroups], graph.groupView);
  }
  if (reader.waits) co_await r.sync();

  constexpr float kMax = 3e38f, kFar = static_cast<float>(kFarthest);
  checkOffsets(workload, graph.offsets, graph.edges);
  checkColumns(workload, graph.columns, graph.nodes);
  checkRange(workload, "weights", graph.weights, 0, kMax, "a weight is finite and not negative");
  checkRange(workload, "positions", graph.positions, -kFar, kFar, "positions are numbers from -1e15 to 1e15", 2);
  checkRange(workload, "ranks", graph.ranks, 0, kMax, "a rank is finite and not negative");
  checkGroups(workload, graph.groups);
  if (graph.nodes == 0) co_return;
  if (!graph.ranked) countLinks(r, graph);
  summarize(graph);
  if (!in[kPositions].present) co_await layOut(r, call, graph);
  for (uint64_t bytes : {graph.columnView.size, graph.weightView.size, uint64_t{graph.nodes} * 16})
    r.requireBindable(bytes, "the picture of so many nodes or edges");
}

NetworkView fitNetwork(std::span<const float> positions, const Box& panel, Point* extent) {
  NetworkView view{{0, 0}, panel.centre(), 1};
  if (extent) *extent = {1, 1};
  const size_t nodes = positions.size() / 2;
  if (nodes == 0) return view;
  constexpr size_t kSample = 20'000;
  // nodes in the tails are shown if they are no farther than this share of all others' extent
  constexpr float kTail = 0.01f, kBeyond = 0.35f;
  float low[2] = {positions[0], positions[1]}, high[2] = {low[0], low[1]};
  for (size_t i = 0; i < positions.size(); ++i)
    low[i % 2] = std::min(low[i % 2], positions[i]), high[i % 2] = std::max(high[i % 2], positions[i]);
  std::vector<float> sample;
  for (size_t axis = 0; axis < 2 && nodes >= 100; ++axis) {
    sample.clear();
    for (size_t i = 0, step = (nodes + kSample - 1) / kSample; i < nodes; i += step)
      sample.push_back(positions[2 * i + axis]);
    const auto tail = static_cast<ptrdiff_t>(static_cast<float>(sample.size()) * kTail),
               end = static_cast<ptrdiff_t>(sample.size()) - 1 - tail;
    std::nth_element(sample.begin(), sample.begin() + tail, sample.end());
    const float first = sample[static_cast<size_t>(tail)];
    std::nth_element(sample.begin(), sample.begin() + end, sample.end());
    const float last = sample[static_cast<size_t>(end)], beyond = (last - first) * kBeyond;
    if (beyond > 0) low[axis] = std::max(low[axis], first - beyond), high[axis] = std::min(high[axis], last + beyond);
  }
  const float across = high[0] - low[0], down = high[1] - low[1];
  view.centre = {low[0] + across / 2, low[1] + down / 2};
  if (across > 0 || down > 0)
    view.scale =
        std::min(panel.width() / std::max(across, 1e-6f * down), panel.height() / std::max(down, 1e-6f * across));
  if (extent) *extent = {std::max(across * view.scale, 1.0f), std::max(down * view.scale, 1.0f)};
  return view;
}

float meanEdge(const NetworkGraph& graph, const NetworkView& view) {
  constexpr uint32_t kSample = 1024;
  const uint32_t count = std::min(graph.edges, kSample);
  double sum = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const auto edge = static_cast<int32_t>(uint64_t{graph.edges} * i / count);
    const auto row = std::upper_bound(graph.offsets.begin(), graph.offsets.end(), edge) - graph.offsets.begin() - 1;
    const float *a = &graph.positions[2 * static_cast<size_t>(row)],
                *b = &graph.positions[2 * static_cast<size_t>(graph.columns[static_cast<size_t>(edge)])];
    sum += std::hypot(double{a[0]} - b[0], double{a[1]} - b[1]);
  }
  return count ? static_cast<float>(sum / count) * view.scale : 0;
}

}  // namespace switchyard::render
