#include "program/compile/glsl.h"

#include <glslang/Public/ShaderLang.h>
#include <shaderc/shaderc.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>

#include "error.h"
#include "program/glsl/glsl_scan.h"
#include "program/webgl/webgl.h"

namespace switchyard {
namespace {

// A handle of shaderc's C interface, released by its own function.
template <auto Release>
struct ReleaseWith {
  void operator()(auto* handle) const { Release(handle); }
};
using Options =
    std::unique_ptr<std::remove_pointer_t<shaderc_compile_options_t>, ReleaseWith<shaderc_compile_options_release>>;
using Result =
    std::unique_ptr<std::remove_pointer_t<shaderc_compilation_result_t>, ReleaseWith<shaderc_result_release>>;

shaderc_shader_kind kindOf(Stage stage) {
  switch (stage) {
    case Stage::Vertex: return shaderc_vertex_shader;
    case Stage::Fragment: return shaderc_fragment_shader;
    default: return shaderc_compute_shader;
  }
}

// The first error of a log: "file:12: error: 'foo' : undeclared identifier".
struct Finding {
  std::string message;
  uint32_t line = 0;
};

Finding firstError(const std::string& log) {
  constexpr std::string_view kMark = ": error: ";
  const size_t mark = log.find(kMark);
  if (mark == std::string::npos) return {log.substr(0, log.find('\n'))};
  Finding found;
  const size_t begin = mark + kMark.size();
  found.message = log.substr(begin, log.find('\n', begin) - begin);
  size_t digits = mark;
  while (digits > 0 && std::isdigit(static_cast<unsigned char>(log[digits - 1]))) --digits;
  if (digits > 0 && log[digits - 1] == ':') std::from_chars(log.data() + digits, log.data() + mark, found.line);
  return found;
}

// "'foo' : undeclared" is written "'foo': undeclared", and "'' :  syntax error" "syntax error".
std::string tidy(std::string message) {
  while (!message.empty() && std::isspace(static_cast<unsigned char>(message.back()))) message.pop_back();
  const size_t colon = message.find("' : ");
  if (colon == std::string::npos) return message;
  size_t rest = colon + 4;
  while (rest < message.size() && message[rest] == ' ') ++rest;
  const std::string what = message.substr(rest);
  return colon == 1 && message[0] == '\'' ? what : message.substr(0, colon + 1) + ": " + what;
}

std::string_view lineOf(std::string_view source, uint32_t line) {
  for (uint32_t at = 1; at < line; ++at) {
    const size_t end = source.find('\n');
    if (end == std::string_view::npos) return {};
    source.remove_prefix(end + 1);
  }
  return source.substr(0, source.find('\n'));
}

bool isWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Where the token that the message quotes stands in its line, from 1; 0 when it does not.
uint32_t columnOf(const std::string& message, std::string_view line) {
  const size_t open = message.find('\'');
  if (open == std::string::npos) return 0;
  const size_t close = message.find('\'', open + 1);
  if (close == std::string::npos || close == open + 1) return 0;
  const std::string_view token = std::string_view(message).substr(open + 1, close - open - 1);
  for (size_t at = line.find(token); at != std::string_view::npos; at = line.find(token, at + 1)) {
    const size_t end = at + token.size();
    const bool cutsLeft = isWord(token.front()) && at > 0 && isWord(line[at - 1]);
    const bool cutsRight = isWord(token.back()) && end < line.size() && isWord(line[end]);
    if (!cutsLeft && !cutsRight) return static_cast<uint32_t>(at + 1);
  }
  return 0;
}

[[noreturn]] void fail(const std::string& who, const std::string& source, std::string log) {
  if (log.find("Missing entry point") != std::string::npos)
    throw Error(Code::Compile, who + " has no entry point: it needs a function `void main()`", {.log = std::move(log)});
  Finding found = firstError(log);
  found.message = tidy(std::move(found.message));
  const uint32_t column = found.line == 0 ? 0 : columnOf(found.message, lineOf(source, found.line));
  std::string text = who + " does not compile";
  if (found.line != 0) text += ", line " + std::to_string(found.line);
  if (column != 0) text += ", column " + std::to_string(column);
  throw Error(Code::Compile, text + ": " + (found.message.empty() ? "the compiler gives no reason" : found.message),
              {.log = std::move(log), .line = found.line, .column = column});
}

// One for the process, never released: the parsed built-ins of GLSL live as long as one is there. It may be used by
// many threads.
shaderc_compiler_t sharedCompiler() {
  static const shaderc_compiler_t compiler = shaderc_compiler_initialize();
  if (!compiler) throw Error(Code::OutOfMemory, "the shader compiler could not be started");
  return compiler;
}

Options makeOptions() {
  Options options(shaderc_compile_options_initialize());
  if (!options) throw Error(Code::OutOfMemory, "the shader compiler could not be started");
  shaderc_compile_options_set_source_language(options.get(), shaderc_source_language_glsl);
  shaderc_compile_options_set_target_env(options.get(), shaderc_target_env_vulkan, shaderc_env_version_vulkan_1_2);
  shaderc_compile_options_set_target_spirv(options.get(), shaderc_spirv_version_1_5);
  // Optimised later, by optimizeSpirv(): the names must be read before.
  shaderc_compile_options_set_optimization_level(options.get(), shaderc_optimization_level_zero);
  return options;
}

}  // namespace

std::vector<uint32_t> compileGlsl(const std::string& name, Stage stage, const std::string& source,
                                  const std::string* webgl) {
  const std::string who = describeStage(name, stage);
  checkGlsl(who, source);
  const Options options = makeOptions();
  const Result result(shaderc_compile_into_spv(sharedCompiler(), source.data(), source.size(), kindOf(stage),
                                               logNameOf(name).c_str(), "main", options.get()));
  if (!result) throw Error(Code::OutOfMemory, "the shader compiler ran out of memory on " + who);
  const shaderc_compilation_status status = shaderc_result_get_compilation_status(result.get());
  const bool saysNothing = *shaderc_result_get_error_message(result.get()) == '\0';
  if (status == shaderc_compilation_status_internal_error && saysNothing)  // how it tells of what it caught
    throw Error(Code::OutOfMemory, "the shader compiler ran out of memory on " + who);
  if (status != shaderc_compilation_status_success)
    fail(who, webgl ? *webgl : source,
         webgl ? webglName(shaderc_result_get_error_message(result.get()))
               : shaderc_result_get_error_message(result.get()));
  std::vector<uint32_t> words(shaderc_result_get_length(result.get()) / sizeof(uint32_t));
  std::memcpy(words.data(), shaderc_result_get_bytes(result.get()), words.size() * sizeof(uint32_t));
  return words;
}

std::string glslCompilerVersion() {
  const glslang::Version version = glslang::GetVersion();
  unsigned spirv = 0, revision = 0;
  shaderc_get_spv_version(&spirv, &revision);
  return "glslang " + std::to_string(version.major) + "." + std::to_string(version.minor) + "." +
         std::to_string(version.patch) + " SPIR-V " + std::to_string(spirv) + "." + std::to_string(revision);
}

}  // namespace switchyard
