// What kernels/mma.h has of instructions, for the emulation: fragments out of shared memory, copies that are not there
// before they are waited for.
#pragma once
#include <vector>

#include "cuda_shim.h"

namespace switchyard::cuda_shim {

// ldmatrix.sync.aligned.m8n8.x4(.trans).shared.b16: all lanes call it.
void ldmatrixX4(uint32_t (&out)[4], const void* row, bool transposed, int line = __builtin_LINE());

// cp.async of one thread. Until complete() what was asked for is NaN.
class PendingCopies {
 public:
  void add(void* to, const void* from, bool there);
  void complete();

 private:
  struct Copy {
    void* to;
    const void* from;
    bool there;
  };
  std::vector<Copy> copies_;
};

}  // namespace switchyard::cuda_shim
