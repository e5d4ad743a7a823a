// Half precision by definition (quanta and nearbyint), so that it shares nothing with the code under test: IEEE
// float16, and bfloat16.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>

namespace switchyard::test {

// A sign, an exponent from 1 - bias to bias, and a fraction of some bits.
template <int kFractionBits, int kBias>
struct HalfFormat {
  static constexpr int kSteps = 1 << kFractionBits, kEndless = 2 * kBias + 1;

  static uint16_t of(double value) {
    const uint16_t sign = std::signbit(value) ? 0x8000 : 0, endless = kEndless << kFractionBits;
    double magnitude = std::fabs(value);
    if (std::isnan(value)) return sign | endless | kSteps / 2;
    if (magnitude == 0) return sign;
    if (std::isinf(value)) return sign | endless;
    int exponent = std::max(std::ilogb(magnitude), 1 - kBias);
    double steps = std::nearbyint(std::ldexp(magnitude, kFractionBits - exponent));  // ties to even
    if (steps >= 2 * kSteps) {
      steps /= 2;
      ++exponent;
    }
    if (exponent > kBias) return sign | endless;
    // A denormal (steps < kSteps) has the stored exponent 0; kSteps at its exponent are the first normal number.
    uint32_t bits = steps < kSteps ? uint32_t(steps)
                                   : (uint32_t(exponent + kBias) << kFractionBits) + uint32_t(steps) - uint32_t(kSteps);
    return sign | uint16_t(bits);
  }

  static double from(uint16_t bits) {
    const int exponent = (bits & 0x7FFF) >> kFractionBits;
    const double mantissa = bits & (kSteps - 1);
    double magnitude = exponent == kEndless ? (mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                                                             : std::numeric_limits<double>::infinity())
                       : exponent == 0      ? std::ldexp(mantissa, 1 - kBias - kFractionBits)
                                            : std::ldexp(mantissa + kSteps, exponent - kBias - kFractionBits);
    return bits & 0x8000 ? -magnitude : magnitude;
  }
};

inline uint16_t toHalf(double value) { return HalfFormat<10, 15>::of(value); }
inline double fromHalf(uint16_t bits) { return HalfFormat<10, 15>::from(bits); }
inline uint16_t toBfloat(double value) { return HalfFormat<7, 127>::of(value); }
inline double fromBfloat(uint16_t bits) { return HalfFormat<7, 127>::from(bits); }

}  // namespace switchyard::test
