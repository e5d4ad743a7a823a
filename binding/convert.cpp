// Reading is defensive about memory (lengths, kinds) but not about manners: lib/call/encode.js has checked the rest
// with better words.
#include "convert.h"

#include <cmath>

#include "device_tensor_wrap.h"
#include "program_wrap.h"
#include "remote_job.h"

namespace switchyard::node {

void checkStatus(napi_env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

namespace {

struct Failure {
  Code code;
  std::string text, log;
  uint32_t line = 0, column = 0;
};

Failure describe(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return {e.code, e.what(), e.log, e.line, e.column};
  } catch (const std::bad_alloc&) {
    return {Code::OutOfMemory, "the system has no memory left", {}};
  } catch (const std::exception& e) {
    return {Code::Internal, e.what(), {}};
  } catch (...) {
    return {Code::Internal, "an unknown failure inside the addon", {}};
  }
}

size_t elementBytes(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array: return 1;
    case napi_int16_array:
    case napi_uint16_array: return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array: return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array: return 8;
    default: return 2;  // Float16Array, newer than the headers
  }
}

uint64_t readCount(double value, uint64_t most, const char* what) {
  if (!(value >= 0 && value <= static_cast<double>(most)) || value != std::floor(value))
    throw Error(Code::Internal, std::string("the call's ") + what + " is not what it can be");
  return static_cast<uint64_t>(value);
}

}  // namespace

Napi::Error toJsError(napi_env env, std::exception_ptr error) {
  Failure failure = describe(error);
  Napi::Error jsError = Napi::Error::New(env, failure.text);
  jsError.Set("code", Napi::String::New(env, codeName(failure.code)));
  if (!failure.log.empty()) jsError.Set("log", Napi::String::New(env, failure.log));
  if (failure.line) jsError.Set("line", Napi::Number::New(env, failure.line));
  if (failure.column) jsError.Set("column", Napi::Number::New(env, failure.column));
  return jsError;
}

napi_value errorValue(napi_env env, std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Napi::Error& e) {
    return e.Value();
  } catch (...) {
    return toJsError(env, error).Value();
  }
}

ByteRange readBytes(napi_env env, napi_value value) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok)
    throw Error(Code::InvalidArgument, "a tensor's data must be a typed array");
  return {static_cast<std::byte*>(data), length * elementBytes(type)};
}

std::span<const double> readDoubles(napi_env env, napi_value value) {
  ByteRange range = readBytes(env, value);
  return {reinterpret_cast<const double*>(range.data), range.bytes / sizeof(double)};
}

uint64_t readUint(const Napi::Value& value) { return cluster::wholeOf(value.As<Napi::Number>().DoubleValue()); }

TensorSpec readSpec(const double* slot) {
  TensorSpec spec;
  spec.dtype = static_cast<DType>(readCount(slot[kSlotDType], kDTypeCount - 1, "dtype"));
  size_t rank = readCount(slot[kSlotRank], Shape::kMaxRank, "rank");
  for (size_t axis = 0; axis < rank; ++axis)
    spec.shape.push(readCount(slot[kSlotExtents + axis], uint64_t{1} << 53, "extent"));
  return spec;
}

void writeSpec(double* slot, const TensorSpec& spec) {
  slot[kSlotDType] = static_cast<double>(spec.dtype);
  slot[kSlotRank] = static_cast<double>(spec.shape.rank());
  for (size_t axis = 0; axis < spec.shape.rank(); ++axis)
    slot[kSlotExtents + axis] = static_cast<double>(spec.shape[axis]);
}

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
  std::copy_n(call + kCallParams, kMaxParams, job.params.begin());
}

void readInputs(const Napi::CallbackInfo& info, size_t first, const double* call, Job& job) {
  job.inputs.resize(job.workload->info.inputs.size());
  const bool direct = !job.program && job.inputs.size() <= kDirectInputs;
  Napi::Array all = direct ? Napi::Array() : info[first].As<Napi::Array>();
  for (size_t i = 0; i < job.inputs.size(); ++i) {
    const double* slot = call + kCallInputs + i * kSlotSize;
    if (slot[kSlotKind] != kAbsent)
      job.inputs[i] = readTensor(info.Env(), direct ? info[first + i] : all.Get(static_cast<uint32_t>(i)), slot);
  }
}

