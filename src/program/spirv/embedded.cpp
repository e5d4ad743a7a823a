#include "program/spirv/embedded.h"

#include "program/program_hash.h"
#include "program/spirv/reflect.h"
#include "program/spirv/shader_link.h"
#include "program/spirv/spirv_check.h"
#include "program/spirv/spirv_memory.h"

namespace switchyard {
namespace {

// Such an id is never asked for on a disk or in another process: the build's words are all that decides.
ProgramHasher startHash(const std::string& name) {
  ProgramHasher hasher;
  hasher.text("switchyard embedded program");
  hasher.text(name);
  return hasher;
}

}  // namespace

std::shared_ptr<ProgramModule> embeddedShader(const char* name, std::span<const uint32_t> vertex,
                                              std::span<const uint32_t> fragment) {
  auto module = std::make_shared<ProgramModule>();
  module->vertex.assign(vertex.begin(), vertex.end());
  module->fragment.assign(fragment.begin(), fragment.end());
  const auto reflect = [&](Stage stage, std::span<const uint32_t> words) {
    return reflectStage(describeStage(name, stage), stage, "main", words);
  };
  module->info = linkStages(name, reflect(Stage::Vertex, vertex), reflect(Stage::Fragment, fragment));
  module->info.needs = checkCapabilities(describeStage(name, Stage::Vertex), Stage::Vertex, vertex) |
                       checkCapabilities(describeStage(name, Stage::Fragment), Stage::Fragment, fragment);
  ProgramHasher hasher = startHash(name);
  hasher.bytes(vertex.data(), vertex.size_bytes());
  hasher.bytes(fragment.data(), fragment.size_bytes());
  module->id = hasher.finish();
  return module;
}

std::shared_ptr<ProgramModule> embeddedKernel(const char* name, std::span<const uint32_t> compute) {
  auto module = std::make_shared<ProgramModule>();
  const std::string who = describeStage(name, Stage::Compute);
  StageReflection reflection = reflectStage(who, Stage::Compute, "main", compute);
  module->compute.assign(compute.begin(), compute.end());
  ProgramInfo& info = module->info;
  info.name = name;
  info.needs = checkCapabilities(who, Stage::Compute, compute);
  info.bindings = std::move(reflection.bindings);
  info.groupSize = reflection.groupSize;
  info.sharedBytes = static_cast<uint32_t>(variableBytes(compute).group);
  info.params = std::move(reflection.block.params);
  info.paramBytes = reflection.block.bytes;
  ProgramHasher hasher = startHash(name);
  hasher.bytes(compute.data(), compute.size_bytes());
  module->id = hasher.finish();
  return module;
}

}  // namespace switchyard
