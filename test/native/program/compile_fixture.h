// What the tests of the compiler have in common: sources to modules, and the errors that must come.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <spirv-tools/libspirv.hpp>
#include <string>
#include <vector>

#include "error.h"
#include "program/compile/compiler.h"

namespace switchyard::test {

using Element = ProgramBinding::Element;
using Scalar = ProgramParam::Scalar;
using Size = std::array<uint32_t, 3>;

inline std::shared_ptr<ProgramModule> kernel(const std::string& body, const std::string& name = "tested") {
  return compileKernel({.name = name, .glsl = "#version 450\n" + body});
}

// The error of `work`, which must throw one.
struct Failure {
  Code code = Code::Internal;
  std::string text = "nothing was thrown", log;
  uint32_t line = 0, column = 0;
};
inline Failure failureOf(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return {error.code, error.what(), error.details.log, error.details.line, error.details.column};
  }
  return {};
}
inline Failure kernelFailure(const std::string& body) {
  return failureOf([&] { kernel(body); });
}

inline void expectRefused(const Failure& failure, const std::string& part, Code code = Code::Compile) {
  EXPECT_EQ(failure.code, code) << failure.text;
  EXPECT_NE(failure.text.find(part), std::string::npos) << failure.text;
}

inline void expectValid(const std::vector<uint32_t>& words) {
  spvtools::SpirvTools tools(SPV_ENV_VULKAN_1_2);
  EXPECT_TRUE(tools.Validate(words));
}

inline std::vector<uint32_t> assemble(const std::string& text) {
  std::vector<uint32_t> words;
  EXPECT_TRUE(spvtools::SpirvTools(SPV_ENV_VULKAN_1_2).Assemble(text, &words));
  return words;
}

// A kernel that does nothing, as SPIR-V in text, whose entry point is called blur.
inline std::string emptyKernel(const std::string& size) {
  return "OpCapability Shader\nOpMemoryModel Logical GLSL450\nOpEntryPoint GLCompute %main \"blur\"\nOpExecutionMode "
         "%main LocalSize " +
         size +
         "\n%void = OpTypeVoid\n%fn = OpTypeFunction %void\n%main = OpFunction %void None %fn\n%l = "
         "OpLabel\nOpReturn\nOpFunctionEnd\n";
}

}  // namespace switchyard::test
