// Small CPU jobs run inside the call, straight from and into JavaScript's memory; the others own or pin what they use.
#include "local_job.h"

#include <cstring>

#include "array_buffers.h"
#include "convert.h"
#include "held_memory.h"

namespace switchyard::node {
namespace {

constexpr size_t kSmallBytes = HostPool::kPooledBytes;
constexpr double kInlineWork = 1e6;  // no job of more flops or bytes than this is run inside the call by the core

size_t roundUp(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

Napi::Value LocalJob::start(Environment& environment, const std::shared_ptr<Context>& context,
                            std::shared_ptr<LocalJob> operation, bool mayRunNow, const CallArrays& arrays) {
  operation->context_ = context;
  operation->self_ = operation;
  std::shared_ptr<Job> shared(operation, &operation->job);
  LocalJob* raw = operation.get();
  operation->job.done = [raw, &environment](Job&) { raw->onDone(environment); };
  bool onCpu = context->device()->info.backend == Backend::Cpu;
  if (mayRunNow && onCpu && operation->runNow(environment, *context, shared)) return operation->result(environment);
  operation->keepMemory(environment, arrays);
  environment.scratch()[kStartedFlops] = operation->job.cost.flops;
  environment.scratch()[kStartedBytes] = operation->job.cost.bytes;
  environment.operations.begin(operation, [&] {
    if (onCpu || !mayRunNow || !context->runNow(shared))
      context->submit(shared);
    else
      environment.operations.expectSoon();
  });
  return Napi::Env(environment.env()).Null();
}

void LocalJob::cancel() {
  if (auto context = context_.lock()) context->cancel(std::shared_ptr<Job>(self_.lock(), &job));
}

bool LocalJob::runNow(Environment& environment, Context& context, const std::shared_ptr<Job>& shared) {
  const bool computes = job.kind == Job::Kind::Workload || job.kind == Job::Kind::Graph;
  if (!computes || job.outputSpecs.size() > targets_.size()) return false;
  if (job.cost.flops > kInlineWork || job.cost.bytes > kInlineWork) return false;
  makeTargets(environment);
  environment.inlineJob = this;
  bool taken = false;
  try {
    taken = context.runNow(shared);
  } catch (...) {
    environment.inlineJob = nullptr;
    throw;
  }
  environment.inlineJob = nullptr;
  if (taken) return true;
  for (size_t i = 0; i < job.into.size(); ++i)
    if (targets_[i]) job.into[i] = {};
  targets_ = {};
  return false;
}

void LocalJob::makeTargets(Environment& environment) {
  job.into.resize(job.outputSpecs.size());
  for (size_t i = 0; i < job.outputSpecs.size(); ++i) {
    size_t bytes = job.outputSpecs[i].bytes();
    if (job.into[i].data || bytes >= kSmallBytes || bytes == 0) continue;
    void* data = nullptr;
    checkStatus(environment.env(), napi_create_arraybuffer(environment.env(), bytes, &data, &targets_[i]));
    job.into[i] = {static_cast<std::byte*>(data), bytes};
  }
}

// What is small is copied, what is large is held: JavaScript may collect, transfer or detach it from here on. Where
// this runtime holds nothing, all is copied.
void LocalJob::keepMemory(Environment& environment, const CallArrays& arrays) {
  size_t below = kSmallBytes, total = 0;
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    if (!job.inputs[i].host) continue;
    const size_t bytes = job.inputs[i].spec.bytes();
    if (bytes >= kSmallBytes) {
      held_.push_back(holdMemory(environment.env(), arrays.input(i)));
      if (held_.back()) continue;
      below = SIZE_MAX;
    }
    total += roundUp(bytes);
  }
  if (total) copyInputs(below, total);
  if (!job.into.empty()) holdTargets(environment, arrays);
}

void LocalJob::copyInputs(size_t below, size_t total) {
  copies_ = HostPool::shared().acquire(total);
  std::byte* next = copies_->data;
  for (TensorArg& input : job.inputs) {
    const size_t bytes = input.host ? input.spec.bytes() : SIZE_MAX;
    if (bytes >= below) continue;
    if (bytes) std::memcpy(next, input.host, bytes);
    input.host = next;
    next += roundUp(bytes);
  }
}

// What can't be held is written to memory of the job's own, and copied by lib/call/result.js.
void LocalJob::holdTargets(Environment& environment, const CallArrays& arrays) {
  for (size_t i = 0; i < job.into.size(); ++i) {
    if (!job.into[i].data) continue;
    held_.push_back(holdMemory(environment.env(), arrays.target(i)));
    if (!held_.back()) job.into[i] = {};
  }
}

void LocalJob::onDone(Environment& environment) {
  bool insideTheCall = environment.onItsThread() && environment.inlineJob == this;
  if (!insideTheCall) environment.operations.push(this);
}

Napi::Value LocalJob::result(Environment& environment) {
  // What they hold is free from here, not only when the core lets go of the job.
  job.inputs.clear();
  held_.clear();
  if (job.error) std::rethrow_exception(job.error);
  Napi::Env env(environment.env());
  double* scratch = environment.scratch();
  scratch[kResultId] = static_cast<double>(id);
  scratch[kResultQueued] = job.timings.queuedMs;
  scratch[kResultUpload] = job.timings.uploadMs;
  scratch[kResultCompute] = job.timings.computeMs;
  scratch[kResultReadback] = job.timings.readbackMs;
  scratch[kResultTotal] = job.timings.totalMs;
  scratch[kResultCount] = static_cast<double>(job.outputSpecs.size());
  if (job.kind == Job::Kind::Upload)
    return DeviceTensorWrap::create(environment, tensors->add(env, std::move(job.uploaded)));
  size_t count = job.outputSpecs.size();
  auto output = [&](size_t i) -> napi_value {
    writeSpec(scratch + kResultOutputs + i * kSlotNumbers, job.outputSpecs[i]);
    if (i < targets_.size() && targets_[i]) return targets_[i];
    if (i < job.outputs.size() && job.outputs[i]) return makeArrayBuffer(environment, std::move(job.outputs[i]));
    return env.Undefined();  // it went to `into`
  };
  if (count == 1) return Napi::Value(env, output(0));
  Napi::Array outputs = Napi::Array::New(env, count);
  for (size_t i = 0; i < count; ++i)
    checkStatus(env, napi_set_element(env, outputs, static_cast<uint32_t>(i), output(i)));
  return outputs;
}

}  // namespace switchyard::node
