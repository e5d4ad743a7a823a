// GPT-2's alphabet: each byte as a visible character, so that a vocabulary of bytes can be written as text.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "text/aligned_text.h"

namespace switchyard::text {

char32_t charOfByte(unsigned char byte);
// Nothing for a character outside of the alphabet.
std::optional<unsigned char> byteOfChar(char32_t c);
// The bytes that a text of these characters stands for; nothing where one of them is none of these.
std::optional<std::string> bytesOfChars(std::string_view chars);
// The next character of the old text, as the characters of its bytes.
void putAsByteChars(Rewrite& out);

}  // namespace switchyard::text
