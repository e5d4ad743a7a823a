// What Unicode says of a character, as far as tokenizers ask. The data is utf8proc's; where the tables of the Rust
// original differ, theirs count (unicode_differences.h), because models were trained with them.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace switchyard::text {

enum CharFlag : uint16_t {
  kSpace = 1 << 0,        // White_Space
  kLetter = 1 << 1,       // L
  kNumber = 1 << 2,       // N, for expressions
  kPunctuation = 1 << 3,  // P
  kOther = 1 << 4,        // Cc, Cf, Co
  kNonspacing = 1 << 5,   // Mn
  kMark = 1 << 6,         // M
  kWordChar = 1 << 7,     // \w of a regular expression: Alphabetic, M, Nd, Pc, Join_Control
  kChinese = 1 << 8,      // what BERT takes for a Chinese character
  kCanonical = 1 << 9,    // canonical normal forms leave it as it is, and what is beside it
  kCompatible = 1 << 10,  // the same for the compatibility forms
  kAsciiPunctuation = 1 << 11,
  kNumeric = 1 << 12,     // N, for Digits
  kDecomposes = 1 << 13,  // where its normal form is another
};

uint16_t flagsOf(char32_t c);
inline bool has(char32_t c, uint16_t flags) { return flagsOf(c) & flags; }

// Of ASCII alone: what an inner loop asks.
const std::array<uint16_t, 128>& asciiFlags();

// What a character becomes in lower case: one character, but for U+0130, which becomes two. Returns how many.
size_t lowercase(char32_t c, char32_t (&to)[2]);

}  // namespace switchyard::text
