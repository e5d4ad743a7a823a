// The pagerank kernel: the whole power iteration, rows of a slice side by side in the lanes of vectors.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/pagerank.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include <cmath>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/scratch.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

constexpr uint32_t kSlicesAChunk = 64;  // fixed, so that sums don't depend on how many threads there are
constexpr uint64_t kPart = 16;          // edges that are added up by themselves
constexpr size_t kVectors = kPagerankSlice / kLanes;
static_assert(kPagerankSlice % kLanes == 0);

struct Graph {
  PagerankParams p;
  const uint32_t* starts;
  const int32_t* sources;
  const float *weights, *scale;
  const uint32_t* segments;
  uint32_t slices() const { return p.firstSlice + (p.n - p.hubs + kPagerankSlice - 1) / kPagerankSlice; }
};

struct Partial {
  double residual = 0, dangling = 0;
};

// What comes in by the edges of each row of a slice.
template <bool kWeighted>
HWY_INLINE void sumsOfSlice(const Graph& graph, uint32_t slice, const float* shares, float* sums) {
  Vec sum[kVectors];
  for (size_t v = 0; v < kVectors; ++v) sum[v] = hn::Zero(kF);
  const uint64_t end = graph.starts[slice + 1];
  for (uint64_t at = graph.starts[slice]; at < end;) {
    Vec part[kVectors];  // of few: shares are often equal, and so are their roundings
    for (size_t v = 0; v < kVectors; ++v) part[v] = hn::Zero(kF);
    for (const uint64_t last = HWY_MIN(end, at + kPart * kPagerankSlice); at < last; at += kPagerankSlice)
      for (size_t v = 0; v < kVectors; ++v) {
        const Vec share = hn::GatherIndex(kF, shares, hn::LoadU(kI, graph.sources + at + v * kLanes));
        if constexpr (kWeighted)
          part[v] = hn::MulAdd(share, hn::LoadU(kF, graph.weights + at + v * kLanes), part[v]);
        else
          part[v] = hn::Add(part[v], share);
      }
    for (size_t v = 0; v < kVectors; ++v) sum[v] = hn::Add(sum[v], part[v]);
  }
  for (size_t v = 0; v < kVectors; ++v) hn::Store(sum[v], kF, sums + v * kLanes);
}

void sumsOfSlice(const Graph& graph, uint32_t slice, const float* shares, float* sums) {
  if (graph.p.weighted)
    sumsOfSlice<true>(graph, slice, shares, sums);
  else
    sumsOfSlice<false>(graph, slice, shares, sums);
}

// From what comes in to ranks, for up to a slice of nodes.
struct Advance {
  float base, damping;
  const float* scale;
  float *ranks, *next;

  void operator()(uint64_t node, size_t count, const float* sums, Partial& partial) const {
    Vec moved = hn::Zero(kF), held = hn::Zero(kF);
    for (size_t i = 0; i < count; i += kLanes) {
      const size_t valid = HWY_MIN(kLanes, count - i);
      const auto load = [&](const float* from) HWY_ATTR {
        return valid == kLanes ? hn::LoadU(kF, from + node + i) : loadPart(kF, from + node + i, valid);
      };
      const auto store = [&](Vec x, float* to) HWY_ATTR {
        if (valid == kLanes)
          hn::StoreU(x, kF, to + node + i);
        else
          storePart(kF, x, to + node + i, valid);
      };
      const Vec all = hn::MulAdd(hn::Set(kF, damping), hn::Load(kF, sums + i), hn::Set(kF, base));
      const Vec rank = valid == kLanes ? all : hn::IfThenElseZero(hn::FirstN(kF, valid), all);
      const Vec by = load(scale);
      moved = hn::Add(moved, hn::Abs(hn::Sub(rank, load(ranks))));
      held = hn::Add(held, hn::IfThenElseZero(hn::Eq(by, hn::Zero(kF)), rank));
      store(rank, ranks);
      store(hn::Mul(rank, by), next);
    }
    partial.residual += double{sumLanes(moved)};
    partial.dangling += double{sumLanes(held)};
  }
};

