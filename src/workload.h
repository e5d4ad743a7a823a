// The registry: a workload's name leads to its interface, its argument check and its plan.
#pragma once
#include <array>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "device.h"
#include "task.h"
#include "tensor.h"

namespace switchyard {

class ProgramCache;
class Recorder;

// Sets of dtypes an input accepts, as bits 1 << dtype.
constexpr uint32_t dtypeBit(DType dtype) { return 1u << static_cast<int>(dtype); }
constexpr uint32_t kFloating = [] {
  uint32_t bits = 0;
  for (int i = 0; i < kDTypeCount; ++i) bits |= kDTypes[i].kind == DTypeKind::Floating ? 1u << i : 0;
  return bits;
}();
static_assert(kFloating == (dtypeBit(DType::Float32) | dtypeBit(DType::Float16) | dtypeBit(DType::Bfloat16)),
              "the workloads' checks and kernels know these");

constexpr size_t kMaxTensors = 9;  // inputs or outputs of one workload
constexpr size_t kMaxParams = 16;  // places for numbers: a list has Shape::kMaxRank of them

struct InputInfo {
  const char* name;
  uint32_t dtypes = kFloating;
  bool optional = false;
  bool hostOnly = false;  // read where it came from (Value::host): it gets no view
};

struct ParamInfo {
  enum class Kind : uint8_t { Number, Integer, Boolean, Choice, List };  // List: whole numbers, one an axis
  const char* name;
  Kind kind = Kind::Number;
  double fallback = 0;                    // NaN: worked out by the workload when not given
  std::vector<const char*> choices = {};  // Choice: the value is the index
  double min = -1e300, max = 1e300;       // inclusive
  bool aboveMin = false;                  // min itself is refused
  bool required = false;
  size_t places() const { return kind == Kind::List ? Shape::kMaxRank : 1; }
};

// The kind of work: what decides which devices suit it. workloads.def has the names.
enum class WorkKind : uint8_t {
#define WORK_KIND(identifier, name) identifier,
#include "workloads.def"
};
constexpr const char* kWorkKinds[] = {
#define WORK_KIND(identifier, name) name,
#include "workloads.def"
};
constexpr const char* workKindName(WorkKind kind) noexcept { return kWorkKinds[static_cast<int>(kind)]; }

// How an input of several small jobs of one workload becomes that of one job, which does the work of all.
enum class Join : uint8_t {
  None,     // no such input
  Flat,     // elements: the shape does not matter
  Rows,     // [.., d]: rows of d
  Leading,  // [h, s, d]: along the first axis, the others equal
  Stack,    // [m, k]: equal shapes get a batch axis
  Same,     // the same memory, or absent, in every job
  Absent,   // jobs that have it are not joined
};
// One for each input, in their order. Always to be said: there is no default.
struct JoinRule {
  constexpr JoinRule(std::initializer_list<Join> rule) {
    if (rule.size() > kMaxTensors) throw Error(Code::Internal, "a rule for more inputs than a workload can have");
    for (Join join : rule) inputs[joined++] = join;
  }
  std::array<Join, kMaxTensors> inputs{};
  size_t joined = 0;  // how many inputs it is for; 0: jobs of it are never joined
};
inline constexpr JoinRule kNotJoined{};

// How an input comes to the parts of a job that is cut by rows, which run on several devices at once.
enum class Cut : uint8_t {
  Whole,  // every part has all of it
  First,  // along its first axis
  Rows,   // [.., d]: its rows, over all axes before the last
};
// How the outputs of the parts become those of the job.
enum class Merge : uint8_t {
  Rows,      // one after the other
  Largest,   // outputs scores and indices, `k` of each row: the best of all parts, whose indices begin at 0 in each
  Smallest,  // the same, the smallest scores first
};
// One way of cutting: Cut for each input, in their order.
struct SplitWay {
  std::vector<Cut> inputs;
  Merge merge = Merge::Rows;
};

// A member that is always to be given: leaving it out does not compile.
template <class T>
struct Stated {
  constexpr Stated(T value) : value(value) {}
  constexpr operator T() const { return value; }
  T value;
};

static_assert(!std::is_default_constructible_v<Stated<WorkKind>> && !std::is_default_constructible_v<Stated<JoinRule>>);

struct WorkloadInfo {
  const char* name;
  Stated<WorkKind> kind;
  Stated<JoinRule> join;
  std::vector<InputInfo> inputs;
  std::vector<ParamInfo> params;
  std::vector<const char*> outputs;
  // what the last input, `text`, holds: sections by 0x1e, their items by 0x1f, UTF-8
  std::vector<const char*> texts = {};
  // the ways in which a job may be cut (split.h), the preferred first; none: it can't be
  std::vector<SplitWay> splits = {};
  // its one output holds its first input's bytes, with another shape: between nodes of a graph nothing is copied
  bool isView = false;
};

// One tensor of a running job. `view` is where it lies on the device (16-byte aligned, dtype packed); `host` its bytes
// when it came from host memory, else null. An optional input that was not given has present == false.
struct Value {
  TensorSpec spec;
  BufferView view;
  const std::byte* host = nullptr;
  bool present = false;
};

// The arguments of one call, in the order of WorkloadInfo.
struct Call {
  std::array<Value, kMaxTensors> inputs;
  std::array<Value, kMaxTensors> outputs;
  std::array<double, kMaxParams> params{};  // defaults filled in
  size_t outputCount = 0;

