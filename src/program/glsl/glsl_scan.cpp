#include "program/glsl/glsl_scan.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string_view>
#include <vector>

#include "error.h"

namespace switchyard {
namespace {

constexpr size_t kMaxNesting = 256;  // of brackets
constexpr size_t kMaxStatementTokens =
    32'768;                         // between two of ; { }: an initialiser of thousands of numbers is well within
constexpr size_t kMaxElse = 2'048;  // a chain of them nests

struct Token {
  std::string_view text;
  uint32_t line = 1, column = 1;
  bool startsDirective = false;  // a # that begins its line
  uint32_t directive = 0;        // which directive it belongs to, from 1; 0: none
};

bool isWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Words, numbers and single characters, without comments and spaces. Lines joined by a backslash count as one for
// directives.
class Tokens {
 public:
  explicit Tokens(std::string_view source) : source_(source) {}

  bool next(Token& token) {
    skipSpace();
    if (at_ >= source_.size()) return false;
    token = {{}, line_, static_cast<uint32_t>(at_ - lineStart_ + 1)};
    const size_t begin = at_++;
    if (isWord(source_[begin]))
      while (at_ < source_.size() && isWord(source_[at_])) ++at_;
    token.text = source_.substr(begin, at_ - begin);
    token.startsDirective = atLineStart_ && token.text == "#";
    if (token.startsDirective) current_ = ++directives_;
    token.directive = current_;
    atLineStart_ = false;
    return true;
  }

 private:
  bool at(std::string_view text) const { return source_.substr(at_, text.size()) == text; }

  void newLine() {
    ++line_;
    lineStart_ = at_;
  }

  void skipSpace() {
    while (at_ < source_.size()) {
      if (at("//")) {
        while (at_ < source_.size() && source_[at_] != '\n') ++at_;
      } else if (at("/*")) {
        skipComment();
      } else if (at("\\\n") || at("\\\r\n")) {
        at_ += source_[at_ + 1] == '\n' ? 2 : 3;
        newLine();
      } else if (source_[at_] == '\n') {
        ++at_;
        newLine();
        atLineStart_ = true;
        current_ = 0;
      } else if (std::isspace(static_cast<unsigned char>(source_[at_]))) {
        ++at_;
      } else {
        return;
      }
    }
  }

  void skipComment() {
    at_ += 2;
    while (at_ < source_.size() && !at("*/"))
      if (source_[at_++] == '\n') newLine();
    at_ = std::min(at_ + 2, source_.size());
  }

  const std::string_view source_;
  size_t at_ = 0, lineStart_ = 0;
  uint32_t line_ = 1, directives_ = 0, current_ = 0;
  bool atLineStart_ = true;
};

[[noreturn]] void refuse(const std::string& who, const std::string& why, const Token& at) {
  throw Error(
      Code::Compile,
      who + " does not compile, line " + std::to_string(at.line) + ", column " + std::to_string(at.column) + ": " + why,
      {.line = at.line, .column = at.column});
}

// The first three tokens of a source must be `# version n`, and what follows in their line no other profile than core.
void checkVersion(const std::string& who, Tokens tokens) {
  const std::string wanted = "its first line must be `#version 450`";
  Token hash, word, number, profile;
  if (!tokens.next(hash))
    throw Error(Code::Compile, who + " is empty: a source begins with `#version 450` and has a function `void main()`");
  if (!hash.startsDirective || !tokens.next(word) || word.text != "version")
    refuse(who, "there is no #version; " + wanted, hash);
  if (!tokens.next(number) || number.directive != hash.directive)
    refuse(who, "#version has no number; " + wanted, hash);
  const bool isNumber =
      number.text.size() == 3 && number.text.find_first_not_of("0123456789") == std::string_view::npos;
  if (!isNumber || number.text < "430")
    refuse(who,
           "#version " + std::string(number.text.substr(0, 32)) +
               " is none that is compiled for Vulkan here (430, 440, 450 or 460); " + wanted,
           number);
  if (tokens.next(profile) && profile.directive == hash.directive && profile.text != "core")
    refuse(who, "the profile `" + std::string(profile.text.substr(0, 32)) + "` is not there for Vulkan; " + wanted,
           profile);
}

void checkTokens(const std::string& who, Tokens tokens) {
  Token token, last;
  size_t nesting = 0, statement = 0, elses = 0;
  while (tokens.next(token)) {
    if (last.startsDirective && token.directive == last.directive && token.text == "include")
      refuse(who, "#include is not supported; put the text of the file into the source", token);
    last = token;
    const char c = token.text.front();
    if (c == '(' || c == '[' || c == '{') ++nesting;
    if ((c == ')' || c == ']' || c == '}') && nesting > 0) --nesting;
    statement = c == ';' || c == '{' || c == '}' ? 0 : statement + 1;
    if (token.text == "else") ++elses;
    if (nesting > kMaxNesting) refuse(who, "brackets are nested deeper than " + std::to_string(kMaxNesting), token);
    if (statement > kMaxStatementTokens)
      refuse(who, "a statement is longer than " + std::to_string(kMaxStatementTokens) + " words and signs", token);
    if (elses > kMaxElse) refuse(who, "there are more than " + std::to_string(kMaxElse) + " uses of `else`", token);
  }
}

}  // namespace

void checkGlsl(const std::string& who, const std::string& source) {
  checkVersion(who, Tokens(source));
  checkTokens(who, Tokens(source));
}

}  // namespace switchyard
