#include "shim_tensor.h"

#include "../../../src/error.h"
#include "hooks.h"

namespace switchyard::cuda_shim {
namespace {

void requireAligned(const void* at, const char* what) {
  if (reinterpret_cast<uintptr_t>(at) % 16 != 0)
    throw Error(Code::Internal, std::string("emulated CUDA: ") + what + " of 16 bytes at an address of no multiple");
}

// What is read and written here is not by compiled kernels: it is told to who watches them.
void copyWatched(void* to, const void* from, size_t bytes) {
  onAccess(from, bytes, Access::Read);
  onAccess(to, bytes, Access::Write);
  std::memcpy(to, from, bytes);
}
void fillWatched(void* to, int byte, size_t bytes) {
  onAccess(to, bytes, Access::Write);
  std::memset(to, byte, bytes);
}

}  // namespace

void ldmatrixX4(uint32_t (&out)[4], const void* row, bool transposed, int line) {
  requireAligned(row, "ldmatrix");
  const unsigned lane = threadIdx.x & 31, group = lane / 4, pair = lane % 4 * 2;
  const auto rowAt = [&](unsigned matrix, unsigned of) {
    return exchangeAs(0xFFFFFFFFu, static_cast<const char*>(row), matrix * 8 + of, line);
  };
  for (unsigned matrix = 0; matrix < 4; ++matrix) {
    if (!transposed) {
      copyWatched(&out[matrix], rowAt(matrix, group) + 2 * pair, 4);
      continue;
    }
    unsigned short halves[2];
    for (unsigned i = 0; i < 2; ++i) copyWatched(&halves[i], rowAt(matrix, pair + i) + 2 * group, 2);
    out[matrix] = halves[0] | uint32_t(halves[1]) << 16;
  }
}

void PendingCopies::add(void* to, const void* from, bool there) {
  requireAligned(to, "cp.async");
  if (there) requireAligned(from, "cp.async");
  fillWatched(to, 0xFF, 16);
  copies_.push_back({to, from, there});
}

void PendingCopies::complete() {
  for (const Copy& copy : copies_) {
    if (copy.there)
      copyWatched(copy.to, copy.from, 16);
    else
      fillWatched(copy.to, 0, 16);
  }
  copies_.clear();
}

}  // namespace switchyard::cuda_shim
