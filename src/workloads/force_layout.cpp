// force-layout: where the nodes of a graph settle when all push each other away and edges pull.
// The forces are those of ForceAtlas2 (Jacomy, Venturini, Heymann, Bastian: "ForceAtlas2, a Continuous Graph Layout
// Algorithm", PLoS ONE 9(6), 2014) in its form with "strong gravity": with mass m = 1 + the weights of a node's edges
// (their mean is made 1), i pushes j by repulsion * m_i m_j / (mean m * distance), an edge pulls by weight * distance,
// gravity by gravity * m * the distance from (0, 0). Forces are divided by the mass of the node they act on. Repulsion
// in the plane is the field of charges, f(z) = sum of q_j / (z - z_j) conjugated, so that what is not near is summed by
// the multipole method of Greengard and Rokhlin ("A Fast Algorithm for Particle Simulations", J. Comput. Phys. 73,
// 1987) with four terms over a uniform grid: for a cell of side h around zc, moments a_k = sum of q ((z - zc) / h)^k, f
// = 1/h sum of a_k t^-(k+1); from a cell at offset D (in cells) the field u = (z - zt) / h around the target is 1/h sum
// of b_l u^l, b_l = sum of (-1)^(k+1) C(k+l, l) a_k D^-(k+l+1). A node adds up the fields of the cells that it lies in,
// on all levels, and meets the nodes of its own and the adjacent finest cells one by one; a cell with too many counts
// as one node there, softened by half its side. A node goes step * force / (1 + gravity + repulsion * (sum of m /
// distance^2 over what is near)), a damped Newton step without the cross terms, which settles by itself; never farther
// than `temperature`, cooling to 0 over the iterations of a call, times the side of the graph's square, or of that
// which nodes without edges would need where it is larger.
#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "workloads/common.h"
#include "workloads/graph_input.h"

