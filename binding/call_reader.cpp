// Defensive about memory (lengths, kinds), not about manners: lib/call has checked the rest with better words.
#include "call_reader.h"

#include <algorithm>
#include <limits>

#include "convert.h"
#include "device_tensor_wrap.h"
#include "environment.h"
#include "program_wrap.h"
#include "shared_records.h"

namespace switchyard::node {

TensorArg readTensor(Napi::Env env, napi_value value, const double* slot) {
  TensorArg argument;
  if (slot[kSlotKind] == kAbsent) return argument;
  argument.present = true;
  if (slot[kSlotKind] == kOnDevice) {
    argument.device = DeviceTensorWrap::read(env, value);
    argument.spec = argument.device->spec;
    return argument;
  }
  argument.spec = readSpec(slot);
  ByteRange range = readBytes(env, value);
  if (range.bytes != argument.spec.bytes())
    throw Error(Code::InvalidArgument, "a tensor of shape " + argument.spec.shape.text() + " takes " +
                                           std::to_string(argument.spec.bytes()) + " bytes, but its data has " +
                                           std::to_string(range.bytes));
  argument.host = range.data;
  return argument;
}

namespace {

// Of the places for parameters only those are written that the workload has.
void readParams(const Workload& workload, const double* from, std::array<double, kMaxParams>& params) {
  params.fill(std::numeric_limits<double>::quiet_NaN());
  std::copy_n(from, workload.paramPlaces, params.begin());
}

}  // namespace

void readWorkload(const Napi::CallbackInfo& info, size_t first, const double* call, Job& job) {
  auto table = allWorkloads();
  const double number = call[kCallWorkload];
  if (number == kProgramCall) {
    ProgramWrap* wrap = ProgramWrap::read(info.Env(), info[first + 1]);
    if (!wrap) throw Error(Code::InvalidArgument, "that is no program of this copy of the addon");
    job.program = wrap->program();
    job.workload = job.program.get();
    return;
  }
  if (!(number >= 0 && number < static_cast<double>(table.size())))
    throw Error(Code::UnknownWorkload, "there is no workload of that number");
  job.workload = table[static_cast<size_t>(number)];
  readParams(*job.workload, call + kCallParams, job.params);
}

namespace {

bool inputsAreDirect(const Job& job) { return !job.program && job.inputs.size() <= kDirectInputs; }

}  // namespace

void readInputs(const Napi::CallbackInfo& info, size_t first, const double* call, Job& job) {
  job.inputs.resize(job.workload->info.inputs.size());
  const bool direct = inputsAreDirect(job);
  Napi::Array all = direct ? Napi::Array() : info[first].As<Napi::Array>();
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    const double* slot = call + kCallInputs + i * kSlotNumbers;
    if (slot[kSlotKind] != kAbsent)
      job.inputs[i] = readTensor(info.Env(), direct ? info[first + i] : all.Get(static_cast<uint32_t>(i)), slot);
  }
}

CallArrays arraysOf(const Napi::CallbackInfo& info, size_t first, const Job& job) {
  return {info, first, inputsAreDirect(job), first + kDirectInputs};
}

namespace {

std::string outputName(const Job& job, size_t output) {
  if (job.kind == Job::Kind::Workload && output < job.workload->info.outputs.size())
    return std::string(job.workload->info.name) + ": into '" + job.workload->info.outputs[output] + "'";
  return "into, output " + std::to_string(output);
}

[[noreturn]] void refuseTarget(const Job& job, size_t output, const std::string& why) {
  const bool named = job.kind == Job::Kind::Workload && output < job.workload->info.outputs.size();
  throw Error(Code::InvalidArgument, outputName(job, output) + why,
              {.argument = named ? std::string("into.") + job.workload->info.outputs[output] : "into"});
}

std::string_view arrayOf(DType dtype) { return kDTypes[static_cast<int>(dtype)].array; }

bool overlap(const std::byte* a, size_t aBytes, const std::byte* b, size_t bBytes) {
  return aBytes && bBytes && a < b + bBytes && b < a + aBytes;
}

// Copies of a sealed tensor lie on devices.
void refuseSealed(const Job& job, size_t output) {
  if (!RegionTable::shared().locate(job.into[output].data).region) return;
  if (auto block = findShared(job.into[output].data); block && block->sealed())
    refuseTarget(job, output, " is a shared tensor that was sealed: its contents may not change any more");
}

void refuseOverlap(const Job& job, size_t output) {
  const OutputTarget& target = job.into[output];
  for (const TensorArg& input : job.inputs)
    if (input.host && overlap(target.data, target.bytes, input.host, input.spec.bytes()))
      refuseTarget(job, output, " shares memory with an input: give it memory of its own");
  for (size_t other = 0; other < output; ++other)
    if (overlap(target.data, target.bytes, job.into[other].data, job.into[other].bytes))
      refuseTarget(job, output, " shares memory with another output: give it memory of its own");
}

}  // namespace

