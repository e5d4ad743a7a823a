// top-k: selection is exact, so values and indices must match the sorted row.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "oracles.h"

namespace switchyard::test {
namespace {

// The first k: best first, ties (and +0 against -0) by lower index, NaN after everything.
std::vector<uint32_t> ranking(const HostTensor& input, size_t row, size_t d, size_t k, bool largest) {
  std::vector<uint32_t> order(d);
  std::iota(order.begin(), order.end(), 0u);
  std::vector<double> x(d);
  for (size_t i = 0; i < d; ++i) x[i] = input.at(row * d + i);
  const auto before = [&](uint32_t a, uint32_t b) {
    if (std::isnan(x[a]) != std::isnan(x[b])) return std::isnan(x[b]);
    if (!std::isnan(x[a]) && x[a] != x[b]) return largest ? x[a] > x[b] : x[a] < x[b];
    return a < b;
  };
  const auto end = order.begin() + std::ptrdiff_t(k);
  if (k < d) std::nth_element(order.begin(), end, order.end(), before);
  std::sort(order.begin(), end, before);
  return order;
}

// Rows that are hard to select from, each in its own way.
struct Kind {
  const char* name;
  double (*at)(Random& random, uint64_t i, uint64_t d);
};
const Kind kKinds[] = {
    {"equal", [](Random&, uint64_t, uint64_t) { return 0.5; }},
    {"few-values", [](Random& random, uint64_t, uint64_t) { return double(random.integer(-2, 2)); }},
    {"nan", [](Random&, uint64_t, uint64_t) { return kNaN; }},
    {"nan-but-few", [](Random&, uint64_t i, uint64_t) { return i % 97 ? kNaN : double(i % 5); }},
    {"infinite", [](Random& random, uint64_t,
                    uint64_t) { return random.integer(0, 3) ? random.integer(0, 1) ? kInf : -kInf : 1.0; }},
    {"ascending", [](Random&, uint64_t i, uint64_t) { return double(i / 3); }},
    {"descending", [](Random&, uint64_t i, uint64_t d) { return double((d - i) / 3); }},
    // The best ones all at places with one remainder: what cuts a row into such parts finds them in one.
    {"periodic", [](Random& random, uint64_t i, uint64_t) { return random.uniform(0, 1) + (i % 1024 == 7 ? 2 : 0); }},
    {"ends", [](Random& random, uint64_t i, uint64_t d) { return i < 3 || i + 3 > d ? 9.0 : random.uniform(-1, 1); }},
};

}  // namespace

void expectTopK(Problem& p) {
  const HostTensor& in = p.inputs[0];
  uint64_t n = in.shape()[0], d = in.shape()[1], k = uint64_t(p.param("k", 1));
  bool largest = p.param("largest", 1) != 0;
  Expected values(outputDType(p), {n, k}), indices(DType::Int32, {n, k});
  for (uint64_t r = 0; r < n; ++r) {
    const std::vector<uint32_t> order = ranking(in, r, d, k, largest);
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
    add("several-rows-by-digits", Size::Small, t, 3, 4200, 1100);
    add("large", Size::Large, t, 211, 5003, 10);
    add("many-rows", Size::Split, t, 1031, 401, 10);
    add("large-k", Size::Large, t, 3, 50021, 2000);
    add("one-long-row", Size::Large, t, 1, 600011, 10);
  }
  // Around a chunk and a segment, and k around what is selected in shared memory.
  struct {
    uint64_t n, d, k;
  } hard[] = {{3, 1023, 1},      {2, 1025, 1025},   {2, 1800, 512},    {1, 2300, 513},     {1, 4097, 1024},
              {1, 4099, 1025},   {2, 16384, 100},   {1, 16385, 3},     {2, 20011, 1000},   {1, 33000, 512},
              {3, 40000, 1100},  {1, 70001, 70001}, {1, 131072, 9000}, {1, 300007, 30000}, {67, 2049, 10},
              {31, 10000, 1000}, {1, 524288, 100}};
  uint32_t turn = 0, place = 0;
  for (const Kind& kind : kKinds)
    for (auto [n, d, k] : hard) {
      if (place++ % 3) continue;  // each size with three kinds
      const bool largest = turn++ % 2;
      const DType t = kFloatTypes[turn / 2 % 3];
      list.add("top-k",
               std::string(kind.name) + "-" + std::to_string(n) + "x" + std::to_string(d) + "-k" + std::to_string(k) +
                   (largest ? "" : "-smallest") + dtypeSuffix(t),
               d <= 20011 && n * d <= 41000 && k <= 1025 ? Size::Small : Size::Large, [=](Problem& p, Random& random) {
                 p.inputs = {HostTensor(t, {n, d})};
                 for (uint64_t i = 0; i < n * d; ++i) p.inputs[0].set(i, kind.at(random, i % d, d));
                 p.params = {{"k", double(k)}, {"largest", largest ? 1.0 : 0.0}};
                 if (k % 2) keepDType(p);
                 expectTopK(p);
               });
    }
  // Cut by rows where views are short: what fits a piece, and rows whose offsets suit none of a few rows.
  struct {
    DType t;
    uint64_t n, d, k;
    bool keeps;
  } cut[] = {{kBF16, 21, 2051, 2047, true}, {kBF16, 5, 5001, 5001, false}, {kF16, 5, 5001, 4097, true},
             {kF32, 5, 5001, 5001, false},  {kF32, 5, 5003, 4099, false},  {kF16, 13, 2049, 1025, false}};
  for (const auto& [t, n, d, k, keeps] : cut)
    list.add("top-k", "cut-" + std::to_string(n) + "x" + std::to_string(d) + "-k" + std::to_string(k) + dtypeSuffix(t),
             Size::Split, [=](Problem& p, Random& random) {
               p.inputs = {random.uniform(t, {n, d})};
               p.params = {{"k", double(k)}};
               if (keeps) keepDType(p);
               expectTopK(p);
             });
  // Rounds of sorted runs, which parts a thousand apart meet rank by rank.
  add("runs-of-256", Size::Large, kF32, 2, 70001, 256);
  add("runs-of-512", Size::Large, kF32, 1, 200003, 512);
  // Few long rows on the CPU: more than one thread's best is sorted by digits.
  add("few-rows-large-k", Size::Large, kF32, 3, 70001, 4097);
  list.add("top-k", "row-of-16m", Size::Large, [](Problem& p, Random& random) {
    p.inputs = {HostTensor(kF32, {1, 16000000})};
    auto* const values = reinterpret_cast<float*>(p.inputs[0].bytes.data());
    uint64_t state = uint64_t(random.integer(1, 1 << 30));
    for (uint64_t i = 0; i < p.inputs[0].size(); ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      values[i] = float(state >> 44);  // 16 of each value
    }
    p.params = {{"k", 100.0}};
    expectTopK(p);
  });
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
