// From data to places along an axis: round steps, round moments, and how numbers are written. Pure functions.
#pragma once
#include <string>
#include <vector>

namespace switchyard::render {

struct Tick {
  double value = 0;
  std::string label;
};

// Multiples of 1, 2 or 5 times a power of ten within [low, high], at most `most` of them (>= 2) and as many as that
// allows. One tick, at low, where low == high. Labels have as many decimals as the step needs.
std::vector<Tick> niceTicks(double low, double high, int most);
// Multiples of 1, 2 or 5 times a power of ten that are whole numbers.
std::vector<Tick> wholeTicks(double low, double high, int most);
// Seconds since 1970 (UTC) at round seconds, minutes, hours, days, months or years.
std::vector<Tick> dateTicks(double low, double high, int most);

// Seconds since 1970 (UTC) as a day.
std::string dateText(double seconds);
// A number in at most `digits` significant digits: 0.25, −3, 1.2e−7.
std::string numberText(double value, int digits);
// With so many decimals: 0.25, −3.00.
std::string fixedText(double value, int decimals);
// 12 345 678 as 12,345,678.
std::string countText(unsigned long long value);

// Data range to pixel range.
struct LinearScale {
  double low = 0, high = 1, from = 0, to = 1;
  double operator()(double value) const {
    return high > low ? from + (value - low) / (high - low) * (to - from) : (from + to) / 2;
  }
};

}  // namespace switchyard::render
