// pagerank: power iteration on the transposed graph, which is built on the host once (it also checks every index).
#include <algorithm>
#include <bit>
#include <cmath>

#include "workloads/common.h"
#include "workloads/graph_input.h"

namespace switchyard {
namespace {

// Row i lists the nodes that point at node i, with weights divided by their source's row sum.
struct Transposed {
  std::span<int32_t> offsets, sources;
  std::span<float> weights;
  std::span<uint32_t> dangling;
  std::span<uint32_t> hubs;  // more than kPagerankRow point at these
  uint32_t danglingCount = 0;
};
// On a device.
struct GraphViews {
  BufferView offsets, sources, weights, dangling, hubs;
};

constexpr uint32_t kIterationsASubmission = 8;

class Pagerank final : public Workload {
 public:
  Pagerank()
      : Workload(
            {"pagerank",
             WorkKind::Vector,
             kNotJoined,
             {{"rowOffsets", dtypeBit(DType::Int32)},
              {"columns", dtypeBit(DType::Int32)},
              {.name = "weights", .optional = true}},
             {{.name = "damping", .fallback = 0.85, .min = 0, .max = 1},
              {.name = "tolerance", .fallback = 1e-6, .min = 0},
              {.name = "maxIterations", .kind = ParamInfo::Kind::Integer, .fallback = 100, .min = 1, .max = 1000000}},
             {"ranks", "iterations", "residual"}}) {}

  Cost check(Call& call) const override {
    requireRank(*this, call, 0, 1);
    requireRank(*this, call, 1, 1);
    uint64_t rows = call.shape(0)[0], m = call.shape(1)[0];
    if (rows == 0)
      refuse(*this, "'rowOffsets' is empty, but has one element more than there are nodes", "inputs.rowOffsets");
    if (call.inputs[2].present && !(call.shape(2) == Shape{m}))
      refuse(*this,
             "the shape of 'weights' is " + call.shape(2).text() + ", but must be that of 'columns', " +
                 call.shape(1).text(),
             "inputs.weights");
    checkedUint(*this, rows, "the number of nodes");
    checkedUint(*this, m, "the number of edges");
    call.outputCount = 3;
    call.outputs[0].spec = {DType::Float32, Shape{rows - 1}};
    call.outputs[1].spec = {DType::Int32, Shape{1}};
    call.outputs[2].spec = {DType::Float32, Shape{1}};
    // The reads are scattered: an edge costs as much as some 200 operations of a matrix product.
    const double rounds = std::min(call.params[2], expectedRounds(call.params[0], call.params[1]));
    return {200.0 * rounds * static_cast<double>(m + rows), bytesMoved(call)};
  }

  // A round leaves at most `damping` of the residual, and a third as many are enough for most graphs: some 30 where
  // nothing else is asked for. Below some 1e-7 single precision does not get.
  static double expectedRounds(double damping, double tolerance) {
    if (tolerance >= 1) return 1;
    if (damping >= 1 || tolerance < 1e-7) return HUGE_VAL;
    return damping > 0 ? std::max(1.0, std::log(tolerance) / std::log(damping) / 3) : 1;
  }

  Task record(Recorder& r, const Call& call) const override {
    uint32_t n = static_cast<uint32_t>(call.shape(0)[0] - 1);
    std::span<const int32_t> offsets = onHost<int32_t>(r, call.inputs[0]), columns = onHost<int32_t>(r, call.inputs[1]);
    std::span<const float> weights =
        call.inputs[2].present ? onHost<float>(r, call.inputs[2]) : std::span<const float>{};
    co_await r.sync();
    checkOffsets(*this, offsets, columns.size());
    checkColumns(*this, columns, static_cast<uint32_t>(offsets.size() - 1));
    checkWeights(*this, weights);
    PagerankState* end = r.hostMemory<PagerankState>(1).data();
    if (n > 0) {
      Transposed graph = transpose(r, offsets, columns, weights);
      PagerankParams p{n, call.number(0), call.number(1), call.integer(2), 0, n, 0};
      auto bytes = [](auto span) { return std::as_bytes(span); };
      const GraphViews on{uploaded(r, bytes(graph.offsets)), uploaded(r, bytes(graph.sources)),
                          uploaded(r, bytes(graph.weights)), uploaded(r, bytes(graph.dangling)),
                          graph.hubs.empty() || r.onCpu() ? BufferView{} : uploaded(r, bytes(graph.hubs))};
      BufferView state = r.fresh(sizeof(PagerankState));
      std::span<PagerankState> start = r.hostMemory<PagerankState>(1);
      start[0] = {static_cast<float>(static_cast<double>(graph.danglingCount) / n), 0, 0, 0};
      r.upload(state, bytes(start));
      if (r.onCpu()) {
        r.launch(Kernel::pagerank, 1, {on.offsets, on.sources, on.weights, on.dangling, call.outputs[0].view, state},
                 p);
        r.download(std::as_writable_bytes(std::span(end, 1)), state);
      } else {
        r.requireBindable(uint64_t{n} * 4, "a rank for each node");
        r.requireBindable(uint64_t{n + 1} * 4, "the row offsets");
        BufferView ranks[2] = {r.scratch(uint64_t{n} * 4), r.scratch(uint64_t{n} * 4)};
        float share = 1.0f / static_cast<float>(n);
        r.fill(ranks[0], std::bit_cast<uint32_t>(share));
        r.step(0, p.maxIterations);
        for (uint32_t from = 0; !end->done && from < p.maxIterations; from += kIterationsASubmission) {
          for (uint32_t i = 0; i < kIterationsASubmission; ++i) {
            recordStep(r, p, graph, on, ranks[i % 2], state, ranks[(i + 1) % 2]);
            r.launch(Kernel::pagerank_reduce, 1, {on.dangling, ranks[i % 2], ranks[(i + 1) % 2], state}, p);
          }
          r.download(std::as_writable_bytes(std::span(end, 1)), state);
          co_await r.sync();
          r.step(end->iterations, p.maxIterations);
        }
        r.copy(call.outputs[0].view, ranks[end->iterations % 2]);
      }
    }
    std::span<int32_t> iterations = r.hostMemory<int32_t>(1);
    std::span<float> residual = r.hostMemory<float>(1);
    co_await r.sync();  // what an output of a graph node held before may still be in use
    iterations[0] = static_cast<int32_t>(end->iterations);
    residual[0] = end->residual;
    r.upload(call.outputs[1].view, std::as_bytes(iterations));
    r.upload(call.outputs[2].view, std::as_bytes(residual));
  }

