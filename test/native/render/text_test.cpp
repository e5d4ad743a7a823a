// Text of pictures: decoding, widths, fitting, and where its ink stands.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "render/font.h"

namespace switchyard::test {
namespace {

using namespace render;

std::u32string decoded(std::string_view text) {
  const std::vector<char32_t> codepoints = decodeUtf8(text);
  return {codepoints.begin(), codepoints.end()};
}

TEST(SceneText, DecodesUtf8AndReplacesWhatIsNone) {
  EXPECT_EQ(decoded("Aß€😀"), U"Aß€😀");
  EXPECT_EQ(decoded("a\tb\nc\x7f"), U"a b c ");
  EXPECT_EQ(decoded("a\x80"
                    "b"),
            U"a\uFFFDb")
      << "a continuation without a beginning";
  EXPECT_EQ(decoded("\xC0\xAF"), U"\uFFFD\uFFFD") << "an over-long slash";
  EXPECT_EQ(decoded("\xED\xA0\x80"), U"\uFFFD\uFFFD\uFFFD") << "a surrogate";
  EXPECT_EQ(decoded("\xE2\x82"), U"\uFFFD") << "cut off";
  EXPECT_EQ(decoded("\xF4\x90\x80\x80"), U"\uFFFD\uFFFD\uFFFD\uFFFD") << "beyond U+10FFFF";
  EXPECT_EQ(decoded(""), U"");
}

TEST(SceneText, WidthsAddUpButForKerning) {
  EXPECT_EQ(textWidth("", 14), 0);
  EXPECT_NEAR(textWidth("nnnn", 20), 4 * textWidth("n", 20), 0.01);
  EXPECT_LT(textWidth("AV", 40), textWidth("A", 40) + textWidth("V", 40) - 0.5f);
  EXPECT_NEAR(textWidth("weights", 28), 2 * textWidth("weights", 14), 0.01);
  const FontMetrics metrics = fontMetrics(100);
  EXPECT_NEAR(metrics.capHeight, 72.9, 0.2) << "DejaVu Sans: 1493 of 2048 units";
  EXPECT_GT(metrics.ascent, metrics.capHeight);
  EXPECT_GT(metrics.descent, 10);
}

TEST(SceneText, FitsWithAnEllipsis) {
  const std::string text = "Permission is hereby granted";
  EXPECT_EQ(fitText(text, 14, 1000), text);
  for (float width : {25.0f, 50.0f, 90.0f, 130.0f}) {
    const std::string fitted = fitText(text, 14, width);
    EXPECT_LE(textWidth(fitted, 14), width);
    EXPECT_TRUE(fitted.ends_with("\u2026")) << fitted;
    EXPECT_EQ(text.rfind(fitted.substr(0, fitted.size() - 3), 0), 0u);
  }
  EXPECT_EQ(fitText(text, 14, 3), "");
  const std::string greek = fitText("ααααααααααα", 14, 50);
  EXPECT_EQ(decoded(greek).find(U'\uFFFD'), std::u32string::npos) << "no letter is cut in two";
}

struct Ink {
  int left = 1 << 20, top = 1 << 20, right = -(1 << 20), bottom = -(1 << 20);
  double sum = 0;
};
Ink inkOf(std::string_view text, float size, float x, float y, int degrees) {
  std::vector<PlacedGlyph> placed;
  layText(text, size, x, y, degrees, placed);
  Ink ink;
  for (const PlacedGlyph& one : placed)
    for (uint32_t row = 0; row < one.glyph->height; ++row)
      for (uint32_t column = 0; column < one.glyph->width; ++column)
        if (const uint8_t c = one.glyph->coverage[row * one.glyph->width + column]) {
          ink.sum += c / 255.0;
          ink.left = std::min(ink.left, one.x + int(column)), ink.right = std::max(ink.right, one.x + int(column));
          ink.top = std::min(ink.top, one.y + int(row)), ink.bottom = std::max(ink.bottom, one.y + int(row));
        }
  return ink;
}

TEST(SceneText, StandsWhereItWasPut) {
  const Ink level = inkOf("HHH", 32, 100.5f, 200, 0);
  EXPECT_NEAR(level.bottom, 199, 1);
  EXPECT_NEAR(level.top, 200 - fontMetrics(32).capHeight, 1.5);
  EXPECT_NEAR(level.right - level.left, textWidth("HHH", 32), 8);
  EXPECT_GE(level.left, 100);
  const Ink up = inkOf("HHH", 32, 100, 200, 90);
  EXPECT_NEAR(up.right, 99, 1);
  EXPECT_NEAR(up.bottom - up.top, level.right - level.left, 1);
  EXPECT_NEAR(up.sum, level.sum, level.sum * 0.02) << "a turned text has the same ink";
  const Ink slanted = inkOf("HHH", 32, 100, 200, 45);
  EXPECT_NEAR(slanted.sum, level.sum, level.sum * 0.02);
  EXPECT_NEAR(slanted.right - slanted.left, slanted.bottom - slanted.top, 3);
  EXPECT_NEAR(inkOf("H", 32, 100.25f, 200, 0).sum, inkOf("H", 32, 100, 200, 0).sum, 1);
}

TEST(SceneText, WhatTheFontLacksIsABox) {
  const Ink box = inkOf("\U0001F9FF", 32, 0, 100, 0), other = inkOf("\u65E5", 32, 0, 100, 0);
  EXPECT_GT(box.sum, 20);
  EXPECT_EQ(box.sum, other.sum);
  EXPECT_EQ(inkOf(" ", 32, 0, 100, 0).sum, 0);
}

}  // namespace
}  // namespace switchyard::test
