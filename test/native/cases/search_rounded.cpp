// similarity-search of bases that are rounded, with masks and rows that are scored again.
#include <algorithm>
#include <cmath>

#include "oracles.h"

namespace switchyard::test {

// As `quantize` does it.
void roundBase(Problem& p, const HostTensor& rows, DType dtype) {
  const size_t n = rows.shape()[0], d = rows.shape()[1];
  HostTensor base(dtype, rows.shape()), scales(kF32, {n});
  for (size_t row = 0; row < n; ++row) {
    double high = 0;
    for (size_t i = row * d; i < (row + 1) * d; ++i)
      high = std::isnan(rows.at(i)) ? rows.at(i) : std::max(std::fabs(rows.at(i)), high);
    const float scale = float(high / 127);
    scales.set(row, scale);
    const bool ordinary = scale > 0 && std::isfinite(scale);
    for (size_t i = row * d; i < (row + 1) * d; ++i) {
      const double code = ordinary ? std::nearbyint(double(float(rows.at(i)) / scale)) : 0;
      base.set(i, dtype == DType::Int8 ? std::clamp(code, -127.0, 127.0) : rows.at(i));
    }
  }
  p.inputs.resize(5, absent());
  p.inputs[1] = std::move(base);
  if (dtype == DType::Int8) p.inputs[2] = std::move(scales);
}

HostTensor maskOf(uint64_t n, const std::function<bool(uint64_t)>& allows) {
  HostTensor mask(DType::Uint8, {(n + 7) / 8});
  std::vector<int> bytes(mask.size());
  for (uint64_t row = 0; row < n; ++row) bytes[row / 8] |= allows(row) << row % 8;
  for (size_t i = 0; i < bytes.size(); ++i) mask.set(i, bytes[i]);
  return mask;
}

namespace {

constexpr DType kI8 = DType::Int8;
constexpr DType kRounded[] = {kI8, kF16, kBF16};

struct Shapes {
  uint64_t q, n, d, k;
};

void addOrdinary(CaseList& list, const char* metric, DType t) {
  const Shapes all[] = {{1, 1, 1, 1},     {0, 9, 3, 2},    {1, 65, 33, 5},   {2, 128, 16, 128}, {5, 129, 20, 3},
                        {1, 997, 31, 10}, {7, 70, 64, 40}, {67, 131, 65, 4}, {3, 400, 129, 6}};
  size_t index = 0;
  for (auto [q, n, d, k] : all)
    for (const bool again : {false, true})
      for (const int every : {0, 3}) {  // a mask that leaves one in so many
        const std::string name = std::string(metric) + "-rounded-" + std::to_string(q) + "x" + std::to_string(n) + "x" +
                                 std::to_string(d) + "-k" + std::to_string(k) + (again ? "-rescored" : "") +
                                 (every ? "-masked" : "") + dtypeSuffix(t);
        if (halfSkips(t, index++) && t != kI8) continue;
        list.add("similarity-search", name, Size::Small, [=](Problem& p, Random& random) {
          p.inputs = {random.uniform(kF32, {q, d})};
          const HostTensor rows = random.uniform(kF32, {n, d});
          roundBase(p, rows, t);
          if (every) p.inputs[3] = maskOf(n, [&](uint64_t) { return random.integer(1, every) == 1; });
          if (again) p.inputs[4] = rows;
          p.params = {{"k", double(k)}, {"metric", metric}};
          expectSearch(p, false, &rows);
        });
      }
}

// Rows that are no nearer to each other than a step of the scale, and further from the query than that; every kind of
// row that float32 has trouble with among them.
void addHard(CaseList& list, const char* metric, DType t) {
  for (const bool again : {false, true}) {
    const std::string end = std::string(again ? "-rescored" : "") + dtypeSuffix(t);
    for (const uint64_t q : {1, 6})
      list.add("similarity-search", std::string(metric) + "-near-duplicates-" + std::to_string(q) + end, Size::Small,
               [=](Problem& p, Random& random) {
                 constexpr uint64_t kLength = 24;
                 const uint64_t n = q > 4 ? 1500 : 300;  // many are searched by codes only where rows are more
                 const HostTensor one = random.uniform(kF32, {kLength});
                 HostTensor rows(kF32, {n, kLength});
                 for (size_t i = 0; i < rows.size(); ++i)
                   rows.set(i, one.at(i % kLength) + random.uniform(-1, 1) * (i / kLength % 3 ? 1e-3 : 2e-2));
                 p.inputs = {HostTensor(kF32, {q, kLength})};
                 for (size_t i = 0; i < q * kLength; ++i)
                   p.inputs[0].set(i, one.at(i % kLength) + random.uniform(-0.1, 0.1));
                 roundBase(p, rows, t);
                 if (again) p.inputs[4] = rows;
                 p.params = {{"k", 12}, {"metric", metric}};
                 expectSearch(p, false, &rows);
               });
    list.add("similarity-search", std::string(metric) + "-of-all-sizes" + end, Size::Small,
             [=](Problem& p, Random& random) {
               constexpr uint64_t kRows = 140, kLength = 19;
               HostTensor rows = random.uniform(kF32, {kRows, kLength});
               // The last are as they come: those of int8 and bfloat16 alone can be so large.
               const double by[] = {1, 0, 1e-6, 1e-20, 1e-38, t == kF16 ? 1e4 : 1e15, 1};
               for (size_t i = 0; i < rows.size(); ++i) rows.set(i, rows.at(i) * by[i / kLength % 7]);
               for (size_t r = 6; r < kRows; r += 14) rows.set(r * kLength + r % kLength, kNaN);
               p.inputs = {random.uniform(kF32, {5, kLength})};
               roundBase(p, rows, t);
               if (t == kF16)  // what became 0 counts as a row that was 0
                 for (size_t r = 0; r < kRows; ++r)
                   if (r % 7 == 3 || r % 7 == 4)
                     for (size_t i = 0; i < kLength; ++i) rows.set(r * kLength + i, 0);
               if (again) p.inputs[4] = rows;
               p.params = {{"k", 30}, {"metric", metric}};
               expectSearch(p, false, &rows);
             });
  }
}

// Rows that are one and the same when rounded, and as far apart as they can be before: the worst that a bound is for.
void addWorst(CaseList& list, const char* metric, DType t) {
  list.add("similarity-search", std::string(metric) + "-worst-rounding" + dtypeSuffix(t), Size::Small,
           [=](Problem& p, Random& random) {
             constexpr uint64_t kRows = 40, kLength = 33;
             const double step = t == kI8 ? 1.0 / 64 : t == kF16 ? 0x1p-10 : 0x1p-7;
             HostTensor query(kF32, {1, kLength}), rows(kF32, {kRows, kLength});
             for (size_t i = 0; i < kLength; ++i) {
               const double sign = random.integer(0, 1) ? 1 : -1;
               const double rounded = t != kI8 ? sign : i == 0 ? 127 * step : double(random.integer(-90, 90)) * step;
               query.set(i, 2 * sign);
               for (size_t r = 0; r < kRows; ++r) {
                 const double to = r < kRows / 2 ? (t == kI8 ? -0.49 : 0) : 0.49;  // the later rows are better
                 rows.set(r * kLength + i, rounded + (t == kI8 && i == 0 ? 0 : to * sign * step));
               }
             }
             p.inputs = {query};
             roundBase(p, rows, t);
             p.params = {{"k", 4}, {"metric", metric}};
             expectSearch(p, false, &rows);
           });
}

// Two clusters that rounding can't mix: all that is found again is proved exact. And one that it can: nothing is.
void addProved(CaseList& list, const char* metric, DType t) {
  for (const bool apart : {true, false})
    list.add("similarity-search", std::string(metric) + (apart ? "-proved" : "-not-proved") + dtypeSuffix(t),
             Size::Small, [=](Problem& p, Random& random) {
               constexpr uint64_t kQueries = 5, kRows = 400, kLength = 24;
               const HostTensor one = random.uniform(kF32, {kLength});
               HostTensor rows(kF32, {kRows, kLength});
               for (size_t i = 0; i < rows.size(); ++i) {
                 const bool far = apart && i / kLength % 20;
                 rows.set(i, (far ? -1 : 1) * one.at(i % kLength) + random.uniform(-1, 1) * (apart ? 0.1 : 1e-4));
               }
               p.inputs = {HostTensor(kF32, {kQueries, kLength})};
               for (size_t i = 0; i < kQueries * kLength; ++i)
                 p.inputs[0].set(i, one.at(i % kLength) + random.uniform(-0.1, 0.1));
               roundBase(p, rows, t);
               p.inputs[4] = rows;
               p.params = {{"k", 5}, {"metric", metric}};
               expectSearch(p, false, &rows);
               p.check = [=, check = p.check](const std::vector<HostTensor>& got) {
                 std::string wrong = check(got);
                 for (size_t query = 0; query < kQueries && wrong.empty(); ++query)
                   if ((got[2].at(query) == 0) != apart)
                     wrong = "the bound of query " + std::to_string(query) + " is " + std::to_string(got[2].at(query));
                 return wrong;
               };
             });
}

void addMasks(CaseList& list) {
  struct {
    const char* name;
    bool (*allows)(uint64_t row);
  } masks[] = {{"none", [](uint64_t) { return false; }},
               {"all", [](uint64_t) { return true; }},
               {"three", [](uint64_t row) { return row == 5 || row == 700 || row == 1000; }},
               {"a-hundredth", [](uint64_t row) { return row * 7919 % 100 == 1; }},
               {"half", [](uint64_t row) { return row % 2 == 1; }},
               {"but-some", [](uint64_t row) { return row % 97 != 0; }},
               {"a-stretch", [](uint64_t row) { return row >= 70 && row < 900; }}};
  for (const char* metric : {"cosine", "dot", "l2"})
    for (DType t : {kF32, kI8, kBF16})
      for (auto [mask, allows] : masks)
        for (const Shapes& s : {Shapes{1, 1001, 20, 7}, Shapes{6, 1001, 20, 7}, Shapes{2, 1001, 9, 600}}) {
          // Which rows are hidden is no matter of the metric.
          if (std::string(metric) != "cosine" && std::string(mask) != "three" && std::string(mask) != "half") continue;
          const std::string name = std::string(metric) + "-mask-" + mask + "-" + std::to_string(s.q) + "-k" +
                                   std::to_string(s.k) + dtypeSuffix(t);
          list.add("similarity-search", name, Size::Small, [=, allows = allows](Problem& p, Random& random) {
            const HostTensor rows = random.uniform(kF32, {s.n, s.d});
            p.inputs = {random.uniform(kF32, {s.q, s.d})};
            roundBase(p, rows, t);
            p.inputs[3] = maskOf(s.n, allows);
            p.params = {{"k", double(s.k)}, {"metric", metric}};
            expectSearch(p, false, t == kF32 ? nullptr : &rows);
          });
        }
  // Rows that are NaN come last, before those that are not there.
  for (const uint64_t q : {1, 6})
    list.add("similarity-search", "mask-beside-nan-" + std::to_string(q), Size::Small, [=](Problem& p, Random& random) {
      HostTensor rows = random.uniform(kF32, {40, 3});
      for (size_t row = 0; row < 40; row += 3) rows.set(row * 3, kNaN);
      p.inputs = {random.uniform(kF32, {q, 3}), rows, absent(), maskOf(40, [](uint64_t row) { return row % 2 == 0; })};
      p.params = {{"k", 30}, {"metric", "dot"}};
      expectSearch(p, false);
    });
}

}  // namespace

void addRoundedSearchCases(CaseList& list) {
  for (const char* metric : {"cosine", "dot", "l2"})
    for (DType t : kRounded) {
      addOrdinary(list, metric, t);
      addHard(list, metric, t);
      addWorst(list, metric, t);
      addProved(list, metric, t);
    }
  addMasks(list);
  // Of many rows that score alike the first are found, wherever a device begins.
  for (const char* metric : {"dot", "l2"})
    for (DType t : {kF32, kF16})
      for (const uint64_t q : {1, 6})
        list.add("similarity-search", std::string(metric) + "-many-ties-" + std::to_string(q) + dtypeSuffix(t),
                 Size::Small, [=](Problem& p, Random& random) {
                   p.inputs = {random.integers(kF32, {q, 5}, -2, 2)};
                   roundBase(p, random.integers(kF32, {1500, 5}, -2, 2), t);
                   p.params = {{"k", 10}, {"metric", metric}};
                   expectSearch(p, true);
                 });
  for (DType t : {kF32, kI8, kF16})
    for (const uint64_t q : {1, 40})
      list.add("similarity-search", "masked-many-rows-" + std::to_string(q) + dtypeSuffix(t), Size::Split,
               [=](Problem& p, Random& random) {
                 const HostTensor rows = random.uniform(kF32, {9007, 48});
                 p.inputs = {random.uniform(kF32, {q, 48})};
                 roundBase(p, rows, t);
                 p.inputs[3] = maskOf(9007, [](uint64_t row) { return row % 5 < 2; });
                 if (t == kI8) p.inputs[4] = rows;
                 p.params = {{"k", 10}};
                 expectSearch(p, false, t == kF32 ? nullptr : &rows);
               });
}

}  // namespace switchyard::test
