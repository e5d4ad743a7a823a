// The addon's exports. State is per environment (environment.h); lib/addon/native.js is the only caller.
#include <napi.h>

#include <chrono>

#include "background.h"
#include "cache_calls.h"
#include "cluster_wrap.h"
#include "context_wrap.h"
#include "convert.h"
#include "device_tensor_wrap.h"
#include "estimates.h"
#include "facts.h"
#include "held_memory.h"
#include "libuv_pool.h"
#include "lost_devices.h"
#include "program_calls.h"
#include "store_wrap.h"
#include "tokenizer_wrap.h"
#include "topology.h"
#include "vectors.h"
#include "weights_wrap.h"

namespace switchyard::node {
namespace {

EnumerateOptions readEnumerate(const Napi::CallbackInfo& info, size_t first) {
  return {info[first].ToBoolean().Value(), info[first + 1].ToBoolean().Value()};
}

// start(onDone) -> { scratch, firstId }
Napi::Value start(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  Environment& environment = Environment::of(env);
  result.Set("firstId", Napi::Number::New(env, static_cast<double>(environment.start(info[0].As<Napi::Function>()))));
  result.Set("scratch", environment.scratchArray());
  return result;
}

Napi::Value workloads(const Napi::CallbackInfo& info) { return describeWorkloads(info.Env()); }

// devices(cuda, vulkan) -> { devices, problems }
Napi::Value devices(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    Enumeration found = enumerateDevices(readEnumerate(info, 0));
    Napi::Array list = Napi::Array::New(env), problems = Napi::Array::New(env);
    for (const DeviceInfo& device : found.devices) list.Set(list.Length(), describeDevice(env, device));
    for (const BackendProblem& problem : found.problems) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("backend", backendName(problem.backend));
      entry.Set("reason", problem.reason);
      entry.Set("detail", problem.detail);
      entry.Set("remedy", problem.remedy);
      problems.Set(problems.Length(), entry);
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("devices", list);
    result.Set("problems", problems);
    return result;
  });
}

// lostForGood(device): what is to be said of a device that this process can't open again; undefined: it may
Napi::Value lostForGoodOf(const Napi::CallbackInfo& info) {
  const auto lost = lostForGood(info[0].As<Napi::String>().Utf8Value());
  return lost ? Napi::String::New(info.Env(), lost->what()) : info.Env().Undefined();
}

// numaNode(): of the processors that this thread, and what it forks, is bound to; -1: to none
Napi::Value numaNode(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), nodeOfThisThread()); }

// openContext(id, device, cuda, vulkan, memoryLimitBytes, threads, programs, onLibuvsPool)
Napi::Value openContext(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    ContextOptions options;
    options.memoryLimitBytes = static_cast<uint64_t>(info[4].As<Napi::Number>().Int64Value());
    options.threads = info[5].As<Napi::Number>().Uint32Value();
    if (info[6].IsNumber()) options.programs = info[6].As<Napi::Number>().Uint32Value();
    if (info[7].ToBoolean().Value()) options.pool = &libuvPool();
    ContextWrap::open(Environment::of(env), static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()),
                      info[1].As<Napi::String>().Utf8Value(), readEnumerate(info, 2), options);
    return env.Undefined();
  });
}

// progressOf(id): of a job on a context of this process, to the scratch array; false: it tells nothing
Napi::Value progressOf(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::of(info.Env());
  const auto told = environment.operations.progress(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  environment.scratch()[kProgressDone] = told.done;
  environment.scratch()[kProgressTotal] = told.total;
  return Napi::Boolean::New(info.Env(), told.total > 0);
}

Napi::Value cancel(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).operations.cancel(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  return info.Env().Undefined();
}

Napi::Value isDetached(const Napi::CallbackInfo& info) {
  bool detached = false;
  checkStatus(info.Env(), napi_is_detached_arraybuffer(info.Env(), info[0], &detached));
  return Napi::Boolean::New(info.Env(), detached);
}

// allowHolding(allowed): for tests, see held_memory.h
Napi::Value allowHoldingFor(const Napi::CallbackInfo& info) {
  allowHolding(info[0].ToBoolean().Value());
  return info.Env().Undefined();
}

// resizesHeld(buffer, transfer): see held_memory.h
Napi::Value resizesHeldMemory(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), resizesHeld(info.Env(), info[0], info[1]));
}

// letGo(id): the loop need not stay alive for it
Napi::Value letGo(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).operations.letGo(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
  return info.Env().Undefined();
}

// shutdown(exitCode, isLeaving): called when the process exits, and again as the last thing before it does. What runs
// is stopped and waited for.
Napi::Value shutdown(const Napi::CallbackInfo& info) {
  const int exitCode = info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 0;
  shutdownAtExit(Environment::of(info.Env()), exitCode, info[1].ToBoolean());
  return info.Env().Undefined();
}

// clockMs(): of CLOCK_MONOTONIC, as all times that cross to other processes
Napi::Value clockMs(const Napi::CallbackInfo& info) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return Napi::Number::New(info.Env(), std::chrono::duration<double, std::milli>(now).count());
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  std::shared_ptr<Environment> environment = Environment::create(env);
  environment->contextClass = Napi::Persistent(ContextWrap::define(env));
  environment->deviceTensorClass = Napi::Persistent(DeviceTensorWrap::define(env));
  exports.Set("facts", describeFacts(env));
  exports.Set("layouts", describeLayouts(env));
  definePrograms(env, exports);
  defineCache(env, exports);
  defineCluster(env, exports);
  defineEstimates(env, exports);
  defineWeights(env, exports);
  defineTokenizers(env, exports);
  defineStores(env, exports);
  defineVectors(env, exports);
  exports.Set("start", Napi::Function::New<start>(env, "start"));
  exports.Set("workloads", Napi::Function::New<workloads>(env, "workloads"));
  exports.Set("devices", Napi::Function::New<devices>(env, "devices"));
  exports.Set("lostForGood", Napi::Function::New<lostForGoodOf>(env, "lostForGood"));
  exports.Set("numaNode", Napi::Function::New<numaNode>(env, "numaNode"));
  exports.Set("openContext", Napi::Function::New<openContext>(env, "openContext"));
  exports.Set("letGo", Napi::Function::New<letGo>(env, "letGo"));
  exports.Set("progressOf", Napi::Function::New<progressOf>(env, "progressOf"));
  exports.Set("cancel", Napi::Function::New<cancel>(env, "cancel"));
  exports.Set("allowHolding", Napi::Function::New<allowHoldingFor>(env, "allowHolding"));
  exports.Set("resizesHeld", Napi::Function::New<resizesHeldMemory>(env, "resizesHeld"));
  exports.Set("isDetached", Napi::Function::New<isDetached>(env, "isDetached"));
  exports.Set("clockMs", Napi::Function::New<clockMs>(env, "clockMs"));
  exports.Set("shutdown", Napi::Function::New<shutdown>(env, "shutdown"));
  return exports;
}

}  // namespace

NODE_API_MODULE(switchyard, init)

}  // namespace switchyard::node
