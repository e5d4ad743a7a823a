// An error as it travels: lib/core/errors.js reads it.
#pragma once
#include <string>

#include "error.h"

namespace switchyard::cluster {

// {"code":"ERR_COMPILE","message":"...","log":"...","line":3}: a detail that is not known is left out.
std::string errorJson(const Error& error);

}  // namespace switchyard::cluster
