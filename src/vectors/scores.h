// The scores that an index gives: of float32 rows, summed in double and rounded once to float32. So a score depends on
// neither the device that found a row, nor the segment that it lies in, nor on what is searched beside it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace switchyard::vectors {

enum class Metric : uint32_t { Cosine, Dot, L2 };  // as the parameter `metric` of similarity-search

// Finite exactly where all elements are: squares of float32 don't overflow a double.
double squaresOf(const float* row, size_t d);

// In which order squaresOf() sums on this machine: equal marks, equal sums.
uint64_t sumsMark();

// The same of row `i` of an argument; throws InvalidArgument, with where that is, for what is not finite.
double finiteSquaresOf(const float* row, size_t d, size_t i, const char* argument);

// `querySquares` and `rowSquares` are squaresOf() both; only the cosine needs them. The cosine with zeros is 0.
float scoreOf(Metric metric, const float* query, double querySquares, const float* row, double rowSquares, size_t d);

// Whether a score is better than another one: the larger one, of distances the smaller.
inline bool isBetter(Metric metric, double score, double than) {
  return metric == Metric::L2 ? score < than : score > than;
}

}  // namespace switchyard::vectors
