// Colour maps are curves through OKLCh; where a screen has no such colour, its chroma gives way, never its lightness.
#include "render/colours.h"

#include <algorithm>
#include <cmath>

namespace switchyard::render {
namespace {

struct Lch {
  double lightness, chroma, hue;  // hue in degrees
};

double encodeSrgb(double linear) {
  return linear <= 0.0031308 ? 12.92 * linear : 1.055 * std::pow(linear, 1 / 2.4) - 0.055;
}

// Ottosson's matrices. Linear light, may lie outside of 0 to 1.
std::array<double, 3> linearOf(const Lch& c) {
  const double angle = c.hue * (M_PI / 180), a = c.chroma * std::cos(angle), b = c.chroma * std::sin(angle);
  const double l = std::pow(c.lightness + 0.3963377774 * a + 0.2158037573 * b, 3),
               m = std::pow(c.lightness - 0.1055613458 * a - 0.0638541728 * b, 3),
               s = std::pow(c.lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
  return {4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
          -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
          -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
}

bool onScreen(const std::array<double, 3>& linear) {
  return std::all_of(linear.begin(), linear.end(), [](double v) { return v >= -1e-6 && v <= 1 + 1e-6; });
}

Colour colourOf(Lch c) {
  if (!onScreen(linearOf(c))) {
    double low = 0, high = c.chroma;
    for (int i = 0; i < 24; ++i) {
      c.chroma = (low + high) / 2;
      (onScreen(linearOf(c)) ? low : high) = c.chroma;
    }
    c.chroma = low;
  }
  const auto linear = linearOf(c);
  auto channel = [&](int i) { return static_cast<float>(encodeSrgb(std::clamp(linear[i], 0.0, 1.0))); };
  return {channel(0), channel(1), channel(2), 1};
}

// Hues and chromas at even places, joined by a Catmull-Rom curve; lightness runs straight from the first to the last.
Lch along(std::span<const Lch> points, double t) {
  const double place = t * static_cast<double>(points.size() - 1);
  const auto i = std::min(static_cast<size_t>(place), points.size() - 2);
  const double u = place - static_cast<double>(i);
  const Lch &p1 = points[i], &p2 = points[i + 1], &p0 = points[i ? i - 1 : 0],
            &p3 = points[std::min(i + 2, points.size() - 1)];
  auto curve = [&](double Lch::*f) {
    return 0.5 * (2 * p1.*f + (p2.*f - p0.*f) * u + (2 * p0.*f - 5 * p1.*f + 4 * p2.*f - p3.*f) * u * u +
                  (3 * p1.*f - p0.*f - 3 * p2.*f + p3.*f) * u * u * u);
  };
  const double lightness = points.front().lightness + t * (points.back().lightness - points.front().lightness);
  return {lightness, std::max(0.0, curve(&Lch::chroma)), curve(&Lch::hue)};
}

Lch place(ColourMap map, double t) {
  static constexpr Lch kAurora[] = {{0.24, 0.085, 312}, {0, 0.125, 288}, {0, 0.110, 246},   {0, 0.105, 196},
                                    {0, 0.140, 160},    {0, 0.175, 128}, {0.95, 0.160, 106}};
  static constexpr Lch kEmber[] = {{0.17, 0.030, 300}, {0, 0.120, 325}, {0, 0.170, 360},   {0, 0.190, 385},
                                   {0, 0.170, 412},    {0, 0.150, 440}, {0.97, 0.080, 462}};
  switch (map) {
    case ColourMap::Aurora: return along(kAurora, t);
    case ColourMap::Ember: return along(kEmber, t);
    case ColourMap::Grey: return {0.18 + 0.80 * t, 0, 0};
    case ColourMap::Balance: break;
  }
  const double away = std::fabs(2 * t - 1);
  return {0.95 - 0.50 * away, (t < 0.5 ? 0.115 : 0.155) * std::pow(away, 0.85), t < 0.5 ? 250.0 : 30.0};
}

std::array<uint32_t, kColourMapSteps> makeTable(ColourMap map) {
  std::array<uint32_t, kColourMapSteps> table;
  for (uint32_t i = 0; i < kColourMapSteps; ++i)
    table[i] = colourOf(place(map, i / double(kColourMapSteps - 1))).packed();
  return table;
}

}  // namespace

uint32_t Colour::packed() const {
  auto byte = [](float v) { return static_cast<uint32_t>(std::lround(std::clamp(v, 0.0f, 1.0f) * 255)); };
  return byte(r) | byte(g) << 8 | byte(b) << 16 | byte(a) << 24;
}

Colour mix(const Colour& a, const Colour& b, float t) {
  return {a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t, a.a + (b.a - a.a) * t};
}

bool isLight(const Colour& colour) {
  auto linear = [](float v) { return v <= 0.04045f ? v / 12.92f : std::pow((v + 0.055f) / 1.055f, 2.4f); };
  // equal contrast to black and to white (WCAG 2)
  return 0.2126f * linear(colour.r) + 0.7152f * linear(colour.g) + 0.0722f * linear(colour.b) > 0.179f;
}

std::span<const uint32_t> colourMapTable(ColourMap map) {
  static const std::array<std::array<uint32_t, kColourMapSteps>, 4> tables = {
      makeTable(ColourMap::Aurora), makeTable(ColourMap::Ember), makeTable(ColourMap::Grey),
      makeTable(ColourMap::Balance)};
  return tables[static_cast<size_t>(map)];
}

Colour colourAt(ColourMap map, double value) {
  const uint32_t packed =
      colourMapTable(map)[static_cast<size_t>(std::lround(std::clamp(value, 0.0, 1.0) * (kColourMapSteps - 1)))];
  auto channel = [&](int shift) { return static_cast<float>(packed >> shift & 255) / 255; };
  return {channel(0), channel(8), channel(16), channel(24)};
}

const ThemeColours& themeColours(Theme theme) {
  constexpr Colour orange = fromHex(0xE69F00), sky = fromHex(0x56B4E9), green = fromHex(0x009E73),
                   yellow = fromHex(0xF0E442), blue = fromHex(0x0072B2), vermillion = fromHex(0xD55E00),
                   purple = fromHex(0xCC79A7), grey = fromHex(0x8A94A6);
  static const ThemeColours dark = {fromHex(0x0F141C), fromHex(0x161D28),
                                    fromHex(0x28313F), fromHex(0x56627A),
                                    fromHex(0xE8EDF5), fromHex(0x9DA9BD),
                                    fromHex(0x6FB7F2), {sky, orange, green, purple, yellow, vermillion, blue, grey}};
  static const ThemeColours light = {fromHex(0xFFFFFF), fromHex(0xF6F8FB),
                                     fromHex(0xDFE5EE), fromHex(0x9AA6B8),
                                     fromHex(0x18202C), fromHex(0x566275),
                                     fromHex(0x0B66B0), {blue, orange, green, purple, vermillion, sky, grey, yellow}};
  return theme == Theme::Dark ? dark : light;
}

}  // namespace switchyard::render
