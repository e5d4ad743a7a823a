// Between JavaScript values and the core's: the only file that reads JavaScript values.
#pragma once
#include <napi.h>

#include <exception>
#include <span>

#include "environment.h"
#include "job.h"

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
// The same error as a value: an Error with `code`, and `log` where there is one.
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

TensorSpec readSpec(const double* slot);
void writeSpec(double* slot, const TensorSpec& spec);
// An input as its slot describes it: host bytes in place, a DeviceTensor, or absent. Checks that the bytes are as many
// as the shape says.
TensorArg readTensor(Napi::Env env, napi_value value, const double* slot);

// A workload's inputs, described in the scratch array: up to kDirectInputs as arguments from `first` on, or all in an
// array there.
void readInputs(const Napi::CallbackInfo& info, size_t first, const double* call, Job& job);
// What a call runs: a built-in by its number, or the program at info[first + 1].
void readWorkload(const Napi::CallbackInfo& info, size_t first, const double* call, Job& job);

// `into` targets, once the job knows its outputs; targets without one stay empty. Refuses wrong dtypes, shapes and
// overlaps.
void readTargets(Napi::Env env, Napi::Value arrays, const double* slots, Job& job);

// A graph's description: [id, inputs, values, nodes, outputs], the inputs' slots, the outputs' value numbers, the
// outputs' `into` slots, then each node as [workload, its inputs, its outputs, its params, the number its maker knows
// it by].
struct GraphCall {
  uint64_t id = 0;
  std::unique_ptr<Graph> graph;
  const double* inputSlots = nullptr;
  const double* intoSlots = nullptr;
};
GraphCall readGraph(std::span<const double> description);

// A fresh ArrayBuffer with the block's bytes: small ones are copied, large ones carried by the block itself until
// collected.
napi_value makeArrayBuffer(Environment& environment, std::shared_ptr<HostBlock> block);
Napi::Value describeDevice(Napi::Env env, const DeviceInfo& info);
Napi::Value describeWorkloads(Napi::Env env);

}  // namespace switchyard::node
