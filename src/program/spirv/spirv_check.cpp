#include "program/spirv/spirv_check.h"

#include <spirv-tools/libspirv.hpp>
#include <spirv-tools/optimizer.hpp>
#include <spirv/unified1/spirv.hpp>

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "error.h"
#include "program/spirv/instructions.h"
#include "program/spirv/usage.h"

namespace switchyard {
namespace {

constexpr spv_target_env kEnvironment = SPV_ENV_VULKAN_1_2;
constexpr uint32_t kNewestVersion = 0x00010500;
constexpr uint32_t kMaxIds = 1 << 20;
constexpr size_t kMaxControlNesting = 64;       // what comes after takes time with its third power
constexpr uint64_t kMaxInlinedWords = 1 << 18;  // of all functions, each as often as it is called

std::string textOf(std::span<const uint32_t> words) {
  const char* text = reinterpret_cast<const char*>(words.data());
  return std::string(text, strnlen(text, words.size_bytes()));
}

// How deep selections and loops lie in each other, by the order of the blocks. Right for valid modules; for others it
// does not matter.
size_t controlNesting(std::span<const uint32_t> words) {
  std::vector<uint32_t> merges;
  size_t deepest = 0;
  forEachInstruction(words, [&](spv::Op op, std::span<const uint32_t> operands) {
    if ((op == spv::OpSelectionMerge || op == spv::OpLoopMerge) && !operands.empty()) merges.push_back(operands[0]);
    while (op == spv::OpLabel && !operands.empty() && !merges.empty() && merges.back() == operands[0])
      merges.pop_back();
    if (op == spv::OpFunctionEnd) merges.clear();
    deepest = std::max(deepest, merges.size());
    return true;
  });
  return deepest;
}

// The words of the code when every call is replaced by what it calls, as drivers do it; counting stops at the limit.
// Calls of valid modules make no circle.
class InlinedSize {
 public:
  explicit InlinedSize(std::span<const uint32_t> words) {
    uint32_t function = 0;
    forEachInstruction(words, [&](spv::Op op, std::span<const uint32_t> operands) {
      if (op == spv::OpFunction && operands.size() > 1) function = operands[1];
      Function& current = functions_[function];
      current.words += operands.size() + 1;
      if (op == spv::OpFunctionCall && operands.size() > 2) current.calls.push_back(operands[2]);
      return true;
    });
  }
  uint64_t largest() {
    uint64_t most = 0;
    for (auto& [id, function] : functions_) most = std::max(most, of(function));
    return most;
  }

