// top-k: selection is exact, so values and indices must match the sorted row.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "oracles.h"

namespace switchyard::test {
namespace {

// Best first, ties (and +0 against -0) by lower index, NaN after everything.
std::vector<size_t> ranking(const HostTensor& input, size_t row, size_t d, bool largest) {
  std::vector<size_t> order(d);
  std::iota(order.begin(), order.end(), size_t{0});
  std::vector<double> x(d);
  for (size_t i = 0; i < d; ++i) x[i] = input.at(row * d + i);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (std::isnan(x[a]) || std::isnan(x[b])) return !std::isnan(x[a]) && std::isnan(x[b]);
    return largest ? x[a] > x[b] : x[a] < x[b];
  });
  return order;
}

}  // namespace

void expectTopK(Problem& p) {
  const HostTensor& in = p.inputs[0];
  uint64_t n = in.shape()[0], d = in.shape()[1], k = uint64_t(p.param("k", 1));
  bool largest = p.param("largest", 1) != 0;
  Expected values(outputDType(p), {n, k}), indices(DType::Int32, {n, k});
  for (uint64_t r = 0; r < n; ++r) {
    std::vector<size_t> order = ranking(in, r, d, largest);
    for (uint64_t i = 0; i < k; ++i) {
      values.set(r * k + i, in.at(r * d + order[i]), 0);
      values.slack[r * k + i] = 0;  // taken from the input as it is
      indices.set(r * k + i, double(order[i]), 0);
    }
  }
  p.outputs = {std::move(values), std::move(indices)};
}

void addTopKCases(CaseList& list) {
  auto add = [&](const std::string& name, Size size, DType t, uint64_t n, uint64_t d, uint64_t k, bool ties = false) {
    for (bool largest : {true, false})
      list.add("top-k", name + (largest ? "" : "-smallest") + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
        p.inputs = {ties ? random.integers(t, {n, d}) : random.uniform(t, {n, d})};
        p.params = {{"k", double(k)}};
        if (!largest) p.params.push_back({"largest", 0});
        if (n % 2) keepDType(p);
        expectTopK(p);
      });
  };
  struct {
    uint64_t n, d, k;
  } sizes[] = {{1, 1, 1},    {0, 5, 2},    {3, 63, 5},     {3, 64, 64},    {3, 65, 10},     {2, 127, 127}, {2, 128, 1},
               {2, 129, 10}, {2, 255, 32}, {2, 256, 33},   {2, 257, 100},  {67, 13, 13},    {2, 997, 10},  {1, 1023, 7},
               {1, 1024, 8}, {1, 1025, 9}, {2, 1031, 512}, {2, 1031, 513}, {1, 1500, 1500}, {2, 5003, 17}};
  for (DType t : kFloatTypes) {
    for (auto [n, d, k] : sizes)
      if (!halfSkips(t, d))
        add(std::to_string(n) + "x" + std::to_string(d) + "-k" + std::to_string(k),
            d > 1100 ? Size::Medium : Size::Small, t, n, d, k);
    add("ties", Size::Small, t, 4, 300, 40, true);
    add("ties-all", Size::Small, t, 2, 130, 130, true);
    add("ties-across-chunks", Size::Medium, t, 2, 4200, 100, true);
    if (t != kF32) continue;
    add("large", Size::Large, t, 211, 5003, 10);
    add("many-rows", Size::Split, t, 1031, 401, 10);
    add("large-k", Size::Large, t, 3, 50021, 2000);
    add("one-long-row", Size::Large, t, 1, 600011, 10);
  }
  for (bool largest : {true, false})
    list.add("top-k", std::string("special") + (largest ? "" : "-smallest"), Size::Small, [=](Problem& p, Random&) {
      p.inputs = {listed(kF32, {3, 8}, {kNaN,  1,      kInf, -kInf, 0,    -0.0, kNaN, 3e38, -0.0, 0,    -0.0, 0,
                                        1e-40, -1e-40, 1,    -1,    kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, 5})};
      // Denormals may be flushed where a kernel compares floats: leave them out of the order.
      p.inputs[0].set(12, 2);
      p.inputs[0].set(13, -2);
      p.params = {{"k", 8}, {"largest", largest ? 1.0 : 0.0}};
      expectTopK(p);
    });
}

}  // namespace switchyard::test