namespace {

std::string outputName(const Job& job, size_t output) {
  if (job.kind == Job::Kind::Workload && output < job.workload->info.outputs.size())
    return std::string(job.workload->info.name) + ": into '" + job.workload->info.outputs[output] + "'";
  return "into, output " + std::to_string(output);
}

bool overlap(const std::byte* a, size_t aBytes, const std::byte* b, size_t bBytes) {
  return aBytes && bBytes && a < b + bBytes && b < a + aBytes;
}

// Copies of a sealed tensor lie on devices.
void refuseSealed(const Job& job, size_t output) {
  if (!RegionTable::shared().locate(job.into[output].data).region) return;
  if (auto block = findShared(job.into[output].data); block && block->sealed())
    throw Error(Code::InvalidArgument,
                outputName(job, output) + " is a shared tensor that was sealed: its contents may not change any more");
}

void refuseOverlap(const Job& job, size_t output) {
  const OutputTarget& target = job.into[output];
  for (const TensorArg& input : job.inputs)
    if (input.host && overlap(target.data, target.bytes, input.host, input.spec.bytes()))
      throw Error(Code::InvalidArgument,
                  outputName(job, output) + " shares memory with an input: give it memory of its own");
  for (size_t other = 0; other < output; ++other)
    if (overlap(target.data, target.bytes, job.into[other].data, job.into[other].bytes))
      throw Error(Code::InvalidArgument,
                  outputName(job, output) + " shares memory with another output: give it memory of its own");
}

}  // namespace

void readTargets(Napi::Env env, Napi::Value arrays, const double* slots, Job& job) {
  if (!arrays.IsArray()) return;
  job.into.resize(job.outputSpecs.size());
  for (size_t i = 0; i < job.outputSpecs.size(); ++i) {
    const double* slot = slots + i * kSlotSize;
    if (slot[kSlotKind] == kAbsent) continue;
    const TensorSpec& spec = job.outputSpecs[i];
    TensorSpec given = readSpec(slot);
    bool fits = slot[kSlotKind] == kFlat ? given.elements() == spec.elements() : given.shape == spec.shape;
    if (given.dtype != spec.dtype || !fits)
      throw Error(Code::InvalidArgument, outputName(job, i) + " is " + dtypeName(given.dtype) + " " +
                                             given.shape.text() + ", but the result is " + dtypeName(spec.dtype) + " " +
                                             spec.shape.text());
    ByteRange range = readBytes(env, arrays.As<Napi::Array>().Get(static_cast<uint32_t>(i)));
    if (range.bytes != spec.bytes())
      throw Error(Code::InvalidArgument, outputName(job, i) + " has a length that is not its shape's");
    job.into[i] = {range.data, range.bytes};
    refuseOverlap(job, i);
    refuseSealed(job, i);
  }
}

GraphCall readGraph(std::span<const double> description) {
  size_t at = 0;
  auto take = [&](size_t count) {
    if (count > description.size() - at) throw Error(Code::Internal, "a graph's description is too short");
    at += count;
    return description.data() + at - count;
  };
  auto count = [&](const char* what) { return readCount(*take(1), 1 << 20, what); };
  GraphCall call;
  call.id = readCount(*take(1), uint64_t{1} << 53, "id");
  call.graph = std::make_unique<Graph>();
  Graph& graph = *call.graph;
  graph.inputCount = count("inputs");
  graph.valueCount = count("values");
  graph.nodes.resize(count("nodes"));
  size_t outputs = readCount(*take(1), kMaxOutputs, "outputs");
  call.inputSlots = take(graph.inputCount * kSlotSize);
  auto value = [&](double number) {
    return number < 0 ? -1 : static_cast<int>(readCount(number, graph.valueCount ? graph.valueCount - 1 : 0, "value"));
  };
  for (const double *next = take(outputs), *end = next + outputs; next < end; ++next)
    graph.outputs.push_back(value(*next));
  call.intoSlots = take(outputs * kSlotSize);
  for (GraphNode& node : graph.nodes) {
    node.workload = allWorkloads()[readCount(*take(1), allWorkloads().size() - 1, "workload")];
    for (int& input : node.inputs) input = value(*take(1));
    for (int& output : node.outputs) output = value(*take(1));
    std::copy_n(take(kMaxParams), kMaxParams, node.params.begin());
    node.label = static_cast<int>(readCount(*take(1), 1 << 20, "node number"));
  }
  return call;
}

