// What the compiled kernels call before they read or write memory, where the compiler was asked for that.
#pragma once
#include <cstddef>

#include "races.h"

namespace switchyard::cuda_shim {

void onAccess(const void* at, size_t bytes, Access access);

}  // namespace switchyard::cuda_shim
