// Each method takes its numbers from the scratch array (call.def) and its arrays as arguments.
#include "context_wrap.h"

#include <cmath>

#include "background.h"
#include "call_reader.h"
#include "convert.h"
#include "local_job.h"

namespace switchyard::node {
namespace {

// A driver may take its time to let a context go.
void destroyInBackground(std::shared_ptr<Context> context) {
  Background::shared().post([context = std::move(context)] {});
}

class OpenOperation : public Operation {
 public:
  using Operation::Operation;
  Napi::Value result(Environment& environment) override {
    if (error) std::rethrow_exception(error);
    environment.add(context);
    return environment.contextClass.New({Napi::External<std::shared_ptr<Context>>::New(environment.env(), &context)});
  }
  std::shared_ptr<Context> context;
  std::exception_ptr error;
};

class CloseOperation : public Operation {
 public:
  using Operation::Operation;
  Napi::Value result(Environment& environment) override { return Napi::Env(environment.env()).Undefined(); }
};

// There would be two of it on the one device.
void refuseOwn(const Context& context, const TensorArg& input) {
  if (input.device && input.device->device == context.device())
    throw Error(Code::InvalidArgument, "upload: the tensor is on " + context.device()->info.id + " already",
                {.argument = "tensor"});
}

// A card that is silent for so long is not lost: its user waits for it. Infinity says nothing of how long a job takes.
std::chrono::milliseconds callTimeout(const double* scratch) {
  const double ms = scratch[kCallTimeout];
  return std::chrono::milliseconds(std::isfinite(ms) ? static_cast<int64_t>(std::clamp(ms, 0.0, 1e12)) : 0);
}
uint64_t callId(const double* scratch) { return static_cast<uint64_t>(scratch[kCallId]); }

}  // namespace

Napi::Function ContextWrap::define(Napi::Env env) {
  return DefineClass(
      env, "ContextHandle",
      {InstanceMethod<&ContextWrap::run>("run"), InstanceMethod<&ContextWrap::runGraph>("runGraph"),
       InstanceMethod<&ContextWrap::upload>("upload"), InstanceMethod<&ContextWrap::read>("read"),
       InstanceMethod<&ContextWrap::close>("close"), InstanceMethod<&ContextWrap::trim>("trim"),
       InstanceMethod<&ContextWrap::memoryUse>("memoryUse"), InstanceMethod<&ContextWrap::device>("device"),
       InstanceMethod<&ContextWrap::programUse>("programUse")});
}

void ContextWrap::open(Environment& environment, uint64_t id, std::string device, EnumerateOptions enumerate,
                       ContextOptions options) {
  auto operation = std::make_shared<OpenOperation>(id);
  environment.operations.begin(operation);
  Background::shared().postAlone(
      [operation, shared = environment.shared(), device = std::move(device), enumerate, options] {
        try {
          operation->context = Context::create(openDevice(device, enumerate), options);
          shared->keep(operation->context->device());
          keepDriverLoaded(*operation->context->device());
          guardExit(operation->context->device()->info.id);
        } catch (...) {
          operation->error = std::current_exception();
        }
        shared->operations.push(operation.get());
      });
}

ContextWrap::ContextWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "a context comes from createContext()");
  // The thread that has opened it may let go of the operation late: close() counts on there being no other reference.
  context_ = std::move(*info[0].As<Napi::External<std::shared_ptr<Context>>>().Data());
}

ContextWrap::~ContextWrap() {
  if (context_) destroyInBackground(std::move(context_));
}

const std::shared_ptr<Context>& ContextWrap::open() const {
  if (!context_) throw Error(Code::Closed, "the context is closed");
  return context_;
}

Napi::Value ContextWrap::run(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    const std::shared_ptr<Context>& context = open();
    Environment& environment = Environment::of(env);
    const double* call = environment.scratch();
    auto operation = std::make_shared<LocalJob>(callId(call));
    Job& job = operation->job;
    bool mayRunNow = call[kCallInline] != 0;
    job.longest = callTimeout(call);
    readWorkload(info, 0, call, job);
    readInputs(info, 0, call, job);
    job.prepare();
    readTargets(env, info[kDirectInputs], call + kCallInto, job);
    const CallArrays arrays = arraysOf(info, 0, job);
    return LocalJob::start(environment, context, std::move(operation), mayRunNow, arrays);
  });
}

