// Each method takes its numbers from the scratch array (layout.h) and its arrays as arguments.
#include "context_wrap.h"

#include "background.h"
#include "convert.h"
#include "pending_job.h"

namespace switchyard::node {
namespace {

// A driver may take its time to let a context go.
void destroyInBackground(std::shared_ptr<Context> context) {
  Background::shared().post([context = std::move(context)] {});
}

class PendingOpen : public Pending {
 public:
  using Pending::Pending;
  Napi::Value result(Environment& environment) override {
    if (error) std::rethrow_exception(error);
    environment.add(context);
    return environment.contextClass.New({Napi::External<std::shared_ptr<Context>>::New(environment.env(), &context)});
  }
  std::shared_ptr<Context> context;
  std::exception_ptr error;
};

class PendingClose : public Pending {
 public:
  using Pending::Pending;
  Napi::Value result(Environment& environment) override { return Napi::Env(environment.env()).Undefined(); }
};

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
  auto pending = std::make_shared<PendingOpen>(id);
  environment.pending.begin(pending);
  Background::shared().postAlone(
      [pending, shared = environment.shared(), device = std::move(device), enumerate, options] {
        try {
          pending->context = Context::create(openDevice(device, enumerate), options);
          shared->keep(pending->context->device());
          keepDriverLoaded(*pending->context->device());
          guardExit(pending->context->device()->info.id);
        } catch (...) {
          pending->error = std::current_exception();
        }
        shared->pending.push(pending.get());
      });
}

ContextWrap::ContextWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "a context comes from createContext()");
  context_ = *info[0].As<Napi::External<std::shared_ptr<Context>>>().Data();
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
    auto pending = std::make_shared<PendingJob>(callId(call));
    Job& job = pending->job;
    bool mayRunNow = call[kCallInline] != 0;
    readWorkload(info, 0, call, job);
    readInputs(info, 0, call, job);
    job.prepare();
    readTargets(env, info[kDirectInputs], call + kCallInto, job);
    return PendingJob::start(environment, context, std::move(pending), mayRunNow);
  });
}

Napi::Value ContextWrap::runGraph(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    const std::shared_ptr<Context>& context = open();
    Environment& environment = Environment::of(env);
    GraphCall call = readGraph(readDoubles(env, info[0]));
    auto pending = std::make_shared<PendingJob>(call.id);
    Job& job = pending->job;
    job.kind = Job::Kind::Graph;
    job.graph = std::move(call.graph);
    auto arrays = info[1].As<Napi::Array>();
    for (size_t i = 0; i < job.graph->inputCount; ++i)
      job.inputs.push_back(readTensor(env, arrays.Get(static_cast<uint32_t>(i)), call.inputSlots + i * kSlotSize));
    job.prepare();
    readTargets(env, info[2], call.intoSlots, job);
    return PendingJob::start(environment, context, std::move(pending), false);
  });
}

Napi::Value ContextWrap::upload(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    const std::shared_ptr<Context>& context = open();
    Environment& environment = Environment::of(env);
    const double* call = environment.scratch();
    auto pending = std::make_shared<PendingJob>(callId(call));
    pending->job.kind = Job::Kind::Upload;
    pending->tensors = tensors_;
    pending->job.inputs.push_back(readTensor(env, info[0], call + kCallInputs));
    pending->job.prepare();
    return PendingJob::start(environment, context, std::move(pending), false);
  });
}

Napi::Value ContextWrap::read(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    const std::shared_ptr<Context>& context = open();
    Environment& environment = Environment::of(env);
    const double* call = environment.scratch();
    auto pending = std::make_shared<PendingJob>(callId(call));
    pending->job.kind = Job::Kind::Read;
    pending->job.inputs.push_back(readTensor(env, info[0], call + kCallInputs));
    pending->job.prepare();
    readTargets(env, info[1], call + kCallInto, pending->job);
    return PendingJob::start(environment, context, std::move(pending), false);
  });
}

// close(id): delivered when what ran has finished and everything the context held is free again.
Napi::Value ContextWrap::close(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    auto pending = std::make_shared<PendingClose>(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value()));
    Context& context = *open();
    environment.pending.begin(pending);
    // No other reference stays here: the last one goes on the background thread. `closed` may come on the context's own
    // thread, which must not destroy it, and before close() is back, when this thread must not.
    auto holder = std::make_shared<std::shared_ptr<Context>>(std::move(context_));
    tensors_->dropAll(env);
    context.close([pending, holder, shared = environment.shared()] {
      Background::shared().post([pending, holder, shared] {
        holder->reset();
        shared->pending.push(pending.get());
      });
    });
    return env.Undefined();
  });
}

Napi::Value ContextWrap::trim(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    open()->trim();
    HostPool::shared().trim();
    return info.Env().Undefined();
  });
}

// Writes programs, their bytes, hits, misses and ms of compiling where a call's inputs would be.
Napi::Value ContextWrap::programUse(const Napi::CallbackInfo& info) {
  const ProgramUse use = context_ ? context_->programUse() : ProgramUse{};
  double* out = Environment::of(info.Env()).scratch() + kCallInputs;
  out[0] = static_cast<double>(use.programs);
  out[1] = static_cast<double>(use.bytes);
  out[2] = static_cast<double>(use.hits);
  out[3] = static_cast<double>(use.misses);
  out[4] = use.compileMs;
  return info.Env().Undefined();
}

// Writes used, reserved, peak and limit where a call's inputs would be.
Napi::Value ContextWrap::memoryUse(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  ArenaUse use = context_ ? context_->memoryUse() : ArenaUse{};
  double* out = Environment::of(env).scratch() + kCallInputs;
  out[0] = static_cast<double>(use.usedBytes);
  out[1] = static_cast<double>(use.reservedBytes);
  out[2] = static_cast<double>(use.maxUsedBytes);
  out[3] = static_cast<double>(use.limitBytes);
  return Napi::Boolean::New(env, context_ && context_->lost());
}

Napi::Value ContextWrap::device(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return describeDevice(info.Env(), open()->device()->info); });
}

}  // namespace switchyard::node
