// UTF-8, the only form that text has in here. What comes in has been made valid: functions that take text rely on that.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace switchyard::text {

inline constexpr char32_t kReplacement = 0xfffd;
inline constexpr std::string_view kReplacementBytes = "\xef\xbf\xbd";

inline bool isAscii(char byte) { return static_cast<unsigned char>(byte) < 0x80; }
inline bool isContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

// Bytes of the character that begins with this one.
inline uint32_t bytesFrom(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

inline char32_t decode(const char* at) {
  const auto byte = [&](int i) { return static_cast<char32_t>(static_cast<unsigned char>(at[i])); };
  switch (bytesFrom(at[0])) {
    case 1: return byte(0);
    case 2: return (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
    case 3: return (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    default: return (byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
  }
}

// The first byte of the character before `at`, which is not the text's first.
inline const char* before(const char* at) {
  do --at;
  while (isContinuation(*at));
  return at;
}

inline uint32_t encode(char32_t c, char* to) {
  if (c < 0x80) return to[0] = static_cast<char>(c), 1;
  if (c < 0x800) {
    to[0] = static_cast<char>(0xc0 | c >> 6);
    to[1] = static_cast<char>(0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    to[0] = static_cast<char>(0xe0 | c >> 12);
    to[1] = static_cast<char>(0x80 | (c >> 6 & 0x3f));
    to[2] = static_cast<char>(0x80 | (c & 0x3f));
    return 3;
  }
  to[0] = static_cast<char>(0xf0 | c >> 18);
  to[1] = static_cast<char>(0x80 | (c >> 12 & 0x3f));
  to[2] = static_cast<char>(0x80 | (c >> 6 & 0x3f));
  to[3] = static_cast<char>(0x80 | (c & 0x3f));
  return 4;
}

inline void append(std::string& text, char32_t c) {
  char bytes[4];
  text.append(bytes, encode(c, bytes));
}

inline std::string encoded(char32_t c) {
  std::string text;
  append(text, c);
  return text;
}

// How many bytes from here are ASCII: eight at a time.
inline size_t asciiRun(const char* at, size_t bytes) {
  size_t i = 0;
  for (uint64_t word; i + 8 <= bytes; i += 8) {
    std::memcpy(&word, at + i, 8);
    if (word & 0x8080808080808080u) break;
  }
  while (i < bytes && isAscii(at[i])) ++i;
  return i;
}

size_t countChars(std::string_view text);

// The same text where it is valid; else each longest part that could have begun a character becomes U+FFFD, as Rust's
// String::from_utf8_lossy and the web's TextDecoder have it.
std::string repaired(std::string_view bytes);
bool isValid(std::string_view bytes);

}  // namespace switchyard::text
