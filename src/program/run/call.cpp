// The numbers of a call block, each checked as it is read.
#include "program/run/call.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace switchyard {
namespace {

class Numbers {
 public:
  Numbers(const Workload& workload, const Value& value)
      : workload_(workload), bytes_(value.host), left_(value.host ? value.spec.bytes() : 0) {}

  template <size_t numbers>
  std::array<double, numbers> take() {
    std::array<double, numbers> taken;
    if (left_ < sizeof taken) refuse(workload_, "its call block ends too early");
    std::memcpy(taken.data(), bytes_, sizeof taken);
    bytes_ += sizeof taken, left_ -= sizeof taken;
    return taken;
  }
  // What JavaScript gave as a count: named, because it may be the caller's mistake.
  uint64_t count(double value, uint64_t least, uint64_t most, const char* what) const {
    if (!(value >= static_cast<double>(least) && value <= static_cast<double>(most)) || value != std::floor(value)) {
      char text[32];
      std::snprintf(text, sizeof text, "%g", value);
      refuse(workload_, std::string(what) + " is " + text + ", but must be a whole number from " +
                            std::to_string(least) + " to " + std::to_string(most));
    }
    return static_cast<uint64_t>(value);
  }
  std::span<const std::byte> params(uint32_t wanted) {
    const uint64_t bytes = count(take<1>()[0], 0, 1 << 20, "the size of the parameter block");
    if (bytes != wanted)
      refuse(workload_, "its parameter block has " + std::to_string(bytes) + " bytes, but the program's takes " +
                            std::to_string(wanted));
    if (left_ < bytes) refuse(workload_, "its call block ends too early");
    return {bytes_, bytes};
  }

 private:
  const Workload& workload_;
  const std::byte* bytes_;
  uint64_t left_;
};

constexpr uint64_t kMaxThreads = uint64_t{1} << 32;

}  // namespace

KernelCall readKernelCall(const ProgramWorkload& workload, const Call& call) {
  const ProgramInfo& info = workload.module->info;
  Numbers numbers(workload, call.inputs[0]);
  const auto head = numbers.take<kKernelBlockNumbers>();
  if (head[kKernelKind] != kKernelCall) refuse(workload, "its call block is not a kernel's");
  KernelCall read;
  static const char* const kAxes[] = {"threads[0]", "threads[1]", "threads[2]"};
  for (size_t axis = 0; axis < 3; ++axis)
    read.threads[axis] =
        static_cast<uint32_t>(numbers.count(head[kKernelThreads + axis], 1, kMaxThreads - 1, kAxes[axis]));
  if (info.bindings.empty()) refuse(workload, "it has no buffers, so nothing can come of it");
  const uint64_t last = info.bindings.size() - 1;
  const uint64_t inputs = numbers.count(head[kKernelInputs], 0, kMaxProgramInputs, "the number of inputs");
  for (uint64_t i = 0; i < inputs; ++i)
    read.inputs.push_back(static_cast<uint32_t>(numbers.count(numbers.take<1>()[0], 0, last, "a binding")));
  const uint64_t outputs = numbers.count(numbers.take<1>()[0], 1, kMaxTensors - 1, "the number of outputs");
  for (uint64_t i = 0; i < outputs; ++i) {
    KernelCall::Output output;
    const auto from = numbers.take<kKernelOutputNumbers>();
    output.binding = static_cast<uint32_t>(numbers.count(from[kKernelOutputBinding], 0, last, "a binding"));
    output.spec.dtype = static_cast<DType>(numbers.count(from[kKernelOutputDType], 0, kDTypeCount - 1, "a dtype"));
    const uint64_t rank = numbers.count(from[kKernelOutputRank], 0, Shape::kMaxRank, "a rank");
    for (uint64_t axis = 0; axis < rank; ++axis)
      output.spec.shape.push(numbers.count(numbers.take<1>()[0], 0, uint64_t{1} << 53, "an extent of an output"));
    read.outputs.push_back(output);
  }
  read.params = numbers.params(info.paramBytes);
  return read;
}

ShaderCall readShaderCall(const ProgramWorkload& workload, const Call& call) {
  const ProgramInfo& info = workload.module->info;
  Numbers numbers(workload, call.inputs[0]);
  const auto head = numbers.take<kShaderBlockNumbers>();
  if (head[kShaderKind] != kShaderCall) refuse(workload, "its call block is not a shader's");
  ShaderCall read;
  read.width = static_cast<uint32_t>(numbers.count(head[kShaderWidth], 1, kMaxPictureExtent, "width"));
  read.height = static_cast<uint32_t>(numbers.count(head[kShaderHeight], 1, kMaxPictureExtent, "height"));
  read.primitive = static_cast<Primitive>(numbers.count(head[kShaderPrimitive], 0, 2, "primitive"));
  read.vertices = static_cast<uint32_t>(numbers.count(head[kShaderVertices], 0, kMaxThreads - 1, "count"));
  read.instances = static_cast<uint32_t>(numbers.count(head[kShaderInstances], 0, kMaxThreads - 1, "instances"));
  read.blend = static_cast<Blend>(numbers.count(head[kShaderBlend], 0, 3, "blend"));
  read.samples = static_cast<uint32_t>(numbers.count(head[kShaderSamples], 1, 4, "samples"));
  if (read.samples != 1 && read.samples != 4)
    refuse(workload, "samples is " + std::to_string(read.samples) + ", but must be 1 or 4");
  for (size_t i = 0; i < read.background.size(); ++i) {
    const double value = head[kShaderBackground + i];
    if (!std::isfinite(value)) refuse(workload, "background holds a number that is not finite");
    read.background[i] = static_cast<float>(value);
  }
  const uint64_t inputs = numbers.count(head[kShaderInputs], 0, kMaxProgramInputs, "the number of inputs");
  for (uint64_t i = 0; i < inputs; ++i) {
    ShaderCall::Input input;
    const auto from = numbers.take<kShaderInputNumbers>();
    const uint64_t kind = numbers.count(from[kShaderInputKind], kAttributeInput, kNearestImageInput, "an input's kind");
    input.nearest = kind == kNearestImageInput;
    input.kind = input.nearest ? ShaderCall::Kind::Image : static_cast<ShaderCall::Kind>(kind);
    size_t known = info.attributes.size();
    if (input.kind != ShaderCall::Kind::Attribute) {
      const auto wanted =
          input.kind == ShaderCall::Kind::Image ? ProgramBinding::Kind::Image : ProgramBinding::Kind::Buffer;
      known = static_cast<size_t>(
          std::count_if(info.bindings.begin(), info.bindings.end(), [&](const auto& b) { return b.kind == wanted; }));
    }
    if (!known) refuse(workload, "an input is none of the program's");
    input.index = static_cast<uint32_t>(numbers.count(from[kShaderInputIndex], 0, known - 1, "an input's index"));
    read.inputs.push_back(input);
  }
  read.params = numbers.params(info.paramBytes);
  return read;
}

}  // namespace switchyard
