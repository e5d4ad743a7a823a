// Checks a source, has each of its parts compiled, and puts the module together.
#include "program/compile/compiler.h"

#include <algorithm>

#include "error.h"
#include "program/compile/big_stack.h"
#include "program/compile/glsl.h"
#include "program/nvrtc/cuda_match.h"
#include "program/nvrtc/cuda_options.h"
#include "program/nvrtc/nvrtc.h"
#include "program/program_hash.h"
#include "program/spirv/reflect.h"
#include "program/spirv/shader_link.h"
#include "program/spirv/spirv_check.h"
#include "program/spirv/spirv_memory.h"
#include "program/spirv/usage.h"
#include "program/webgl/webgl.h"

namespace switchyard {
namespace {

// Counts what this code changes in its results: the options, the translation of WebGL, the reading of parameters.
constexpr uint32_t kRevision = 5;
constexpr uint32_t kDefaultArch = 75;
constexpr size_t kMaxNameBytes = 256;
constexpr uint64_t kMaxSharedBytes = 256 << 10;  // no device has more
// software drivers' compilers take a time that grows with its square: 10 s here
constexpr uint64_t kMaxArrayBytes = 16 << 10;
// of an invocation, of which software drivers have several on a thread's stack
constexpr uint64_t kMaxArraysBytes = 64 << 10;

uint32_t archOf(const KernelSource& source) { return source.cudaArch == 0 ? kDefaultArch : source.cudaArch; }

ProgramHasher startHash(const char* kind, const std::string& name) {
  static const std::string versions = glslCompilerVersion() + ", " + spirvToolsVersion();
  ProgramHasher hasher;
  hasher.text("switchyard program");
  hasher.number(kRevision);
  hasher.text(versions);
  hasher.text(kind);
  hasher.text(name);
  return hasher;
}

void checkName(const std::string& name, const char* what) {
  const std::string of = std::string("the name of a ") + what;
  if (name.empty()) throw Error(Code::InvalidArgument, of + " must not be empty");
  if (name.size() > kMaxNameBytes)
    throw Error(Code::InvalidArgument,
                of + " has " + std::to_string(name.size()) + " bytes; it may have " + std::to_string(kMaxNameBytes));
  if (name.find('\0') != std::string::npos) throw Error(Code::InvalidArgument, of + " must not hold a NUL character");
}

void checkText(const std::string& who, const char* which, const std::string& source) {
  const std::string of = std::string("the ") + which + " source of " + who;
  if (source.empty()) throw Error(Code::InvalidArgument, of + " is empty");
  if (source.size() > kMaxSourceBytes)
    throw Error(Code::InvalidArgument, of + " has " + std::to_string(source.size()) + " bytes; it may have " +
                                           std::to_string(kMaxSourceBytes));
  if (source.find('\0') != std::string::npos) throw Error(Code::InvalidArgument, of + " must not hold a NUL character");
}

// One stage: its code as it is kept, and what it says of itself.
struct BuiltStage {
  std::vector<uint32_t> words;
  std::string entry;
  uint32_t sharedBytes = 0;
  ProgramNeeds needs;
  StageReflection reflection;
};

// Counts in the words as they are kept: what the optimiser has removed costs nothing.
uint32_t checkVariables(const std::string& who, std::span<const uint32_t> words) {
  const VariableBytes bytes = variableBytes(words);
  const auto refuse = [&](const char* which, uint64_t has, uint64_t most, const char* each) {
    throw Error(Code::Compile, who + ": its " + which + " take " + std::to_string(has) + " bytes for each " + each +
                                   "; they may take " + std::to_string(most) + ": put what is larger into a buffer");
  };
  if (bytes.group > kMaxSharedBytes) refuse("shared variables", bytes.group, kMaxSharedBytes, "group");
  if (bytes.largestArray > kMaxArrayBytes)
    throw Error(Code::Compile, who + ": one of its arrays takes " + std::to_string(bytes.largestArray) +
                                   " bytes for each invocation; it may take " + std::to_string(kMaxArrayBytes) +
                                   ": put what is larger into a buffer");
  if (bytes.arrays > kMaxArraysBytes)
    refuse("arrays, in each function as often as it is called,", bytes.arrays, kMaxArraysBytes, "invocation");
  return static_cast<uint32_t>(bytes.group);
}

BuiltStage readSpirv(const std::string& who, Stage stage, std::span<const uint32_t> words,
                     std::span<const std::string> bindingNames) {
  validateSpirv(who, words);
  BuiltStage built;
  built.needs = checkCapabilities(who, stage, words);
  built.entry = entryOf(who, stage, words);
  built.words = freezeConstants(who, words);
  built.reflection = reflectStage(who, stage, built.entry, built.words, bindingNames);
  return built;
}

BuiltStage buildGlsl(const std::string& name, Stage stage, const std::string& source,
                     const std::string* webgl = nullptr) {
  const std::string who = describeStage(name, stage);
  BuiltStage built = readSpirv(who, stage, compileGlsl(name, stage, source, webgl), {});
  built.words = optimizeSpirv(who, built.words);
  validateSpirv(who, built.words);
  built.sharedBytes = checkVariables(who, built.words);
  return built;
}

// Of `bindings` beside GLSL, which has names itself: they must be names of it.
void checkNames(const std::string& who, const std::vector<std::string>& names, const StageReflection& reflection) {
  for (const std::string& name : names) {
    const auto isIt = [&](const auto& item) { return item.name == name; };
    const auto& buffers = reflection.bindings;
    const auto& params = reflection.block.params;
    if (std::any_of(buffers.begin(), buffers.end(), isIt) || std::any_of(params.begin(), params.end(), isIt)) continue;
    std::string known;
    for (const ProgramBinding& binding : buffers) known += (known.empty() ? "" : ", ") + binding.name;
    for (const ProgramParam& param : params) known += (known.empty() ? "" : ", ") + param.name;
    throw Error(Code::InvalidArgument, "`bindings` of " + who + " names \"" + name +
                                           "\", which its GLSL does not have; it has " +
                                           (known.empty() ? "none" : known));
  }
}

void buildCompute(const KernelSource& source, ProgramModule& module) {
  const std::string who = describeStage(source.name, Stage::Compute);
  const bool ownNames = source.spirv && !source.cuda;
  BuiltStage built = source.glsl ? buildGlsl(source.name, Stage::Compute, *source.glsl)
                                 : readSpirv(who, Stage::Compute, *source.spirv,
                                             ownNames ? source.bindings : std::vector<std::string>{});
  if (source.spirv) {
    built.sharedBytes = checkVariables(who, built.words);
    built.words = *source.spirv;
  }
  if (source.glsl) checkNames(who, source.bindings, built.reflection);
  module.compute = std::move(built.words);
  module.entry = std::move(built.entry);
  ProgramInfo& info = module.info;
  info.needs = built.needs;
  info.bindings = std::move(built.reflection.bindings);
  info.groupSize = built.reflection.groupSize;
  info.sharedBytes = built.sharedBytes;
  info.params = std::move(built.reflection.block.params);
  info.paramBytes = built.reflection.block.bytes;
  info.paramsAreUniform = built.reflection.block.isUniform;
  info.paramBinding = built.reflection.block.binding;
}

// Brings both sources to Vulkan's GLSL. True if they were WebGL's.
bool translate(const ShaderSource& source, std::string& vertex, std::string& fragment) {
  const ShaderDialect dialect = dialectOf(source.vertex), other = dialectOf(source.fragment);
  if (dialect == ShaderDialect::Wgsl || other == ShaderDialect::Wgsl)
    throw Error(Code::Unsupported, "shader \"" + source.name +
                                       "\" is written in WGSL, which is not compiled here; write Vulkan GLSL (#version "
                                       "450) or WebGL's GLSL ES 1.00 or 3.00");
  if (dialect != other)
    throw Error(Code::Compile, "shader \"" + source.name +
                                   "\": its two stages are of different versions of GLSL; write both for Vulkan "
                                   "(#version 450), or both for WebGL 1, or both for WebGL 2 (#version 300 es)");
  if (dialect == ShaderDialect::Vulkan) {
    vertex = source.vertex;
    fragment = source.fragment;
    return false;
  }
  TranslatedShader translated = translateWebgl(source.vertex, source.fragment);
  vertex = std::move(translated.vertex);
  fragment = std::move(translated.fragment);
  return true;
}

void giveWebglNames(StageReflection& stage) {
  for (ProgramBinding& binding : stage.bindings) binding.name = webglName(binding.name);
  for (ProgramParam& param : stage.block.params) param.name = webglName(param.name);
  for (ProgramAttribute& attribute : stage.attributes) attribute.name = webglName(attribute.name);
  for (auto* names : {&stage.unused.attributes, &stage.unused.buffers, &stage.unused.uniforms})
    for (std::string& name : *names) name = webglName(name);
}

}  // namespace

void checkSource(const KernelSource& source) {
  checkName(source.name, "kernel");
  const std::string who = "kernel \"" + source.name + "\"";
  if (source.glsl && source.spirv)
    throw Error(Code::InvalidArgument, who + " has both `glsl` and `spirv`; give one of them");
  if (!source.glsl && !source.spirv && !source.cuda)
    throw Error(Code::InvalidArgument, who + " has no source: give `glsl`, `spirv` or `cuda`");
  if (source.glsl) checkText(who, "GLSL", *source.glsl);
  if (source.cuda) checkText(who, "CUDA", *source.cuda);
  if (source.spirv && (source.spirv->empty() || source.spirv->size() > kMaxSourceBytes / sizeof(uint32_t)))
    throw Error(Code::InvalidArgument, "the SPIR-V of " + who + " has " +
                                           std::to_string(source.spirv->size() * sizeof(uint32_t)) +
                                           " bytes; it must have between 4 and " + std::to_string(kMaxSourceBytes));
  if (source.cuda && source.bindings.empty())
    throw Error(Code::InvalidArgument,
                who + " has a CUDA source, so `bindings` must name the kernel's parameters in their order");
  if (source.cuda && (archOf(source) < 50 || archOf(source) > 999))
    throw Error(Code::InvalidArgument, "the compute capability " + std::to_string(source.cudaArch) + " of " + who +
                                           " is none; 7.5 is written 75");
  if (!source.cuda && (!source.cudaOptions.empty() || source.sharedBytes != 0 || source.cudaOwnFeatures))
    throw Error(Code::InvalidArgument,
                who + " has options for CUDA, and no CUDA source: they say nothing about its other source");
  checkCudaOptions(who, source.cudaOptions);
  if (source.sharedBytes > kMaxSharedBytes)
    throw Error(Code::InvalidArgument,
                "`sharedBytes` of " + who + " is " + std::to_string(source.sharedBytes) + "; it may be " +
                    std::to_string(kMaxSharedBytes) + " at most, and no card has more",
                {.argument = "sharedBytes"});
  for (size_t i = 0; i < source.bindings.size(); ++i) {
    checkName(source.bindings[i], "binding");
    if (std::find(source.bindings.begin(), source.bindings.begin() + static_cast<ptrdiff_t>(i), source.bindings[i]) !=
        source.bindings.begin() + static_cast<ptrdiff_t>(i))
      throw Error(Code::InvalidArgument, "`bindings` of " + who + " names \"" + source.bindings[i] + "\" twice");
  }
}

void checkSource(const ShaderSource& source) {
  checkName(source.name, "shader");
  const std::string who = "shader \"" + source.name + "\"";
  checkText(who, "vertex", source.vertex);
  checkText(who, "fragment", source.fragment);
}

ProgramId programId(const KernelSource& source) {
  ProgramHasher hasher = startHash("kernel", source.name);
  hasher.number(source.glsl ? 1 : 0);
  if (source.glsl) hasher.text(*source.glsl);
  hasher.number(source.spirv ? 1 : 0);
  if (source.spirv) hasher.bytes(source.spirv->data(), source.spirv->size() * sizeof(uint32_t));
  hasher.number(source.cuda ? 1 : 0);
  if (source.cuda) {
    hasher.text(*source.cuda);
    hasher.text(nvrtcVersion());
    hasher.text(headersVersion(*source.cuda));
    hasher.number(archOf(source));
    hasher.number(source.cudaOptions.size());
    for (const std::string& option : source.cudaOptions) hasher.text(option);
    hasher.number(source.sharedBytes);
    hasher.number(source.cudaOwnFeatures ? 1 : 0);
  }
  hasher.number(source.bindings.size());
  for (const std::string& name : source.bindings) hasher.text(name);
  return hasher.finish();
}

ProgramId programId(const ShaderSource& source) {
  ProgramHasher hasher = startHash("shader", source.name);
  hasher.text(source.vertex);
  hasher.text(source.fragment);
  return hasher.finish();
}

std::shared_ptr<ProgramModule> compileKernel(const KernelSource& source) {
  checkSource(source);
  auto module = std::make_shared<ProgramModule>();
  module->id = programId(source);
  module->info.kind = ProgramKind::Kernel;
  module->info.name = source.name;
  if (source.glsl || source.spirv) onBigStack([&] { buildCompute(source, *module); });
  if (source.cuda && (!nvrtcVersion().empty() || !module->forVulkan())) {
    matchCuda(compileCuda({source.name, *source.cuda, source.bindings, source.cudaOptions, archOf(source),
                           source.cudaOwnFeatures}),
              source.bindings, archOf(source), *module);
    module->cuda.sharedBytes = source.sharedBytes;
  }
  return module;
}

std::shared_ptr<ProgramModule> compileShader(const ShaderSource& source) {
  checkSource(source);
  auto module = std::make_shared<ProgramModule>();
  onBigStack([&] {
    std::string vertexText, fragmentText;
    const bool isWebgl = translate(source, vertexText, fragmentText);
    BuiltStage vertex = buildGlsl(source.name, Stage::Vertex, vertexText, isWebgl ? &source.vertex : nullptr);
    BuiltStage fragment = buildGlsl(source.name, Stage::Fragment, fragmentText, isWebgl ? &source.fragment : nullptr);
    if (isWebgl)
      for (StageReflection* stage : {&vertex.reflection, &fragment.reflection}) giveWebglNames(*stage);
    module->info = linkStages(source.name, vertex.reflection, fragment.reflection);
    const std::string who = describeStage(source.name, Stage::Vertex);
    vertex.words = dropUnreadOutputs(who, vertex.words, fragment.words);
    validateSpirv(who, vertex.words);
    noteUnused(module->info, useOf(vertex.words), useOf(fragment.words));
    std::erase(module->info.unused.uniforms, kWebglViewport);  // the engine gives it, nobody else
    module->info.flipY = isWebgl;
    module->info.needs = vertex.needs | fragment.needs;
    module->vertex = std::move(vertex.words);
    module->fragment = std::move(fragment.words);
  });
  module->id = programId(source);
  return module;
}

}  // namespace switchyard
