// A call is prepared as one that is run, with the same checks, and dropped again: no device has a part in it.
#include "estimates.h"

#include "call_reader.h"
#include "convert.h"
#include "environment.h"

namespace switchyard::node {
namespace {

// { flops, bytes, outputBytes }
Napi::Value describe(Napi::Env env, const Job& job) {
  double outputs = 0;
  for (const TensorSpec& spec : job.outputSpecs) outputs += static_cast<double>(spec.bytes());
  Napi::Object result = Napi::Object::New(env);
  result.Set("flops", Napi::Number::New(env, job.cost.flops));
  result.Set("bytes", Napi::Number::New(env, job.cost.bytes));
  result.Set("outputBytes", Napi::Number::New(env, outputs));
  return result;
}

// estimate(a, b, c, d): a workload, described in the scratch array
Napi::Value estimate(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const double* call = Environment::of(info.Env()).scratch();
    Job job;
    readWorkload(info, 0, call, job);
    readInputs(info, 0, call, job);
    job.prepare();
    return describe(info.Env(), job);
  });
}

// estimateGraph(description, arrays)
Napi::Value estimateGraph(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    const GraphCall call = readGraph(readDoubles(env, info[0]));
    Job job;
    prepareGraph(env, CallArrays(info, 1, false, 2), call, job);
    return describe(env, job);
  });
}

// release(buffer): its memory goes back now, and not when it is collected; views of it become empty
Napi::Value release(const Napi::CallbackInfo& info) {
  checkStatus(info.Env(), napi_detach_arraybuffer(info.Env(), info[0]));
  return info.Env().Undefined();
}

}  // namespace

void defineEstimates(Napi::Env env, Napi::Object exports) {
  exports.Set("estimate", Napi::Function::New<estimate>(env, "estimate"));
  exports.Set("estimateGraph", Napi::Function::New<estimateGraph>(env, "estimateGraph"));
  exports.Set("release", Napi::Function::New<release>(env, "release"));
}

}  // namespace switchyard::node