 private:
  static Transposed transpose(Recorder& r, std::span<const int32_t> offsets, std::span<const int32_t> columns,
                              std::span<const float> weights) {
    size_t n = offsets.size() - 1, m = columns.size();
    Transposed t{r.hostMemory<int32_t>(n + 1), r.hostMemory<int32_t>(std::max<size_t>(m, 1)),
                 r.hostMemory<float>(std::max<size_t>(m, 1)), r.hostMemory<uint32_t>(n)};
    for (int32_t column : columns) ++t.offsets[column + 1];
    for (size_t i = 0; i < n; ++i) t.offsets[i + 1] += t.offsets[i];
    std::vector<int32_t> next(t.offsets.begin(), t.offsets.end() - 1);
    for (size_t row = 0; row < n; ++row) {
      double sum = 0;
      for (int32_t e = offsets[row]; e < offsets[row + 1]; ++e) sum += weights.empty() ? 1.0 : weights[e];
      t.dangling[row] = sum == 0;
      t.danglingCount += sum == 0;
      for (int32_t e = offsets[row]; e < offsets[row + 1]; ++e) {
        int32_t slot = next[columns[e]]++;
        t.sources[slot] = static_cast<int32_t>(row);
        t.weights[slot] = sum == 0 ? 0.0f : static_cast<float>((weights.empty() ? 1.0 : weights[e]) / sum);
      }
    }
    const auto isHub = [&](size_t node) { return t.offsets[node + 1] - t.offsets[node] > kPagerankRow; };
    size_t hubs = 0;
    for (size_t node = 0; node < n; ++node) hubs += isHub(node);
    t.hubs = r.hostMemory<uint32_t>(hubs);
    for (size_t node = 0, at = 0; at < hubs; ++node)
      if (isHub(node)) t.hubs[at++] = static_cast<uint32_t>(node);
    return t;
  }

  static BufferView uploaded(Recorder& r, std::span<const std::byte> bytes) {
    BufferView view = r.fresh(bytes.size());
    r.upload(view, bytes);
    return view;
  }

  // One launch, or, where the edges are more than the device binds, one for each range of nodes whose edges fit.
  static void recordStep(Recorder& r, PagerankParams p, const Transposed& graph, const GraphViews& on, BufferView ranks,
                         BufferView state, BufferView next) {
    const std::span<const int32_t> offsets = graph.offsets;
    constexpr uint64_t kEdgeAlign = 64;  // 256 bytes
    uint64_t most = std::min<uint64_t>(r.device().maxViewBytes / 4, 0x7FFFFFFF);
    uint64_t edges = static_cast<uint64_t>(offsets[p.n]);
    for (uint32_t first = 0; first < p.n;) {
      uint64_t from = static_cast<uint64_t>(offsets[first]) / kEdgeAlign * kEdgeAlign;
      uint32_t last = p.n;
      if (edges - from > most) {
        auto past =
            std::upper_bound(offsets.begin() + first, offsets.end(), from + most,
                             [](uint64_t limit, int32_t offset) { return limit < static_cast<uint64_t>(offset); });
        last = static_cast<uint32_t>(past - offsets.begin()) - 1;
        if (last == first)
          throw Error(Code::Unsupported, "the edges of one node are more than the longest binding of " + r.device().id +
                                             ": use another device");
      }
      uint64_t count = std::max<uint64_t>(static_cast<uint64_t>(offsets[last]) - from, 1);
      p.firstNode = first, p.nodes = last - first, p.firstEdge = static_cast<uint32_t>(from);
      const BufferView sources = on.sources.slice(from * 4, count * 4), weights = on.weights.slice(from * 4, count * 4);
      r.launch(Kernel::pagerank_step, p.nodes, {on.offsets, sources, weights, ranks, state, next}, p);
      const auto hub = [&](uint32_t node) { return std::ranges::lower_bound(graph.hubs, node) - graph.hubs.begin(); };
      p.firstNode = static_cast<uint32_t>(hub(first)), p.nodes = static_cast<uint32_t>(hub(last)) - p.firstNode;
      if (p.nodes)
        r.launch(Kernel::pagerank_hubs, p.nodes, {on.offsets, sources, weights, ranks, state, on.hubs, next}, p);
      first = last;
    }
  }
};

}  // namespace

const Workload& pagerankWorkload() {
  static const Pagerank w;
  return w;
}

}  // namespace switchyard
