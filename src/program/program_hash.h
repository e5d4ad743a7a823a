// The hash that programs' ids are: SHA-256 over a list of items.
#pragma once
#include <sodium/crypto_hash_sha256.h>

#include "program/module.h"

namespace switchyard {

// Every item goes in with its length, so that no two lists of items look the same.
class ProgramHasher {
 public:
  ProgramHasher() { crypto_hash_sha256_init(&state_); }
  void number(uint64_t value) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
    crypto_hash_sha256_update(&state_, bytes, sizeof bytes);
  }
  void bytes(const void* data, size_t size) {
    number(size);
    crypto_hash_sha256_update(&state_, static_cast<const uint8_t*>(data), size);
  }
  void text(const std::string& value) { bytes(value.data(), value.size()); }
  ProgramId finish() {
    ProgramId id;
    crypto_hash_sha256_final(&state_, id.data());
    return id;
  }

 private:
  crypto_hash_sha256_state state_;
};

}  // namespace switchyard
