// The conformance cases: what goes into a workload, what must come out by a naive double-precision oracle, and how far
// off each element may be. One list for every device, for the GPU report and for the guarded and the split runs.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "context.h"

namespace switchyard::test {

constexpr double kUlp = 0x1p-24;  // half a unit in the last place of float32, relative: one rounding
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr DType kF32 = DType::Float32, kF16 = DType::Float16, kBF16 = DType::Bfloat16;
constexpr DType kFloatTypes[] = {kF32, kF16, kBF16};

// A tensor in host memory whose elements are seen as doubles.
struct HostTensor {
  TensorSpec spec;
  std::vector<std::byte> bytes;
  bool present = true;

  HostTensor() = default;
  HostTensor(DType dtype, Shape shape) : spec{dtype, shape}, bytes(spec.bytes()) {}
  size_t size() const { return spec.elements(); }
  const Shape& shape() const { return spec.shape; }
  double at(size_t i) const;
  void set(size_t i, double value);  // rounded to the dtype
};
HostTensor absent();
HostTensor listed(DType dtype, Shape shape, std::initializer_list<double> values);

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  double uniform(double low, double high) { return std::uniform_real_distribution<double>(low, high)(engine_); }
  int64_t integer(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine_); }
  HostTensor uniform(DType dtype, Shape shape, double low = -1, double high = 1);
  // Small whole numbers: their sums are exact in float32, so a dropped or doubled element can't hide in a tolerance.
  HostTensor integers(DType dtype, Shape shape, int64_t low = -4, int64_t high = 4);

 private:
  std::mt19937_64 engine_;
};

struct Param {
  const char* name;
  double number = 0;
  const char* choice = nullptr;
  std::vector<double> list = {};
  template <class T>
  requires std::is_arithmetic_v<T> Param(const char* name, T number) : name(name), number(double(number)) {}
  Param(const char* name, const char* choice) : name(name), choice(choice) {}
  Param(const char* name, std::vector<double> list) : name(name), list(std::move(list)) {}
};

// |got - value| <= slack, element by element. NaN and infinities must match exactly.
struct Expected {
  TensorSpec spec;
  std::vector<double> values, slack;

  Expected(DType dtype, Shape shape) : spec{dtype, shape}, values(spec.elements()), slack(spec.elements()) {}
  // `error`: what the float32 arithmetic may be off by. The rounding to the output's dtype is added here.
  void set(size_t i, double value, double error);
};

// "" or what is wrong with element i. Also gives the error as a share of the slack.
std::string compareElement(const Expected& expected, size_t i, double got, double& share);

// The roundings a sum of n terms may show, in units of kUlp times the sum of the terms' magnitudes. A worst case is n,
// but rounding errors don't conspire: they grow like a random walk, of which 4 standard deviations are allowed.
inline double sumRoundings(uint64_t n) { return 4 + 4 * std::sqrt(double(n)); }

struct Problem {
  std::vector<HostTensor> inputs;
  std::vector<Param> params;
  std::vector<Expected> outputs;
  // In place of `outputs` or beside it: "" when the outputs are right.
  std::function<std::string(const std::vector<HostTensor>&)> check;
  std::function<std::unique_ptr<Graph>()> graph;  // for the workload "graph"
  std::optional<Code> refused;                    // the error to expect
  bool cpuOnly = false;                           // past what a GPU's kernels hold on the way

  double param(const char* name, double fallback) const;
  std::string choice(const char* name, const char* fallback) const;
  std::vector<double> list(const char* name) const;  // empty where it is not given
};

// Small: every device, the guarded and the emulated ones too. Medium: not those that take a thousand times longer.
// Large: a few megabytes. Split: also on devices with short bindings, of which it needs several.
enum class Size { Small, Medium, Large, Split };

struct Case {
  std::string workload, name;
  Size size = Size::Small;
  std::function<void(Problem&, Random&)> make;  // inputs, parameters and what is expected
};

class CaseList {
 public:
  void add(const std::string& workload, const std::string& name, Size size,
           std::function<void(Problem&, Random&)> make) {
    cases.push_back({workload, name, size, std::move(make)});
  }
  std::vector<Case> cases;
};

const std::vector<Case>& allCases();
Problem makeProblem(const Case& which);  // deterministic; a failure prints the seed
uint64_t seedOf(const Case& which);

// A function for each row of cases.def: every workload has its cases in a file of test/native/cases/.
#define CASES(function) void function(CaseList& list);
#include "cases/cases.def"
#undef CASES

std::string shapeName(const Shape& shape);  // "3x64", "scalar"
// Half precision goes through the same kernels: of the sizes some show that it does, others for each.
inline bool halfSkips(DType dtype, size_t index) { return dtype != kF32 && index % 3 != (dtype == kF16 ? 1u : 2u); }
// What a workload's floating outputs are, by the parameter `dtype`.
DType outputDType(const Problem& p);
// Asks for outputs of half precision where the inputs have it.
void keepDType(Problem& p);
inline std::string dtypeSuffix(DType dtype) { return dtype == kF32 ? "" : std::string("-") + dtypeName(dtype); }
uint64_t rowCount(const Shape& shape);  // of the last axis

}  // namespace switchyard::test
