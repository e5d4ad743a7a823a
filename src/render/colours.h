// Colours, colour maps with even steps of lightness, a palette that does not rest on telling red from green, and two
// themes.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace switchyard::render {

// sRGB as screens take it, straight alpha, 0 to 1.
struct Colour {
  float r = 0, g = 0, b = 0, a = 1;
  Colour with(float alpha) const { return {r, g, b, alpha}; }
  uint32_t packed() const;  // r in the lowest byte, as unpackUnorm4x8() reads it
};
constexpr Colour fromHex(uint32_t rgb, float alpha = 1) {
  return {static_cast<float>(rgb >> 16 & 255) / 255, static_cast<float>(rgb >> 8 & 255) / 255,
          static_cast<float>(rgb & 255) / 255, alpha};
}
Colour mix(const Colour& a, const Colour& b, float t);
// Black or white ink, whichever reads better on it.
bool isLight(const Colour& colour);

// Lightness and hue are those of OKLab (B. Ottosson, "A perceptual color space for image processing", 2020): equal
// steps of the value are equal steps of lightness. Balance has its middle in the middle: for values on both sides of
// zero.
enum class ColourMap : uint8_t { Aurora, Ember, Grey, Balance };
inline const std::vector<const char*> kColourMapNames = {"aurora", "ember", "grey", "balance"};
constexpr uint32_t kColourMapSteps = 256;
std::span<const uint32_t> colourMapTable(ColourMap map);  // kColourMapSteps packed colours
Colour colourAt(ColourMap map, double value);             // of 0 to 1

enum class Theme : uint8_t { Dark, Light };
inline const std::vector<const char*> kThemeNames = {"dark", "light"};
struct ThemeColours {
  Colour page, panel, grid, axis, text, muted, accent;
  // M. Okabe and K. Ito, "Color universal design", 2008, in an order that suits the page
  std::array<Colour, 8> categories;
  Colour category(uint64_t index) const { return categories[index % categories.size()]; }
};
const ThemeColours& themeColours(Theme theme);

}  // namespace switchyard::render
