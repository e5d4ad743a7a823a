// Kernels with faults that a card may show or not, and some without: what the emulation is tried with.
#pragma once
#include "../../../kernels/registry.h"

namespace switchyard::cuda_shim {

constexpr uint32_t kTriedThreads = 64;

// Each block adds 1 to total[0], but has no hold of it between reading and writing.
const CudaVariant& losesUpdates();
// The first block sets total[0] to 0, and each adds 1: whoever was before the first is lost.
const CudaVariant& firstClears();
// x[i] becomes x[i + 1]: at its end a block reads what the next one writes.
const CudaVariant& shifts();
// total[0] += the sum of all x, each block's by its own memory.
const CudaVariant& sums();
// out[i] = x[i ^ 32] by shared memory, with no barrier between writing and reading it.
const CudaVariant& missesBarrier();
// As missesBarrier(), 16 bytes a thread: read as matrices of tensor cores; or written by copies that nobody waits for.
const CudaVariant& missesBarrierOfMatrices();
const CudaVariant& missesBarrierOfCopies();
// Copies anew what other threads may not have read yet.
const CudaVariant& copiesOverReading();
// Lane 32 reads what lane 3 writes; lanes 1 and 2, of that one's warp, read it before, in their turns.
const CudaVariant& writesWhatManyRead();
// All threads of a block write the same 32 bytes: no fault.
struct Record {
  uint32_t words[8];
};
const CudaVariant& writesTheSame();
// log[0] counts the entries behind it: which threads came by, in order.
const CudaVariant& logsTurns();
// Asks for more memory than a block has.
const CudaVariant& takesTooMuch();

}  // namespace switchyard::cuda_shim
