// similarity-search of float bases. Where neighbours are closer than float32 can tell, either may come first;
// whole-number vectors are judged exactly.
#include "oracles.h"

namespace switchyard::test {

void addSearchCases(CaseList& list) {
  for (const char* metric : {"cosine", "dot", "l2"}) {
    std::string prefix = std::string(metric) + "-";
    auto add = [&](const std::string& name, Size size, DType t, uint64_t q, uint64_t n, uint64_t d, uint64_t k,
                   bool whole = false) {
      list.add("similarity-search", prefix + name + dtypeSuffix(t), size, [=](Problem& p, Random& random) {
        p.inputs = {whole ? random.integers(t, {q, d}) : random.uniform(t, {q, d}),
                    whole ? random.integers(t, {n, d}) : random.uniform(t, {n, d})};
        p.params = {{"k", double(k)}, {"metric", metric}};
        expectSearch(p, whole && metric != std::string("cosine"));
      });
    };
    struct {
      uint64_t q, n, d, k;
    } sizes[] = {{1, 1, 1, 1},    {0, 5, 3, 2},     {1, 63, 16, 5},    {1, 64, 64, 10},  {1, 65, 33, 65},
                 {2, 127, 20, 3}, {7, 128, 20, 3},  {8, 129, 65, 3},   {9, 129, 65, 3},  {63, 70, 7, 4},
                 {64, 64, 16, 4}, {65, 131, 17, 4}, {3, 257, 129, 20}, {1, 997, 31, 10}, {11, 997, 31, 10}};
    for (DType t : kFloatTypes)
      for (auto [q, n, d, k] : sizes)
        if (!halfSkips(t, n + q))
          add(std::to_string(q) + "x" + std::to_string(n) + "x" + std::to_string(d) + "-k" + std::to_string(k),
              Size::Small, t, q, n, d, k);
    add("few-dimensions-tie", Size::Small, kF32, 5, 400, 2, 60, true);
    add("whole-numbers", Size::Small, kF32, 10, 301, 37, 20, true);
    add("large-1-query", Size::Large, kF32, 1, 40009, 64, 10);
    add("many-rows-1-query", Size::Split, kF32, 1, 13007, 64, 10);
    add("large-40-queries", Size::Split, kF32, 40, 6007, 64, 10);
    add("large-float16", Size::Split, kF16, 5, 8009, 48, 10);
    add("large-k", Size::Large, kF32, 2, 3001, 24, 1500);
    add("equal-rows", Size::Small, kF32, 3, 1, 19, 1);
    list.add("similarity-search", prefix + "duplicates", Size::Small, [=](Problem& p, Random& random) {
      // Every row four times, far apart: equal rows must score equally, and lower indices come first.
      HostTensor rows = random.uniform(kF32, {50, 24}), base(kF32, {200, 24});
      for (size_t i = 0; i < base.size(); ++i) base.set(i, rows.at(i % rows.size()));
      p.inputs = {random.uniform(kF32, {11, 24}), base};
      p.params = {{"k", 20}, {"metric", metric}};
      expectSearch(p, false);
      auto judge = p.check;
      p.check = [judge](const std::vector<HostTensor>& got) -> std::string {
        if (std::string wrong = judge(got); !wrong.empty()) return wrong;
        for (size_t i = 0; i < 11 * 20; ++i) {
          size_t first = i / 4 * 4;
          if (got[1].at(i) != got[1].at(first) + 50 * double(i - first))
            return "copies of one row are apart at place " + std::to_string(i);
          if (got[0].at(i) != got[0].at(first))
            return "copies of one row score differently at place " + std::to_string(i);
        }
        return "";
      };
    });
  }
  // Squares that over- or underflow: the cosine of parallel vectors is 1 whatever their lengths.
  for (double size : {1e-45, 1e-38, 1e-35, 1e-25, 1e-23, 1e-22, 1e-19, 1e19, 1e20, 1e35, 3e38})
    for (uint64_t q : {1, 6, 11}) {
      char name[40];
      snprintf(name, sizeof name, "cosine-length-%g-%d", size, int(q));
      list.add("similarity-search", name, Size::Small, [=](Problem& p, Random&) {
        p.inputs = {HostTensor(kF32, {q, 2}), listed(kF32, {3, 2}, {0, 1, size, 0, -size, size})};
        for (size_t i = 0; i < q; ++i) p.inputs[0].set(2 * i, i % 2 ? size : 1);
        p.params = {{"k", 3}};
        expectSearch(p, false);
      });
    }
  // Cosines near the least float32 of vectors that are not long: their products are below it.
  for (uint64_t q : {1, 6, 11})
    list.add("similarity-search", "cosine-of-tiny-parts-" + std::to_string(q), Size::Small, [=](Problem& p, Random&) {
      p.inputs = {HostTensor(kF32, {q, 2}), listed(kF32, {3, 2}, {0, 1e-12, 1e-9, 1e-9, 0, 3e-25})};
      for (size_t i = 0; i < q; ++i) p.inputs[0].set(2 * i, 1e-3), p.inputs[0].set(2 * i + 1, i % 2 ? 1e-38 : 3e-36);
      p.params = {{"k", 3}};
      expectSearch(p, false);
    });
  list.add("similarity-search", "dot-overflows-on-the-way", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {HostTensor(kF32, {6, 64}), HostTensor(kF32, {3, 64})};
    for (size_t i = 0; i < 6 * 64; ++i) p.inputs[0].set(i, i % 64 < 32 ? 1e20 : -1e20);
    for (size_t i = 0; i < 3 * 64; ++i) p.inputs[1].set(i, 1e19 + 1e17 * random.uniform(0, 1));
    p.params = {{"k", 3}, {"metric", "dot"}};
    expectSearch(p, false);
  });
  // So long that a thread must not take a turn of a loop for every four elements (vulkan/loops.h).
  list.add("similarity-search", "long-dot-overflows-on-the-way", Size::Medium, [](Problem& p, Random& random) {
    constexpr uint64_t kLength = 65536;
    p.inputs = {HostTensor(kF32, {65, kLength}), HostTensor(kF32, {5, kLength})};
    for (size_t i = 0; i < 65 * kLength; ++i) p.inputs[0].set(i, i % kLength < kLength / 2 ? 1e20 : -1e20);
    for (size_t i = 0; i < 5 * kLength; ++i) p.inputs[1].set(i, 1e18 + 1e16 * random.uniform(0, 1));
    p.params = {{"k", 5}, {"metric", "dot"}};
    expectSearch(p, false);
  });
  list.add("similarity-search", "zero-vectors", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF32, {2, 2}, {0, 0, 1, 1}), listed(kF32, {4, 2}, {-1, -1, 0, 0, 2, 2, 0, 0})};
    p.params = {{"k", 4}};
    expectSearch(p, false);
  });
  list.add("similarity-search", "nan-comes-last", Size::Small, [](Problem& p, Random&) {
    p.inputs = {listed(kF32, {1, 2}, {1, 2}), listed(kF32, {5, 2}, {kNaN, 1, 1, 1, 2, -1, 0, kNaN, -3, 1})};
    p.params = {{"k", 5}, {"metric", "dot"}};
    expectSearch(p, false);
  });
  // Rows that are worth care, beside rows that are not: zero vectors, and those that are not finite.
  for (const char* metric : {"cosine", "dot"})
    for (uint64_t q : {3, 7, 67})
      list.add("similarity-search", std::string(metric) + "-of-all-kinds-" + std::to_string(q), Size::Small,
               [=](Problem& p, Random& random) {
                 constexpr uint64_t kRows = 70, kLength = 36;
                 p.inputs = {random.uniform(kF32, {q, kLength}), random.uniform(kF32, {kRows, kLength})};
                 auto spoil = [](HostTensor& rows, size_t r) {
                   constexpr double kBy[] = {1, 0, 1e-25, 1e25, 1e-40, 3e38, 1};
                   for (size_t i = 0; i < kLength; ++i)
                     rows.set(r * kLength + i, rows.at(r * kLength + i) * kBy[r % 7]);
                 };
                 for (size_t r = 0; r < q; ++r) spoil(p.inputs[0], r);
                 for (size_t r = 0; r < kRows; ++r) spoil(p.inputs[1], r);
                 for (size_t r = 6; r < kRows; r += 7)
                   p.inputs[1].set(r * kLength + r % kLength, r % 2 && *metric == 'c' ? kInf : kNaN);
                 if (q > 6) p.inputs[0].set(6 * kLength + 35, kNaN);
                 p.params = {{"k", double(kRows)}, {"metric", metric}};
                 expectSearch(p, false);
               });
  list.add("similarity-search", "l2-far-from-zero", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.integers(kF32, {9, 16}, 1000, 1010), random.integers(kF32, {90, 16}, 1000, 1010)};
    p.params = {{"k", 10}, {"metric", "l2"}};
    expectSearch(p, true);  // differences are small whole numbers: |q|^2 - 2qb + |b|^2 would lose them
  });
  list.add("similarity-search", "mixed", Size::Small, [](Problem& p, Random& random) {
    p.inputs = {random.uniform(kF32, {2, 20}), random.uniform(kF16, {70, 20})};
    p.params = {{"k", 5}};
    expectSearch(p, false);
  });
}

}  // namespace switchyard::test
