// What the similarity_search kernel goes by: a group of queries, and the scores that float32 can't reach.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "cpu/team.h"
#include "params.h"

namespace switchyard::cpu {

constexpr size_t kGroup = 64;        // queries searched for in one pass over the base
constexpr size_t kFew = 4;           // up to here the base is compared row by row
constexpr size_t kRowsAChunk = 384;  // a multiple of every tile height
constexpr size_t kSumLength = 2048;  // float32 chains of the broadcast kernel are kept this short

// Cosine queries are unit vectors times this, so that products with rows whose squares are trusted neither overflow
// (the longest are 2^63) nor lose digits as denormals (the shortest are 2^-50) before the row's norm divides them.
constexpr float kUnitQuery = 0x1p60f;

// A group of queries against the whole base. l2 scores are negated, so that larger is better everywhere.
struct SearchGroup {
  const float* queries;  // [count, d] for few, or [d, lanes] with `lanes` a multiple of the vector length
  size_t count, lanes;
  const float* base;
  size_t n, d;
  uint32_t metric;
  uint64_t finite, zero;  // a bit for each query: no care mends what a NaN or an infinity spoils
  const Budget* budget;
};
static_assert(kGroup <= 64, "a bit for each query of a group");

// False where a sum of squares over- or underflows in float32 (or is NaN): such rows are scored in double.
inline bool trusted(float squares) { return squares >= 1e-30f && squares <= 1e38f; }

// Rounding may leave the cosine of a vector with itself a little above 1. A NaN stays one.
inline float cosineWithin(float cosine) { return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine; }

// The cosine or product of one finite row, not all 0, and one query of the group, where float32 does not hold what it
// takes to get there.
float scoreExactly(const SearchGroup& group, const float* row, size_t query);
// Those of one row and all queries: scores[query * ld]. Ends early where the job is stopped.
void scoresExactly(const SearchGroup& group, const float* row, float* scores, size_t ld);

}  // namespace switchyard::cpu
