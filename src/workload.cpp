// The table of built-in workloads, and the checks all of them share.
#include "workload.h"

#include <algorithm>
#include <cmath>

namespace switchyard {

namespace {

size_t placesOf(const WorkloadInfo& info) {
  size_t places = 0;
  for (const ParamInfo& param : info.params) places += param.places();
  if (places > kMaxParams)
    throw Error(Code::Internal, std::string(info.name) + " has more parameters than there may be");
  return places;
}

}  // namespace

Workload::Workload(WorkloadInfo of) : info(std::move(of)), paramPlaces(placesOf(info)) {}

Shape Call::list(size_t place) const {
  Shape entries;
  for (size_t i = 0; i < Shape::kMaxRank && !std::isnan(params[place + i]); ++i)
    entries.push(static_cast<uint64_t>(params[place + i]));
  return entries;
}

#define WORKLOAD(identifier, name) const Workload& identifier();
#include "workloads.def"

std::span<const Workload* const> allWorkloads() {
  static const std::vector<const Workload*> table = {
#define WORKLOAD(identifier, name) &identifier(),
#include "workloads.def"
  };
  return table;
}

size_t workloadNumber(const Workload& workload) {
  auto table = allWorkloads();
  return static_cast<size_t>(std::ranges::find(table, &workload) - table.begin());
}

const Workload* findWorkload(std::string_view name) {
  for (const Workload* workload : allWorkloads())
    if (workload->info.name == name) return workload;
  return nullptr;
}

void refuse(const Workload& workload, const std::string& text) { refuse(workload, text, {}); }

void refuse(const Workload& workload, const std::string& text, std::string argument) {
  throw Error(Code::InvalidArgument, std::string(workload.info.name) + ": " + text, {.argument = std::move(argument)});
}

std::string inputPath(const Workload& workload, size_t input) {
  return std::string("inputs.") + workload.info.inputs[input].name;
}

void requireRank(const Workload& workload, const Call& call, size_t input, size_t rank) {
  if (call.shape(input).rank() != rank)
    refuse(workload,
           "input '" + std::string(workload.info.inputs[input].name) + "' must have " + std::to_string(rank) +
               (rank == 1 ? " axis" : " axes") + ", but its shape is " + call.shape(input).text(),
           inputPath(workload, input));
}

void requireRankAtLeast(const Workload& workload, const Call& call, size_t input, size_t rank) {
  if (call.shape(input).rank() < rank)
    refuse(workload,
           "input '" + std::string(workload.info.inputs[input].name) + "' must have at least " + std::to_string(rank) +
               (rank == 1 ? " axis" : " axes") + ", but its shape is " + call.shape(input).text(),
           inputPath(workload, input));
}

uint32_t checkedUint(const Workload& workload, uint64_t value, const char* what) {
  if (value > 0x7FFFFFFF)
    refuse(workload, std::string(what) + " is " + std::to_string(value) + ", but can be at most 2147483647");
  return static_cast<uint32_t>(value);
}

// Their numbers are those of DType; what follows them is `same`.
static_assert(static_cast<int>(DType::Float32) == 0 && static_cast<int>(DType::Float16) == 1 &&
              static_cast<int>(DType::Bfloat16) == 2);
constexpr int kSameDType = 3;

ParamInfo dtypeParam(double fallback) {
  return {.name = "dtype",
          .kind = ParamInfo::Kind::Choice,
          .fallback = fallback,
          .choices = {"float32", "float16", "bfloat16", "same"},
          .min = 0,
          .max = kSameDType};
}

DType outputDType(const Workload& workload, const Call& call) {
  const double choice = call.params[workload.paramPlaces - 1];
  if (choice != kSameDType) return static_cast<DType>(choice);
  for (size_t i = 0; i < workload.info.inputs.size(); ++i)
    if (const Value& value = call.inputs[i]; value.present && (dtypeBit(value.spec.dtype) & kFloating))
      return value.spec.dtype;
  return DType::Float32;
}

namespace {

std::string dtypeList(uint32_t dtypes) {
  std::string text;
  for (int i = 0; i < kDTypeCount; ++i)
    if (dtypes & (1u << i)) text += (text.empty() ? "" : " or ") + std::string(dtypeName(static_cast<DType>(i)));
  return text;
}

std::string numberText(double value) {
  char buffer[32];
  snprintf(buffer, sizeof buffer, "%g", value);
  return buffer;
}

void checkParam(const Workload& workload, const ParamInfo& param, double& value) {
  const auto wrong = [&](const std::string& how) {
    refuse(workload, "parameter '" + std::string(param.name) + "' is " + how, std::string("params.") + param.name);
  };
  if (std::isnan(value)) {  // not given
    if (param.required) wrong("required");
    value = param.fallback;
    return;
  }
  bool whole = param.kind == ParamInfo::Kind::Integer || param.kind == ParamInfo::Kind::List;
  if (!std::isfinite(value) || (whole && value != std::floor(value)))
    wrong(numberText(value) + ", but must be a" + (whole ? " whole" : " finite") + " number");
  if (value < param.min || (param.aboveMin && value == param.min))
    wrong(numberText(value) + ", but must be " + (param.aboveMin ? "above " : "at least ") + numberText(param.min));
  if (value > param.max) wrong(numberText(value) + ", but must be at most " + numberText(param.max));
}

// What follows its end is not given.
void checkList(const Workload& workload, const ParamInfo& param, double* entries) {
  size_t count = 0;
  while (count < Shape::kMaxRank && !std::isnan(entries[count])) checkParam(workload, param, entries[count++]);
  for (size_t i = count; i < Shape::kMaxRank; ++i)
    if (!std::isnan(entries[i]))
      refuse(workload, "parameter '" + std::string(param.name) + "' has no entry " + std::to_string(count),
             std::string("params.") + param.name);
}

}  // namespace

Cost checkCall(const Workload& workload, Call& call) {
  for (size_t i = 0; i < workload.info.inputs.size(); ++i) {
    const InputInfo& info = workload.info.inputs[i];
    const Value& value = call.inputs[i];
    if (!value.present) {
      if (!info.optional) refuse(workload, "input '" + std::string(info.name) + "' is missing", inputPath(workload, i));
      continue;
    }
    if (!(info.dtypes & dtypeBit(value.spec.dtype)))
      refuse(workload,
             "input '" + std::string(info.name) + "' is " + dtypeName(value.spec.dtype) + ", but must be " +
                 dtypeList(info.dtypes),
             inputPath(workload, i));
    value.spec.elements();  // refuses overflow
  }
  double* place = call.params.data();
  for (const ParamInfo& param : workload.info.params) {
    if (param.kind == ParamInfo::Kind::List)
      checkList(workload, param, place);
    else
      checkParam(workload, param, *place);
    place += param.places();
  }
  return workload.check(call);
}

}  // namespace switchyard
