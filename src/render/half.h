// float16 as the host reads it.
#pragma once
#include <bit>
#include <cstdint>

namespace switchyard::render {

inline float widened(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31u, fraction = half & 0x3FFu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
  if (exponent) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = static_cast<float>(fraction) * 0x1p-24f;  // a denormal
  return sign ? -small : small;
}

}  // namespace switchyard::render
