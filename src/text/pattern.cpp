// The expressions of GPT-2 and its successors match everywhere, one match after the other: each is a function that says
// where the match that begins here ends.
#include "text/pattern.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "error.h"
#include "text/unicode.h"

namespace switchyard::text {
namespace {

class Literal final : public Pattern {
 public:
  explicit Literal(std::string literal) : literal_(std::move(literal)) {}
  bool find(std::string_view text, uint32_t from, Range& match) const override {
    const size_t at = literal_.empty() ? std::string_view::npos : text.find(literal_, from);
    if (at == std::string_view::npos) return false;
    match = {static_cast<uint32_t>(at), static_cast<uint32_t>(at + literal_.size())};
    return true;
  }

 private:
  const std::string literal_;
};

// A run of at least `least` and at most `most` characters of a kind, as long as it gets.
class CharRun final : public Pattern {
 public:
  CharRun(uint16_t flags, char32_t alone, uint32_t least, uint32_t most)
      : flags_(flags), alone_(alone), least_(least), most_(most) {}
  bool find(std::string_view text, uint32_t from, Range& match) const override {
    for (uint32_t at = from; at < text.size();) {
      if (!flags_) {  // one character, which is ASCII
        const size_t next = text.find(static_cast<char>(alone_), at);
        if (next == std::string_view::npos) return false;
        at = static_cast<uint32_t>(next);
      }
      uint32_t count = 0, end = at;
      while (end < text.size() && count < most_ && matches(decode(text.data() + end))) {
        end += bytesFrom(text[end]);
        ++count;
      }
      if (count >= least_) {
        match = {at, end};
        return true;
      }
      at = end == at ? at + bytesFrom(text[at]) : end;
    }
    return false;
  }

