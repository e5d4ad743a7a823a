// What a character can be, as bits: unicode.h says which of them one is.
#pragma once
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

}  // namespace switchyard::text
