// One function for each kind of job, of the same few parts.
#include "start.h"

namespace switchyard {
namespace {

void checkPlace(const TensorArg& input, const JobPlace& place) {
  if (input.device && input.device->device != place.device)
    throw Error(Code::InvalidArgument, "a device tensor lies on " + input.device->device->info.id +
                                           ", but the job runs on " + place.device->info.id +
                                           ": read it back, or upload it there");
}

// Host memory in place where the device can, else a block of its own that is uploaded.
BufferView bindInput(Device& device, Job::Running& running, const TensorArg& input) {
  uint64_t bytes = input.spec.bytes();
  if (input.device || !bytes) return input.device ? input.device->view.slice(0, bytes) : BufferView{};
  auto* host = const_cast<std::byte*>(input.host);  // kernels only read inputs
  if (auto wrapped = device.wrap({host, bytes})) {
    running.wrapped.push_back(std::move(wrapped));
    return {running.wrapped.back().get(), 0, bytes};
  }
  BufferView view = running.recorder.fresh(bytes);
  running.recorder.upload(view, {input.host, bytes});
  return view;
}

// The job's input as its plan sees it. One that only the host reads gets no view.
Value inputOf(const Job& job, size_t i, bool hostOnly, Job::Running& running, const JobPlace& place) {
  const TensorArg& input = job.inputs[i];
  checkPlace(input, place);
  const bool needsView = input.present && !hostOnly;
  return {input.spec, needsView ? bindInput(*place.device, running, input) : BufferView{}, input.host, input.present};
}

// Results go straight into host memory where the device can. GPU kernels write whole words, so a ragged end needs a
// block.
BufferView bindOutput(Device& device, Job::Running& running, std::byte* host, uint64_t bytes) {
  bool inPlace = device.info.backend == Backend::Cpu || bytes % 4 == 0;
  if (inPlace)
    if (auto wrapped = device.wrap({host, bytes})) {
      running.wrapped.push_back(std::move(wrapped));
      running.outputViews.emplace_back();
      return {running.wrapped.back().get(), 0, bytes};
    }
  running.outputViews.push_back(running.recorder.fresh(bytes));
  return running.outputViews.back();
}

void prepareOutputs(Job& job, Job::Running& running) {
  running.outputViews.reserve(job.outputSpecs.size());
  job.outputs.assign(job.outputSpecs.size(), nullptr);
  if (job.into.empty()) job.into.resize(job.outputSpecs.size());
}

// Where an output goes in the end: `into`, or a block of the host pool.
std::byte* outputMemory(Job& job, size_t i, uint64_t bytes) {
  if (job.into[i].data) return job.into[i].data;
  job.outputs[i] = HostPool::shared().acquire(bytes);
  return job.outputs[i]->data;
}

// The job's output as its plan sees it.
Value outputOf(Job& job, size_t i, Job::Running& running, Device& device) {
  const uint64_t bytes = job.outputSpecs[i].bytes();
  std::byte* host = outputMemory(job, i, bytes);
  BufferView view;
  if (bytes)
    view = bindOutput(device, running, host, bytes);
  else
    running.outputViews.emplace_back();
  return {job.outputSpecs[i], view, nullptr, true};
}

void startWorkload(Job& job, Job::Running& running, const JobPlace& place) {
  Call& call = running.call;
  for (size_t i = 0; i < job.inputs.size(); ++i)
    call.inputs[i] = inputOf(job, i, job.workload->info.inputs[i].hostOnly, running, place);
  prepareOutputs(job, running);
  call.params = job.params;
  call.outputCount = job.outputSpecs.size();
  bool any = false;
  for (size_t i = 0; i < call.outputCount; ++i) {
    call.outputs[i] = outputOf(job, i, running, *place.device);
    any |= static_cast<bool>(call.outputs[i].view);
  }
  if (any)
    running.task = job.workload->record(running.recorder, call);
  else
    running.recorded = true;
}

void startGraph(Job& job, Job::Running& running, const JobPlace& place) {
  const GraphPlan& plan = *job.plan;
  running.values.resize(plan.values.size());
  for (size_t i = 0; i < job.inputs.size(); ++i) running.values[i] = inputOf(job, i, false, running, place);
  prepareOutputs(job, running);
  for (size_t i = 0; i < job.outputSpecs.size(); ++i)
    running.values[plan.graph.outputs[i]] = outputOf(job, i, running, *place.device);
  running.task = recordGraph(running.recorder, plan, running.values, running.call);
}

void startUpload(Job& job, Job::Running& running, const JobPlace& place) {
  const TensorArg& input = job.inputs[0];
  checkPlace(input, place);
  BufferView view = place.arena->allocate(input.spec.bytes());
  job.uploaded = std::make_shared<DeviceTensor>(place.device, place.arena, view, input.spec);
  if (view.size) place.queue.upload(view, {input.host, view.size});
  running.recorded = true;
}

void startRead(Job& job, Job::Running& running, const JobPlace& place) {
  running.outputViews.push_back(inputOf(job, 0, false, running, place).view);
  prepareOutputs(job, running);
  outputMemory(job, 0, job.outputSpecs[0].bytes());
  running.recorded = true;
}

}  // namespace

void startJob(Job& job, Job::Running& running, const JobPlace& place) {
  switch (job.kind) {
    case Job::Kind::Workload: return startWorkload(job, running, place);
    case Job::Kind::Graph: return startGraph(job, running, place);
    case Job::Kind::Upload: return startUpload(job, running, place);
    case Job::Kind::Read: return startRead(job, running, place);
  }
}

}  // namespace switchyard
