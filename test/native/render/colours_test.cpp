// Colours: maps with even steps of lightness, and text that can be read on its page.
#include <gtest/gtest.h>

#include <cmath>

#include "render/colours.h"

namespace switchyard::test {
namespace {

using namespace render;

// OKLab's lightness of an sRGB colour, from Ottosson's inverse matrices.
double lightness(const Colour& c) {
  auto linear = [](double v) { return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); };
  const double r = linear(c.r), g = linear(c.g), b = linear(c.b);
  const double l = std::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b),
               m = std::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b),
               s = std::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
}

TEST(SceneColours, MapsHaveEvenStepsOfLightness) {
  for (ColourMap map : {ColourMap::Aurora, ColourMap::Ember, ColourMap::Grey}) {
    const double first = lightness(colourAt(map, 0)), last = lightness(colourAt(map, 1));
    EXPECT_GT(last - first, 0.6);
    for (int i = 0; i <= 64; ++i)
      EXPECT_NEAR(lightness(colourAt(map, i / 64.0)), first + (last - first) * i / 64.0, 0.012)
          << int(map) << " at " << i;
  }
  for (int i = 0; i <= 32; ++i)
    EXPECT_NEAR(lightness(colourAt(ColourMap::Balance, i / 64.0)),
                lightness(colourAt(ColourMap::Balance, 1 - i / 64.0)), 0.012);
  EXPECT_EQ(colourAt(ColourMap::Aurora, -3).packed(), colourMapTable(ColourMap::Aurora)[0]);
  EXPECT_EQ(colourAt(ColourMap::Aurora, 7).packed(), colourMapTable(ColourMap::Aurora)[255]);
}

TEST(SceneColours, TextReadsOnItsPage) {
  for (Theme theme : {Theme::Dark, Theme::Light}) {
    const ThemeColours& colours = themeColours(theme);
    EXPECT_GT(std::fabs(lightness(colours.text) - lightness(colours.page)), 0.6);
    EXPECT_GT(std::fabs(lightness(colours.muted) - lightness(colours.page)), 0.4);
  }
}

}  // namespace
}  // namespace switchyard::test