void readTargets(Napi::Env env, Napi::Value arrays, const double* slots, Job& job) {
  if (!arrays.IsArray()) return;
  job.into.resize(job.outputSpecs.size());
  for (size_t i = 0; i < job.outputSpecs.size(); ++i) {
    const double* slot = slots + i * kSlotNumbers;
    if (slot[kSlotKind] == kAbsent) continue;
    const TensorSpec& spec = job.outputSpecs[i];
    TensorSpec given = readSpec(slot);
    const bool flat = slot[kSlotKind] == kFlat;  // a typed array alone, of any dtype that it carries
    const bool alike = flat ? arrayOf(given.dtype) == arrayOf(spec.dtype) : given.dtype == spec.dtype;
    const bool fits = flat ? given.elements() == spec.elements() : given.shape == spec.shape;
    if (!alike || !fits)
      refuseTarget(job, i,
                   std::string(" is ") + dtypeName(given.dtype) + " " + given.shape.text() + ", but the result is " +
                       dtypeName(spec.dtype) + " " + spec.shape.text());
    ByteRange range = readBytes(env, arrays.As<Napi::Array>().Get(static_cast<uint32_t>(i)));
    if (range.bytes != spec.bytes()) refuseTarget(job, i, " has a length that is not its shape's");
    job.into[i] = {range.data, range.bytes};
    refuseOverlap(job, i);
    refuseSealed(job, i);
  }
}

GraphCall readGraph(std::span<const double> description) {
  auto take = [&](size_t count) {
    if (count > description.size()) throw Error(Code::Internal, "a graph's description is too short");
    const auto taken = description.first(count);
    description = description.subspan(count);
    return taken;
  };
  const auto head = take(kGraphNumbers);
  auto count = [&](GraphPlace place, uint64_t most, const char* what) { return readCount(head[place], most, what); };
  GraphCall call;
  call.id = readCount(head[kGraphId], uint64_t{1} << 53, "id");
  call.inputCount = count(kGraphInputs, 1 << 20, "inputs");
  call.valueCount = count(kGraphValues, 1 << 20, "values");
  const size_t nodes = count(kGraphNodes, 1 << 20, "nodes"), outputs = count(kGraphOutputs, kMaxOutputs, "outputs");
  call.head = head.subspan(kGraphId + 1);
  call.inputSlots = take(call.inputCount * kSlotNumbers).data();
  call.outputs = take(outputs);
  call.intoSlots = take(outputs * kSlotNumbers).data();
  call.nodes = take(nodes * kGraphNodeNumbers);
  return call;
}

namespace {

Graph makeGraph(const GraphCall& call) {
  Graph graph;
  graph.inputCount = call.inputCount;
  graph.valueCount = call.valueCount;
  auto value = [&](double number) {
    return number < 0 ? -1 : static_cast<int>(readCount(number, graph.valueCount ? graph.valueCount - 1 : 0, "value"));
  };
  const double* packing = call.head.data() + kGraphOffsets - kGraphId - 1;
  graph.packing.offsets = value(packing[0]);
  graph.packing.mostRows = static_cast<uint32_t>(readCount(packing[1], UINT32_MAX, "rows"));
  std::transform(packing + 2, packing + 2 + kMaxPackedInputs, graph.packing.rows.begin(), value);
  for (double output : call.outputs) graph.outputs.push_back(value(output));
  graph.nodes.resize(call.nodes.size() / kGraphNodeNumbers);
  const double* from = call.nodes.data();
  for (GraphNode& node : graph.nodes) {
    node.workload = allWorkloads()[readCount(from[kNodeWorkload], allWorkloads().size() - 1, "workload")];
    std::transform(from + kNodeInputs, from + kNodeInputs + kMaxTensors, node.inputs.begin(), value);
    std::transform(from + kNodeOutputs, from + kNodeOutputs + kMaxTensors, node.outputs.begin(), value);
    readParams(*node.workload, from + kNodeParams, node.params);
    node.label = static_cast<int>(readCount(from[kNodeLabel], 1 << 20, "node number"));
    from += kGraphNodeNumbers;
  }
  return graph;
}

}  // namespace

void prepareGraph(Napi::Env env, const CallArrays& arrays, const GraphCall& call, Job& job) {
  job.kind = Job::Kind::Graph;
  job.inputs.reserve(call.inputCount);
  for (size_t i = 0; i < call.inputCount; ++i)
    job.inputs.push_back(readTensor(env, arrays.input(i), call.inputSlots + i * kSlotNumbers));
  const std::array numbers{call.head, call.outputs, call.nodes};
  job.plan = Environment::of(env).graphPlans.plan(numbers, job.inputs, [&] { return makeGraph(call); });
  job.prepare();
  readTargets(env, arrays.targets(), call.intoSlots, job);
}

}  // namespace switchyard::node
