// No preprocessor: every place that could be an include is looked at, in comments and texts, too, so that nothing that
// hides one from a reader of comments and texts hides it here.
#include "program/nvrtc/cuda_includes.h"

#include <algorithm>
#include <string_view>

#include "error.h"

namespace switchyard {
namespace {

bool isSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool isWord(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// Lines that end with a backslash are joined with the next, as every compiler begins; the line's ends come behind, so
// that lines can be counted.
std::string joined(std::string_view source) {
  std::string text;
  size_t owed = 0;
  for (size_t i = 0; i < source.size(); ++i) {
    const bool isTrigraph = source.substr(i, 3) == "?\?/";
    if (source[i] == '\\' || isTrigraph) {
      size_t end = isTrigraph ? i + 3 : i + 1;
      while (end < source.size() && isSpace(source[end]) && source[end] != '\n') ++end;
      if (end < source.size() && source[end] == '\n') {
        ++owed;
        i = end;
        continue;
      }
    }
    text += source[i];
    if (source[i] == '\n') text.append(owed, '\n'), owed = 0;
  }
  return text;
}

std::string_view skipSpace(std::string_view text) {
  for (;;) {
    while (!text.empty() && isSpace(text[0]) && text[0] != '\n') text.remove_prefix(1);
    if (!text.starts_with("/*")) return text;
    const size_t end = text.find("*/", 2);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  }
}

// What stands before the word is a directive's mark, or a comment, behind which there may be one.
bool mayBeDirective(std::string_view before) {
  while (!before.empty() && isSpace(before.back()) && before.back() != '\n') before.remove_suffix(1);
  return before.ends_with('#') || before.ends_with("%:") || before.ends_with("?\?=") || before.ends_with("*/");
}

bool leavesFolder(std::string_view path) {
  while (!path.empty() && isSpace(path[0])) path.remove_prefix(1);
  if (path.starts_with('/')) return true;
  for (size_t at = path.find(".."); at != std::string_view::npos; at = path.find("..", at + 1)) {
    const bool begins = at == 0 || path[at - 1] == '/';
    const bool ends = at + 2 >= path.size() || path[at + 2] == '/' || isSpace(path[at + 2]);
    if (begins && ends) return true;
  }
  return false;
}

}  // namespace

void checkCudaIncludes(const std::string& who, const std::string& source) {
  const std::string whole = joined(source);
  const std::string_view text = whole;
  const auto refuse = [&](size_t at, const std::string& what) {
    const auto line =
        static_cast<uint32_t>(1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n'));
    throw Error(
        Code::Compile,
        who + ", line " + std::to_string(line) + " of its CUDA source: " + what +
            "; only the toolkit's headers may be included, by their own names: put what else is needed into the "
            "source",
        {.line = line});
  };
  for (const std::string_view word : {"include", "include_next", "import", "embed", "__has_include"})
    for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
      const size_t end = at + word.size();
      if ((at > 0 && isWord(text[at - 1])) || (end < text.size() && isWord(text[end]))) continue;
      std::string_view rest = skipSpace(text.substr(end));
      const bool isAsked = word == "__has_include";
      if (isAsked && rest.starts_with('(')) rest = skipSpace(rest.substr(1));
      if (rest.starts_with('"') || rest.starts_with('<')) {
        const size_t close = rest.find_first_of(rest[0] == '<' ? ">\n" : "\"\n", 1);
        const std::string_view path = rest.substr(1, close == std::string_view::npos ? close : close - 1);
        if (leavesFolder(path)) refuse(at, "the path " + std::string(path.substr(0, 100)) + " leads to another file");
      } else if (!isAsked && !rest.empty() && isWord(rest[0]) && mayBeDirective(text.substr(0, at))) {
        refuse(at, "what it includes is named by a macro");
      }
    }
}

}  // namespace switchyard
