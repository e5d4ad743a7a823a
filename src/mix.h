// Numbers mixed into a hash, one after the other.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

namespace switchyard {

inline void mix(uint64_t& hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  hash ^= hash >> 29;
}

// One for every NaN.
inline uint64_t bitsOf(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return std::isnan(value) ? 1 : bits;
}

}  // namespace switchyard
