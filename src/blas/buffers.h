// The packing buffers of OpenBLAS, which takes one for nearly every product.
// Debian builds serial OpenBLAS without USE_LOCKING: it hands them out without a lock, so that two products at the same
// moment can get the same one and spoil each other's result. And where the system has no memory for one, it asks for it
// again and again, for ever. So the linker's --wrap sends its requests here: whoever calls the library has a buffer for
// it before, or gets an error while there still is somebody to tell.
#pragma once
#include <cstddef>

namespace switchyard {

class BlasBuffers {
 public:
  static constexpr size_t kMost = 2;
  // For what this thread calls until the end of it; LAPACK's routines may need two at a time. Not within another.
  // Throws OutOfMemory.
  explicit BlasBuffers(size_t count = 1);
  ~BlasBuffers();
  BlasBuffers(const BlasBuffers&) = delete;
  BlasBuffers& operator=(const BlasBuffers&) = delete;
};

}  // namespace switchyard
