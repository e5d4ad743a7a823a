// The parts of the similarity_search kernel: what it goes over, and the loops of an instruction set.
#pragma once
#include "cpu/search_exactly.h"
#include "cpu/select.h"
#include "search_bound.h"

namespace switchyard::cpu {

constexpr size_t kPanelFloats = 16384;  // rows laid out as float32 at a time: half of a second-level cache at most

// Rows as they lie in memory.
struct SearchBase {
  const void* rows;
  uint32_t element;          // a format, or kElementInt8
  const float* scales;       // of int8
  const uint8_t* mask;       // null: all rows may be found
  const SearchBound* bound;  // null: nobody asks for it
  size_t n, d;
};

// Those of rows [begin, end) that may be found, in `rows`; how many. `begin` is a multiple of 64.
size_t allowedRows(const uint8_t* mask, size_t begin, size_t end, uint32_t* rows);
// How many of rows [begin, end) there are.
size_t countAllowed(const uint8_t* mask, size_t begin, size_t end);

// The loops, by the instruction set that was chosen.
size_t searchLanes();  // of a vector
// The best of rows [begin, end) for every query of the group. thresholds has `lanes` elements, infinite past the last
// query. `worst` becomes the largest error of those that may be found.
void searchStretch(const SearchBase& base, const SearchGroup& group, size_t begin, size_t end, float* thresholds,
                   BestK* best, double* worst);
// Scores of the rows of [begin, end) that may be found, side by side: scores[query * ld + i].
void scoreStretch(const SearchBase& base, const SearchGroup& group, size_t begin, size_t end, float* scores, size_t ld,
                  double* worst);
// Scores of one query with rows that are named.
void scoreNamed(const SearchBase& base, const SearchGroup& group, const uint32_t* rows, size_t count, float* scores);

}  // namespace switchyard::cpu
