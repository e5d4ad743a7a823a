// Reads a call block (run.h): nothing in it is trusted.
#pragma once
#include <string>

#include "program/run/run.h"

namespace switchyard {

struct KernelCall {
  Extent threads{};
  std::vector<uint32_t> inputs;  // bindings, in the order of the job's inputs from 1 on
  struct Output {
    uint32_t binding = 0;
    TensorSpec spec;
  };
  std::vector<Output> outputs;
  std::span<const std::byte> params;
};
struct ShaderCall {
  uint32_t width = 0, height = 0, vertices = 0, instances = 1, samples = 1;
  Primitive primitive = Primitive::Triangles;
  Blend blend = Blend::Alpha;
  std::array<float, 4> background{};
  enum class Kind : uint8_t { Attribute = kAttributeInput, Buffer = kBufferInput, Image = kImageInput };
  struct Input {
    Kind kind;
    uint32_t index;
    bool nearest = false;  // of an image: the nearest texel instead of four mixed
  };
  std::vector<Input> inputs;
  std::span<const std::byte> params;
};

// Throw InvalidArgument. The spans point into the call's own input.
KernelCall readKernelCall(const ProgramWorkload& workload, const Call& call);
ShaderCall readShaderCall(const ProgramWorkload& workload, const Call& call);

}  // namespace switchyard
