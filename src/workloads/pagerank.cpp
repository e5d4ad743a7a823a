// pagerank: power iteration on the transposed graph, which is built on the host once (pagerank_rows.h).
#include <algorithm>
#include <bit>
#include <cmath>

#include "workloads/common.h"
#include "workloads/graph_input.h"
#include "workloads/pagerank_rows.h"

namespace switchyard {
namespace {

// On a device.
struct GraphViews {
  BufferView starts, sources, weights, scale, segments, sums, partials, state, ranks;
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
      if (!r.onCpu()) r.requireBindable((uint64_t{n} + 1) * 4, "a rank for each node");
      const PagerankRows rows = orderRows(r, offsets, columns, weights, r.onCpu() ? 1 : 4);
      PagerankParams p{};
      p.n = n, p.damping = call.number(0), p.tolerance = call.number(1), p.maxIterations = call.integer(2);
      p.weighted = !weights.empty(), p.hubs = rows.hubs, p.firstSlice = rows.firstSlice;
      p.partials = rows.hubs + (n - rows.hubs + kPagerankGroup - 1) / kPagerankGroup;
      const GraphViews on = bring(r, rows, offsets, columns, weights);
      if (r.onCpu()) {
        r.launch(Kernel::pagerank, 1, {on.starts, on.sources, on.weights, on.scale, on.segments, on.ranks, on.state},
                 p);
        r.download(std::as_writable_bytes(std::span(end, 1)), on.state);
      } else {
        const uint64_t shareBytes = (uint64_t{n} + 1) * 4;
        const BufferView shares[2] = {r.scratch(shareBytes), r.scratch(shareBytes)};
        const float first = 1.0f / static_cast<float>(n);
        r.fill(on.ranks, std::bit_cast<uint32_t>(first));
        for (BufferView view : shares)
          r.launch(Kernel::scale, uint64_t{n} + 1, {on.scale, view}, ScaleParams{n + 1, first, 0, 0});
        r.step(0, p.maxIterations);
        for (uint32_t from = 0; !end->done && from < p.maxIterations; from += kIterationsASubmission) {
          for (uint32_t i = 0; i < kIterationsASubmission; ++i) {
            recordStep(r, p, rows, on, shares[i % 2], shares[(i + 1) % 2]);
            r.launch(Kernel::pagerank_reduce, 1, {on.partials, on.state}, p);
          }
          r.download(std::as_writable_bytes(std::span(end, 1)), on.state);
          co_await r.sync();
          r.step(end->iterations, p.maxIterations);
        }
      }
      const BufferView place = uploaded(r, std::as_bytes(rows.place));
      r.launch(Kernel::gather, n, {on.ranks, place, on.ranks, call.outputs[0].view}, GatherParams{n, 1, n, 0, 0});
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
  static GraphViews bring(Recorder& r, const PagerankRows& rows, std::span<const int32_t> offsets,
                          std::span<const int32_t> columns, std::span<const float> weights) {
    const auto bytes = [](auto span) { return std::as_bytes(span); };
    const size_t places = rows.places() + 4;  // rows without edges are bound to something, too
    const size_t weightPlaces = weights.empty() ? 4 : places;
    GraphViews on;
    on.sources = r.fresh(places * 4), on.weights = r.fresh(weightPlaces * 4);
    // Where the host sees that memory, and no command has used it yet, it is filled as it is.
    const bool seen = on.sources.buffer->host && on.weights.buffer->host;
    const std::span<int32_t> sources =
        seen ? std::span(on.sources.host<int32_t>(), places) : r.hostMemory<int32_t>(places);
    const std::span<float> edgeWeights =
        seen ? std::span(on.weights.host<float>(), weightPlaces) : r.hostMemory<float>(weightPlaces);
    fillRows(r, rows, offsets, columns, weights, sources, edgeWeights);
    if (!seen) {
      r.upload(on.sources, bytes(sources));
      r.upload(on.weights, bytes(edgeWeights));
    }
    on.starts = uploaded(r, bytes(rows.starts)), on.scale = uploaded(r, bytes(rows.scale));
    on.segments = uploaded(r, bytes(rows.segments));
    on.ranks = r.fresh(uint64_t{rows.n} * 4);
    on.state = r.fresh(sizeof(PagerankState));
    const std::span<PagerankState> start = r.hostMemory<PagerankState>(1);
    start[0] = {static_cast<float>(static_cast<double>(rows.danglingCount) / rows.n), 0, 0, 0};
    r.upload(on.state, bytes(start));
    if (r.onCpu()) return on;
    on.sums = r.scratch(std::max<uint64_t>(rows.segmentCount, 1) * 4);
    on.partials = r.scratch((uint64_t{rows.hubs} + (rows.n - rows.hubs) / kPagerankGroup + 1) * 8);
    return on;
  }

