// One stage of a WebGL program: its declarations taken out of its tokens.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "program/glsl/glsl_tokens.h"

namespace switchyard {

// What GLSL 450 for Vulkan calls a name of GLSL ES 1.00 (version 100) or 3.00 (300): itself, another built-in name, or,
// for a name that only a user can have given and that is taken there, the name with kTakenPrefix.
std::string vulkanName(const std::string& name, int version);
constexpr const char* kTakenPrefix = "sy_as_";

// Locations that a plain type takes, one a column; 0: it is no plain type that can be an interface's.
uint32_t locationsOf(const std::string& type);

struct WebglVariable {
  std::string type, name;  // as the source has them
  bool isArray = false;
  int64_t elements = 0;    // of an array
  std::string qualifiers;  // of interpolation and invariance, each with a space after it
  int64_t location = -1;   // asked for, then given
  GlslToken at;
  size_t token = 0;  // index of the token whose text its declaration goes to
};

struct WebglStruct {
  std::string name;
  std::vector<WebglVariable> members;
  size_t first = 0, last = 0;  // its tokens, from `struct` to `}`; both 0: it was made for a uniform block
  bool alone = false;          // a declaration of its own, without variables
  int64_t parts = 0;           // plain members, those of structs within it included
  int depth = 0;               // of structs in structs
};

struct WebglStage {
  GlslStage where;
  int version = 100;
  bool isVertex = true;
  GlslTokens tokens;  // what is left: a token with an empty text is gone
  std::vector<WebglVariable> uniforms, samplers, inputs, outputs;
  std::vector<WebglStruct> structs;  // in the order they are declared
  std::map<std::string, size_t> structIndex;
  std::map<std::string, uint32_t> uses;  // how often a name occurs, declarations included
  const WebglStruct* structOf(const std::string& type) const;
  bool mentions(const std::string& name) const { return uses.contains(name); }
};

// Preprocesses and takes apart; the tokens are still in GLSL ES's words. Throws Error(Compile).
WebglStage readWebglStage(const std::string& source, bool isVertex, int version);

}  // namespace switchyard
