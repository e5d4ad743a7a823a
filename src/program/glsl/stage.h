// The stages of a program, and how messages and compilers' logs call them.
#pragma once
#include <cstdint>
#include <string>

namespace switchyard {

enum class Stage : uint8_t { Compute, Vertex, Fragment };

// How messages call a stage of a program: `kernel "blur"`, `the vertex stage of shader "glow"`.
std::string describeStage(const std::string& name, Stage stage);

// What stands for a source in a compiler's log: the name without what logs are cut at.
std::string logNameOf(const std::string& name);

}  // namespace switchyard
