// The innermost loops of matrix products, in several instruction sets: both factors lie in words of 32 bits along k,
// each of one float32, two bfloat16 or int16, or four int8.
#pragma once
#include <cstddef>
#include <cstdint>

namespace switchyard::cpu {

enum class Words : uint8_t { Float32, Bfloat16, Int16, Int8 };
constexpr size_t elementsOf(Words words) { return words == Words::Float32 ? 1 : words == Words::Int8 ? 4 : 2; }
constexpr bool areIntegers(Words words) { return words == Words::Int16 || words == Words::Int8; }

constexpr size_t kDotColumns = 4;  // rows of b that dots() takes at once

// Sums are float32, of integers int32.
struct TileKernel {
  Words words = Words::Float32;
  const char* name = "";
  size_t rows = 0, columns = 0;  // of the largest tile
  size_t step = 1;               // tiles: words come by so many, the rest zeros
  size_t dotStep = 1;            // dots: the same
  size_t dotRows = 1;            // dots: rows of a at once, at most
  // Whether int8 of a come with 128 added to them. The sums of tiles then have that in them, those of dots don't.
  bool unsignedTiles = false, unsignedDots = false;
  // acc[r * ldAcc + c] (+)= the sum over w of a[r * ldA + w] . b[w * columns + c], for r < rows and all columns.
  void (*multiply)(size_t rows, const uint32_t* a, size_t ldA, const uint32_t* b, size_t words, void* acc, size_t ldAcc,
                   bool add) = nullptr;
  // acc[r * ldAcc + c] (+)= the sum over w of a[r * ldA + w] . b[c][w], for r < rows <= dotRows, c < kDotColumns.
  void (*dots)(size_t rows, const uint32_t* a, size_t ldA, const uint32_t* const* b, size_t words, void* acc,
               size_t ldAcc, bool add) = nullptr;
};

// In Highway's instruction sets.
TileKernel highwayFloatTiles();
TileKernel highwayInt16Tiles();

}  // namespace switchyard::cpu
