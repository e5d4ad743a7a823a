// Parts of a matrix product: enough for the threads, none so long that a stop is not seen.
#include "cpu/parts.h"

#include <algorithm>

namespace switchyard::cpu {
namespace {

constexpr double kMinTile = 4e6;     // floating-point operations: 40 us, worth waking a helper for
constexpr double kMaxTile = 1.5e9;   // 15 ms between looks at the stop flag
constexpr size_t kTileStep = 64;     // tiles end on multiples of the library's register blocks
constexpr size_t kLeastFirst = 128;  // columns of a part, where they are cut first

size_t roundUp(size_t value, size_t step) { return (value + step - 1) / step * step; }

}  // namespace

// Halves the longer side, or that of columns, until there are enough tiles for the threads and none is too large.
Tiles tilesOf(const Matmul& op, uint32_t threads, bool columnsFirst) {
  const double flops = 2.0 * op.m * op.n * op.k;
  const double mostByCost = std::max(1.0, flops / kMinTile);
  const double wanted =
      std::max(flops / kMaxTile,
               std::min<double>(mostByCost, op.batch >= 2 * threads ? 1 : (threads + op.batch - 1) / op.batch));
  size_t partsM = 1, partsN = 1;
  while (static_cast<double>(partsM * partsN) < wanted) {
    const size_t m = op.m / (partsM + 1), n = op.n / (partsN + 1);
    if (m >= n && m >= 16 && !(columnsFirst && n >= kLeastFirst))
      ++partsM;
    else if (n >= 16)
      ++partsN;
    else
      break;
  }
  Tiles tiles{};
  tiles.tileM =
      partsM == 1 ? op.m : roundUp((op.m + partsM - 1) / partsM, op.m >= 2 * kTileStep * partsM ? kTileStep : 8);
  tiles.tileN =
      partsN == 1 ? op.n : roundUp((op.n + partsN - 1) / partsN, op.n >= 2 * kTileStep * partsN ? kTileStep : 16);
  tiles.countM = (op.m - 1) / tiles.tileM + 1;
  tiles.countN = (op.n - 1) / tiles.tileN + 1;
  return tiles;
}

}  // namespace switchyard::cpu
