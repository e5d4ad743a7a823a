// force-layout in double precision: graphs, and one iteration with every pair or with the workload's own expansions.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

#include "../conformance.h"

namespace switchyard::test {

using Complex = std::complex<double>;

struct Edge {
  int from, to;
  double weight = 1;
};

struct LayoutGraph {
  uint64_t n = 0;
  std::vector<Edge> edges;  // by `from`
  bool weighted = false;
};

inline LayoutGraph graphOf(uint64_t n, std::vector<Edge> edges, bool weighted = false) {
  std::stable_sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.from < b.from; });
  return {n, std::move(edges), weighted};
}

// with duplicates, self loops and nodes without edges
inline LayoutGraph randomGraph(Random& random, uint64_t n, uint64_t m, bool weighted) {
  std::vector<Edge> edges;
  for (uint64_t e = 0; e < m; ++e)
    edges.push_back({int(random.integer(0, int64_t(n) - 1)), int(random.integer(0, int64_t(n) - 1)),
                     weighted ? double(float(random.uniform(0, 3))) : 1.0});
  return graphOf(n, std::move(edges), weighted);
}

inline constexpr int kTop = 3, kCap = 32, kTerms = 4;

inline Complex jitterOf(uint32_t node) {
  uint32_t x = node * 747796405u + 2891336453u;
  x = ((x >> ((x >> 28) + 4)) ^ x) * 277803737u;
  x = (x >> 22) ^ x;
  return Complex(double(x & 0xFFFF), double(x >> 16)) / 65535.0 - Complex(0.5, 0.5);
}

inline double choose(int n, int k) { return k == 0 ? 1 : choose(n - 1, k - 1) * n / k; }

// One iteration, in double. `everyPair`: what is far is summed pair by pair, too.
class LayoutOracle {
 public:
  LayoutOracle(const LayoutGraph& graph, const Problem& p, bool everyPair)
      : graph_(graph),
        everyPair_(everyPair),
        step_(float(p.param("step", 0.5))),
        temperature_(float(p.param("temperature", 0.1))),
        repulsion_(float(p.param("repulsion", 1))),
        gravity_(float(p.param("gravity", 0.01))),
        mass_(graph.n, 1.0) {
    double total = 0, count = 0, all = 0;
    for (const Edge& e : graph.edges) total += e.weight, count += e.weight > 0;
    const double scale = count ? count / total : 0;
    for (const Edge& e : graph.edges)
      if (e.from != e.to) mass_[size_t(e.from)] += scale * e.weight, mass_[size_t(e.to)] += scale * e.weight;
    for (double m : mass_) all += m;
    mean_ = all / double(graph.n), scale_ = scale;
    for (double& m : mass_) m /= mean_;
    while ((uint64_t{3} << (2 * level_)) < graph.n) ++level_;
  }

  std::vector<Complex> advance(const std::vector<Complex>& at, double cooling) {
    sort(at);
    std::vector<Complex> pull(graph_.n), next(graph_.n);
    for (const Edge& e : graph_.edges) {
      if (e.from == e.to) continue;
      const Complex d = at[size_t(e.to)] - at[size_t(e.from)];
      pull[size_t(e.from)] += scale_ * e.weight / mean_ * d, pull[size_t(e.to)] -= scale_ * e.weight / mean_ * d;
    }
    for (size_t i = 0; i < graph_.n; ++i) {
      double stiffness = 0;
      Complex push = near(at, i, stiffness);
      push += everyPair_ ? farPairs(at, i) : farCells(at, i);
      Complex way =
          step_ / (1 + gravity_ + repulsion_ * stiffness) * (repulsion_ * push + pull[i] / mass_[i] - gravity_ * at[i]);
      const double limit = temperature_ * cooling * std::max(side_, 2 * std::sqrt(repulsion_ * double(graph_.n)));
      if (std::abs(way) > limit) way *= limit / std::abs(way);
      next[i] = at[i] + way;
    }
    return next;
  }
  double side() const { return side_; }

 private:
  int width() const { return 1 << level_; }
  size_t cellOf(size_t i) const { return size_t(cellY_[i] * width() + cellX_[i]); }

