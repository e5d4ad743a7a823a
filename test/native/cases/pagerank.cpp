// pagerank: weights, duplicates, dangling nodes, stopping.
#include <cmath>

#include "oracles.h"

namespace switchyard::test {
namespace {

struct Iterated {
  std::vector<double> ranks;
  double residual = kInf;
  int iterations = 0;
};

Iterated iterate(const Links& links, double damping, double tolerance, int most) {
  size_t n = links.out.size();
  Iterated state;
  state.ranks.assign(n, 1 / double(n));
  while (state.iterations < most && !(state.residual <= tolerance)) {
    std::vector<double> next(n, 0.0);
    double dangling = 0;
    for (size_t i = 0; i < n; ++i) {
      double total = 0;
      for (auto [target, weight] : links.out[i]) total += weight;
      if (total == 0)
        dangling += state.ranks[i];
      else
        for (auto [target, weight] : links.out[i]) next[target] += state.ranks[i] * weight / total;
    }
    state.residual = 0;
    for (size_t i = 0; i < n; ++i) {
      next[i] = (1 - damping) / double(n) + damping * (next[i] + dangling / double(n));
      state.residual += std::fabs(next[i] - state.ranks[i]);
    }
    state.ranks = next;
    ++state.iterations;
  }
  return state;
}

}  // namespace

void setInputs(Problem& p, const Links& links, bool weighted, DType t) {
  uint64_t n = links.out.size(), m = 0;
  for (auto& row : links.out) m += row.size();
  p.inputs = {HostTensor(DType::Int32, {n + 1}), HostTensor(DType::Int32, {m}),
              weighted ? HostTensor(t, {m}) : absent()};
  uint64_t edge = 0;
  for (uint64_t i = 0; i < n; ++i) {
    for (auto [target, weight] : links.out[i]) {
      p.inputs[1].set(edge, target);
      if (weighted) p.inputs[2].set(edge, weight);
      ++edge;
    }
    p.inputs[0].set(i + 1, double(edge));
  }
}

void expectPagerank(Problem& p, Links links) {
  uint64_t n = links.out.size();
  double damping = float(p.param("damping", 0.85)), tolerance = float(p.param("tolerance", 1e-6));
  int most = int(p.param("maxIterations", 100));
  const HostTensor& weights = p.inputs[2];
  uint64_t edge = 0;
  for (auto& row : links.out)
    for (auto& [target, weight] : row) weight = weights.present ? weights.at(edge++) : 1;  // as rounded to their dtype
  p.outputs = {Expected(kF32, {n}), Expected(DType::Int32, {1}), Expected(kF32, {1})};
  for (Expected& output : p.outputs) std::fill(output.slack.begin(), output.slack.end(), kInf);
  p.check = [=](const std::vector<HostTensor>& got) -> std::string {
    int iterations = int(got[1].at(0));
    // a float32 step moves each rank by a few units, and ranks add up to 1
    double residual = got[2].at(0), noise = 64 * kUlp;
    if (iterations < (most ? 1 : 0) || iterations > most)
      return std::to_string(iterations) + " iterations of " + std::to_string(most);
    if (iterations < most && !(residual <= tolerance)) return "stopped with a residual of " + std::to_string(residual);
    // The count may differ from the oracle's where the residual lies within its noise of the tolerance; the ranks are
    // those of that count.
    Iterated early = iterate(links, damping, tolerance + noise, most),
             late = iterate(links, damping, std::max(0.0, tolerance - noise), most);
    if (iterations < early.iterations || iterations > late.iterations)
      return std::to_string(iterations) + " iterations, expected " + std::to_string(early.iterations) + " to " +
             std::to_string(late.iterations);
    Iterated wanted = iterate(links, damping, -1, iterations);
    for (uint64_t i = 0; i < n; ++i) {
      // Errors of a step die away with the damping: 1 / (1 - damping) of a sum's.
      double slack = wanted.ranks[i] * 64 * kUlp / (1 - std::min(damping, 0.99)) + noise / double(n);
      if (!(std::fabs(got[0].at(i) - wanted.ranks[i]) <= slack))
        return "rank " + std::to_string(i) + ": got " + std::to_string(got[0].at(i)) + ", expected " +
               std::to_string(wanted.ranks[i]);
    }
    if (iterations && !(std::fabs(residual - wanted.residual) <= noise + 1e-4 * wanted.residual))
      return "residual " + std::to_string(residual) + ", expected " + std::to_string(wanted.residual);
    return "";
  };
}

namespace {

Links randomLinks(Random& random, uint64_t n, uint64_t edges) {
  Links links;
  links.out.resize(n);
  for (uint64_t e = 0; e < edges; ++e)  // duplicates happen; some nodes stay without links
    links.out[size_t(random.integer(0, int64_t(n) - 1))].push_back(
        {int(random.integer(0, int64_t(n) - 1)), random.uniform(0.1, 3)});
  return links;
}

void addRandom(CaseList& list, const std::string& name, Size size, uint64_t n, uint64_t edges, bool weighted,
               std::vector<Param> params = {}, DType t = kF32) {
  list.add("pagerank", name, size, [=](Problem& p, Random& random) {
    Links links = randomLinks(random, n, edges);
    setInputs(p, links, weighted, t);
    p.params = params;
    expectPagerank(p, links);
  });
}

void addFixed(CaseList& list, const std::string& name, Links links, bool weighted, std::vector<Param> params = {}) {
  list.add("pagerank", name, Size::Small, [=](Problem& p, Random&) {
    setInputs(p, links, weighted, kF32);
    p.params = params;
    expectPagerank(p, links);
  });
}

}  // namespace

void addPagerankCases(CaseList& list) {
  for (uint64_t n : {1, 2, 63, 64, 65, 127, 128, 129, 255, 256, 257, 997}) {
    addRandom(list, std::to_string(n), Size::Small, n, 5 * n, false);
    addRandom(list, std::to_string(n) + "-weights", Size::Small, n, 3 * n, true);
  }
  addRandom(list, "weights-float16", Size::Small, 40, 150, true, {}, kF16);
  addRandom(list, "no-links", Size::Small, 7, 0, false);
  addRandom(list, "mostly-dangling", Size::Small, 300, 40, true);
  addRandom(list, "damping-0", Size::Small, 50, 200, false, {{"damping", 0}});
  addRandom(list, "damping-0.5", Size::Small, 50, 200, true, {{"damping", 0.5}});
  addRandom(list, "one-iteration", Size::Small, 50, 200, true, {{"maxIterations", 1}});
  addRandom(list, "out-of-iterations", Size::Small, 50, 200, true, {{"maxIterations", 7}, {"tolerance", 1e-30}});
  addRandom(list, "loose", Size::Small, 50, 200, true, {{"tolerance", 0.1}});
  addRandom(list, "all-are-hubs", Size::Small, 260, 72000, true, {{"maxIterations", 1}});
  addRandom(list, "large", Size::Large, 100003, 600000, true, {{"maxIterations", 20}});
  addRandom(list, "many-edges", Size::Split, 12007, 200000, true, {{"maxIterations", 20}});
  addFixed(list, "duplicates-add", {{{{1, 1.0}, {1, 1.0}, {2, 1.0}}, {{0, 1.0}}, {{0, 1.0}}}}, false);
  addFixed(list, "weight-0-is-no-link", {{{{1, 0.0}, {2, 4.0}}, {{0, 1.0}}, {{1, 1.0}}}}, true);
  addFixed(list, "all-weights-0-is-dangling", {{{{1, 0.0}}, {{0, 1.0}}, {{1, 2.0}}}}, true);
  addFixed(list, "self-links", {{{{0, 1.0}}, {{1, 1.0}, {0, 1.0}}, {{2, 1.0}}}}, false);
  // Nodes of every number of in-links, few of many and many of few, some of them hubs.
  for (bool weighted : {false, true})
    list.add("pagerank", weighted ? "power-law-weights" : "power-law", Size::Small, [=](Problem& p, Random& random) {
      Links links;
      links.out.resize(1201);
      for (int e = 0; e < 14000; ++e)
        links.out[size_t(random.integer(0, 1100))].push_back(
            {int(1200 * std::pow(random.uniform(0, 1), 4)), random.uniform(0.1, 3)});
      setInputs(p, links, weighted, kF32);
      expectPagerank(p, links);
    });
  // Only hubs have in-links: no row besides theirs has an edge.
  for (Size size : {Size::Small, Size::Split})
    for (bool weighted : {false, true})
      list.add("pagerank", std::string(size == Size::Split ? "large-" : "") + (weighted ? "star-weights" : "star"),
               size, [=](Problem& p, Random& random) {
                 Links links;
                 links.out.resize(size == Size::Split ? 13001 : 1301);
                 for (size_t i = 1; i < links.out.size(); ++i) links.out[i].push_back({0, random.uniform(0.1, 3)});
                 setInputs(p, links, weighted, kF32);
                 expectPagerank(p, links);
               });
  // One row of in-links far longer than a workgroup; two that are more than a thread's.
  for (int n : {1500, 13001})
    list.add("pagerank", n == 1500 ? "hub" : "hubs", Size::Small, [n](Problem& p, Random&) {
      Links links;
      links.out.resize(size_t(n));
      for (int i = 1; i < n; ++i) links.out[size_t(i)].push_back({i % 3 ? 0 : n / 2, 1.0});
      links.out[0].push_back({1, 1.0});
      setInputs(p, links, false, kF32);
      expectPagerank(p, links);
    });
}

}  // namespace switchyard::test
