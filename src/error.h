// The one exception type of the core: a code that is part of the public interface, and a sentence for a person.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>

namespace switchyard {

enum class Code : int {
#define CODE(identifier, name, text, httpStatus, retry, rpcCode) identifier,
#include "errors.def"
#undef CODE
};

// What is said of a code everywhere: errors.def has a row for each.
struct CodeInfo {
  const char* name;  // "ERR_INVALID_ARGUMENT" and so on: the strings of the public interface
  const char* text;
  int httpStatus;
  bool retry;  // the same call may end well when it is made again
  int rpcCode;
};
constexpr CodeInfo kCodes[] = {
#define CODE(identifier, name, text, httpStatus, retry, rpcCode) {name, text, httpStatus, retry, rpcCode},
#include "errors.def"
#undef CODE
};
constexpr const char* codeName(Code code) noexcept { return kCodes[static_cast<int>(code)].name; }

class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& text, std::string log = {}, uint32_t line = 0, uint32_t column = 0)
      : std::runtime_error(text), code(code), log(std::move(log)), line(line), column(column) {}
  const Code code;
  const std::string log;        // a compiler's output, for Code::Compile
  const uint32_t line, column;  // where it points to, from 1; 0: nowhere
};

}  // namespace switchyard
