#include "error.h"

#include <new>
#include <system_error>

namespace switchyard {
namespace {

bool isShortage(const std::error_code& code) {
  return code == std::errc::resource_unavailable_try_again || code == std::errc::not_enough_memory ||
         code == std::errc::too_many_files_open || code == std::errc::too_many_files_open_in_system ||
         code == std::errc::no_space_on_device || code == std::errc::no_buffer_space;
}

}  // namespace

Error asError(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {Code::OutOfMemory, "the system has no memory left"};
  } catch (const std::system_error& error) {  // a thread that can't be started, a descriptor that is not to be had
    return {isShortage(error.code()) ? Code::OutOfMemory : Code::Internal, error.what()};
  } catch (const std::exception& error) {
    return {Code::Internal, error.what()};
  } catch (...) {
    return {Code::Internal, "an unknown failure inside the addon"};
  }
}

}  // namespace switchyard
