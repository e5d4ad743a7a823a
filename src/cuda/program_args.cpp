#include "program_args.h"

#include <algorithm>
#include <cstring>

namespace switchyard::cuda {
namespace {

[[noreturn]] void broken(const std::string& who, const std::string& text) {
  throw Error(Code::Internal, "cuda: " + who + ": " + text);
}

std::string text(Extent extent) {
  return std::to_string(extent[0]) + " x " + std::to_string(extent[1]) + " x " + std::to_string(extent[2]);
}

// The extent keeps to kMaxBlock.
uint64_t product(Extent extent) { return uint64_t{extent[0]} * extent[1] * extent[2]; }

bool hasThreads(Extent extent) { return extent[0] != 0 && extent[1] != 0 && extent[2] != 0; }

// The value's place in the block that callers fill, which is laid out as GLSL says where there is GLSL.
uint32_t offsetOf(const ProgramModule& module, const std::string& who, uint32_t index) {
  if (index >= module.cuda.values.size()) broken(who, "a parameter without a description");
  const std::string& name = module.cuda.values[index].name;
  const auto& params = module.info.params;
  const auto found =
      std::find_if(params.begin(), params.end(), [&](const ProgramParam& param) { return param.name == name; });
  if (found == params.end()) broken(who, "'" + name + "' is not in its parameter block");
  if (found->rows != 1 || found->columns != 1 || found->elements != 0)
    broken(who, "'" + name + "' is no plain value of 32 bits");
  if (module.info.paramBytes < sizeof(uint32_t) || found->offset > module.info.paramBytes - sizeof(uint32_t))
    broken(who, "'" + name + "' lies past the end of its parameter block");
  return found->offset;
}

void requireBlock(const ProgramPlan& plan) {
  for (size_t axis = 0; axis < 3; ++axis)
    if (plan.block[axis] > kMaxBlock[axis])
      throw Error(Code::InvalidArgument, plan.who + ": its groups are " + text(plan.block) +
                                             " threads, but on CUDA a block has at most " +
                                             std::to_string(kMaxBlock[axis]) + " along " + "xyz"[axis]);
  if (product(plan.block) > plan.maxThreads)
    throw Error(Code::InvalidArgument,
                plan.who + ": its groups of " + text(plan.block) + " have " + std::to_string(product(plan.block)) +
                    " threads, but a block of this kernel has at most " + std::to_string(plan.maxThreads) +
                    " on this card: give it a smaller group size");
}

void requireShared(const ProgramPlan& plan, const ProgramLimits& limits) {
  if (plan.sharedBytes == 0 || plan.sharedBytes + limits.staticBytes <= limits.sharedBytes) return;
  throw Error(Code::Unsupported, plan.who + " is to have " + std::to_string(plan.sharedBytes) +
                                     " bytes of dynamic shared memory beside " + std::to_string(limits.staticBytes) +
                                     " of its own, but a block has at most " + std::to_string(limits.sharedBytes) +
                                     " on this card: give it less sharedBytes");
}

}  // namespace

ProgramPlan planProgram(const ProgramModule& module, const ProgramLimits& limits) {
  ProgramPlan plan;
  plan.who = "kernel '" + module.info.name + "'";
  plan.bindings = module.info.bindings.size();
  plan.paramBytes = module.info.paramBytes;
  plan.groupSize = module.info.groupSize;
  plan.block = hasThreads(module.cuda.blockSize) ? Extent(module.cuda.blockSize) : plan.groupSize;
  plan.maxThreads = limits.maxThreads;
  plan.sharedBytes = module.cuda.sharedBytes;
  if (!hasThreads(plan.groupSize) || !hasThreads(plan.block)) broken(plan.who, "groups without threads");
  requireShared(plan, limits);
  if (module.cuda.params.size() > kMaxProgramArguments)
    throw Error(Code::Compile, plan.who + " has " + std::to_string(module.cuda.params.size()) +
                                   " parameters; on CUDA it may have " + std::to_string(kMaxProgramArguments));
  for (const CudaParam& param : module.cuda.params) {
    if (param.isBuffer && param.index >= plan.bindings) broken(plan.who, "a parameter without a binding");
    plan.arguments.push_back({param.isBuffer, param.isBuffer ? param.index : offsetOf(module, plan.who, param.index)});
  }
  return plan;
}

LaunchShape shapeOf(const ProgramPlan& plan, Extent groups) {
  requireBlock(plan);
  LaunchShape shape{groups, plan.block};
  for (size_t axis = 0; axis < 3; ++axis) {
    uint64_t blocks = groups[axis];
    if (plan.block[axis] != plan.groupSize[axis]) {
      const uint64_t threads = blocks * plan.groupSize[axis];
      blocks = threads / plan.block[axis] + (threads % plan.block[axis] != 0);
    }
    if (blocks > kMaxGrid[axis])
      throw Error(Code::InvalidArgument, plan.who + ": its threads make " + std::to_string(blocks) + " groups along " +
                                             "xyz"[axis] + ", but on CUDA a launch has at most " +
                                             std::to_string(kMaxGrid[axis]) +
                                             " along it: give it fewer threads there, or larger groups");
    shape.grid[axis] = uint32_t(blocks);
  }
  return shape;
}

ProgramArguments::ProgramArguments(const ProgramPlan& plan, std::span<std::byte* const> addresses,
                                   std::span<const std::byte> params) noexcept {
  for (size_t i = 0; i < plan.arguments.size(); ++i) {
    const ProgramPlan::Argument& argument = plan.arguments[i];
    if (argument.isBuffer)
      std::memcpy(&slots_[i], &addresses[argument.at], sizeof(std::byte*));
    else
      std::memcpy(&slots_[i], params.data() + argument.at, sizeof(uint32_t));
    pointers_[i] = &slots_[i];
  }
}

}  // namespace switchyard::cuda
