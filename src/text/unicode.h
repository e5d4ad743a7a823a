// What Unicode says of a character, as far as tokenizers ask. The data is utf8proc's; where the tables of the Rust
// original differ, theirs count (unicode_differences.h), because models were trained with them.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "text/char_flags.h"

namespace switchyard::text {

uint16_t flagsOf(char32_t c);
inline bool has(char32_t c, uint16_t flags) { return flagsOf(c) & flags; }

// Of ASCII alone: what an inner loop asks.
const std::array<uint16_t, 128>& asciiFlags();

// What a character becomes in lower case: one character, but for U+0130, which becomes two. Returns how many.
size_t lowercase(char32_t c, char32_t (&to)[2]);

}  // namespace switchyard::text
