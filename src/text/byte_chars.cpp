// What is visible in Latin-1 stands for itself; the other bytes, in their order, for U+0100 and the ones after.
#include "text/byte_chars.h"

namespace switchyard::text {
namespace {

struct Alphabet {
  std::array<char32_t, 256> chars;
  std::array<int16_t, 0x200> bytes;  // by character; -1: none

  constexpr Alphabet() : chars(), bytes() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
      chars[byte] = visible ? byte : next++;
      bytes[chars[byte]] = static_cast<int16_t>(byte);
    }
  }
};
constexpr Alphabet kAlphabet;

}  // namespace

char32_t charOfByte(unsigned char byte) { return kAlphabet.chars[byte]; }

std::optional<unsigned char> byteOfChar(char32_t c) {
  if (c >= kAlphabet.bytes.size() || kAlphabet.bytes[c] < 0) return std::nullopt;
  return static_cast<unsigned char>(kAlphabet.bytes[c]);
}

std::optional<std::string> bytesOfChars(std::string_view chars) {
  std::string bytes;
  for (size_t at = 0; at < chars.size(); at += bytesFrom(chars[at])) {
    const auto byte = byteOfChar(decode(chars.data() + at));
    if (!byte) return std::nullopt;
    bytes.push_back(static_cast<char>(*byte));
  }
  return bytes;
}

void putAsByteChars(Rewrite& out) {
  const char* from = out.rest();
  const uint32_t count = bytesFrom(*from);
  for (uint32_t i = 0; i < count; ++i) out.put(charOfByte(static_cast<unsigned char>(from[i])), i ? 1 : 0);
}

}  // namespace switchyard::text
