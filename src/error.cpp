#include "error.h"

#include <new>

namespace switchyard {

Error asError(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {Code::OutOfMemory, "the system has no memory left"};
  } catch (const std::exception& error) {
    return {Code::Internal, error.what()};
  } catch (...) {
    return {Code::Internal, "an unknown failure inside the addon"};
  }
}

}  // namespace switchyard
