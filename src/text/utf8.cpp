// Which bytes are UTF-8: table 3-7 of the Unicode standard.
#include "text/utf8.h"

namespace switchyard::text {
namespace {

// Bytes of the valid character at the start, or, negated, of what is to be replaced as one.
int scan(std::string_view bytes) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return -1;
  const int length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  for (int i = 1; i < length; ++i) {
    if (static_cast<size_t>(i) == bytes.size()) return -i;
    const unsigned next = byte(static_cast<size_t>(i));
    if (next < (i == 1 ? low : 0x80) || next > (i == 1 ? high : 0xbf)) return -i;
  }
  return length;
}

}  // namespace

size_t countChars(std::string_view text) {
  size_t count = 0;
  for (char byte : text) count += !isContinuation(byte);
  return count;
}

bool isValid(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    at += asciiRun(bytes.data() + at, bytes.size() - at);
    if (at == bytes.size()) break;
    const int length = scan(bytes.substr(at));
    if (length < 0) return false;
    at += static_cast<size_t>(length);
  }
  return true;
}

std::string repaired(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + 16);
  while (!bytes.empty()) {
    const int length = scan(bytes);
    if (length > 0)
      text.append(bytes.substr(0, static_cast<size_t>(length)));
    else
      text.append(kReplacementBytes);
    bytes.remove_prefix(static_cast<size_t>(length > 0 ? length : -length));
  }
  return text;
}

}  // namespace switchyard::text