 private:
  struct Function {
    uint64_t words = 0;
    bool counted = false;
    std::vector<uint32_t> calls;
  };
  uint64_t of(Function& function) {
    if (function.counted) return function.words;
    function.counted = true;
    for (const uint32_t id : function.calls)
      if (const auto callee = functions_.find(id); callee != functions_.end())
        function.words = std::min(function.words + of(callee->second), kMaxInlinedWords + 1);
    return function.words;
  }
  std::unordered_map<uint32_t, Function> functions_;
};

std::string capabilityName(uint32_t capability) {
  const std::vector<uint32_t> words = {spv::MagicNumber, kNewestVersion, 0, 1, 0, (2u << 16) | spv::OpCapability,
                                       capability};
  std::string text;
  constexpr std::string_view kOp = "OpCapability ";
  if (!spvtools::SpirvTools(kEnvironment).Disassemble(words, &text, SPV_BINARY_TO_TEXT_OPTION_NO_HEADER))
    return std::to_string(capability);
  const size_t at = text.find(kOp);
  if (at == std::string::npos) return std::to_string(capability);
  const size_t begin = at + kOp.size();
  return text.substr(begin, text.find_first_of(" \n", begin) - begin);
}

constexpr uint32_t kBasic = 1, kVote = 2, kArithmetic = 4, kBallot = 8, kShuffle = 16, kShuffleRelative = 32,
                   kClustered = 64, kQuad = 128;

// Notes what the capability needs; false if it is not provided.
bool provide(uint32_t capability, Stage stage, ProgramNeeds& needs) {
  switch (capability) {
    case spv::CapabilityMatrix:
    case spv::CapabilityShader: return true;
    case spv::CapabilityFloat16: return needs.float16 = true;
    case spv::CapabilityInt8: return needs.int8 = true;
    case spv::CapabilityInt16: return needs.int16 = true;
    case spv::CapabilityStorageBuffer8BitAccess: return needs.storage8 = true;
    case spv::CapabilityStorageBuffer16BitAccess: return needs.storage16 = true;
    case spv::CapabilityUniformAndStorageBuffer8BitAccess: return needs.storage8 = needs.uniform8 = true;
    case spv::CapabilityUniformAndStorageBuffer16BitAccess: return needs.storage16 = needs.uniform16 = true;
    case spv::CapabilityImageQuery:
    case spv::CapabilityDerivativeControl: return stage != Stage::Compute;
    default: break;
  }
  if (stage != Stage::Compute) return false;  // Vulkan promises subgroup operations to compute alone
  const auto subgroup = [&](uint32_t operation) { return (needs.subgroupOps |= kBasic | operation) != 0; };
  switch (capability) {
    case spv::CapabilityGroupNonUniform: return subgroup(kBasic);
    case spv::CapabilityGroupNonUniformVote: return subgroup(kVote);
    case spv::CapabilityGroupNonUniformArithmetic: return subgroup(kArithmetic);
    case spv::CapabilityGroupNonUniformBallot: return subgroup(kBallot);
    case spv::CapabilityGroupNonUniformShuffle: return subgroup(kShuffle);
    case spv::CapabilityGroupNonUniformShuffleRelative: return subgroup(kShuffleRelative);
    case spv::CapabilityGroupNonUniformClustered: return subgroup(kClustered);
    case spv::CapabilityGroupNonUniformQuad: return subgroup(kQuad);
    default: return false;
  }
}

spv::ExecutionModel modelOf(Stage stage) {
  switch (stage) {
    case Stage::Vertex: return spv::ExecutionModelVertex;
    case Stage::Fragment: return spv::ExecutionModelFragment;
    default: return spv::ExecutionModelGLCompute;
  }
}

std::vector<uint32_t> runPasses(const std::string& who, std::span<const uint32_t> words,
                                spvtools::Optimizer& optimizer) {
  std::string log;
  optimizer.SetMessageConsumer([&](spv_message_level_t, const char*, const spv_position_t&, const char* message) {
    log += std::string(message) + "\n";
  });
  spvtools::OptimizerOptions options;
  options.set_run_validator(false);
  std::vector<uint32_t> result;
  if (!optimizer.Run(words.data(), words.size(), &result, options))
    throw Error(Code::Compile, who + " can't be optimised: " + log.substr(0, log.find('\n')), {.log = log});
  return result;
}

}  // namespace

void validateSpirv(const std::string& who, std::span<const uint32_t> words) {
  if (words.size() < kHeaderWords)
    throw Error(Code::Compile, who + " is no SPIR-V: it has not even the five words of a header");
  if (words[0] == __builtin_bswap32(spv::MagicNumber))
    throw Error(Code::Compile, who + " is SPIR-V of the other byte order: its words must be little-endian");
  if (words[0] != spv::MagicNumber)
    throw Error(Code::Compile, who + " is no SPIR-V: its first word must be 0x07230203");
  if (words[1] > kNewestVersion)
    throw Error(Code::Compile, who + " is of SPIR-V " + std::to_string(words[1] >> 16) + "." +
                                   std::to_string(words[1] >> 8 & 255) +
                                   ", and Vulkan 1.2 takes up to 1.5: compile it for that");
  if (controlNesting(words) > kMaxControlNesting)
    throw Error(Code::Compile, who + " has loops and conditions nested deeper than " +
                                   std::to_string(kMaxControlNesting) + "; an `else if` nests, too");
  std::string log;
  spvtools::SpirvTools tools(kEnvironment);
  tools.SetMessageConsumer([&](spv_message_level_t, const char*, const spv_position_t& position, const char* message) {
    log += "word " + std::to_string(position.index) + ": " + message + "\n";
  });
  spvtools::ValidatorOptions options;
  options.SetUniversalLimit(spv_validator_limit_max_id_bound, kMaxIds);
  if (!tools.Validate(words.data(), words.size(), options))
    throw Error(Code::Compile, who + " is not valid for Vulkan 1.2: " + log.substr(0, log.find('\n')), {.log = log});
  if (InlinedSize(words).largest() > kMaxInlinedWords)
    throw Error(Code::Compile, who + " is too large: with every function put where it is called, it has more than " +
                                   std::to_string(kMaxInlinedWords) + " words of SPIR-V");
}

ProgramNeeds checkCapabilities(const std::string& who, Stage stage, std::span<const uint32_t> words) {
  ProgramNeeds needs;
  forEachInstruction(words, [&](spv::Op op, std::span<const uint32_t> operands) {
    if (op != spv::OpCapability) return false;  // they come first
    if (!operands.empty() && !provide(operands[0], stage, needs))
      throw Error(Code::Compile,
                  who + " needs the capability " + capabilityName(operands[0]) +
                      ", which is not provided here; there are " +
                      (stage == Stage::Compute ? "8- and 16-bit integers, 16-bit floats and subgroup operations"
                                               : "texture sizes, derivatives and 8- and 16-bit numbers") +
                      " beyond the basic ones");
    return true;
  });
  return needs;
}

std::string entryOf(const std::string& who, Stage stage, std::span<const uint32_t> words) {
  std::string names, entry;
  size_t fitting = 0;
  forEachInstruction(words, [&](spv::Op op, std::span<const uint32_t> operands) {
    if (op == spv::OpFunction) return false;
    if (op != spv::OpEntryPoint || operands.size() < 3) return true;
    const std::string name = textOf(operands.subspan(2));
    names += (names.empty() ? "" : ", ") + name;
    if (operands[0] != static_cast<uint32_t>(modelOf(stage))) return true;
    entry = name;
    ++fitting;
    return true;
  });
  if (fitting == 1) return entry;
  throw Error(Code::Compile, who + " must have one entry point " +
                                 (stage == Stage::Compute ? "for compute" : "for its stage") + ", and has " +
                                 std::to_string(fitting) +
                                 (names.empty() ? "" : " (all entry points: " + names.substr(0, 200) + ")"));
}

std::vector<uint32_t> freezeConstants(const std::string& who, std::span<const uint32_t> words) {
  spvtools::Optimizer optimizer(kEnvironment);
  optimizer.RegisterPass(spvtools::CreateFreezeSpecConstantValuePass());
  optimizer.RegisterPass(spvtools::CreateFoldSpecConstantOpAndCompositePass());
  return runPasses(who, words, optimizer);
}

std::vector<uint32_t> optimizeSpirv(const std::string& who, std::span<const uint32_t> words) {
  spvtools::Optimizer optimizer(kEnvironment);
  optimizer.RegisterPass(spvtools::CreateStripDebugInfoPass());
  // What makes a module small and costs little. Inlining and unrolling are left to the driver, which does them anyway:
  // RegisterPerformancePasses() takes 110 ms and more for a shader of 150 lines, makes it five times as long, and
  // nothing runs faster for it.
  optimizer.RegisterPass(spvtools::CreateEliminateDeadFunctionsPass())
      .RegisterPass(spvtools::CreatePrivateToLocalPass())
      .RegisterPass(spvtools::CreateLocalSingleBlockLoadStoreElimPass())
      .RegisterPass(spvtools::CreateLocalSingleStoreElimPass())
      .RegisterPass(spvtools::CreateAggressiveDCEPass())
      .RegisterPass(spvtools::CreateSSARewritePass())
      .RegisterPass(spvtools::CreateCCPPass())
      .RegisterPass(spvtools::CreateSimplificationPass())
      .RegisterPass(spvtools::CreateAggressiveDCEPass());
  return runPasses(who, words, optimizer);
}

std::vector<uint32_t> dropUnreadOutputs(const std::string& who, std::span<const uint32_t> vertex,
                                        std::span<const uint32_t> fragment) {
  std::unordered_set<uint32_t> locations, builtIns;
  spvtools::Optimizer reader(kEnvironment);
  reader.RegisterPass(spvtools::CreateAnalyzeLiveInputPass(&locations, &builtIns));
  runPasses(who, fragment, reader);
  for (const uint32_t location : useOf(vertex).readOutputs) locations.insert(location);
  builtIns = {spv::BuiltInPointSize, spv::BuiltInClipDistance, spv::BuiltInCullDistance};  // the rasteriser reads them
  spvtools::Optimizer optimizer(kEnvironment);
  optimizer.RegisterPass(spvtools::CreateEliminateDeadOutputStoresPass(&locations, &builtIns))
      .RegisterPass(spvtools::CreateAggressiveDCEPass());
  return runPasses(who, vertex, optimizer);
}

std::string spirvToolsVersion() { return spvSoftwareVersionDetailsString(); }

}  // namespace switchyard
