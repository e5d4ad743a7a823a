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

// A workload's inputs, described in the scratch array: up to kDirectInputs as arguments from `first` on, or all in an
// array there.
void readInputs(const Napi::CallbackInfo& info, size_t first, const double* call, Job& job);
// What a call runs: a built-in by its number, or the program at info[first + 1].
void readWorkload(const Napi::CallbackInfo& info, size_t first, const double* call, Job& job);

// `into` targets, once the job knows its outputs; targets without one stay empty. Refuses wrong dtypes, shapes and
// overlaps.
void readTargets(Napi::Env env, Napi::Value arrays, const double* slots, Job& job);

// A graph's description (call.def).
struct GraphCall {
  uint64_t id = 0;
  std::unique_ptr<Graph> graph;
  const double* inputSlots = nullptr;
  const double* intoSlots = nullptr;
};
GraphCall readGraph(std::span<const double> description);

}  // namespace switchyard::node
