// What a call from JavaScript says, as a job: inputs, workload or graph, and where the outputs go.
#pragma once
#include <napi.h>

#include <memory>
#include <span>

#include "job.h"

namespace switchyard::node {

// An input as its slot describes it: host bytes in place, a DeviceTensor, or absent. Checks that the bytes are as many
// as the shape says.
TensorArg readTensor(Napi::Env env, napi_value value, const double* slot);

// Where a call's typed arrays are among its arguments.
class CallArrays {
 public:
  // The inputs as arguments from `inputs` on where `direct`, else in one array there; the targets in an array.
  CallArrays(const Napi::CallbackInfo& info, size_t inputs, bool direct, size_t targets)
      : info_(info), inputs_(inputs), targets_(targets), direct_(direct) {}
  napi_value input(size_t i) const { return direct_ ? napi_value(info_[inputs_ + i]) : of(inputs_, i); }
  napi_value target(size_t i) const { return of(targets_, i); }
  Napi::Value targets() const { return info_[targets_]; }  // undefined where a call has none

 private:
  napi_value of(size_t argument, size_t i) const {
    return info_[argument].As<Napi::Array>().Get(static_cast<uint32_t>(i));
  }
  const Napi::CallbackInfo& info_;
  const size_t inputs_, targets_;
  const bool direct_;
};

// A workload's inputs, described in the scratch array: up to kDirectInputs as arguments from `first` on, or all in an
// array there.
void readInputs(const Napi::CallbackInfo& info, size_t first, const double* call, Job& job);
// Where they are.
CallArrays arraysOf(const Napi::CallbackInfo& info, size_t first, const Job& job);
// What a call runs: a built-in by its number, or the program at info[first + 1].
void readWorkload(const Napi::CallbackInfo& info, size_t first, const double* call, Job& job);

// `into` targets, once the job knows its outputs; targets without one stay empty. Refuses wrong dtypes, shapes and
// overlaps.
void readTargets(Napi::Env env, Napi::Value arrays, const double* slots, Job& job);

// A graph's description (call.def).
struct GraphCall {
  uint64_t id = 0;
  size_t inputCount = 0, valueCount = 0;
  std::span<const double> head;     // without the id
  std::span<const double> outputs;  // value numbers
  std::span<const double> nodes;
  const double* inputSlots = nullptr;
  const double* intoSlots = nullptr;
};
GraphCall readGraph(std::span<const double> description);
// The job of a graph that was read, prepared.
void prepareGraph(Napi::Env env, const CallArrays& arrays, const GraphCall& call, Job& job);

}  // namespace switchyard::node
