// Tensors as doubles, the comparison, and the list of all cases.
#include "conformance.h"

#include <cfloat>
#include <cstring>

#include "half.h"

namespace switchyard::test {
namespace {

template <class T>
double load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return static_cast<double>(value);
}

template <class T>
void store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

}  // namespace

double HostTensor::at(size_t i) const {
  const std::byte* from = bytes.data() + i * dtypeBytes(spec.dtype);
  switch (spec.dtype) {
    case DType::Float32: return load<float>(from);
    case DType::Float16: {
      uint16_t bits;
      std::memcpy(&bits, from, 2);
      return fromHalf(bits);
    }
    case DType::Bfloat16: {
      uint16_t bits;
      std::memcpy(&bits, from, 2);
      return fromBfloat(bits);
    }
    case DType::Int32: return load<int32_t>(from);
    case DType::Uint32: return load<uint32_t>(from);
    case DType::Int8: return load<int8_t>(from);
    default: return load<uint8_t>(from);
  }
}

void HostTensor::set(size_t i, double value) {
  std::byte* to = bytes.data() + i * dtypeBytes(spec.dtype);
  switch (spec.dtype) {
    case DType::Float32: return store(to, static_cast<float>(value));
    case DType::Float16: return store(to, toHalf(value));
    case DType::Bfloat16: return store(to, toBfloat(value));
    case DType::Int32: return store(to, static_cast<int32_t>(value));
    case DType::Uint32: return store(to, static_cast<uint32_t>(value));
    case DType::Int8: return store(to, static_cast<int8_t>(value));
    default: return store(to, static_cast<uint8_t>(value));
  }
}

DType outputDType(const Problem& p) {
  const std::string dtype = p.choice("dtype", "float32");
  for (const HostTensor& input : p.inputs)
    if (dtype == "same" && input.present && kDTypes[int(input.spec.dtype)].kind == DTypeKind::Floating)
      return input.spec.dtype;
  return dtype == "float16" ? kF16 : dtype == "bfloat16" ? kBF16 : kF32;
}

void keepDType(Problem& p) {
  if (isHalf(p.inputs[0].spec.dtype)) p.params.push_back({"dtype", "same"});
}

HostTensor absent() {
  HostTensor none;
  none.present = false;
  return none;
}

HostTensor listed(DType dtype, Shape shape, std::initializer_list<double> values) {
  HostTensor tensor(dtype, shape);
  if (values.size() != tensor.size())
    throw std::logic_error("a test lists " + std::to_string(values.size()) + " values for " + shape.text());
  size_t i = 0;
  for (double value : values) tensor.set(i++, value);
  return tensor;
}

HostTensor Random::uniform(DType dtype, Shape shape, double low, double high) {
  HostTensor tensor(dtype, shape);
  for (size_t i = 0, n = tensor.size(); i < n; ++i) tensor.set(i, uniform(low, high));
  return tensor;
}

HostTensor Random::integers(DType dtype, Shape shape, int64_t low, int64_t high) {
  HostTensor tensor(dtype, shape);
  for (size_t i = 0, n = tensor.size(); i < n; ++i) tensor.set(i, double(integer(low, high)));
  return tensor;
}

void Expected::set(size_t i, double value, double error) {
  values[i] = value;
  if (spec.dtype == DType::Float32)  // one rounding, and denormal results may be flushed to zero (GPUs do)
    slack[i] = error + kUlp * std::fabs(value) + FLT_MIN;
  else if (spec.dtype == DType::Float16)  // half a unit of 11 bits, or half the smallest denormal
    slack[i] = error + FLT_MIN + 0x1p-11 * std::fabs(value) * 1.001 + 0x1p-25;
  else if (spec.dtype == DType::Bfloat16)  // half a unit of 8 bits; the range is that of float32
    slack[i] = error + FLT_MIN + 0x1p-8 * std::fabs(value) * 1.001;
  else
    slack[i] = error;
}

std::string compareElement(const Expected& expected, size_t i, double got, double& share) {
  double value = expected.values[i], slack = expected.slack[i];
  // Where rounding to the dtype begins to give infinity.
  double limit = expected.spec.dtype == DType::Float16    ? 65520.0
                 : expected.spec.dtype == DType::Bfloat16 ? 0x1.ffp127
                 : expected.spec.dtype == DType::Float32  ? 0x1.ffffffp127
                                                          : kInf;
  bool ok;
  share = 0;
  if (std::isnan(value)) {
    ok = std::isnan(got);
  } else if (std::isinf(value) || std::fabs(value) - slack >= limit) {
    ok = got == std::copysign(kInf, value);
  } else if (std::isinf(got)) {
    ok = got > 0 ? value + slack >= limit : value - slack <= -limit;
  } else {
    ok = std::fabs(got - value) <= slack;  // false for a NaN
    share = slack > 0 ? std::fabs(got - value) / slack : 0;
  }
  if (ok) return "";
  char text[200];
  snprintf(text, sizeof text, "element %zu of %s: got %.9g, expected %.9g +- %.3g", i,
           expected.spec.shape.text().c_str(), got, value, slack);
  return text;
}

double Problem::param(const char* name, double fallback) const {
  for (const Param& p : params)
    if (std::string_view(p.name) == name) return p.number;
  return fallback;
}

std::string Problem::choice(const char* name, const char* fallback) const {
  for (const Param& p : params)
    if (std::string_view(p.name) == name && p.choice) return p.choice;
  return fallback;
}

std::vector<double> Problem::list(const char* name) const {
  for (const Param& p : params)
    if (std::string_view(p.name) == name) return p.list;
  return {};
}

uint64_t seedOf(const Case& which) {
  // FNV-1a of the name: cases don't share data, and adding one changes no other
  uint64_t hash = 1469598103934665603ull;
  for (char c : which.workload + "/" + which.name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

Problem makeProblem(const Case& which) {
  Problem problem;
  Random random(seedOf(which));
  which.make(problem, random);
  return problem;
}

const std::vector<Case>& allCases() {
  static const std::vector<Case> cases = [] {
    CaseList list;
#define CASES(function) function(list);
#include "cases/cases.def"
#undef CASES
    return list.cases;
  }();
  return cases;
}

std::string shapeName(const Shape& shape) {
  if (shape.rank() == 0) return "scalar";
  std::string text;
  for (uint64_t extent : shape) text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

uint64_t rowCount(const Shape& shape) {
  uint64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.rank(); ++i) rows *= shape[i];
  return rows;
}

}  // namespace switchyard::test
