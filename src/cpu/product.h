// Products of everything that struct Matmul says, in our own tiles.
#pragma once
#include "cpu/team.h"
#include "device.h"

namespace switchyard::cpu {

// Items of a batch alike. On the budget's threads.
void multiplyInTiles(const Matmul& op, const Budget& budget);

}  // namespace switchyard::cpu