  const Shape& shape(size_t input) const { return inputs[input].spec.shape; }
  bool flag(size_t param) const { return params[param] != 0; }
  uint32_t integer(size_t param) const { return static_cast<uint32_t>(params[param]); }
  float number(size_t param) const { return static_cast<float>(params[param]); }
  // The entries of the List whose places begin here.
  Shape list(size_t place) const;
};

// What a job costs, to decide where it runs.
struct Cost {
  double flops = 0, bytes = 0;
  bool maybeLong = false;  // what a user's loops make of it is known when it has ended
};

class Workload {
 public:
  explicit Workload(WorkloadInfo info);
  virtual ~Workload() = default;
  const WorkloadInfo info;
  const size_t paramPlaces;  // of all parameters together

  // Reads inputs[].spec and params (both checked against info for presence, dtype and range), throws InvalidArgument
  // for shapes that don't fit, and writes outputs[].spec, outputCount and may fill NaN params.
  virtual Cost check(Call& call) const = 0;
  // Records the commands that fill the outputs. At least one output has elements; an empty tensor's view is null.
  // `call` outlives the task.
  virtual Task record(Recorder& recorder, const Call& call) const = 0;
  // Whether this call may be cut in that one of info.splits, as far as their Cuts don't say it. `call` was checked.
  virtual bool splits(const Call&, size_t) const { return true; }
  // False when a context would have to compile something first: then it runs on its lane, never on the caller's thread.
  virtual bool readyOn(const ProgramCache&) const { return true; }
};

std::span<const Workload* const> allWorkloads();
const Workload* findWorkload(std::string_view name);  // null when there is none
size_t workloadNumber(const Workload& workload);      // its place among all; of a program's: their count
// Presence, dtypes, parameter ranges, then the workload's own check. Throws InvalidArgument.
Cost checkCall(const Workload& workload, Call& call);

// Helpers for checks. All throw InvalidArgument naming the workload and what it got; `argument`: which part of the call
// that is, where it is one: "inputs.a", "params.k".
[[noreturn]] void refuse(const Workload& workload, const std::string& text);
[[noreturn]] void refuse(const Workload& workload, const std::string& text, std::string argument);
std::string inputPath(const Workload& workload, size_t input);
void requireRank(const Workload& workload, const Call& call, size_t input, size_t rank);
void requireRankAtLeast(const Workload& workload, const Call& call, size_t input, size_t rank);
uint32_t checkedUint(const Workload& workload, uint64_t value, const char* what);  // fits 31 bits
// The parameter `dtype` of workloads whose floating outputs may be of half precision: the last that they have.
ParamInfo dtypeParam(double fallback = 0);
// The dtype that it says for this call's outputs; `same`: that of the first floating input.
DType outputDType(const Workload& workload, const Call& call);

}  // namespace switchyard
