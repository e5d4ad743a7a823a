// The scan behind top_k, for other kernels that have a whole row of scores.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cpu/select.h"

namespace switchyard::cpu {

// Offers row[0..n), or with `negate` the negated values, with indices from firstIndex on.
void offerRow(const float* row, size_t n, uint32_t firstIndex, bool negate, BestK& best);

// The best k <= n of a row in order, in the first k of `work` (which has topKWork(n, k) elements); of the negated
// values with `negate`.
size_t topKWork(size_t n, size_t k);
void topKRow(const float* row, size_t n, size_t k, bool negate, uint64_t* work);

}  // namespace switchyard::cpu
