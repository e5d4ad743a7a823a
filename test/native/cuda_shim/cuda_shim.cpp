// What the emulated instructions compute.
#include "cuda_shim.h"

#include <algorithm>

namespace switchyard::cuda_shim {

// Round to nearest even, as the hardware does; every NaN becomes 0x7FFF.
half __float2half_rn(float value) {
  const uint32_t bits = uint32_t(__float_as_int(value));
  const unsigned short sign = (bits >> 16) & 0x8000u;
  const float magnitude = std::fabs(value);
  if (value != value) return {0x7FFFu};
  if (magnitude >= 65520.0f) return {static_cast<unsigned short>(sign | 0x7C00u)};
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  const int step = std::max(exponent - 11, -24);  // the last place: 11 bits of significand, or the subnormals' 2^-24
  const auto places = static_cast<unsigned>(std::nearbyint(std::ldexp(magnitude, -step)));
  if (places == 0) return {sign};
  // In units of the last place, with the exponent above: a carry moves into it by itself.
  const unsigned field = step == -24 ? 0u : unsigned(step + 24);
  return {static_cast<unsigned short>(sign | ((field << 10) + places))};
}

float __half2float(half value) {
  const int exponent = (value.bits >> 10) & 0x1F, fraction = value.bits & 0x3FF;
  float magnitude;
  if (exponent == 31)
    magnitude = fraction ? std::nanf("") : HUGE_VALF;
  else if (exponent == 0)
    magnitude = std::ldexp(float(fraction), -24);
  else
    magnitude = std::ldexp(float(fraction + 1024), exponent - 25);
  return value.bits & 0x8000u ? -magnitude : magnitude;
}

namespace {

// A float32 and eight products in one sum, as tensor cores of compute capability 8.0 are found to make it ("Numerical
// behavior of NVIDIA tensor cores", PeerJ Computer Science 7:e330): each is cut off one bit below the last place of a
// float32 as large as the largest of them, and so is their sum at its own last place.
float truncatedSum(float sum, const double* left, const double* right) {
  double terms[9] = {sum}, largest = std::fabs(double{sum}), all = sum;
  for (unsigned k = 0; k < 8; ++k) {
    terms[k + 1] = left[k] * right[k];
    largest = std::max(largest, std::fabs(terms[k + 1]));
    all += terms[k + 1];
  }
  if (!std::isfinite(all) || all != all || largest == 0) return static_cast<float>(all);
  const auto cut = [](double x, int bits) {  // so many bits lie below the point
    return std::ldexp(std::trunc(std::ldexp(x, bits)), -bits);
  };
  const int kept = 24 - std::ilogb(largest);
  double total = 0;
  for (const double term : terms) total += cut(term, kept);
  if (total == 0) return 0;
  const double whole = cut(total, std::min(23 - std::ilogb(total), 149));
  return std::fabs(whole) >= 0x1p128 ? std::copysign(HUGE_VALF, float(whole)) : static_cast<float>(whole);
}

}  // namespace

void mmaM16N8K16(float (&sums)[4], const uint32_t (&left)[4], const uint32_t (&right)[2], bool isBfloat, int line) {
  const auto half_ = [&](uint32_t word, size_t part) -> double {
    const uint32_t bits = word >> 16 * part & 0xFFFFu;
    return isBfloat ? __int_as_float(int32_t(bits << 16)) : __half2float({static_cast<unsigned short>(bits)});
  };
  const unsigned lane = threadIdx.x & 31, group = lane / 4, pair = lane % 4 * 2;
  double rows[2][16], columns[2][16];
  for (unsigned t = 0; t < 4; ++t) {
    // Of the lanes that hold this lane's two rows, and of those that hold its two columns.
    for (unsigned i = 0; i < 4; ++i) {
      const uint32_t word = exchangeAs(0xFFFFFFFFu, left[i], group * 4 + t, line);
      for (unsigned part = 0; part < 2; ++part) rows[i % 2][i / 2 * 8 + 2 * t + part] = half_(word, part);
    }
    for (unsigned column = 0; column < 2; ++column)
      for (unsigned i = 0; i < 2; ++i) {
        const uint32_t word = exchangeAs(0xFFFFFFFFu, right[i], (pair + column) * 4 + t, line);
        for (unsigned part = 0; part < 2; ++part) columns[column][i * 8 + 2 * t + part] = half_(word, part);
      }
  }
  for (unsigned i = 0; i < 4; ++i) {
    for (unsigned k = 0; k < 16; k += 8) sums[i] = truncatedSum(sums[i], rows[i / 2] + k, columns[i % 2] + k);
  }
}

}  // namespace switchyard::cuda_shim
