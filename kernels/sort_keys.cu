// sort_keys: the sort keys and columns of each row, padded to a power of two.
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    sortKeysKernel(const void* input, uint32_t* keys, uint32_t* indices, SortParams p) {
  const uint64_t i = linearThread();
  if (i >= uint64_t(p.rows) * p.padded) return;
  const uint64_t row = i / p.padded, column = i % p.padded;
  const bool present = column < p.d;
  keys[i] = present ? sortKey(In(input, p.formats, 0)[row * p.d + column], p.largest != 0) : kMissingKey;
  indices[i] = present ? uint32_t(column) : kMissingIndex;
}

SWITCHYARD_KERNEL(sort_keys, sortKeysKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
