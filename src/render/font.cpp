// The embedded font through stb_truetype: it is known to be sound, so its tables need no distrust.
#include "render/font.h"

#include <stb/stb_truetype.h>

#include <array>
#include <cmath>
#include <mutex>
#include <string>
#include <unordered_map>

#include "error.h"

extern "C" const unsigned char switchyardFont[];

namespace switchyard::render {
namespace {

constexpr size_t kMaxCachedBytes = 8 << 20;  // of coverage; then all are made anew
constexpr float kSizeSteps = 16;             // sizes are held to sixteenths of a pixel

class Font {
 public:
  Font() {
    if (!stbtt_InitFont(&info_, switchyardFont, stbtt_GetFontOffsetForIndex(switchyardFont, 0)))
      throw Error(Code::Internal, "the embedded font can't be read");
    for (char32_t c = 0; c < kFew; ++c) few_[c] = look(c);
  }

  struct Entry {
    int glyph = 0, advance = 0;
  };
  Entry entry(char32_t codepoint) const { return codepoint < kFew ? few_[codepoint] : look(codepoint); }
  int kerning(int left, int right) const { return stbtt_GetGlyphKernAdvance(&info_, left, right); }
  float scale(float size) const { return stbtt_ScaleForMappingEmToPixels(&info_, size); }
  const stbtt_fontinfo& info() const { return info_; }

 private:
  static constexpr char32_t kFew = 0x180;
  Entry look(char32_t codepoint) const {
    Entry entry;
    entry.glyph = stbtt_FindGlyphIndex(&info_, static_cast<int>(codepoint));  // 0, the box, when there is none
    int bearing = 0;
    stbtt_GetGlyphHMetrics(&info_, entry.glyph, &entry.advance, &bearing);
    return entry;
  }

  stbtt_fontinfo info_{};
  std::array<Entry, kFew> few_;
};

const Font& font() {
  static const Font theFont;
  return theFont;
}

struct Outline {
  explicit Outline(int glyph) { count = stbtt_GetGlyphShape(&font().info(), glyph, &points); }
  ~Outline() { stbtt_FreeShape(&font().info(), points); }
  Outline(const Outline&) = delete;
  Outline& operator=(const Outline&) = delete;
  stbtt_vertex* points = nullptr;
  int count = 0;
};

void rotate(Outline& outline, int degrees) {
  const double angle = degrees * (M_PI / 180), cosine = std::cos(angle), sine = std::sin(angle);
  auto turn = [&](short& x, short& y) {
    const double oldX = x, oldY = y;
    x = static_cast<short>(std::lround(oldX * cosine - oldY * sine));
    y = static_cast<short>(std::lround(oldX * sine + oldY * cosine));
  };
  for (int i = 0; i < outline.count; ++i) {
    stbtt_vertex& v = outline.points[i];
    turn(v.x, v.y);
    turn(v.cx, v.cy);
    turn(v.cx1, v.cy1);
  }
}

// dx, dy: where the pen is inside its pixel, y down.
Glyph rasterize(int index, float size, int degrees, float dx, float dy) {
  Outline outline(index);
  Glyph glyph;
  if (outline.count == 0) return glyph;
  if (degrees) rotate(outline, degrees);
  const float scale = font().scale(size);
  float minX = 1e9f, minY = 1e9f, maxX = -1e9f, maxY = -1e9f;
  auto include = [&](short x, short y) {
    minX = std::min(minX, x * scale + dx), maxX = std::max(maxX, x * scale + dx);
    minY = std::min(minY, -y * scale + dy), maxY = std::max(maxY, -y * scale + dy);
  };
  for (int i = 0; i < outline.count; ++i) {
    include(outline.points[i].x, outline.points[i].y);
    // the curve lies within
    if (outline.points[i].type == STBTT_vcurve) include(outline.points[i].cx, outline.points[i].cy);
  }
  glyph.left = static_cast<int>(std::floor(minX));
  glyph.top = static_cast<int>(std::floor(minY));
  glyph.width = static_cast<uint32_t>(std::max(static_cast<int>(std::ceil(maxX)) - glyph.left, 1));
  glyph.height = static_cast<uint32_t>(std::max(static_cast<int>(std::ceil(maxY)) - glyph.top, 1));
  glyph.coverage.resize(size_t{glyph.width} * glyph.height);
  stbtt__bitmap bitmap{static_cast<int>(glyph.width), static_cast<int>(glyph.height), static_cast<int>(glyph.width),
                       glyph.coverage.data()};
  constexpr float kFlatness = 0.2f;  // pixels that a straight piece may lie off its curve
  stbtt_Rasterize(&bitmap, kFlatness, outline.points, outline.count, scale, scale, dx, dy, glyph.left, glyph.top, 1,
                  nullptr);
  return glyph;
}

// Where a text's glyphs begin, in font units along its baseline.
template <class Fn>
int walk(std::string_view text, Fn&& fn) {
  int pen = 0, previous = -1;
  for (char32_t codepoint : decodeUtf8(text)) {
    const Font::Entry entry = font().entry(codepoint);
    if (previous >= 0) pen += font().kerning(previous, entry.glyph);
    fn(entry.glyph, pen);
    pen += entry.advance;
    previous = entry.glyph;
  }
  return pen;
}

class GlyphCache {
 public:
  std::shared_ptr<const Glyph> get(int index, int sixteenths, int degrees, int quarterX, int quarterY) {
    const uint64_t key = uint64_t(index) | uint64_t(sixteenths) << 16 | uint64_t(degrees) << 40 |
                         uint64_t(quarterX) << 52 | uint64_t(quarterY) << 54;
    if (auto found = glyphs_.find(key); found != glyphs_.end()) return found->second;
    if (bytes_ > kMaxCachedBytes) glyphs_.clear(), bytes_ = 0;
    auto made = std::make_shared<const Glyph>(
        rasterize(index, sixteenths / kSizeSteps, degrees, quarterX * 0.25f, quarterY * 0.25f));
    bytes_ += made->coverage.size() + 128;
    glyphs_.emplace(key, made);
    return made;
  }
  std::mutex mutex;

