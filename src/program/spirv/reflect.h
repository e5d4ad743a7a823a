// What a stage's SPIR-V says of itself, by SPIRV-Cross. Words must have been validated, and keep their names.
#pragma once
#include <array>
#include <span>
#include <string>
#include <vector>

#include "program/glsl/stage.h"
#include "program/module.h"

namespace switchyard {

// The one block of plain values: push constants or a uniform buffer.
struct ParamBlock {
  bool present = false, isUniform = false;
  uint32_t binding = 0, bytes = 0;
  std::vector<ProgramParam> params;
};

// What a stage passes on or takes in at one location.
struct StageValue {
  std::string name;
  ProgramParam::Scalar scalar = ProgramParam::Scalar::Float;
  uint32_t location = 0, rows = 1;
  bool used = false;    // by the code of the stage
  bool isPlain = true;  // neither an array nor in a block; false: a part of one
};

struct StageReflection {
  std::vector<ProgramBinding> bindings;  // in the order of their numbers
  ParamBlock block;
  std::array<uint32_t, 3> groupSize = {1, 1, 1};
  std::vector<StageValue> inputs, outputs;   // Vertex, Fragment: in the order of their locations
  std::vector<ProgramAttribute> attributes;  // Vertex
  UnusedNames unused;                        // Vertex, Fragment: what no code of the stage names
};

// `bindingNames`, where there are any, name the buffers in the order of their numbers. Resources that no stage uses
// count for kernels, whose callers name all of them, and not for shaders. Throws Error(Compile) for what the runtime
// does not provide; `who` is for messages.
StageReflection reflectStage(const std::string& who, Stage stage, const std::string& entry,
                             std::span<const uint32_t> words, std::span<const std::string> bindingNames = {});

}  // namespace switchyard