namespace switchyard {
namespace {

constexpr uint32_t kMaxLevels = 10;              // 1024 x 1024 finest cells
constexpr uint32_t kNodesACell = 3;              // at most, if they were spread evenly
constexpr double kFarthest = 1e15;               // squares of positions stay far from the end of float32
constexpr uint64_t kItemsASubmission = 4000000;  // nodes and edges, so that a job can be stopped in time

uint32_t sortable(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

class ForceLayout final : public Workload {
 public:
  ForceLayout()
      : Workload({"force-layout",
                  WorkKind::Vector,
                  kNotJoined,
                  {{"rowOffsets", dtypeBit(DType::Int32)},
                   {"columns", dtypeBit(DType::Int32)},
                   {.name = "weights", .optional = true},
                   {.name = "positions", .optional = true}},
                  {{.name = "iterations", .kind = ParamInfo::Kind::Integer, .fallback = 50, .min = 1, .max = 10000},
                   {.name = "step", .fallback = 0.5, .min = 0, .max = 1, .aboveMin = true},
                   {.name = "temperature", .fallback = 0.1, .min = 0, .max = 1, .aboveMin = true},
                   {.name = "repulsion", .fallback = 1, .min = 1e-12, .max = 1e12},
                   {.name = "gravity", .fallback = 0.01, .min = 0, .max = 1e6},
                   {.name = "seed", .kind = ParamInfo::Kind::Integer, .fallback = 0, .min = 0, .max = 4294967295.0}},
                  {"positions", "movement"}}) {}

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
    if (call.inputs[3].present && !(call.shape(3) == Shape{rows - 1, 2}))
      refuse(*this,
             "the shape of 'positions' is " + call.shape(3).text() + ", but must be " + Shape{rows - 1, 2}.text(),
             "inputs.positions");
    if (rows > (1u << 28))
      refuse(*this, "there are " + std::to_string(rows - 1) + " nodes, but at most 268435455 can be laid out",
             "inputs.rowOffsets");
    checkedUint(*this, m, "the number of edges");
    call.outputCount = 2;
    call.outputs[0].spec = {DType::Float32, Shape{rows - 1, 2}};
    call.outputs[1].spec = {DType::Float32, Shape{1}};
    return {call.params[0] * (800.0 * static_cast<double>(rows) + 60.0 * static_cast<double>(m)), bytesMoved(call)};
  }

  Task record(Recorder& r, const Call& call) const override {
    const uint32_t n = static_cast<uint32_t>(call.shape(0)[0] - 1);
    std::span<const int32_t> offsets = onHost<int32_t>(r, call.inputs[0]), columns = onHost<int32_t>(r, call.inputs[1]);
    std::span<const float> weights =
        call.inputs[2].present ? onHost<float>(r, call.inputs[2]) : std::span<const float>{};
    std::span<const float> given = call.inputs[3].present ? onHost<float>(r, call.inputs[3]) : std::span<const float>{};
    co_await r.sync();
    checkOffsets(*this, offsets, columns.size());
    checkColumns(*this, columns, static_cast<uint32_t>(offsets.size() - 1));
    checkWeights(*this, weights);
    for (size_t i = 0; i < given.size(); ++i)
      if (!(std::abs(given[i]) <= kFarthest))
        refuse(*this,
               "'positions' holds " + std::to_string(given[i]) + " for node " + std::to_string(i / 2) +
                   ", but must be numbers from -1e15 to 1e15",
               "inputs.positions");
    if (n == 0) {
      std::span<float> none = r.hostMemory<float>(1);
      r.upload(call.outputs[1].view, std::as_bytes(none));
      co_return;
    }
    Plan plan{.n = n};
    plan.start = call.inputs[3].present ? given : spread(r, n, call.number(3), call.integer(5));
    plan.mass = r.hostMemory<float>(n);
    LayoutParams p{};
    p.n = n, p.level = levelFor(n), p.hasWeights = call.inputs[2].present,
    p.weightScale = weigh(offsets, columns, weights, plan.mass);
    p.step = call.number(1), p.limit = call.number(2), p.repulsion = call.number(3), p.gravity = call.number(4);
    p.natural = 2 * std::sqrt(p.repulsion * static_cast<float>(n));
    plan.positions = uploaded(r, std::as_bytes(plan.start));
    plan.masses = uploaded(r, std::as_bytes(std::span<const float>(plan.mass)));
    plan.offsets = r.aligned(call.inputs[0].view);
    plan.columns = columns.empty() ? plan.offsets : r.aligned(call.inputs[1].view);
    plan.weights = weights.empty() ? plan.masses : r.aligned(r.floats(call.inputs[2]));
    if (r.onCpu()) {
      p.from = call.integer(0);
      r.launch(Kernel::layout, 1,
               {plan.positions, plan.masses, plan.offsets, plan.columns, plan.weights, call.outputs[0].view,
                call.outputs[1].view},
               p);
      co_return;
    }
    prepare(r, plan, p, offsets);
    const uint64_t items = uint64_t{n} * 8 + columns.size();
    const uint32_t most = static_cast<uint32_t>(std::clamp<uint64_t>(kItemsASubmission / items, 1, 64)),
                   iterations = call.integer(0);
    r.step(0, iterations);
    for (uint32_t i = 0; i < iterations; ++i) {
      p.limit = call.number(2) * static_cast<float>(iterations - i) / static_cast<float>(iterations);
      p.parity = i % 2;
      recordIteration(r, plan, p);
      std::swap(plan.positions, plan.next);
      if (i % most != most - 1 || i + 1 == iterations) continue;
      co_await r.sync();
      r.step(i + 1, iterations);
    }
    r.copy(call.outputs[0].view, plan.positions);
    r.launch(Kernel::reduce, 1, {plan.work.slice(kLayoutMoved * 4, uint64_t{n} * 4), plan.movement},
             ReduceParams{1, n, kReduceMean, 0});
    r.copy(call.outputs[1].view, plan.movement);
  }

 private:
  // What the launches share. `positions` and `next` change places from iteration to iteration.
  struct Plan {
    uint32_t n = 0;
    std::span<const float> start;
    std::span<float> mass;
    BufferView positions, next, masses, offsets, columns, weights, extras, work, packed, info, moments, fields,
        movement;
  };

  static BufferView uploaded(Recorder& r, std::span<const std::byte> bytes) {
    BufferView view = r.fresh(bytes.size());
    r.upload(view, bytes);
    return view;
  }

  // Masses, of mean 1; the result is what makes a weight a force on a mass of 1.
  float weigh(std::span<const int32_t> offsets, std::span<const int32_t> columns, std::span<const float> weights,
              std::span<float> mass) const {
    const size_t n = mass.size();
    double total = 0;
    size_t count = 0;
    for (float weight : weights) total += weight, count += weight > 0;
    if (count && !(total >= 1e-30 * static_cast<double>(count) && total <= 1e30 * static_cast<double>(count)))
      refuse(*this,
             "the mean of the positive 'weights' is " + std::to_string(total / static_cast<double>(count)) +
                 ", but must lie between 1e-30 and 1e30",
             "inputs.weights");
    const double scale = weights.empty() ? 1 : count ? static_cast<double>(count) / total : 0;
    std::vector<double> sums(n, 1.0);
    for (size_t i = 0; i < n; ++i)
      for (int32_t e = offsets[i]; e < offsets[i + 1]; ++e)
        if (size_t j = static_cast<size_t>(columns[e]); j != i) {
          const double weight = weights.empty() ? 1 : scale * weights[e];
          sums[i] += weight, sums[j] += weight;
        }
    double all = 0;
    for (double sum : sums) all += sum;
    const double mean = all / static_cast<double>(n);
    for (size_t i = 0; i < n; ++i) mass[i] = static_cast<float>(sums[i] / mean);
    return static_cast<float>(scale / mean);
  }

  // A sunflower's spiral, or, with a seed, the same disc at random.
  static std::span<const float> spread(Recorder& r, uint32_t n, float repulsion, uint32_t seed) {
    std::span<float> at = r.hostMemory<float>(size_t{2} * n);
    const double golden = std::numbers::pi * (3 - std::sqrt(5.0)), unit = std::sqrt(static_cast<double>(repulsion));
    uint64_t state = seed;
    auto random = [&] {  // SplitMix64 (Steele, Lea, Flood 2014)
      uint64_t z = state += 0x9E3779B97F4A7C15u;
      z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
      z = (z ^ z >> 27) * 0x94D049BB133111EBu;
      return static_cast<double>((z ^ z >> 31) >> 11) * 0x1p-53;
    };
    for (uint32_t i = 0; i < n; ++i) {
      const double radius = unit * std::sqrt(seed ? n * random() : i + 0.5),
                   angle = seed ? 2 * std::numbers::pi * random() : golden * i;
      at[2 * i] = static_cast<float>(radius * std::cos(angle)),
             at[2 * i + 1] = static_cast<float>(radius * std::sin(angle));
    }
    return at;
  }

  static uint32_t levelFor(uint32_t n) {
    uint32_t level = kLayoutTop;
    while (level < kMaxLevels && (uint64_t{kNodesACell} << (2 * level)) < n) ++level;
    return level;
  }
  static uint64_t cellsOf(uint32_t level) { return uint64_t{1} << (2 * level); }
  static uint64_t cellsUpTo(uint32_t level) { return (cellsOf(level + 1) - cellsOf(kLayoutTop)) / 3; }

  static void prepare(Recorder& r, Plan& plan, LayoutParams& p, std::span<const int32_t> offsets) {
    std::vector<uint32_t> extras;
    for (uint32_t i = 0; i < p.n; ++i)
      for (int64_t e = int64_t{offsets[i]} + kLayoutRow; e < offsets[i + 1]; e += kLayoutRow)
        extras.insert(extras.end(), {static_cast<uint32_t>(e),
                                     static_cast<uint32_t>(std::min<int64_t>(e + kLayoutRow, offsets[i + 1])), i, 0u});
    p.extras = static_cast<uint32_t>(extras.size() / 4);
    std::span<uint32_t> kept = r.hostMemory<uint32_t>(std::max<size_t>(extras.size(), 4));
    std::copy(extras.begin(), extras.end(), kept.begin());
    const uint64_t cells = cellsOf(p.level), all = cellsUpTo(p.level),
                   workWords = kLayoutMoved + 4 * uint64_t{p.n} + 5 * cells;
    r.requireBindable(std::max({workWords * 4, all * 32, uint64_t{p.n} * 16, plan.columns.size}),
                      "the layout of so many nodes or edges");
    plan.extras = uploaded(r, std::as_bytes(kept));
    plan.next = r.scratch(uint64_t{p.n} * 8);
    plan.packed = r.scratch(uint64_t{p.n} * 16);
    plan.info = r.scratch(cells * 8);
    plan.moments = r.scratch(all * 32);
    plan.fields = r.scratch(all * 32);
    plan.movement = r.scratch(4);
    plan.work = r.fresh(workWords * 4);
    std::span<uint32_t> head = r.hostMemory<uint32_t>(kLayoutMoved);
    float low[2] = {plan.start[0], plan.start[1]}, high[2] = {low[0], low[1]};
    for (size_t i = 0; i < plan.start.size(); ++i)
      low[i % 2] = std::min(low[i % 2], plan.start[i]), high[i % 2] = std::max(high[i % 2], plan.start[i]);
    for (size_t axis = 0; axis < 2; ++axis) head[axis] = sortable(low[axis]), head[2 + axis] = sortable(high[axis]);
    r.upload(plan.work.slice(0, head.size_bytes()), std::as_bytes(head));
    r.fill(plan.work.slice(head.size_bytes(), workWords * 4 - head.size_bytes()), 0);
  }

  static void recordIteration(Recorder& r, const Plan& plan, LayoutParams p) {
    r.launch(Kernel::layout_bin, uint64_t{p.n} + p.extras,
             {plan.positions, plan.masses, plan.offsets, plan.columns, plan.weights, plan.extras, plan.work}, p);
    r.launch(Kernel::layout_cells, cellsOf(p.level),
             {plan.positions, plan.masses, plan.work, plan.packed, plan.info, plan.moments}, p);
    for (p.from = p.level; p.from > kLayoutTop; p.from -= std::min(3u, p.from - kLayoutTop)) {
      uint64_t cells = 0;
      for (uint32_t up = 1; up <= 3 && p.from - up >= kLayoutTop; ++up) cells += cellsOf(p.from - up);
      r.launch(Kernel::layout_up, cells, {plan.moments}, p);
    }
    r.launch(Kernel::layout_far, cellsUpTo(p.level), {plan.moments, plan.fields, plan.work}, p);
    r.launch(Kernel::layout_move, p.n,
             {plan.positions, plan.packed, plan.info, plan.moments, plan.fields, plan.work, plan.next}, p);
  }
};

}  // namespace

const Workload& forceLayoutWorkload() {
  static const ForceLayout w;
  return w;
}

}  // namespace switchyard
