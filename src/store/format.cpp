#include "store/format.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstddef>
#include <random>

namespace switchyard::store {
namespace {

constexpr size_t kDigits = 16;
constexpr std::string_view kLogPrefix = "log-", kDataPrefix = "data-";

uint64_t headerCheck(const RecordHeader& header, uint64_t salt, uint64_t offset) {
  constexpr size_t kSkip = sizeof header.check;
  return checksum(asBytes(&header, sizeof header).subspan(kSkip), seedAt(salt, offset));
}

// Of what is no body in one piece.
uint64_t bodyCheck(const RecordParts& parts, uint64_t seed) {
  static constexpr std::byte kPadding[sizeof(uint64_t)] = {};
  XXH3_state_t state{};  // which the reset looks at
  XXH3_64bits_reset_withSeed(&state, seed);
  XXH3_64bits_update(&state, parts.key.data(), parts.key.size());
  for (const Bytes& piece : parts.value) XXH3_64bits_update(&state, piece.data(), piece.size());
  const uint64_t used = parts.key.size() + parts.valueBytes;
  XXH3_64bits_update(&state, kPadding, padded(used) - used);
  return XXH3_64bits_digest(&state);
}

RecordHeader headerWith(uint64_t bodyCheck, const RecordParts& parts, uint64_t salt, uint64_t offset, uint64_t synced) {
  RecordHeader header{.bodyCheck = bodyCheck,
                      .sequence = parts.sequence,
                      .expiry = parts.expiry,
                      .valueBytes = static_cast<uint32_t>(parts.valueBytes),
                      .keyBytes = static_cast<uint16_t>(parts.key.size()),
                      .kind = parts.kind,
                      .synced = synced};
  header.check = headerCheck(header, salt, offset);
  return header;
}

}  // namespace

uint64_t checksum(Bytes bytes, uint64_t seed) { return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed); }

uint64_t freshSalt() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

bool isRecord(const RecordHeader& header, uint64_t salt, uint64_t offset) {
  return header.sequence != 0 && header.check == headerCheck(header, salt, offset);
}

RecordHeader headerOf(const RecordParts& parts, uint64_t salt, uint64_t offset, uint64_t synced) {
  return headerWith(bodyCheck(parts, seedAt(salt, offset)), parts, salt, offset, synced);
}

void encodeRecord(const RecordParts& parts, uint64_t salt, uint64_t offset, uint64_t synced, std::byte* into) {
  std::byte* const body = into + sizeof(RecordHeader);
  std::memcpy(body, parts.key.data(), parts.key.size());
  std::byte* at = body + parts.key.size();
  for (const Bytes& piece : parts.value) {
    if (piece.size()) std::memcpy(at, piece.data(), piece.size());
    at += piece.size();
  }
  const uint64_t used = parts.key.size() + parts.valueBytes, bodyBytes = padded(used);
  std::memset(body + used, 0, bodyBytes - used);
  const uint64_t check = checksum({body, bodyBytes}, seedAt(salt, offset));
  const RecordHeader header = headerWith(check, parts, salt, offset, synced);
  std::memcpy(into, &header, sizeof header);
}

std::string hexadecimal(uint64_t number) {
  std::string digits(kDigits, '0');
  for (size_t i = kDigits; i-- > 0; number >>= 4) digits[i] = "0123456789abcdef"[number & 15];
  return digits;
}

std::string logName(uint64_t file) { return std::string(kLogPrefix) + hexadecimal(file); }
std::string dataName(uint64_t file) { return std::string(kDataPrefix) + hexadecimal(file); }

uint64_t numberOf(std::string_view name) {
  const std::string_view prefix = name.starts_with(kLogPrefix) ? kLogPrefix : kDataPrefix;
  if (!name.starts_with(prefix) || name.size() != prefix.size() + kDigits) return 0;
  uint64_t number = 0;
  for (char digit : name.substr(prefix.size())) {
    const size_t value = std::string_view("0123456789abcdef").find(digit);
    if (value == std::string_view::npos) return 0;
    number = number << 4 | value;
  }
  return number;
}

}  // namespace switchyard::store