// runGraph(description, into, a, b, c, d), or with more inputs (description, into, inputs)
Napi::Value ContextWrap::runGraph(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    const std::shared_ptr<Context>& context = open();
    Environment& environment = Environment::of(env);
    const GraphCall call = readGraph(readDoubles(env, info[0]));
    auto operation = std::make_shared<LocalJob>(call.id);
    operation->job.longest = callTimeout(environment.scratch());
    const CallArrays arrays(info, 2, call.inputCount <= kDirectInputs, 1);
    prepareGraph(env, arrays, call, operation->job);
    const bool mayRunNow = environment.scratch()[kCallInline] != 0;
    return LocalJob::start(environment, context, std::move(operation), mayRunNow, arrays);
  });
}

Napi::Value ContextWrap::upload(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    const std::shared_ptr<Context>& context = open();
    Environment& environment = Environment::of(env);
    const double* call = environment.scratch();
    auto operation = std::make_shared<LocalJob>(callId(call));
    operation->job.kind = Job::Kind::Upload;
    operation->tensors = tensors_;
    operation->job.inputs.push_back(readTensor(env, info[0], call + kCallInputs));
    refuseOwn(*context, operation->job.inputs.front());
    operation->job.prepare();
    return LocalJob::start(environment, context, std::move(operation), false, CallArrays(info, 0, true, 1));
  });
}

Napi::Value ContextWrap::read(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    const std::shared_ptr<Context>& context = open();
    Environment& environment = Environment::of(env);
    const double* call = environment.scratch();
    auto operation = std::make_shared<LocalJob>(callId(call));
    operation->job.kind = Job::Kind::Read;
    operation->job.inputs.push_back(readTensor(env, info[0], call + kCallInputs));
    operation->job.prepare();
    readTargets(env, info[1], call + kCallInto, operation->job);
    return LocalJob::start(environment, context, std::move(operation), false, CallArrays(info, 0, true, 1));
  });
}

// close(id): delivered when what ran has finished and everything the context held is free again.
Napi::Value ContextWrap::close(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    auto operation = std::make_shared<CloseOperation>(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
    Context& context = *open();
    environment.operations.begin(operation);
    // No other reference stays here: the last one goes on the background thread. `closed` may come on the context's own
    // thread, which must not destroy it, and before close() is back, when this thread must not.
    auto holder = std::make_shared<std::shared_ptr<Context>>(std::move(context_));
    tensors_->dropAll(env);
    context.close([operation, holder, shared = environment.shared()] {
      Background::shared().post([operation, holder, shared] {
        holder->reset();
        shared->operations.push(operation.get());
      });
    });
    return env.Undefined();
  });
}

Napi::Value ContextWrap::trim(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    if (info[0].ToBoolean())
      open()->trimMemory();
    else
      open()->trim();
    HostPool::shared().trim();
    return info.Env().Undefined();
  });
}

// Writes it to the scratch array.
Napi::Value ContextWrap::programUse(const Napi::CallbackInfo& info) {
  const ProgramUse use = context_ ? context_->programUse() : ProgramUse{};
  double* out = Environment::of(info.Env()).scratch();
  out[kPrograms] = static_cast<double>(use.programs);
  out[kProgramBytes] = static_cast<double>(use.bytes);
  out[kProgramHits] = static_cast<double>(use.hits);
  out[kProgramMisses] = static_cast<double>(use.misses);
  out[kCompileMs] = use.compileMs;
  return info.Env().Undefined();
}

// Writes it to the scratch array; true: the device was lost.
Napi::Value ContextWrap::memoryUse(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  ArenaUse use = context_ ? context_->memoryUse() : ArenaUse{};
  double* out = Environment::of(env).scratch();
  out[kUsedMemory] = static_cast<double>(use.usedBytes);
  out[kReservedMemory] = static_cast<double>(use.reservedBytes);
  out[kPeakMemory] = static_cast<double>(use.maxUsedBytes);
  out[kMemoryLimit] = static_cast<double>(use.limitBytes);
  out[kLargestFree] = static_cast<double>(use.largestFreeBytes);
  // Its device may have been lost by another context's job.
  return Napi::Boolean::New(env, context_ && (context_->lost() || context_->device()->lost()));
}

Napi::Value ContextWrap::device(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return describeDevice(info.Env(), open()->device()->info); });
}

}  // namespace switchyard::node
