// How far from exact the scores of a search can be whose base is rounded: int8 codes with scales, or half precision.
#pragma once
#include <cstdint>

#include "tensor.h"

namespace switchyard {

// How many rows are scored again by `rescore`, of n that may be found.
constexpr uint64_t searchCandidates(uint64_t k, uint64_t n) {
  const uint64_t wanted = 2 * k > k + 32 ? 2 * k : k + 32;
  return wanted < n ? wanted : n;
}

// The base was made of rows x of float32, each rounded to the nearest: b = x + e. Of int8 each |e_i| is at most half a
// scale, of half precision at most half a unit in the last place: |e| <= u |b|, u = 2^-11 or 2^-8, and half the least
// step of all where b is that small. (A row whose elements are all 0 counts as one that was 0: see cosine.) Then the
// score of x with a query q is off that of b by at most, on any device:
//   dot     q.e           <=  |q|_1 max|e_i| of int8, |q| |e| of half precision;
//   l2      |q - x|       >=  |q - b| - |e|: a distance of D is at least max(0, sqrt(D) - |e|)^2;
//   cosine  the angle between b and b + e is at most asin(|e| / |b|).
// Rows that were not found score no better than the last that was, so none is better than that by more than this, for
// the worst |e| of all rows. The roundings of sums in float32 are added, (d + 64) 2^-24 of the sum of magnitudes, as
// often as kScoreErrors says; |b| is worked out in float32, too.
//
// A device may choose by one sum and return another one of the same row, each off by its roundings. So a row that was
// not found is as good as its own sum, that of the last one by which it was chosen, and that which was returned allow.
constexpr double kScoreErrors = 3;
// The least that a distance can be whose row lost to one that came back with `returned`, of sums off by `rounding` of
// what they are, by kScoreErrors of them. 0 where nothing can be said.
double leastDistance(double returned, double rounding);

class SearchBound {
 public:
  SearchBound(DType base, uint32_t metric, uint64_t d);

  // Which error of a row counts: the largest over all rows is `worst` below. `length` is |b|, of int8 that of its codes
  // alone (which only the cosine needs); NaN where the row holds one, infinite where it holds an infinity.
  double rowError(double length, float scale = 1) const;
  bool needsLength() const { return !isCodes_ || metric_ == 0; }  // whether `length` counts
  // Which norm of a query is to be given: |q|_1, else |q|.
  bool needsSum() const;
  // Of one query: `last` is the score of the last row that was found by `base`, `returned` the last one of the output.
  // Rounded up. Infinite where nothing can be said.
  float of(double norm, double worst, float last, float returned) const;

 private:
  double bestExact(double norm, double worst, double last) const;

  const bool isCodes_;
  const uint32_t metric_;
  const double d_, unit_, least_;
  double rounding_;
};

}  // namespace switchyard
