// Products of int8 rows with queries that were made int8, too: rough scores, by which rows are passed over. In the
// instruction sets that multiply bytes (productSets()), and in Highway's.
#pragma once
#include <cstddef>
#include <cstdint>

namespace switchyard::cpu {

constexpr size_t kCodeRows = 4;        // rows of a call of few()
constexpr size_t kMaxCodeRow = 65536;  // elements of a row whose sums fit an int32
constexpr size_t kCodeStep = 64;       // queries of few() are padded with zeros to a multiple of it
constexpr size_t kPanelRows = 12;      // rows of a call of panel(), at most

struct CodeDots {
  const char* name = "";
  // Whether codes of queries come with 128 added, as bytes; else as int16.
  bool areBytes = false;
  // Of each row of kCodeRows and each query of `count` <= 4: dots[query * ld + row]; and of the row alone sums[row] and
  // squares[row]. What lies `ahead` bytes behind each row is fetched meanwhile.
  void (*few)(const int8_t* const* rows, size_t ahead, const void* const* queries, size_t count, size_t d,
              int32_t* dots, size_t ld, int32_t* sums, int32_t* squares) = nullptr;
  // dots[row * lanes + query] for rows <= kPanelRows that lie one after another. Of a panel word i has the codes 4i to
  // 4i + 3 of every query, panelAdded added, which is that where there is none. The dots have panelAdded times the
  // row's sum in them. As many bytes as kPanelRows rows have are fetched from `ahead` meanwhile.
  void (*panel)(const int8_t* rows, size_t count, const uint32_t* panel, size_t lanes, size_t d, const int8_t* ahead,
                int32_t* dots) = nullptr;
  int32_t panelAdded = 128;
};

CodeDots codeDots();         // what runs here at best
CodeDots vnni512CodeDots();  // of code_dots_x86.cpp
CodeDots vnni256CodeDots();
CodeDots highwayCodeDots();
CodeDots withAvx2Panel(CodeDots dots);  // of code_dots_x86.cpp: where the processor has AVX2

}  // namespace switchyard::cpu
