// A call of the system that has failed, as an error.
#pragma once
#include <string>

#include "error.h"

namespace switchyard {

// OutOfMemory for what the system has no more of (memory, threads, descriptors, room on a disk), else Internal; `error`
// is its errno.
Error systemError(const std::string& what, int error);

}  // namespace switchyard
