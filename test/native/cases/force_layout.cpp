// force-layout: single iterations against the forces in double, with every pair and with the workload's own expansions;
// finished layouts by their properties.
#include <algorithm>
#include <cmath>

#include "force_layout_oracle.h"

namespace switchyard::test {
namespace {

void setInputs(Problem& p, const LayoutGraph& graph, const std::vector<Complex>& start) {
  p.inputs = {HostTensor(DType::Int32, {graph.n + 1}), HostTensor(DType::Int32, {graph.edges.size()}),
              graph.weighted ? HostTensor(kF32, {graph.edges.size()}) : absent(),
              start.empty() ? absent() : HostTensor(kF32, {graph.n, 2})};
  std::vector<uint64_t> ends(graph.n + 1);
  for (const Edge& edge : graph.edges) ++ends[size_t(edge.from) + 1];
  for (uint64_t i = 0, total = 0; i <= graph.n; ++i) p.inputs[0].set(i, double(total += ends[i]));
  for (size_t e = 0; e < graph.edges.size(); ++e) {
    p.inputs[1].set(e, graph.edges[e].to);
    if (graph.weighted) p.inputs[2].set(e, graph.edges[e].weight);
  }
  for (size_t i = 0; i < start.size(); ++i)
    p.inputs[3].set(2 * i, start[i].real()), p.inputs[3].set(2 * i + 1, start[i].imag());
  p.outputs = {Expected(kF32, {graph.n, 2}), Expected(kF32, {1})};
  for (Expected& output : p.outputs) std::fill(output.slack.begin(), output.slack.end(), kInf);
}

Complex pointOf(const HostTensor& positions, size_t i) { return {positions.at(2 * i), positions.at(2 * i + 1)}; }

std::vector<Complex> startOf(const Problem& p) {
  std::vector<Complex> start;
  for (size_t i = 0; i < p.inputs[3].size() / 2; ++i) start.push_back(pointOf(p.inputs[3], i));
  return start;
}

// Some nodes lie so near a cell's border that float32 has them beyond it, which changes their forces by what the
// expansions are off.
void expectSteps(Problem& p, const LayoutGraph& graph, int iterations) {
  p.params.push_back({"iterations", iterations});
  LayoutOracle oracle(graph, p, false);
  std::vector<Complex> at = startOf(p), before;
  for (int i = 0; i < iterations; ++i) before = at, at = oracle.advance(at, double(iterations - i) / iterations);
  double moved = 0, squares = 0;
  for (size_t i = 0; i < graph.n; ++i)
    moved += std::abs(at[i] - before[i]) / double(graph.n), squares += std::norm(at[i] - before[i]) / double(graph.n);
  const double unit = std::sqrt(squares), side = oracle.side();
  p.check = [=](const std::vector<HostTensor>& got) -> std::string {
    size_t off = 0;
    double worst = 0;
    for (size_t i = 0; i < at.size(); ++i) {
      const double error = std::abs(pointOf(got[0], i) - at[i]);
      if (!(error <= 1e-3 * unit + 2e-6 * side)) ++off;
      if (!(error <= 0.1 * unit + 1e-5 * side))
        return "node " + std::to_string(i) + " is off by " + std::to_string(error) + ", where steps are " +
               std::to_string(unit);
      worst = std::max(worst, error);
    }
    if (off > 1 + at.size() / 100)
      return std::to_string(off) + " of " + std::to_string(at.size()) + " nodes are off, up to " +
             std::to_string(worst) + ", where steps are " + std::to_string(unit);
    if (!(std::fabs(got[1].at(0) - moved) <= 1e-3 * moved + 2e-6 * side))
      return "movement " + std::to_string(got[1].at(0)) + ", expected " + std::to_string(moved);
    return "";
  };
}

// One uncooled step by the forces of every pair: the expansions are good to a few per mille.
void expectExact(Problem& p, const LayoutGraph& graph) {
  p.params = {{"iterations", 1}, {"temperature", 1}};
  const std::vector<Complex> start = startOf(p), wanted = LayoutOracle(graph, p, true).advance(start, 1);
  p.check = [=](const std::vector<HostTensor>& got) -> std::string {
    double errors = 0, squares = 0;
    for (size_t i = 0; i < start.size(); ++i)
      errors += std::norm(pointOf(got[0], i) - wanted[i]), squares += std::norm(wanted[i] - start[i]);
    return errors <= 0.01 * 0.01 * squares ? ""
                                           : "off by " + std::to_string(100 * std::sqrt(errors / squares)) +
                                                 " per cent (rms) of the step by the forces of every pair";
  };
}

std::vector<Complex> uniformStart(Random& random, uint64_t n, double extent) {
  std::vector<Complex> at(n);
  for (Complex& z : at) z = {float(random.uniform(-extent, extent)), float(random.uniform(-extent, extent))};
  return at;
}

// Most nodes in a small part of the square, so that cells overflow.
std::vector<Complex> clumpedStart(Random& random, uint64_t n) {
  std::vector<Complex> at = uniformStart(random, n, 20);
  for (uint64_t i = 0; i < n; i += 3)
    for (uint64_t j = i; j < std::min(i + 2, n); ++j)
      at[j] = {float(3 + at[j].real() / 100), float(-5 + at[j].imag() / 100)};
  return at;
}

// ---- properties of finished layouts

using Points = std::vector<Complex>;
double meanDistance(const Points& at, const std::vector<Edge>& pairs) {
  double sum = 0;
  for (const Edge& pair : pairs) sum += std::abs(at[size_t(pair.from)] - at[size_t(pair.to)]);
  return sum / double(pairs.size());
}

void addProperty(CaseList& list, const std::string& name, Size size, const LayoutGraph& graph,
                 std::vector<Param> params, std::function<std::string(const Points&)> property,
                 std::vector<Complex> start = {}) {
  list.add("force-layout", name, size, [=](Problem& p, Random&) {
    setInputs(p, graph, start);
    p.params = params;
    p.check = [=](const std::vector<HostTensor>& got) -> std::string {
      Points at;
      Complex sum = 0;
      double radius = 0;
      for (size_t i = 0; i < graph.n; ++i) {
        at.push_back(pointOf(got[0], i));
        if (!std::isfinite(at[i].real()) || !std::isfinite(at[i].imag()))
          return "node " + std::to_string(i) + " is nowhere";
        sum += at[i] / double(graph.n), radius = std::max(radius, std::abs(at[i]));
      }
      if (!(std::abs(sum) <= 0.5 * radius))
        return "the middle lies " + std::to_string(std::abs(sum)) + " from 0, with a radius of " +
               std::to_string(radius);
      if (!std::isfinite(got[1].at(0)) || got[1].at(0) < 0) return "movement " + std::to_string(got[1].at(0));
      return property(at);
    };
  });
}

std::vector<Edge> clique(int first, int count) {
  std::vector<Edge> edges;
  for (int i = 0; i < count; ++i)
    for (int j = 0; j < i; ++j) edges.push_back({first + i, first + j});
  return edges;
}

void addFinished(CaseList& list) {
  std::vector<Edge> two = clique(0, 12), other = clique(12, 12);
  const std::vector<Edge> within = two;
  two.insert(two.end(), other.begin(), other.end());
  two.push_back({3, 17});
  addProperty(
      list, "two-cliques", Size::Small, graphOf(24, two), {{"iterations", 150}}, [=](const Points& at) -> std::string {
        std::vector<Edge> across;
        for (int i = 0; i < 12; ++i)
          for (int j = 12; j < 24; ++j) across.push_back({i, j});
        const double inside = meanDistance(at, within), between = meanDistance(at, across);
        return between > 2 * inside
                   ? ""
                   : "the cliques are " + std::to_string(between) + " apart, their nodes " + std::to_string(inside);
      });
  std::vector<Edge> path;
  for (int i = 0; i < 39; ++i) path.push_back({i, i + 1});
  addProperty(list, "path-unrolls", Size::Medium, graphOf(40, path), {{"iterations", 2000}},
              [=](const Points& at) -> std::string {
                double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0, count = 0;
                for (int i = 0; i < 40; ++i)
                  for (int j = 0; j < i; ++j) {
                    const double x = i - j, y = std::abs(at[size_t(i)] - at[size_t(j)]);
                    sx += x, sy += y, sxx += x * x, syy += y * y, sxy += x * y, ++count;
                  }
                const double correlation =
                    (count * sxy - sx * sy) / std::sqrt((count * sxx - sx * sx) * (count * syy - sy * sy));
                return correlation > 0.8
                           ? ""
                           : "steps along the path and distances correlate by " + std::to_string(correlation);
              });
  std::vector<Edge> mesh, random;
  for (int i = 0; i < 400; ++i) {
    if (i % 20 < 19) mesh.push_back({i, i + 1});
    if (i < 380) mesh.push_back({i, i + 20});
    random.push_back({i, (i * 167 + 31) % 400});
  }
  for (double seed : {0.0, 1.0, 4294967295.0})
    addProperty(list, "neighbours-are-near-" + std::to_string(uint32_t(seed)), Size::Medium, graphOf(400, mesh),
                {{"iterations", 200}, {"seed", seed}}, [=](const Points& at) -> std::string {
                  const double near = meanDistance(at, mesh), far = meanDistance(at, random);
                  return near < 0.4 * far
                             ? ""
                             : "neighbours are " + std::to_string(near) + " apart, any nodes " + std::to_string(far);
                });
  auto spreads = [](const Points& at) -> std::string {
    double least = kInf, most = 0;
    for (size_t i = 0; i < at.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        least = std::min(least, std::abs(at[i] - at[j])), most = std::max(most, std::abs(at[i] - at[j]));
    return least > 0 && most > 0.5 * std::sqrt(double(at.size()))
               ? ""
               : "nodes are from " + std::to_string(least) + " to " + std::to_string(most) + " apart";
  };
  for (int n : {2, 7, 33, 200}) {
    addProperty(list, "all-at-one-place-" + std::to_string(n), Size::Small, graphOf(uint64_t(n), {}),
                {{"iterations", 60}}, spreads, Points(size_t(n), Complex(0, 0)));
    addProperty(list, "all-at-one-place-with-edges-" + std::to_string(n), Size::Medium,
                graphOf(uint64_t(n), {{0, 1}, {1, 0}}), {{"iterations", 60}}, spreads,
                Points(size_t(n), Complex(0.25, 0.5)));
  }
  Points outlier(300, Complex(0.5, 0.5));
  outlier[7] = {-40, 30};
  addProperty(list, "a-clump-and-one-far-away", Size::Medium, graphOf(300, {}), {{"iterations", 100}, {"gravity", 0.1}},
              spreads, outlier);
}

void addStep(CaseList& list, const std::string& name, Size size, uint64_t n, uint64_t m, bool weighted, int iterations,
             std::vector<Param> params = {}, bool clumped = false) {
  list.add("force-layout", name, size, [=](Problem& p, Random& random) {
    const LayoutGraph graph = n ? randomGraph(random, n, m, weighted) : LayoutGraph{};
    setInputs(p, graph, clumped ? clumpedStart(random, n) : uniformStart(random, n, std::sqrt(double(n)) + 1));
    p.params = params;
    expectSteps(p, graph, iterations);
  });
}

void addRefused(CaseList& list, const std::string& name, std::initializer_list<double> offsets,
                std::initializer_list<double> columns, std::initializer_list<double> weights,
                std::initializer_list<double> positions) {
  std::vector<double> all[4] = {offsets, columns, weights, positions};
  list.add("force-layout", "refused-" + name, Size::Small, [=](Problem& p, Random&) {
    p.inputs = {HostTensor(DType::Int32, {all[0].size()}), HostTensor(DType::Int32, {all[1].size()}),
                all[2].empty() ? absent() : HostTensor(kF32, {all[2].size()}),
                all[3].empty() ? absent() : HostTensor(kF32, {all[3].size() / 2, 2})};
    for (size_t t = 0; t < 4; ++t)
      for (size_t i = 0; i < all[t].size(); ++i) p.inputs[t].set(i, all[t][i]);
    p.refused = Code::InvalidArgument;
  });
}

}  // namespace

void addForceLayoutCases(CaseList& list) {
  for (uint64_t n : {1, 2, 3, 31, 33, 127, 128, 129, 255, 256, 257, 997})
    addStep(list, "step-" + std::to_string(n), Size::Small, n, 3 * n, n % 2 != 0, 1);
  addStep(list, "three-steps", Size::Small, 300, 900, true, 3);
  addStep(list, "no-edges", Size::Small, 200, 0, false, 2);
  addStep(list, "clumped", Size::Small, 400, 500, true, 2, {}, true);
  addStep(list, "params", Size::Small, 150, 300, false, 2,
          {{"step", 1}, {"temperature", 0.02}, {"repulsion", 7.5}, {"gravity", 0.5}});
  addStep(list, "no-gravity", Size::Small, 150, 100, false, 2, {{"gravity", 0}, {"repulsion", 0.01}});
  addStep(list, "levels", Size::Medium, 3083, 9000, true, 1);
  for (uint64_t n : {60, 700, 4001})
    list.add("force-layout", "every-pair-" + std::to_string(n), n < 1000 ? Size::Small : Size::Medium,
             [=](Problem& p, Random& random) {
               const LayoutGraph graph = randomGraph(random, n, 2 * n, false);
               setInputs(p, graph, uniformStart(random, n, std::sqrt(double(n))));
               expectExact(p, graph);
             });
  // rows of several chunks, and a node that all others point at
  list.add("force-layout", "hubs", Size::Small, [](Problem& p, Random& random) {
    std::vector<Edge> edges;
    for (int i = 1; i < 900; ++i) edges.push_back({0, i}), edges.push_back({i, 1});
    for (int i = 0; i < 513; ++i) edges.push_back({5, i});
    const LayoutGraph graph = graphOf(900, edges);
    setInputs(p, graph, uniformStart(random, 900, 30));
    expectSteps(p, graph, 2);
  });
  list.add("force-layout", "no-nodes", Size::Small, [](Problem& p, Random&) {
    setInputs(p, LayoutGraph{}, {});
    p.outputs[1].slack[0] = 0;
  });
  list.add("force-layout", "large", Size::Large, [](Problem& p, Random& random) {
    const LayoutGraph graph = randomGraph(random, 100003, 500000, true);
    setInputs(p, graph, {});
    p.params = {{"iterations", 3}};
    p.check = [](const std::vector<HostTensor>& got) -> std::string {
      for (size_t i = 0; i < got[0].size(); ++i)
        if (!std::isfinite(got[0].at(i)) || std::fabs(got[0].at(i)) > 1000)
          return "node " + std::to_string(i / 2) + " is at " + std::to_string(got[0].at(i));
      return got[1].at(0) > 0 ? "" : "nothing moved";
    };
  });
  addFinished(list);
  addRefused(list, "column-too-large", {0, 1, 2}, {1, 2}, {}, {});
  addRefused(list, "offsets-decreasing", {0, 2, 1}, {1, 0}, {}, {});
  addRefused(list, "offsets-past-the-end", {0, 1, 3}, {1, 0}, {}, {});
  addRefused(list, "weight-negative", {0, 1, 2}, {1, 0}, {1, -1}, {});
  addRefused(list, "weight-nan", {0, 1, 2}, {1, 0}, {1, kNaN}, {});
  addRefused(list, "weights-past-all-bounds", {0, 1, 2}, {1, 0}, {1e38, 1e38}, {});
  addRefused(list, "weights-length", {0, 1, 2}, {1, 0}, {1}, {});
  addRefused(list, "position-nan", {0, 1, 2}, {1, 0}, {}, {0, 1, kNaN, 2});
  addRefused(list, "position-infinite", {0, 1, 2}, {1, 0}, {}, {0, 1, kInf, 2});
  addRefused(list, "position-too-far", {0, 1, 2}, {1, 0}, {}, {0, 1, 1e16, 2});
  addRefused(list, "positions-shape", {0, 1, 2}, {1, 0}, {}, {0, 1});
}

}  // namespace switchyard::test
