// From a kernel's module to what a launch of it passes: arithmetic without a CUDA header, so that it is tested where
// there is no card.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../device.h"
#include "../program/module.h"

namespace switchyard::cuda {

constexpr size_t kMaxProgramArguments = 64;

// What every card since compute capability 3.0 can launch.
constexpr Extent kMaxGrid = {0x7FFFFFFF, 65535, 65535};
constexpr Extent kMaxBlock = {1024, 1024, 64};

// A kernel's launches as far as its module and the card decide them: worked out once.
struct ProgramPlan {
  struct Argument {
    bool isBuffer = true;
    uint32_t at = 0;  // a binding, or where the 4 bytes of a value stand in the parameter block
  };
  std::string who;  // "kernel 'saxpy'", for messages
  size_t bindings = 0;
  uint32_t paramBytes = 0;
  Extent groupSize{1, 1, 1};  // what callers count groups of
  Extent block{1, 1, 1};      // what the card runs groups of: other than groupSize where the CUDA source demands it
  uint32_t maxThreads = 0;    // that a block of this kernel can have on this card
  uint32_t sharedBytes = 0;   // of dynamic shared memory
  std::vector<Argument> arguments;
};

// What the card says of the loaded code, and of itself.
struct ProgramLimits {
  uint32_t maxThreads = 0;   // in a block
  uint64_t staticBytes = 0;  // of shared memory that the code has by itself
  uint64_t sharedBytes = 0;  // that a block can have at most, once it asks for it (opt-in)
};

// Throws Internal for a module whose parts don't fit together, Compile for one with too many parameters, Unsupported
// for more shared memory than the card has for a block.
ProgramPlan planProgram(const ProgramModule& module, const ProgramLimits& limits);

struct LaunchShape {
  Extent grid, block;
};
// At least `groups` x groupSize threads; beyond that less than one block along each axis. Throws InvalidArgument, with
// the name of the limit, for what no launch can have.
LaunchShape shapeOf(const ProgramPlan& plan, Extent groups);

// The arguments of one launch as cudaLaunchKernel takes them: pointers into this object, so it stays where it is until
// that returns.
class ProgramArguments {
 public:
  // An address for each binding, in the module's order, and the parameter block of plan.paramBytes, which need not be
  // aligned.
  ProgramArguments(const ProgramPlan& plan, std::span<std::byte* const> addresses,
                   std::span<const std::byte> params) noexcept;
  ProgramArguments(const ProgramArguments&) = delete;
  ProgramArguments& operator=(const ProgramArguments&) = delete;
  void** pointers() noexcept { return pointers_.data(); }

 private:
  std::array<uint64_t, kMaxProgramArguments> slots_;  // an address, or 4 bytes of a value and 4 that nobody reads
  std::array<void*, kMaxProgramArguments> pointers_;
};

}  // namespace switchyard::cuda
