// How a matrix product's output is cut for the threads.
#pragma once
#include <cstddef>

#include "device.h"

namespace switchyard::cpu {

struct Tiles {
  size_t tileM, tileN, countM, countN;
};
Tiles tilesOf(const Matmul& op, uint32_t threads);

}  // namespace switchyard::cpu
