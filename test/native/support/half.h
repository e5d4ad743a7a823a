// IEEE half precision by definition (quanta and nearbyint), so that it shares nothing with the code under test.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>

namespace switchyard::test {

inline uint16_t toHalf(double value) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  double magnitude = std::fabs(value);
  if (std::isnan(value)) return sign | 0x7E00;
  if (magnitude == 0) return sign;
  if (std::isinf(value)) return sign | 0x7C00;
  int exponent = std::max(std::ilogb(magnitude), -14);
  double steps = std::nearbyint(std::ldexp(magnitude, 10 - exponent));  // of 2^(exponent - 10), ties to even
  if (steps >= 2048) {
    steps /= 2;
    ++exponent;
  }
  if (exponent > 15) return sign | 0x7C00;
  // A denormal (steps < 1024) has the stored exponent 0; 1024 steps at -14 are the first normal number.
  uint32_t bits = steps < 1024 ? uint32_t(steps) : ((uint32_t(exponent + 15) << 10) + uint32_t(steps) - 1024);
  return sign | uint16_t(bits);
}

inline double fromHalf(uint16_t bits) {
  int exponent = (bits >> 10) & 31;
  double mantissa = bits & 1023;
  double magnitude = exponent == 31  ? (mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                                                      : std::numeric_limits<double>::infinity())
                     : exponent == 0 ? std::ldexp(mantissa, -24)
                                     : std::ldexp(mantissa + 1024, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

}  // namespace switchyard::test