  void sort(const std::vector<Complex>& at) {
    double low[2] = {kInf, kInf}, high[2] = {-kInf, -kInf};
    for (Complex z : at) {
      const double xy[2] = {z.real(), z.imag()};
      for (int a = 0; a < 2; ++a) low[a] = std::min(low[a], xy[a]), high[a] = std::max(high[a], xy[a]);
    }
    const double far = std::max({std::fabs(low[0]), std::fabs(low[1]), std::fabs(high[0]), std::fabs(high[1])});
    side_ = std::max({1.0001 * std::max(high[0] - low[0], high[1] - low[1]),
                      2e-3 * std::sqrt(repulsion_ * double(graph_.n)), 1e-5 * far});
    origin_ = Complex(low[0] + high[0] - side_, low[1] + high[1] - side_) / 2.0;
    cellX_.resize(graph_.n), cellY_.resize(graph_.n);
    cells_.assign(size_t(width() * width()), {});
    for (size_t i = 0; i < graph_.n; ++i) {
      const Complex place = (at[i] - origin_) * double(width()) / side_;
      cellX_[i] = std::clamp(int(std::floor(place.real())), 0, width() - 1),
      cellY_[i] = std::clamp(int(std::floor(place.imag())), 0, width() - 1);
      cells_[cellOf(i)].push_back(i);
    }
    charges_.assign(cells_.size(), {});
    for (size_t c = 0; c < cells_.size(); ++c) {
      double mass = 0;
      Complex moment = 0;
      for (size_t i : cells_[c]) {
        mass += mass_[i], moment += mass_[i] * at[i];
        if (cells_[c].size() <= kCap) charges_[c].push_back({at[i], mass_[i]});
      }
      if (cells_[c].size() > kCap) charges_[c].push_back({moment / mass, mass});
    }
  }

  bool adjacent(size_t i, int x, int y) const { return std::abs(x - cellX_[i]) < 2 && std::abs(y - cellY_[i]) < 2; }

  Complex near(const std::vector<Complex>& at, size_t i, double& stiffness) const {
    Complex push = 0;
    const double soft = 1e-2 * std::sqrt(repulsion_), cellSide = side_ / width();
    for (int y = 0; y < width(); ++y)
      for (int x = 0; x < width(); ++x) {
        if (!adjacent(i, x, y)) continue;
        const size_t c = size_t(y * width() + x);
        auto add = [&](Complex d, double mass, double softening) {
          const double f = mass / (std::norm(d) + softening * softening);
          push += f * d, stiffness += f;
        };
        if (cells_[c].size() > kCap)
          add(at[i] - charges_[c][0].first + 0.1 * cellSide * jitterOf(uint32_t(i)), charges_[c][0].second,
              0.5 * cellSide);
        else
          for (size_t j : cells_[c])
            if (j != i)
              add(at[j] == at[i] ? soft * (jitterOf(uint32_t(i)) - jitterOf(uint32_t(j))) : at[i] - at[j], mass_[j],
                  soft);
      }
    return push;
  }

  Complex farPairs(const std::vector<Complex>& at, size_t i) const {
    Complex push = 0;
    for (size_t j = 0; j < graph_.n; ++j)
      if (!adjacent(i, cellX_[j], cellY_[j])) push += mass_[j] * (at[i] - at[j]) / std::norm(at[i] - at[j]);
    return push;
  }

  // By the expansions, made for this node alone: of each level the cells that are near the parent and not near the
  // cell.
  Complex farCells(const std::vector<Complex>& at, size_t i) const {
    Complex field = 0;
    for (int level = kTop; level <= level_; ++level) {
      const int up = level_ - level, count = 1 << level, x = cellX_[i] >> up, y = cellY_[i] >> up;
      const double h = side_ / count;
      auto centre = [&](int cx, int cy) { return origin_ + h * Complex(cx + 0.5, cy + 0.5); };
      for (int sy = 0; sy < count; ++sy)
        for (int sx = 0; sx < count; ++sx) {
          if (std::abs(sx - x) < 2 && std::abs(sy - y) < 2) continue;
          if (level > kTop && (std::abs(sx / 2 - x / 2) > 1 || std::abs(sy / 2 - y / 2) > 1)) continue;
          Complex a[kTerms] = {};
          for (int fy = sy << up; fy < (sy + 1) << up; ++fy)
            for (int fx = sx << up; fx < (sx + 1) << up; ++fx)
              for (auto& [z, q] : charges_[size_t(fy * width() + fx)])
                for (int k = 0; k < kTerms; ++k) a[k] += q * (k ? std::pow((z - centre(sx, sy)) / h, k) : Complex(1));
          const Complex d(sx - x, sy - y), u = (at[i] - centre(x, y)) / h;
          for (int l = 0; l < kTerms; ++l) {
            Complex b = 0;
            for (int k = 0; k < kTerms; ++k)
              b += (k % 2 ? 1.0 : -1.0) * choose(k + l, l) * a[k] / std::pow(d, k + l + 1);
            field += b * (l ? std::pow(u, l) : Complex(1)) / h;
          }
        }
    }
    return std::conj(field);
  }

  const LayoutGraph graph_;
  const bool everyPair_;
  const double step_, temperature_, repulsion_, gravity_;
  std::vector<double> mass_;
  double mean_ = 1, scale_ = 1, side_ = 0;
  int level_ = kTop;
  Complex origin_;
  std::vector<int> cellX_, cellY_;
  std::vector<std::vector<size_t>> cells_;
  std::vector<std::vector<std::pair<Complex, double>>> charges_;  // nodes, or the one that stands for a full cell
};

}  // namespace switchyard::test
