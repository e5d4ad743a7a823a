#include "program/nvrtc/cuda_options.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "error.h"

namespace switchyard {
namespace {

constexpr size_t kMaxOptions = 64, kMaxBytes = 1024;

enum class Value { None, Flag, Standard, Registers, Number, Macro, Name };
struct Option {
  std::string_view name, alias;  // the alias: another spelling; empty: none
  Value value;
};
constexpr Option kOptions[] = {
    {"--define-macro", "-D", Value::Macro},
    {"--undefine-macro", "-U", Value::Name},
    {"--std", "-std", Value::Standard},
    {"--use_fast_math", "-use_fast_math", Value::None},
    {"--ftz", "-ftz", Value::Flag},
    {"--prec-sqrt", "-prec-sqrt", Value::Flag},
    {"--prec-div", "-prec-div", Value::Flag},
    {"--fmad", "-fmad", Value::Flag},
    {"--extra-device-vectorization", "-extra-device-vectorization", Value::None},
    {"--restrict", "-restrict", Value::None},
    {"--maxrregcount", "-maxrregcount", Value::Registers},
    {"--device-int128", "-device-int128", Value::None},
    {"--generate-line-info", "-lineinfo", Value::None},
    {"--disable-warnings", "-w", Value::None},
    {"--diag-suppress", "-diag-suppress", Value::Number},
};

// What people try, and what there is instead.
struct Refused {
  std::string_view start, why;
};
constexpr Refused kRefused[] = {
    {"--gpu-architecture",
     "it is compiled for the cards that are here; cudaFeatures: 'architecture' adds what only they have"},
    {"-arch", "it is compiled for the cards that are here; cudaFeatures: 'architecture' adds what only they have"},
    {"--include-path",
     "the toolkit's headers are found without, and other files are not read: put them into the source"},
    {"-I", "the toolkit's headers are found without, and other files are not read: put them into the source"},
    {"--pre-include", "other files are not read: put them into the source"},
    {"-include", "other files are not read: put them into the source"},
    {"--relocatable-device-code", "a kernel is one source, which is not linked with others"},
    {"-rdc", "a kernel is one source, which is not linked with others"},
    {"--device-c", "a kernel is one source, which is not linked with others"},
    {"-dc", "a kernel is one source, which is not linked with others"},
};

bool isName(std::string_view text) {
  const auto isLetter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && isLetter(text[0]) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return isLetter(c) || (c >= '0' && c <= '9'); });
}

bool isNumber(std::string_view text, int least, int most) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= least && number <= most;
}

// What the value has to be; empty: it is that.
std::string wanted(Value kind, std::string_view value) {
  switch (kind) {
    case Value::None: return {};
    case Value::Flag: return value == "true" || value == "false" ? "" : "true or false";
    case Value::Standard:
      return value == "c++14" || value == "c++17" || value == "c++20" ? "" : "c++14, c++17 or c++20";
    case Value::Registers: return isNumber(value, 16, 255) ? "" : "a number of registers from 16 to 255";
    case Value::Number: return isNumber(value, 1, 1 << 20) ? "" : "the number of a warning";
    case Value::Macro: return isName(value.substr(0, value.find('='))) ? "" : "a name, or a name and =value";
    case Value::Name: return isName(value) ? "" : "a name";
  }
  return "known";
}

// The option's value, where the text is that option: "--ftz=true", "-DNAME=1". Others that only begin alike are none.
bool matches(std::string_view text, const Option& option, std::string_view& value) {
  for (const std::string_view name : {option.name, option.alias}) {
    if (!text.starts_with(name)) continue;
    std::string_view rest = text.substr(name.size());
    if (option.value == Value::None) {
      if (!rest.empty()) continue;
    } else if (rest.starts_with('=') && name.size() > 2) {
      rest.remove_prefix(1);
    } else if (name.size() > 2) {  // -DNAME: one letter takes its value as it comes
      continue;
    }
    value = rest;
    return true;
  }
  return false;
}

std::string allNames() {
  std::string names;
  for (const Option& option : kOptions) names += (names.empty() ? "" : ", ") + std::string(option.name);
  return names;
}

// Why it may not be given; empty: it may.
std::string faultOf(std::string_view text) {
  if (text.size() > kMaxBytes) return "which is longer than " + std::to_string(kMaxBytes) + " bytes";
  if (text.find_first_of(std::string_view("\0\n\r", 3)) != std::string_view::npos)
    return "which holds a line's end or a NUL character";
  for (const Option& option : kOptions) {
    std::string_view value;
    if (!matches(text, option, value)) continue;
    const std::string should = wanted(option.value, value);
    return should.empty() ? should : "but the value of " + std::string(option.name) + " must be " + should;
  }
  for (const Refused& refused : kRefused)
    if (text.starts_with(refused.start)) return "which may not be given: " + std::string(refused.why);
  return "which may not be given; there are: " + allNames();
}

// As it goes into a message, which ends at a NUL character and is one line.
std::string shown(std::string text) {
  text = text.substr(0, 80);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, '?');
  return "\"" + text + "\"";
}

}  // namespace

void checkCudaOptions(const std::string& who, const std::vector<std::string>& options) {
  if (options.size() > kMaxOptions)
    throw Error(Code::InvalidArgument,
                "there are " + std::to_string(options.size()) + " `cudaOptions` of " + who + "; there may be " +
                    std::to_string(kMaxOptions),
                {.argument = "cudaOptions"});
  for (size_t i = 0; i < options.size(); ++i) {
    const std::string fault = faultOf(options[i]);
    if (fault.empty()) continue;
    const std::string argument = "cudaOptions[" + std::to_string(i) + "]";
    throw Error(Code::InvalidArgument, argument + " of " + who + " is " + shown(options[i]) + ", " + fault,
                {.argument = argument});
  }
}

bool chooseStandard(const std::vector<std::string>& options) {
  return std::any_of(options.begin(), options.end(), [](const std::string& option) {
    return option.starts_with("--std=") || option.starts_with("-std=");
  });
}

}  // namespace switchyard
