#include "system_failure.h"

#include <system_error>

namespace switchyard {

Error systemError(const std::string& what, int error) {
  return asError(std::make_exception_ptr(std::system_error(error, std::generic_category(), what)));
}

}  // namespace switchyard
