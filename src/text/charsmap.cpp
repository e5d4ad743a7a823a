// The layout: the trie's size in bytes (32 bits, little-endian), its units, the replacements. A unit is one of the
// darts-clone library: bits 0 to 7 the label, 8 whether an entry ends here, 10 on the offset (256 times as far with bit
// 9), and, in a leaf, a value of 31 bits.
#include "text/charsmap.h"

#include <cstring>

#include "error.h"
#include "text/utf8.h"

namespace switchyard::text {
namespace {

constexpr bool endsHere(uint32_t unit) { return unit >> 8 & 1; }
constexpr uint32_t valueOf(uint32_t unit) { return unit & 0x7fffffff; }
constexpr uint32_t labelOf(uint32_t unit) { return unit & 0x800000ff; }
constexpr uint32_t offsetOf(uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

std::string decodeBase64(std::string_view text, std::string_view what) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 3);
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const int value = sextet(c);
    if (value < 0) throw Error(Code::InvalidArgument, std::string(what) + " is not base64");
    bits = bits << 6 | static_cast<uint32_t>(value);
    if ((count += 6) < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> count & 0xff));
  }
  return bytes;
}

Charsmap::Charsmap(std::string_view base64) {
  const std::string bytes = decodeBase64(base64, "'precompiled_charsmap'");
  uint32_t trieBytes = 0;
  if (bytes.size() >= 4) std::memcpy(&trieBytes, bytes.data(), 4);
  if (bytes.size() < 4 || trieBytes == 0 || trieBytes % 4 || trieBytes > bytes.size() - 4)
    throw Error(Code::InvalidArgument, "'precompiled_charsmap' is cut off, or no table of SentencePiece: it says " +
                                           std::to_string(trieBytes) + " bytes of trie and has " +
                                           std::to_string(bytes.size()) + " in all");
  units_.resize(trieBytes / 4);
  std::memcpy(units_.data(), bytes.data() + 4, trieBytes);
  replacements_ = bytes.substr(4 + trieBytes);
  if (!isValid(replacements_))
    throw Error(Code::InvalidArgument, "'precompiled_charsmap' has replacements that are not UTF-8");
  replacements_.push_back('\0');
}

std::optional<std::string_view> Charsmap::find(std::string_view part) const {
  uint64_t node = offsetOf(units_[0]);
  for (char each : part) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte == 0) break;
    node ^= byte;
    if (node >= units_.size() || labelOf(units_[node]) != byte) break;
    const bool ends = endsHere(units_[node]);
    node ^= offsetOf(units_[node]);
    if (!ends) continue;
    if (node >= units_.size() || valueOf(units_[node]) >= replacements_.size()) break;
    return std::string_view(replacements_.c_str() + valueOf(units_[node]));
  }
  return std::nullopt;
}

}  // namespace switchyard::text
