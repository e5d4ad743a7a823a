// DejaVu Sans, which is part of this library: outlines, advances and kerning, and glyphs as grey-scale coverage.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace switchyard::render {

// Text is read as UTF-8, one glyph for each code point, left to right: no shaping, no bidirectional reordering.
// Bytes that are not UTF-8 become U+FFFD, control characters spaces; what the font lacks is drawn as its box.
std::vector<char32_t> decodeUtf8(std::string_view text);

struct FontMetrics {
  float ascent = 0, descent = 0;  // pixels above and below the baseline, both positive
  float capHeight = 0;            // of an upper-case letter
};
FontMetrics fontMetrics(float size);  // size: pixels of the em

// Pixels that the pen moves, kerning included.
float textWidth(std::string_view text, float size);
// The text, or as much of its beginning as fits with an ellipsis; empty where not even one letter and the ellipsis do.
std::string fitText(std::string_view text, float size, float width);

// Coverage of one glyph, 0 to 255, row-major from the top left.
struct Glyph {
  int left = 0, top = 0;  // of the first pixel, from the pixel that the pen is in; y points down
  uint32_t width = 0, height = 0;
  std::vector<uint8_t> coverage;
};

// A glyph and where it goes: the pixel of its first coverage value.
struct PlacedGlyph {
  std::shared_ptr<const Glyph> glyph;
  int x = 0, y = 0;
};
// Where the glyphs of a text go whose baseline begins at x, y and rises by `degrees` (a whole number). Pens stand on
// quarters of a pixel along the line. Glyphs are made once a process and size and kept, within a bound. Thread-safe.
void layText(std::string_view text, float size, float x, float y, int degrees, std::vector<PlacedGlyph>& into);

}  // namespace switchyard::render
