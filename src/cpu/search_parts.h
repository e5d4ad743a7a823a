// The parts of the similarity_search kernel: what it goes over, and the loops of an instruction set.
#pragma once
#include "cpu/code_dots.h"
#include "cpu/search_exactly.h"
#include "cpu/select.h"
#include "search_bound.h"

namespace switchyard::cpu {

constexpr size_t kPanelFloats = 16384;  // rows laid out as float32 at a time: half of a second-level cache at most

constexpr size_t kLongestSum = 8192;  // terms that are added up in float32, in four chains or more
// What a sum of squares along a row may lose by that, as a share, and what few roundings make of it before and after.
constexpr double squaresShare(size_t d) {
  return (24 + static_cast<double>(d < kLongestSum ? d : kLongestSum) / 4) * 0x1p-24;
}
static_assert(squaresShare(kLongestSum) < 0x1.1p-13);

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

// A group's queries as codes, where the base is int8: q is about scale times its codes, off by a vector of the length
// `error` at most, in which the roundings of scores are. `offset` is -|q|^2 for l2.
struct CodeQueries {
  CodeDots dots;
  size_t lanes = 0;  // of the panel; 0: few queries, one after the other
  const uint32_t* panel = nullptr;
  const void* few[kFew] = {};
  // Of each query, to the end of a vector; `inverses` of the scales, 1 where that is 0, and `shares` errors by them.
  const float *scales = nullptr, *errors = nullptr, *offsets = nullptr, *inverses = nullptr, *shares = nullptr;
};
// The bytes that codeQueries() needs for a group of so many.
size_t codeBytes(const CodeDots& dots, size_t count, size_t d);
// False where a query is too large or too small for that. The group's queries lie one after the other.
bool codeQueries(const SearchGroup& group, std::byte* memory, CodeQueries& to);

// The loops, by the instruction set that was chosen.
size_t searchLanes();  // of a vector
// The best of rows [begin, end) for every query of the group. thresholds has `lanes` elements, infinite past the last
// query. `worst` becomes the largest error of those that may be found.
void searchStretch(const SearchBase& base, const SearchGroup& group, size_t begin, size_t end, float* thresholds,
                   BestK* best, double* worst);
// The same of an int8 base, by rough scores.
void searchCodes(const SearchBase& base, const SearchGroup& group, const CodeQueries& queries, size_t begin, size_t end,
                 float* thresholds, BestK* best, double* worst);
// Scores of the rows of [begin, end) that may be found, side by side: scores[query * ld + i].
void scoreStretch(const SearchBase& base, const SearchGroup& group, size_t begin, size_t end, float* scores, size_t ld,
                  double* worst);
// Scores of one query with rows that are named. Those that come after a stop are not written.
void scoreNamed(const SearchBase& base, const SearchGroup& group, const uint32_t* rows, size_t count, float* scores);

}  // namespace switchyard::cpu