  static BufferView uploaded(Recorder& r, std::span<const std::byte> bytes) {
    BufferView view = r.fresh(bytes.size());
    r.upload(view, bytes);
    return view;
  }

  static void recordStep(Recorder& r, PagerankParams p, const PagerankRows& rows, const GraphViews& on,
                         BufferView shares, BufferView next) {
    const auto sources = [&](uint64_t from, uint64_t count) { return on.sources.slice(from * 4, count * 4); };
    const auto weights = [&](uint64_t from, uint64_t count) {
      return p.weighted ? on.weights.slice(from * 4, count * 4) : on.weights;
    };
    forSlices(r, rows, 0, rows.firstSlice, 1, [&](uint32_t slice, uint32_t end, uint64_t from, uint64_t count) {
      p.first = slice * kPagerankSlice, p.firstEdge = static_cast<uint32_t>(from);
      p.count = std::min(rows.segmentCount, end * kPagerankSlice) - p.first;
      r.launch(Kernel::pagerank_parts, p.count,
               {on.starts, sources(from, count), weights(from, count), shares, on.state, on.sums}, p);
    });
    if (rows.hubs)
      r.launch(Kernel::pagerank_hubs, rows.hubs,
               {on.segments, on.sums, on.scale, on.state, on.ranks, next, on.partials}, p);
    constexpr uint32_t kSlicesAGroup = kPagerankGroup / kPagerankSlice;
    forSlices(r, rows, rows.firstSlice, rows.slices, kSlicesAGroup,
              [&](uint32_t slice, uint32_t end, uint64_t from, uint64_t count) {
                const auto node = [&](uint32_t of) {
                  return static_cast<uint32_t>(
                      std::min<uint64_t>(rows.n, rows.hubs + uint64_t{of - rows.firstSlice} * kPagerankSlice));
                };
                p.first = node(slice), p.count = node(end) - p.first, p.firstEdge = static_cast<uint32_t>(from);
                r.launch(Kernel::pagerank_step, (p.count + kPagerankGroup - 1) / kPagerankGroup,
                         {on.starts, sources(from, count), weights(from, count), shares, on.scale, on.state, on.ranks,
                          next, on.partials},
                         p);
              });
  }

  // fn(first slice, end, first place, places): one range, or, where the edges are more than the device binds, several
  // of `step` slices.
  template <class F>
  static void forSlices(Recorder& r, const PagerankRows& rows, uint32_t first, uint32_t last, uint32_t step,
                        const F& fn) {
    constexpr uint64_t kAlign = 64;  // 256 bytes
    const uint64_t most = r.device().maxViewBytes / 4;
    while (first < last) {
      const uint64_t from = rows.starts[first] / kAlign * kAlign;
      uint32_t end = last;
      if (rows.starts[last] - from > most) {
        const auto past = std::upper_bound(rows.starts.begin() + first, rows.starts.begin() + last, from + most);
        end = first + (static_cast<uint32_t>(past - rows.starts.begin()) - 1 - first) / step * step;
        if (end == first)
          throw Error(Code::Unsupported, "the edges of some nodes are more than the longest binding of " +
                                             r.device().id + ": use another device");
      }
      fn(first, end, from, std::max<uint64_t>(rows.starts[end] - from, 1));
      first = end;
    }
  }
};

}  // namespace

const Workload& pagerankWorkload() {
  static const Pagerank w;
  return w;
}

}  // namespace switchyard
