// Round steps by the 1-2-5 rule; moments by the calendar of <chrono>.
#include "render/scale.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

namespace switchyard::render {
namespace {

constexpr const char* kMinus = "\u2212";

std::string withMinus(const char* text) {
  std::string out;
  for (const char* c = text; *c; ++c) {
    if (*c == '-')
      out += kMinus;
    else if (*c != '+')
      out += *c;
  }
  return out;
}

// The exponents of ten in printf's output: "1e-07" as "1e-7".
std::string shortExponent(std::string text) {
  const size_t e = text.find('e');
  if (e == std::string::npos) return text;
  size_t digits = e + 1;
  while (digits < text.size() && (text[digits] == '-' || text[digits] == '+')) ++digits;
  while (digits + 1 < text.size() && text[digits] == '0') text.erase(digits, 1);
  return text;
}

// The smallest 1-2-5 step with at most `most` multiples in the range.
double roundStep(double low, double high, int most) {
  const double span = high - low;
  double power = std::pow(10.0, std::floor(std::log10(span / most)) - 1);
  for (int i = 0; i < 8; ++i, power *= 10)
    for (double factor : {1.0, 2.0, 5.0}) {
      const double step = factor * power;
      if (std::floor(high / step + 1e-9) - std::ceil(low / step - 1e-9) + 1 <= most) return step;
    }
  return span;
}

std::vector<Tick> ticksOfStep(double low, double high, double step) {
  std::vector<Tick> ticks;
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  const double largest = std::max(std::fabs(low), std::fabs(high));
  const bool scientific = largest >= 1e7 || decimals > 6;
  const double first = std::ceil(low / step - 1e-9), last = std::floor(high / step + 1e-9);
  for (double i = first; i <= last && ticks.size() < 1000; ++i) {
    const double value = i * step + 0.0;  // no -0
    char text[64];
    if (scientific) {
      const int digits =
          std::max(0, static_cast<int>(std::floor(std::log10(largest)) - std::floor(std::log10(step) + 1e-9)));
      snprintf(text, sizeof text, "%.*e", value == 0 ? 0 : std::min(digits, 6), value);
    } else {
      snprintf(text, sizeof text, "%.*f", decimals, value);
    }
    ticks.push_back({value, withMinus(shortExponent(text).c_str())});
  }
  return ticks;
}

bool drawable(double low, double high) {
  return std::isfinite(low) && std::isfinite(high) && high - low > 1e-12 * std::max(std::fabs(low), std::fabs(high));
}

using Days = std::chrono::sys_days;
constexpr double kDay = 86400;

struct DateStep {
  double seconds;  // of steps below a month
  int months;      // of steps from a month on, else 0
};
constexpr std::array<DateStep, 22> kDateSteps = {
    {{1, 0},    {5, 0},     {15, 0},    {30, 0},    {60, 0},   {300, 0},      {900, 0},      {1800, 0},
     {3600, 0}, {10800, 0}, {21600, 0}, {43200, 0}, {kDay, 0}, {2 * kDay, 0}, {7 * kDay, 0}, {0, 1},
     {0, 3},    {0, 6},     {0, 12},    {0, 24},    {0, 60},   {0, 120}}};

// Outside of the years 1 to 9999 seconds are numbers like others.
bool isDate(double seconds) { return seconds >= -62135596800.0 && seconds <= 253402300799.0; }

std::string dateLabel(double seconds, const DateStep& step) {
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::floor(seconds / kDay);
  const std::chrono::year_month_day date{Days{std::chrono::days{static_cast<int>(day)}}};
  const int inDay = static_cast<int>(seconds - day * kDay), year = static_cast<int>(date.year());
  const unsigned month = static_cast<unsigned>(date.month());
  char text[48];
  if (step.months >= 12 || (step.months && month == 1))
    snprintf(text, sizeof text, "%d", year);
  else if (step.months)
    snprintf(text, sizeof text, "%s", kMonths[month - 1]);
  else if (step.seconds >= kDay || inDay == 0)
    snprintf(text, sizeof text, "%u %s", static_cast<unsigned>(date.day()), kMonths[month - 1]);
  else if (step.seconds >= 60)
    snprintf(text, sizeof text, "%02d:%02d", inDay / 3600, inDay / 60 % 60);
  else
    snprintf(text, sizeof text, "%02d:%02d:%02d", inDay / 3600, inDay / 60 % 60, inDay % 60);
  return text;
}

int monthsOf(double seconds) {  // since the year 0
  const std::chrono::year_month_day date{Days{std::chrono::days{static_cast<int>(std::floor(seconds / kDay))}}};
  return static_cast<int>(date.year()) * 12 + static_cast<int>(static_cast<unsigned>(date.month())) - 1;
}

double secondsOfMonth(int months) {
  const std::chrono::year_month_day date{
      std::chrono::year{months / 12}, std::chrono::month{static_cast<unsigned>(months % 12 + 1)}, std::chrono::day{1}};
  return static_cast<double>(Days{date}.time_since_epoch().count()) * kDay;
}

std::vector<Tick> datesOfStep(double low, double high, const DateStep& step, size_t most) {
  std::vector<Tick> ticks;
  if (step.months) {
    for (int m = (monthsOf(low) / step.months) * step.months; ticks.size() <= most; m += step.months) {
      const double value = secondsOfMonth(m);
      if (value > high) break;
      if (value >= low) ticks.push_back({value, dateLabel(value, step)});
    }
  } else {
    for (double i = std::ceil(low / step.seconds); i * step.seconds <= high && ticks.size() <= most; ++i)
      ticks.push_back({i * step.seconds, dateLabel(i * step.seconds, step)});
  }
  return ticks;
}

}  // namespace

std::vector<Tick> niceTicks(double low, double high, int most) {
  if (!drawable(low, high)) return {{low, numberText(low, 4)}};
  return ticksOfStep(low, high, roundStep(low, high, std::max(most, 2)));
}

std::vector<Tick> wholeTicks(double low, double high, int most) {
  if (!drawable(low, high)) return {{std::round(low), numberText(std::round(low), 9)}};
  return ticksOfStep(low, high, std::max(1.0, roundStep(low, high, std::max(most, 2))));
}

std::vector<Tick> dateTicks(double low, double high, int most) {
  if (!drawable(low, high) || !isDate(low) || !isDate(high)) return niceTicks(low, high, most);
  const auto mostTicks = static_cast<size_t>(std::max(most, 2));
  if (high - low < 2) return niceTicks(low, high, most);
  for (const DateStep& step : kDateSteps) {
    if (!step.months && (high - low) / step.seconds > 4.0 * static_cast<double>(mostTicks)) continue;
    std::vector<Tick> ticks = datesOfStep(low, high, step, mostTicks);
    if (ticks.size() <= mostTicks) return ticks;
  }
  for (int years = 200;; years *= 5) {
    std::vector<Tick> ticks = datesOfStep(low, high, {0, years * 12}, mostTicks);
    if (ticks.size() <= mostTicks) return ticks;
  }
}

std::string dateText(double seconds) {
  if (!isDate(seconds)) return numberText(seconds, 6);
  const std::chrono::year_month_day date{Days{std::chrono::days{static_cast<int>(std::floor(seconds / kDay))}}};
  return dateLabel(seconds - std::fmod(seconds, kDay), {kDay, 0}) + " " + std::to_string(static_cast<int>(date.year()));
}

std::string numberText(double value, int digits) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? std::string(kMinus) + "\u221e" : "\u221e";
  char text[64];
  snprintf(text, sizeof text, "%.*g", digits, value + 0.0);
  return withMinus(shortExponent(text).c_str());
}

std::string fixedText(double value, int decimals) {
  if (!std::isfinite(value)) return numberText(value, 2);
  char text[400];
  snprintf(text, sizeof text, "%.*f", decimals, value);
  // no -0.00
  if (std::all_of(text, text + std::strlen(text), [](char c) { return c == '-' || c == '0' || c == '.'; }) &&
      text[0] == '-')
    return text + 1;
  return withMinus(text);
}

std::string countText(unsigned long long value) {
  std::string text = std::to_string(value);
  for (size_t i = text.size(); i > 3;) text.insert(i -= 3, ",");
  return text;
}

}  // namespace switchyard::render
