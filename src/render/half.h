// Half precision as the host reads it.
#pragma once
#include <bit>
#include <cstdint>

#include "tensor.h"

namespace switchyard::render {

inline float widened(uint16_t half, DType dtype) {
  if (dtype == DType::Bfloat16) return std::bit_cast<float>(uint32_t{half} << 16);
  const uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31u, fraction = half & 0x3FFu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
  if (exponent) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = static_cast<float>(fraction) * 0x1p-24f;  // a denormal
  return sign ? -small : small;
}

}  // namespace switchyard::render
