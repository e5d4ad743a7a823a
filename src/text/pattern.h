// What a text is searched for: a string, a kind of character, or one of the regular expressions that tokenizers use.
// Those are written out by hand; others are refused.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/aligned_text.h"

namespace switchyard::text {

class Pattern {
 public:
  virtual ~Pattern() = default;
  // The first match from `from` on, which is not empty.
  virtual bool find(std::string_view text, uint32_t from, Range& match) const = 0;
};
using PatternPtr = std::unique_ptr<const Pattern>;

PatternPtr literalPattern(std::string literal);
// A character with one of these flags (unicode.h).
PatternPtr charPattern(uint16_t flags);
// Throws Unsupported naming an expression that is not known.
PatternPtr knownExpression(const std::string& expression);
// What GPT-2 splits a text by; byte-level tokenizers do without it being said.
void gpt2Words(std::string_view text, Range word, std::vector<Range>& words);

}  // namespace switchyard::text