 private:
  std::unordered_map<uint64_t, std::shared_ptr<const Glyph>> glyphs_;
  size_t bytes_ = 0;
};

GlyphCache& cache() {
  static GlyphCache theCache;
  return theCache;
}

// The text's size as glyphs are made of it.
int sixteenthsOf(float size) {
  return static_cast<int>(std::lround(std::min(std::max(size, 1.0f), 1000.0f) * kSizeSteps));
}

}  // namespace

std::vector<char32_t> decodeUtf8(std::string_view text) {
  constexpr char32_t kReplacement = 0xFFFD;
  std::vector<char32_t> out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<uint8_t>(text[i++]);
    if (first < 0x80) {
      out.push_back(first < 0x20 || first == 0x7F ? U' ' : char32_t{first});
      continue;
    }
    const int more = first >= 0xF0 && first < 0xF5   ? 3
                     : first >= 0xE0 && first < 0xF0 ? 2
                     : first >= 0xC2 && first < 0xE0 ? 1
                                                     : 0;
    char32_t value = more == 3 ? first & 7 : more == 2 ? first & 15 : first & 31;
    int got = 0;
    for (; got < more && i < text.size() && (static_cast<uint8_t>(text[i]) & 0xC0) == 0x80; ++got) {
      // The second byte tells over-long forms, surrogates and what lies beyond U+10FFFF: there the sequence ends, as
      // Unicode recommends.
      const auto next = static_cast<uint8_t>(text[i]);
      const uint8_t low = first == 0xE0   ? 0xA0
                          : first == 0xF0 ? 0x90
                                          : 0x80,
                    high = first == 0xED   ? 0x9F
                           : first == 0xF4 ? 0x8F
                                           : 0xBF;
      if (got == 0 && (next < low || next > high)) break;
      value = value << 6 | (next & 63);
      ++i;
    }
    out.push_back(more && got == more ? (value < 0xA0 ? U' ' : value) : kReplacement);
  }
  return out;
}

FontMetrics fontMetrics(float size) {
  static const std::array<int, 3> units = [] {
    std::array<int, 3> made{};
    int gap = 0, left = 0, bottom = 0, right = 0;
    stbtt_GetFontVMetrics(&font().info(), &made[0], &made[1], &gap);
    stbtt_GetCodepointBox(&font().info(), 'H', &left, &bottom, &right, &made[2]);
    return made;
  }();
  const float scale = font().scale(size);
  return {units[0] * scale, -units[1] * scale, units[2] * scale};
}

float textWidth(std::string_view text, float size) {
  return walk(text, [](int, int) {}) * font().scale(sixteenthsOf(size) / kSizeSteps);
}

std::string fitText(std::string_view text, float size, float width) {
  if (textWidth(text, size) <= width) return std::string(text);
  const std::string dots = "\u2026";
  // Ends of code points, so that none is cut; found by halving, since widths grow along the text.
  std::vector<size_t> ends;
  for (size_t i = 1; i <= text.size(); ++i)
    if (i == text.size() || (static_cast<uint8_t>(text[i]) & 0xC0) != 0x80) ends.push_back(i);
  size_t fits = 0, tooMany = ends.size();
  while (tooMany - fits > 1) {
    const size_t middle = (fits + tooMany) / 2;
    (textWidth(std::string(text.substr(0, ends[middle - 1])) + dots, size) <= width ? fits : tooMany) = middle;
  }
  if (fits == 0) return {};
  size_t end = ends[fits - 1];
  while (end > 1 && text[end - 1] == ' ') --end;
  return std::string(text.substr(0, end)) + dots;
}

void layText(std::string_view text, float size, float x, float y, int degrees, std::vector<PlacedGlyph>& into) {
  const int sixteenths = sixteenthsOf(size);
  degrees = ((degrees % 360) + 360) % 360;
  const double scale = font().scale(sixteenths / kSizeSteps), angle = degrees * (M_PI / 180);
  const double cosine = std::cos(angle), sine = std::sin(angle);
  std::lock_guard lock(cache().mutex);
  walk(text, [&](int index, int pen) {
    double penX = x + pen * scale * cosine, penY = y - pen * scale * sine;
    // Across the line pens stand on whole pixels where the line runs along pixels, so that all letters are equally
    // crisp.
    if (degrees % 180 == 0) penY = std::round(penY);
    if (degrees % 180 == 90) penX = std::round(penX);
    const int quartersX = static_cast<int>(std::lround(penX * 4)), quartersY = static_cast<int>(std::lround(penY * 4));
    PlacedGlyph placed{cache().get(index, sixteenths, degrees, quartersX & 3, quartersY & 3)};
    if (placed.glyph->coverage.empty()) return;
    placed.x = (quartersX >> 2) + placed.glyph->left;
    placed.y = (quartersY >> 2) + placed.glyph->top;
    into.push_back(std::move(placed));
  });
}

}  // namespace switchyard::render
