// Between JavaScript's errors, numbers and bytes and the core's. What a whole call says is read by call_reader.*.
#pragma once
#include <napi.h>

#include <exception>
#include <span>

#include "device.h"
#include "call_layout.h"

namespace switchyard::node {

// Throws a Napi::Error for a Node-API call that failed.
void checkStatus(napi_env env, napi_status status);

// Calls fn and turns a core error into a JavaScript exception with its code.
Napi::Error toJsError(napi_env env, std::exception_ptr error);
template <class Fn>
auto guarded(Napi::Env env, Fn&& fn) {
  try {
    return fn();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw toJsError(env, std::current_exception());
  }
}
// The same error as a value: an Error with `code`, and its details where there are some.
napi_value errorValue(napi_env env, std::exception_ptr error);

struct ByteRange {
  std::byte* data = nullptr;
  size_t bytes = 0;
};
// A typed array's bytes where they lie; throws InvalidArgument for anything else.
ByteRange readBytes(napi_env env, napi_value value);
std::span<const double> readDoubles(napi_env env, napi_value value);

// A number as a count or an id; 0 for what is neither.
uint64_t readUint(const Napi::Value& value);

// `value` where it is a whole number from 0 to `most`; else throws Internal naming `what` of the call it is.
uint64_t readCount(double value, uint64_t most, const char* what);

TensorSpec readSpec(const double* slot);
void writeSpec(double* slot, const TensorSpec& spec);
Napi::Value describeDevice(Napi::Env env, const DeviceInfo& info);
Napi::Value describeWorkloads(Napi::Env env);

}  // namespace switchyard::node
