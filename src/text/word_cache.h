// Words that were taken apart lately, with their tokens: of one thread, of a fixed size. Text repeats its words.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "text/model.h"

namespace switchyard::text {

// A word of up to 23 bytes, and up to seven tokens: an entry is a cache line.
class WordCache {
 public:
  static constexpr uint32_t kMostBytes = 23, kMostTokens = 7;
  struct Key {
    uint64_t parts[3];  // the bytes, zeros, and in the last byte the length, which is never 0
    bool operator==(const Key& other) const {
      return ((parts[0] ^ other.parts[0]) | (parts[1] ^ other.parts[1]) | (parts[2] ^ other.parts[2])) == 0;
    }
  };
  // Reads 24 bytes from there on, however long the word is.
  static Key keyOf(const char* word, uint32_t bytes) {
    Key key;
    std::memcpy(&key, word, sizeof(key));
    const uint64_t last = (uint64_t{1} << 8 * (bytes % 8)) - 1;
    if (bytes < 8) {
      key.parts[0] &= last;
      key.parts[1] = key.parts[2] = 0;
    } else if (bytes < 16) {
      key.parts[1] &= last;
      key.parts[2] = 0;
    } else {
      key.parts[2] &= last;
    }
    key.parts[2] |= uint64_t{bytes} << 56;
    return key;
  }

  // Adds the word's tokens to `out`, which has it begin at `begin`; false: it is not known.
  bool find(const Key& key, uint32_t begin, std::vector<Token>& out) const {
    const size_t at = placeOf(key);
    const Entry* entry = &entries_[at];
    if (!(entry->key == key) && !((entry = &entries_[at ^ 1])->key == key)) return false;
    const size_t before = out.size();
    out.resize(before + entry->count);
    Token* token = out.data() + before;
    uint32_t from = begin;
    for (uint32_t i = 0; i < entry->count; ++i) {
      const uint32_t end = begin + entry->ends[i];
      *token++ = {entry->ids[i], from, end};
      from = end;
    }
    return true;
  }
  // Tokens that cover the word one after the other, as all do but for ones that were dropped: those are not kept.
  void keep(const Key& key, uint32_t begin, const Token* tokens, size_t count) {
    if (count > kMostTokens) return;
    Entry entry{.key = key, .count = static_cast<uint8_t>(count)};
    uint32_t from = begin;
    for (size_t i = 0; i < count; ++i) {
      if (tokens[i].begin != from) return;
      from = tokens[i].end;
      entry.ids[i] = tokens[i].id;
      entry.ends[i] = static_cast<uint8_t>(from - begin);
    }
    const size_t at = placeOf(key);
    entries_[at ^ 1] = entries_[at];  // the older of the two goes
    entries_[at] = entry;
  }

 private:
  static constexpr int kBits = 13;  // half a megabyte: what a core has for itself
  struct alignas(64) Entry {
    Key key{};
    std::array<int32_t, kMostTokens> ids{};
    std::array<uint8_t, kMostTokens> ends{};
    uint8_t count = 0;
  };
  static_assert(sizeof(Entry) == 64);
  static size_t placeOf(const Key& key) {
    const uint64_t mixed = (key.parts[0] * 0x9e3779b97f4a7c15u) ^ (key.parts[1] * 0xc2b2ae3d27d4eb4fu) ^ key.parts[2];
    return static_cast<size_t>((mixed * 0x9e3779b97f4a7c15u) >> (64 - kBits));
  }
  std::vector<Entry> entries_ = std::vector<Entry>(size_t{1} << kBits);
};

}  // namespace switchyard::text
