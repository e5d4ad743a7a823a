// Reading is defensive about memory (lengths, kinds) but not about manners: lib/call/encode.js has checked the rest
// with better words.
#include "convert.h"

#include <algorithm>
#include <cmath>

#include "cluster/message.h"

namespace switchyard::node {

void checkStatus(napi_env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

namespace {

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

}  // namespace

Napi::Error toJsError(napi_env env, std::exception_ptr error) {
  const Error ours = asError(error);
  const auto& [log, line, column, argument] = ours.details;
  Napi::Error jsError = Napi::Error::New(env, ours.what());
  jsError.Set("code", Napi::String::New(env, codeName(ours.code)));
  if (!log.empty()) jsError.Set("log", Napi::String::New(env, log));
  if (line) jsError.Set("line", Napi::Number::New(env, line));
  if (column) jsError.Set("column", Napi::Number::New(env, column));
  if (!argument.empty()) jsError.Set("argument", Napi::String::New(env, argument));
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

uint64_t readCount(double value, uint64_t most, const char* what) {
  if (!(value >= 0 && value <= static_cast<double>(most)) || value != std::floor(value))
    throw Error(Code::Internal, std::string("the call's ") + what + " is not what it can be");
  return static_cast<uint64_t>(value);
}

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

static Napi::Array describeLinks(Napi::Env env, const std::vector<DeviceLink>& links) {
  Napi::Array list = Napi::Array::New(env);
  for (const DeviceLink& link : links) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("device", link.device);
    entry.Set("nvlink", link.nvlink);
    entry.Set("peer", link.peer);
    list.Set(list.Length(), entry);
  }
  return list;
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
  if (info.maxLoopTurns) device.Set("maxLoopTurns", number(info.maxLoopTurns));
  device.Set("maxViewBytes", number(std::min<uint64_t>(info.maxViewBytes, (uint64_t{1} << 53) - 1)));
  if (!info.pciBusId.empty()) device.Set("pciBusId", text(info.pciBusId));
  if (info.numaNode >= 0) device.Set("numaNode", info.numaNode);
  if (!info.numaCpus.empty()) device.Set("numaCpus", text(info.numaCpus));
  if (!info.links.empty()) device.Set("links", describeLinks(env, info.links));
  if (!info.warning.empty()) device.Set("warning", text(info.warning));
  return device;
}

namespace {

Napi::Object describeParam(Napi::Env env, const ParamInfo& info) {
  static const char* const kinds[] = {"number", "integer", "boolean", "choice", "list"};
  Napi::Object param = Napi::Object::New(env);
  param.Set("name", info.name);
  param.Set("kind", kinds[static_cast<int>(info.kind)]);
  param.Set("required", info.required);
  param.Set("places", static_cast<double>(info.places()));
  Napi::Array choices = Napi::Array::New(env);
  for (size_t i = 0; i < info.choices.size(); ++i) choices.Set(static_cast<uint32_t>(i), info.choices[i]);
  param.Set("choices", choices);
  // NaN: the workload works it out from the inputs.
  param.Set("fallback", info.fallback);
  param.Set("min", info.min);
  param.Set("max", info.max);
  param.Set("aboveMin", info.aboveMin);
  return param;
}

Napi::Object describeInput(Napi::Env env, const InputInfo& info) {
  Napi::Object input = Napi::Object::New(env);
  input.Set("name", info.name);
  input.Set("optional", info.optional);
  Napi::Array dtypes = Napi::Array::New(env);
  for (int i = 0; i < kDTypeCount; ++i)
    if (info.dtypes & dtypeBit(static_cast<DType>(i))) dtypes.Set(dtypes.Length(), kDTypes[i].name);
  input.Set("dtypes", dtypes);
  return input;
}

// Of each way of cutting the names of the inputs that are cut.
Napi::Array splitsOf(Napi::Env env, const WorkloadInfo& info) {
  Napi::Array ways = Napi::Array::New(env);
  for (const SplitWay& way : info.splits) {
    Napi::Array names = Napi::Array::New(env);
    for (size_t i = 0; i < way.inputs.size(); ++i)
      if (way.inputs[i] != Cut::Whole) names.Set(names.Length(), info.inputs[i].name);
    ways.Set(ways.Length(), names);
  }
  return ways;
}

}  // namespace

Napi::Value describeWorkloads(Napi::Env env) {
  Napi::Array table = Napi::Array::New(env);
  for (const Workload* workload : allWorkloads()) {
    const WorkloadInfo& info = workload->info;
    Napi::Object entry = Napi::Object::New(env);
    Napi::Array inputs = Napi::Array::New(env), params = Napi::Array::New(env), outputs = Napi::Array::New(env);
    for (size_t i = 0; i < info.inputs.size(); ++i)
      inputs.Set(static_cast<uint32_t>(i), describeInput(env, info.inputs[i]));
    for (size_t i = 0; i < info.params.size(); ++i)
      params.Set(static_cast<uint32_t>(i), describeParam(env, info.params[i]));
    for (size_t i = 0; i < info.outputs.size(); ++i) outputs.Set(static_cast<uint32_t>(i), info.outputs[i]);
    entry.Set("type", info.name);
    entry.Set("kind", workKindName(info.kind));
    entry.Set("inputs", inputs);
    entry.Set("params", params);
    Napi::Array texts = Napi::Array::New(env);
    for (size_t i = 0; i < info.texts.size(); ++i) texts.Set(static_cast<uint32_t>(i), info.texts[i]);
    entry.Set("texts", texts);
    entry.Set("outputs", outputs);
    entry.Set("splits", splitsOf(env, info));
    table.Set(table.Length(), entry);
  }
  return table;
}

}  // namespace switchyard::node