napi_value makeArrayBuffer(Environment& environment, std::shared_ptr<HostBlock> block) {
  napi_env env = environment.env();
  napi_value buffer;
  if (block->size >= HostPool::kPooledBytes && !environment.copyOutputs) {
    auto* held = new std::shared_ptr<HostBlock>(block);
    auto release = [](napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<HostBlock>*>(hint); };
    napi_status status = napi_create_external_arraybuffer(env, block->data, block->size, release, held, &buffer);
    if (status == napi_ok) return buffer;
    delete held;
    if (status != napi_no_external_buffers_allowed) checkStatus(env, status);
    environment.copyOutputs = true;  // Electron
  }
  void* data = nullptr;
  checkStatus(env, napi_create_arraybuffer(env, block->size, &data, &buffer));
  if (block->size) std::memcpy(data, block->data, block->size);
  return buffer;
}

Napi::Value describeDevice(Napi::Env env, const DeviceInfo& info) {
  auto text = [&](const std::string& value) { return Napi::String::New(env, value); };
  auto number = [&](uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); };
  auto flag = [&](bool value) { return Napi::Boolean::New(env, value); };
  Napi::Object memory = Napi::Object::New(env), features = Napi::Object::New(env), device = Napi::Object::New(env);
  memory.Set("total", number(info.memory.totalBytes));
  memory.Set("free", number(info.memory.freeBytes));
  features.Set("float16", flag(info.features.float16));
  features.Set("int8", flag(info.features.int8));
  features.Set("subgroups", flag(info.features.subgroups));
  features.Set("cooperativeMatrix", flag(info.features.cooperativeMatrix));
  features.Set("graphics", flag(info.features.graphics));
  features.Set("externalHostMemory", flag(info.features.externalHostMemory));
  features.Set("timelineSemaphore", flag(info.features.timelineSemaphore));
  device.Set("id", text(info.id));
  device.Set("backend", text(backendName(info.backend)));
  device.Set("index", number(info.index));
  device.Set("name", text(info.name));
  device.Set("uuid", text(info.uuid));
  device.Set("vendor", text(info.vendor));
  device.Set("driver", text(info.driver));
  device.Set("apiVersion", text(info.apiVersion));
  device.Set("type", text(deviceTypeName(info.type)));
  device.Set("memory", memory);
  device.Set("computeUnits", number(info.computeUnits));
  if (info.computeCapability)
    device.Set("computeCapability",
               text(std::to_string(info.computeCapability / 10) + "." + std::to_string(info.computeCapability % 10)));
  device.Set("features", features);
  // No limit is JavaScript's largest whole number: 2^64 - 1 is none.
  device.Set("maxViewBytes", number(std::min<uint64_t>(info.maxViewBytes, (uint64_t{1} << 53) - 1)));
  if (!info.warning.empty()) device.Set("warning", text(info.warning));
  return device;
}

namespace {

Napi::Object describeParam(Napi::Env env, const ParamInfo& info) {
  static const char* const kinds[] = {"number", "integer", "boolean", "choice"};
  Napi::Object param = Napi::Object::New(env);
  param.Set("name", info.name);
  param.Set("kind", kinds[static_cast<int>(info.kind)]);
  param.Set("required", info.required);
  Napi::Array choices = Napi::Array::New(env);
  for (size_t i = 0; i < info.choices.size(); ++i) choices.Set(static_cast<uint32_t>(i), info.choices[i]);
  param.Set("choices", choices);
  return param;
}

}  // namespace

Napi::Value describeWorkloads(Napi::Env env) {
  Napi::Array table = Napi::Array::New(env);
  for (const Workload* workload : allWorkloads()) {
    const WorkloadInfo& info = workload->info;
    Napi::Object entry = Napi::Object::New(env);
    Napi::Array inputs = Napi::Array::New(env), params = Napi::Array::New(env), outputs = Napi::Array::New(env);
    for (size_t i = 0; i < info.inputs.size(); ++i) {
      Napi::Object input = Napi::Object::New(env);
      input.Set("name", info.inputs[i].name);
      input.Set("optional", info.inputs[i].optional);
      inputs.Set(static_cast<uint32_t>(i), input);
    }
    for (size_t i = 0; i < info.params.size(); ++i)
      params.Set(static_cast<uint32_t>(i), describeParam(env, info.params[i]));
    for (size_t i = 0; i < info.outputs.size(); ++i) outputs.Set(static_cast<uint32_t>(i), info.outputs[i]);
    entry.Set("type", info.name);
    entry.Set("inputs", inputs);
    entry.Set("params", params);
    Napi::Array texts = Napi::Array::New(env);
    for (size_t i = 0; i < info.texts.size(); ++i) texts.Set(static_cast<uint32_t>(i), info.texts[i]);
    entry.Set("texts", texts);
    entry.Set("outputs", outputs);
    table.Set(table.Length(), entry);
  }
  return table;
}

}  // namespace switchyard::node
