// The one exception type of the core: a code that is part of the public interface, and a sentence for a person.
#pragma once
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

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

// What an error says beside its code and its sentence, where it is known; lib/core/errors.js has the same.
struct ErrorDetails {
  std::string log;                // a compiler's output, for Code::Compile
  uint32_t line = 0, column = 0;  // where it points to, from 1; 0: nowhere
  std::string argument;           // which part of the call was wrong: "inputs.a", "params.k"
};

class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& text, ErrorDetails details = {})
      : std::runtime_error(text), code(code), details(std::move(details)) {}
  const Code code;
  const ErrorDetails details;
};

// Whatever was thrown, as one of ours: memory that the system has not is OutOfMemory, all else a defect.
Error asError(const std::exception_ptr& thrown);

}  // namespace switchyard
