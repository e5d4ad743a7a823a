// One function for each kind of job, of the same few parts.
#include "start.h"

namespace switchyard {
namespace {

constexpr uint64_t kWord = 4;  // what lies on devices has room for whole ones

// Where a tensor lies, and stays until the job has ended.
BufferView heldView(const JobPlace& place, Job::Running& running, const DeviceTensor& tensor) {
  running.holds.push_back(tensor.hold(place.mayWait));
  return running.holds.back().view();
}

// Has the device copy an input to memory of its own.
void bring(const JobPlace& place, Job::Running& running, BufferView to, const TensorArg& input) {
  const uint64_t bytes = input.spec.bytes(), words = (bytes + kWord - 1) / kWord * kWord;
  if (!input.device) return place.queue.upload(to, {input.host, bytes});
  const BufferView from = heldView(place, running, *input.device);
  switch (wayTo(*place.device, *input.device)) {
    case Way::Here: return place.queue.copy(to.slice(0, words), from.slice(0, words));
    case Way::Direct: return place.queue.copyFrom(to.slice(0, bytes), from.slice(0, bytes));
    case Way::Host: return place.queue.upload(to, {from.host(), bytes});
    case Way::Read: break;
  }
  throw Error(Code::Internal, "a tensor on " + input.device->device->info.id + " was not read before its job began");
}

// Host memory in place where the device can; null where it can't.
BufferView wrapInput(const JobPlace& place, Job::Running& running, const std::byte* bytes, uint64_t size) {
  auto wrapped = place.device->wrap({const_cast<std::byte*>(bytes), size});  // kernels only read inputs
  if (!wrapped) return {};
  running.wrapped.push_back(std::move(wrapped));
  return {running.wrapped.back().get(), 0, size};
}

BufferView bindMoved(const JobPlace& place, Job::Running& running, const TensorArg& input) {
  const uint64_t bytes = input.spec.bytes();
  // The memory of one driver's device is not another one's to import.
  if (place.device->info.backend == Backend::Cpu && wayTo(*place.device, *input.device) == Way::Host)
    if (BufferView view = wrapInput(place, running, heldView(place, running, *input.device).host(), bytes)) return view;
  BufferView view = running.recorder.fresh(bytes);
  bring(place, running, view, input);
  return view;
}

// In place where that can be, else brought to a block of its own.
BufferView bindInput(const JobPlace& place, Job::Running& running, const TensorArg& input) {
  const uint64_t bytes = input.spec.bytes();
  if (!bytes) return {};
  if (input.device && input.device->device == place.device)
    return heldView(place, running, *input.device).slice(0, bytes);
  if (input.device) return bindMoved(place, running, input);
  if (BufferView view = wrapInput(place, running, input.host, bytes)) return view;
  BufferView view = running.recorder.fresh(bytes);
  running.recorder.upload(view, {input.host, bytes});
  return view;
}

// The job's input as its plan sees it. One that only the host reads gets no view.
Value inputOf(const Job& job, size_t i, bool hostOnly, Job::Running& running, const JobPlace& place) {
  const TensorArg& input = job.inputs[i];
  const bool needsView = input.present && !hostOnly;
  return {input.spec, needsView ? bindInput(place, running, input) : BufferView{}, input.host, input.present};
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
  Hold hold;
  job.uploaded = std::make_shared<DeviceTensor>(place.device, place.arena, input.spec, place.context, hold);
  const BufferView view = hold.view();
  running.holds.push_back(std::move(hold));
  if (view.size) bring(place, running, view, input);
  running.recorded = true;
}

void startRead(Job& job, Job::Running& running, const JobPlace& place) {
  running.outputViews.push_back(inputOf(job, 0, false, running, place).view);
  prepareOutputs(job, running);
  outputMemory(job, 0, job.outputSpecs[0].bytes());
  running.recorded = true;
}

}  // namespace

Way wayTo(const Device& device, const DeviceTensor& tensor) {
  if (tensor.device.get() == &device || !tensor.spec.bytes()) return Way::Here;
  if (device.reaches(*tensor.device)) return Way::Direct;
  // What a card has written and maps for the host is not sure to be seen there before a command of its own says so.
  if (tensor.isSeenByHost && tensor.device->info.type == DeviceType::Cpu) return Way::Host;
  return Way::Read;
}

void startJob(Job& job, Job::Running& running, const JobPlace& place) {
  switch (job.kind) {
    case Job::Kind::Workload: return startWorkload(job, running, place);
    case Job::Kind::Graph: return startGraph(job, running, place);
    case Job::Kind::Upload: return startUpload(job, running, place);
    case Job::Kind::Read: return startRead(job, running, place);
  }
}

}  // namespace switchyard
