// Which tiles the processor is to have: what its instruction sets for products are.
#pragma once
#include "cpu/tiles.h"

namespace switchyard::cpu {

// What runs here at best. Bfloat16 products are there where the processor multiplies such: else `multiply` is null.
TileKernel floatTiles();
TileKernel bfloatTiles();
TileKernel integerTiles();  // of int8 where the processor multiplies such, else of int16

// Instruction sets beside Highway's, which tests may take away: bits of a mask.
enum ProductSet : uint32_t {
  kProductBfloat16 = 1,
  kProductVnni512 = 2,
  kProductVnni256 = 4,
  kProductAmx = 8,
  kProductAll = 15,
  kProductQuick = 16,  // none that is slower here than what it would replace
};
uint32_t productSets() noexcept;  // those that are there and allowed
void allowProductSets(uint32_t sets = kProductAll | kProductQuick) noexcept;

}  // namespace switchyard::cpu