 private:
  bool matches(char32_t c) const { return flags_ ? has(c, flags_) : c == alone_; }
  const uint16_t flags_;
  const char32_t alone_;  // without flags
  const uint32_t least_, most_;
};

enum Kind : uint8_t { kOthers, kLetters, kNumbers, kSpaces };

Kind kindOf(uint16_t flags) {
  return flags & kLetter ? kLetters : flags & kNumber ? kNumbers : flags & kSpace ? kSpaces : kOthers;
}

constexpr size_t kAsciiChars = 128;

// A text read by kinds of characters.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  bool ends(uint32_t at) const { return at >= text_.size(); }
  char byte(uint32_t at) const { return text_[at]; }
  Kind kind(uint32_t at) const {
    static const std::array<Kind, kAsciiChars> kAscii = [] {
      std::array<Kind, kAsciiChars> kinds{};
      for (char32_t c = 0; c < kAsciiChars; ++c) kinds[c] = kindOf(flagsOf(c));
      return kinds;
    }();
    const char first = text_[at];
    return isAscii(first) ? kAscii[static_cast<unsigned char>(first)] : kindOf(flagsOf(decode(text_.data() + at)));
  }
  bool is(uint32_t at, Kind wanted) const { return !ends(at) && kind(at) == wanted; }
  uint32_t next(uint32_t at) const { return at + bytesFrom(text_[at]); }
  uint32_t run(uint32_t at, Kind wanted, uint32_t most = UINT32_MAX) const {
    for (uint32_t count = 0; count < most && is(at, wanted); ++count) at = next(at);
    return at;
  }
  bool isLineEnd(uint32_t at) const { return !ends(at) && (text_[at] == '\r' || text_[at] == '\n'); }
  // `\s+(?!\S)|\s+`: a space that something follows goes with that.
  uint32_t spaces(uint32_t at) const {
    const uint32_t end = run(at, kSpaces);
    if (ends(end)) return end;
    const auto last = static_cast<uint32_t>(before(text_.data() + end) - text_.data());
    return last > at ? last : end;
  }
  // 's 't 're 've 'm 'll 'd; 0 where none is here.
  uint32_t contraction(uint32_t at, bool anyCase) const {
    if (text_[at] != '\'' || ends(at + 1)) return 0;
    const std::string_view rest = text_.substr(at + 1, 2);
    const auto letter = [&](size_t i) -> char {
      if (i >= rest.size()) return 0;
      return anyCase && rest[i] >= 'A' && rest[i] <= 'Z' ? static_cast<char>(rest[i] + 32) : rest[i];
    };
    if (anyCase && rest == "\xc5\xbf") return at + 3;  // the long s is an s in any case
    const char first = letter(0), second = letter(1);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
    const bool two =
        (first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l');
    return two ? at + 3 : 0;
  }

 private:
  std::string_view text_;
};

uint32_t gpt2Match(const Scanner& text, uint32_t at) {
  if (const uint32_t end = text.contraction(at, false)) return end;
  const uint32_t word = text.byte(at) == ' ' ? at + 1 : at;
  if (!text.ends(word)) {
    const Kind kind = text.kind(word);
    if (kind != kSpaces) return text.run(word, kind);
  }
  return text.spaces(at);
}

template <uint32_t digits>
uint32_t gpt4Match(const Scanner& text, uint32_t at) {
  if (const uint32_t end = text.contraction(at, true)) return end;
  const Kind kind = text.kind(at);
  if (kind == kLetters) return text.run(at, kLetters);
  if (kind == kNumbers) return text.run(at, kNumbers, digits);
  const uint32_t next = text.next(at);
  if (!text.isLineEnd(at) && text.is(next, kLetters)) return text.run(next, kLetters);
  const uint32_t word = text.byte(at) == ' ' ? next : at;
  if (text.is(word, kOthers)) {
    uint32_t end = text.run(word, kOthers);
    while (text.isLineEnd(end)) ++end;
    return end;
  }
  uint32_t lines = 0;
  for (uint32_t i = at; text.is(i, kSpaces); i = text.next(i))
    if (text.isLineEnd(i)) lines = i + 1;
  return lines ? lines : text.spaces(at);
}

template <uint32_t (*matchAt)(const Scanner&, uint32_t)>
class Everywhere final : public Pattern {
 public:
  bool find(std::string_view text, uint32_t from, Range& match) const override {
    if (from >= text.size()) return false;
    match = {from, matchAt(Scanner(text), from)};
    return true;
  }
};

#define WORDS_OF_GPT4 R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)"
#define REST_OF_GPT4 R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"
constexpr const char* kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* kGpt4 = WORDS_OF_GPT4 R"(\p{N}{1,3})" REST_OF_GPT4;
constexpr const char* kQwen2 = WORDS_OF_GPT4 R"(\p{N})" REST_OF_GPT4;

}  // namespace

PatternPtr literalPattern(std::string literal) { return std::make_unique<Literal>(std::move(literal)); }

PatternPtr charPattern(uint16_t flags) { return std::make_unique<CharRun>(flags, 0, 1, 1); }

void gpt2Words(std::string_view text, Range word, std::vector<Range>& words) {
  const Scanner scanner(text.substr(0, word.end));
  for (uint32_t at = word.begin, end; at < word.end; at = end) {
    end = gpt2Match(scanner, at);
    words.push_back({at, end});
  }
}

PatternPtr knownExpression(const std::string& expression) {
  const auto run = [](uint16_t flags, char32_t alone, uint32_t least, uint32_t most) {
    return std::make_unique<CharRun>(flags, alone, least, most);
  };
  if (expression == kGpt2) return std::make_unique<Everywhere<gpt2Match>>();
  if (expression == kGpt4) return std::make_unique<Everywhere<gpt4Match<3>>>();
  if (expression == kQwen2) return std::make_unique<Everywhere<gpt4Match<1>>>();
  if (expression == " {2,}") return run(0, ' ', 2, UINT32_MAX);
  if (expression == " +") return run(0, ' ', 1, UINT32_MAX);
  if (expression == " " || expression == "\xe2\x96\x81") return literalPattern(expression);
  if (expression == R"(\s)") return charPattern(kSpace);
  if (expression == R"(\s+)") return run(kSpace, 0, 1, UINT32_MAX);
  if (expression == R"(\p{N})") return charPattern(kNumber);
  throw Error(Code::Unsupported, "the regular expression '" + expression +
                                     "' is not one of those that tokenizers here know: of GPT-2, GPT-4 (Llama 3) and "
                                     R"(Qwen 2, ' {2,}', ' +', ' ', '\s', '\s+' and '\p{N}')");
}

}  // namespace switchyard::text