// fn(slice) for all of a range, in chunks: partials[chunk] is each one's.
template <class F>
void forSlices(const Call& call, uint32_t first, uint32_t last, const Graph& graph, const F& fn) {
  if (first == last) return;
  const uint64_t chunks = (uint64_t{last} - first - 1) / kSlicesAChunk + 1;
  const double places = graph.starts[last] - graph.starts[first];
  const double chunkNs = (1.2 * places + 32.0 * (last - first)) / static_cast<double>(chunks);
  parallelFor(call.budget, chunks, grainFor(call.budget, chunks, chunkNs), [&](uint64_t begin, uint64_t end, uint32_t) {
    for (uint64_t chunk = begin; chunk < end; ++chunk)
      for (uint64_t slice = first + chunk * kSlicesAChunk;
           slice < HWY_MIN(uint64_t{last}, first + (chunk + 1) * kSlicesAChunk); ++slice)
        fn(static_cast<uint32_t>(slice), chunk);
  });
}

// One iteration. `sums` has room for the segments.
Partial iterate(const Call& call, const Graph& graph, const Advance& advance, const float* shares, float* sums,
                std::vector<Partial>& partials) {
  const PagerankParams& p = graph.p;
  forSlices(call, 0, p.firstSlice, graph, [&](uint32_t slice, uint64_t) {
    sumsOfSlice(graph, slice, shares, sums + uint64_t{slice} * kPagerankSlice);
  });
  Partial total;
  for (uint32_t hub = 0; hub < p.hubs; ++hub) {
    double sum = 0;
    for (uint32_t s = graph.segments[hub]; s < graph.segments[hub + 1]; ++s) sum += double{sums[s]};
    HWY_ALIGN float all[kLanes] = {static_cast<float>(sum)};
    advance(hub, 1, all, total);
  }
  std::fill(partials.begin(), partials.end(), Partial());
  forSlices(call, p.firstSlice, graph.slices(), graph, [&](uint32_t slice, uint64_t chunk) {
    HWY_ALIGN float own[kPagerankSlice];
    sumsOfSlice(graph, slice, shares, own);
    const uint64_t node = p.hubs + uint64_t{slice - p.firstSlice} * kPagerankSlice;
    advance(node, HWY_MIN(uint64_t{kPagerankSlice}, p.n - node), own, partials[chunk]);
  });
  for (const Partial& partial : partials) {
    total.residual += partial.residual;
    total.dangling += partial.dangling;
  }
  return total;
}

void pagerank(const Call& call) {
  const auto p = call.as<PagerankParams>();
  const Graph graph{
      p, call.view<uint32_t>(0), call.view<int32_t>(1), call.view(2), call.view(3), call.view<uint32_t>(4)};
  float* const ranks = call.view(5);
  PagerankState& state = *call.view<PagerankState>(6);
  const double n = p.n, damping = p.damping;
  const size_t shareFloats = (size_t{p.n} + kLanes) / kLanes * kLanes;
  Scratch memory((2 * shareFloats + (size_t{p.firstSlice} + 1) * kPagerankSlice) * sizeof(float));
  float *shares = memory.as<float>(), *next = shares + shareFloats, *const sums = next + shareFloats;
  const float first = static_cast<float>(1 / n);
  for (uint32_t i = 0; i < p.n; ++i) ranks[i] = first, shares[i] = first * graph.scale[i];
  shares[p.n] = next[p.n] = 0;
  std::vector<Partial> partials((graph.slices() - p.firstSlice) / kSlicesAChunk + 1);
  double dangling = state.danglingSum;
  while (!state.done && state.iterations < p.maxIterations && !call.budget.stopped()) {
    const float base = static_cast<float>((1 - damping) / n + damping * dangling / n);
    const Partial total = iterate(call, graph, {base, p.damping, graph.scale, ranks, next}, shares, sums, partials);
    dangling = total.dangling;
    state.residual = static_cast<float>(total.residual);
    ++state.iterations;
    call.budget.step(state.iterations, p.maxIterations);
    state.done = total.residual < double{p.tolerance};
    std::swap(shares, next);
  }
  state.danglingSum = static_cast<float>(dangling);
  state.done = 1;
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(pagerank);
namespace kernels {
void pagerank(const Call& call) { HWY_DYNAMIC_DISPATCH(pagerank)(call); }
}  // namespace kernels
}  // namespace switchyard::cpu
#endif
