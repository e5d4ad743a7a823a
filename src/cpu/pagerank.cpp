// The pagerank kernel: the whole power iteration over a transposed graph, in double.
#include <cmath>
#include <vector>

#include "cpu/kernels.h"

namespace switchyard::cpu {
namespace {

constexpr uint64_t kNodesAChunk = 2048;  // fixed, so that sums don't depend on how many threads there are

struct Partial {
  double residual = 0, dangling = 0;
};

struct Graph {
  uint32_t n;
  const int32_t *offsets, *sources;
  const float* weights;
  const uint32_t* dangling;
};

// next = base + damping * (incoming), for the nodes of one chunk.
Partial advance(const Graph& graph, uint64_t begin, uint64_t end, double base, double damping, const double* ranks,
                double* next) {
  Partial partial;
  for (uint64_t i = begin; i < end; ++i) {
    double sum = 0;
    for (int32_t edge = graph.offsets[i]; edge < graph.offsets[i + 1]; ++edge)
      sum += double{graph.weights[edge]} * ranks[graph.sources[edge]];
    next[i] = base + damping * sum;
    partial.residual += std::abs(next[i] - ranks[i]);
    if (graph.dangling[i]) partial.dangling += next[i];
  }
  return partial;
}

}  // namespace

namespace kernels {

void pagerank(const Call& call) {
  const auto params = call.as<PagerankParams>();
  const Graph graph{params.n, call.view<int32_t>(0), call.view<int32_t>(1), call.view(2), call.view<uint32_t>(3)};
  const double n = params.n;
  const uint64_t chunks = (uint64_t{params.n} - 1) / kNodesAChunk + 1;
  std::vector<double> ranks(params.n, 1.0 / n), next(params.n);
  std::vector<Partial> partials(chunks);
  double danglingSum = 0;
  for (uint32_t i = 0; i < params.n; ++i) danglingSum += graph.dangling[i] ? ranks[i] : 0;
  const double chunkNs = (3 * n + 1.5 * graph.offsets[params.n]) / static_cast<double>(chunks);
  const uint64_t grain = grainFor(call.budget, chunks, chunkNs);
  PagerankState state{};
  while (!state.done && state.iterations < params.maxIterations && !call.budget.stopped()) {
    const double base = (1 - double{params.damping}) / n + double{params.damping} * danglingSum / n;
    parallelFor(call.budget, chunks, grain, [&](uint64_t begin, uint64_t end, uint32_t) {
      for (uint64_t c = begin; c < end; ++c)
        partials[c] = advance(graph, c * kNodesAChunk, std::min<uint64_t>(params.n, (c + 1) * kNodesAChunk), base,
                              params.damping, ranks.data(), next.data());
    });
    Partial total;
    for (const Partial& partial : partials) {
      total.residual += partial.residual;
      total.dangling += partial.dangling;
    }
    danglingSum = total.dangling;
    state.residual = static_cast<float>(total.residual);
    ++state.iterations;
    call.budget.step(state.iterations, params.maxIterations);
    state.done = total.residual < params.tolerance;
    ranks.swap(next);
  }
  state.danglingSum = static_cast<float>(danglingSum);
  state.done = 1;
  for (uint32_t i = 0; i < params.n; ++i) call.view(4)[i] = static_cast<float>(ranks[i]);
  *call.view<PagerankState>(5) = state;
}

}  // namespace kernels
}  // namespace switchyard::cpu
