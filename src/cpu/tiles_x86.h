// The tiles of instruction sets that Highway does not know, for those processors alone that have them (productSets()).
#pragma once
#include "cpu/tiles.h"

namespace switchyard::cpu {

TileKernel bfloat512Tiles();
TileKernel vnni512Tiles();
TileKernel vnni256Tiles();
TileKernel amxBfloatTiles();
TileKernel amxIntegerTiles();

}  // namespace switchyard::cpu
