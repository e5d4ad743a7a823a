// A look over GLSL before the compiler gets it: what it would take badly is refused with a reason.
#pragma once
#include <string>

namespace switchyard {

// Throws Error(Compile), with line and column, for a source without `#version 430` or later, with #include, or nested
// so deep, or with macros that grow so large, that the compiler would need more stack or memory than a kernel is worth.
// `who` is for messages.
void checkGlsl(const std::string& who, const std::string& source);

}  // namespace switchyard
