// How a matrix product's output is cut for the threads.
#pragma once
#include <cstddef>

#include "device.h"

namespace switchyard::cpu {

struct Tiles {
  size_t tileM, tileN, countM, countN;
};
// `columnsFirst`: rows of a cost nothing to share, what is made of b's columns does.
Tiles tilesOf(const Matmul& op, uint32_t threads, bool columnsFirst = false);

}  // namespace switchyard::cpu
