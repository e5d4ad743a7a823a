// A call is prepared as one that is run, with the same checks, and dropped again: no device has a part in it.
#include "estimates.h"

#include "call_reader.h"
#include "convert.h"
#include "environment.h"
#include "split.h"

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

Napi::Value shapeOf(Napi::Env env, const Shape& shape) {
  Napi::Array extents = Napi::Array::New(env, shape.rank());
  for (uint32_t i = 0; i < shape.rank(); ++i) extents.Set(i, Napi::Number::New(env, static_cast<double>(shape[i])));
  return extents;
}

// { units, axes, merge }
Napi::Value describe(Napi::Env env, const Split& split, size_t inputs) {
  static constexpr const char* kMerges[] = {"rows", "largest", "smallest"};
  Napi::Object result = Napi::Object::New(env);
  Napi::Array axes = Napi::Array::New(env, inputs);
  for (uint32_t i = 0; i < inputs; ++i) axes.Set(i, Napi::Number::New(env, split.axes[i]));
  result.Set("units", Napi::Number::New(env, static_cast<double>(split.units)));
  result.Set("axes", axes);
  result.Set("merge", kMerges[static_cast<int>(split.merge)]);
  return result;
}

// splits(a, b, c, d, into): a workload, described in the scratch array -> what estimate() says, with
// { outputs: [{ dtype, shape }], splits }; the targets are checked, too
Napi::Value splits(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    const double* call = Environment::of(env).scratch();
    Job job;
    readWorkload(info, 0, call, job);
    readInputs(info, 0, call, job);
    job.prepare();
    readTargets(env, info[kDirectInputs], call + kCallInto, job);
    Napi::Object result = describe(env, job).As<Napi::Object>();
    Napi::Array outputs = Napi::Array::New(env), ways = Napi::Array::New(env);
    for (const TensorSpec& spec : job.outputSpecs) {
      Napi::Object output = Napi::Object::New(env);
      output.Set("dtype", Napi::Number::New(env, static_cast<double>(spec.dtype)));
      output.Set("shape", shapeOf(env, spec.shape));
      outputs.Set(outputs.Length(), output);
    }
    for (const Split& split : splitsOf(job)) ways.Set(ways.Length(), describe(env, split, job.inputs.size()));
    result.Set("outputs", outputs);
    result.Set("splits", ways);
    return Napi::Value(result);
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
  exports.Set("splits", Napi::Function::New<splits>(env, "splits"));
  exports.Set("release", Napi::Function::New<release>(env, "release"));
}

}  // namespace switchyard::node
