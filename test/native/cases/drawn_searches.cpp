// Searches of every kind, drawn: metrics, dtypes, masks, ties, near-duplicates, rows that are scored again.
#include <algorithm>
#include <cmath>

#include "oracles.h"

namespace switchyard::test {
namespace {

template <size_t N>
uint64_t pick(Random& random, const uint64_t (&from)[N]) {
  return from[random.integer(0, int64_t(N) - 1)];
}
bool chance(Random& random, int64_t of) { return random.integer(1, of) == 1; }
double powerOfTen(Random& random, double low, double high) { return std::pow(10.0, random.uniform(low, high)); }

// Rows that are alike in one of the ways that make a search hard.
HostTensor drawRows(Random& random, uint64_t n, uint64_t d, int64_t kind, bool isNarrow) {
  if (kind == 0) return random.integers(kF32, {n, d}, -2, 2);  // ties
  HostTensor rows = random.uniform(kF32, {n, d});
  const double spread = powerOfTen(random, -6, -1);
  for (uint64_t r = 0; r < n; ++r) {
    const double size = isNarrow ? powerOfTen(random, -2, 3) : powerOfTen(random, -12, 12);
    const uint64_t other = uint64_t(random.integer(0, int64_t(r)));
    for (uint64_t i = 0; i < d; ++i) {
      double x = rows.at(r * d + i);
      if (kind == 1) x = rows.at(i) + (r ? x * spread : 0);  // near-duplicates of one row
      if (kind == 2) x = rows.at(other * d + i);             // copies
      if (kind == 3) x *= size;                              // of all sizes
      rows.set(r * d + i, x);
    }
  }
  return rows;
}

void spoil(Random& random, HostTensor& rows, uint64_t d) {
  for (uint64_t r = 0; r * d < rows.size(); ++r) {
    if (chance(random, 9))
      for (uint64_t i = 0; i < d; ++i) rows.set(r * d + i, 0);
    else if (chance(random, 9))
      rows.set(r * d + uint64_t(random.integer(0, int64_t(d) - 1)), kNaN);
  }
}

HostTensor drawMask(Random& random, uint64_t n) {
  const int64_t kind = random.integer(0, 4), most = int64_t(n) - 1;
  const uint64_t a = uint64_t(random.integer(0, most)), b = uint64_t(random.integer(0, most));
  const double share = random.uniform(0, 1);
  return maskOf(n, [&](uint64_t row) {
    switch (kind) {
      case 0: return true;
      case 1: return row >= std::min(a, b) && row <= std::max(a, b);
      case 2: return row == a || row == b;
      case 3: return share > 0.2 && row % 2 == a % 2;
      default: return random.uniform(0, 1) < share;
    }
  });
}

}  // namespace

void drawSearch(Problem& p, Random& random) {
  static constexpr const char* kMetrics[] = {"cosine", "dot", "l2"};
  static constexpr DType kBases[] = {kF32, DType::Int8, DType::Int8, kF16, kBF16};
  const char* const metric = kMetrics[random.integer(0, 2)];
  const DType t = kBases[random.integer(0, 4)];
  const uint64_t q = pick(random, {1, 1, 2, 3, 4, 5, 6, 9, 17, 66}), n = pick(random, {1, 2, 7, 64, 65, 129, 300, 777});
  const uint64_t most = std::max<uint64_t>(1, 400000 / (q * n));
  const uint64_t d = std::min(most, pick(random, {1, 2, 3, 4, 5, 7, 16, 31, 33, 64, 65, 100, 129, 255, 384}));
  const int64_t kind = random.integer(0, 4);
  HostTensor rows = drawRows(random, n, d, kind, t == kF16);
  p.inputs = {kind == 0 ? random.integers(kF32, {q, d}, -2, 2) : random.uniform(kF32, {q, d})};
  for (uint64_t r = 0; r < q; ++r)
    if (chance(random, 3))  // a row of the base, or nearly
      for (uint64_t i = 0; i < d; ++i)
        p.inputs[0].set(r * d + i, rows.at((r * 7 % n) * d + i) * (kind && chance(random, 2) ? 1.01 : 1));
    else if (chance(random, 4))  // an element that outweighs all others
      p.inputs[0].set(r * d, 1000);
  if (kind && chance(random, 4)) spoil(random, rows, d);
  if (kind && chance(random, 20)) spoil(random, p.inputs[0], d);
  roundBase(p, rows, t);
  if (chance(random, 2)) p.inputs[3] = drawMask(random, n);
  if (t != kF32 && chance(random, 2)) p.inputs[4] = rows;
  const int64_t k = chance(random, 3) ? random.integer(1, int64_t(n)) : std::min<int64_t>(int64_t(n), 10);
  p.params = {{"k", double(k)}, {"metric", metric}};
  const bool exact = kind == 0 && t != DType::Int8 && *metric != 'c' && !p.inputs[4].present;
  expectSearch(p, exact, t == kF32 ? nullptr : &rows);
}

const std::vector<MagnitudeCases> kSearchCases = {{"similarity-search", drawSearch}};

}  // namespace switchyard::test
