// GLSL ES as tokens, and its preprocessor.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace switchyard {

struct GlslToken {
  enum class Kind : uint8_t { Name, Number, Operator, Other };  // Other: a character that GLSL has no use for
  Kind kind = Kind::Other;
  bool firstOnLine = false;  // of a line as the preprocessor counts them
  bool painted = false;      // a name that is its own macro's expansion: no macro any more
  bool joined = false;       // nothing stands between it and the token before: `#define f(x)` is not `#define f (x)`
  uint32_t line = 0, column = 0;  // from 1
  std::string text;
  bool is(const char* other) const { return text == other; }
  bool isName() const { return kind == Kind::Name; }
};
using GlslTokens = std::vector<GlslToken>;

// Comments are left out, lines that end in a backslash joined. Throws only when memory runs out.
GlslTokens glslTokens(const std::string& source);

// Where a message belongs, in the words of a person: "vertex shader, line 3: ..." as Error(Compile).
struct GlslStage {
  const char* name = "shader";  // "vertex shader"
  [[noreturn]] void fail(const GlslToken& at, const std::string& problem) const;
  [[noreturn]] void fail(uint32_t line, uint32_t column, const std::string& problem) const;
};

// The source with its directives carried out and its macros expanded. A token of a macro's expansion stands where the
// macro was used. Our own and not a compiler's: what is left has exact lines and columns, holds no macro that hides
// a declaration from the translation, and nothing of a compiler's extensions or predefined names gets in. `#version`,
// `#pragma` and `#line` are dropped.
GlslTokens preprocessGlsl(const std::string& source, const GlslStage& stage, int version);

// An integer constant expression, such as an array's size or an `#if`; names are asked of `valueOf`. Nothing, when it
// is none.
using NameValue = std::function<std::optional<int64_t>(const std::string& name)>;
std::optional<int64_t> constantOf(std::span<const GlslToken> tokens, const NameValue& valueOf);

}  // namespace switchyard
