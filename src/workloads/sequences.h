// Sequences of different lengths, one behind the other in a packed tensor: `offsets [n + 1]` say where each begins.
#pragma once
#include <span>

#include "workload.h"

namespace switchyard {

// Throws InvalidArgument naming the first offset that is wrong: they begin with 0, do not fall, and end with `rows`,
// those of the packed tensor. `input`: which of the workload's they are.
void checkSequences(const Workload& workload, std::span<const int32_t> offsets, uint64_t rows, size_t input);

}  // namespace switchyard
