// A picture as a list: boxes, lines, discs, glows and text, in the order they are drawn, with a scene's own draws in
// between.
//
// How a scene uses it, in its record():
//
//   DrawList list(width, height);
//   list.box({x0, y0, x1, y1}, colours.panel);                   // whole pixels, the cheapest
//   list.line({x0, y0}, {x1, y1}, 1.5f, colours.axis);
//   list.draw(std::move(ownDraw)); // a Draw of the scene's own shaders, at this place of the order
//   list.text("label", {x, y}, {.size = 14, .colour = colours.text, .align = Align::Middle});
//   list.finish(recorder, colours.page, call.outputs[0].view);   // uploads, draws
// All coordinates are pixels from the top left corner, y down; the middle of the first pixel is at 0.5, 0.5. Edges are
// anti-aliased by their exact distance, so one sample for each pixel is enough. Neighbours of one kind become one
// instanced draw; a clip() begins another. A scene's own shaders may use shaders/scenes/list.glsl for corner() and
// placed(); their modules come from sceneModule(), and a scene's readyOn() asks about those and DrawList::modules().
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "device.h"
#include "program/module.h"
#include "render/colours.h"
#include "render/font.h"

namespace switchyard {
class Recorder;
}

namespace switchyard::render {

struct Point {
  float x = 0, y = 0;
};
struct Box {
  float left = 0, top = 0, right = 0, bottom = 0;
  float width() const { return right - left; }
  float height() const { return bottom - top; }
  Point centre() const { return {(left + right) / 2, (top + bottom) / 2}; }
  Box grown(float by) const { return {left - by, top - by, right + by, bottom + by}; }
  bool overlaps(const Box& o) const { return left < o.right && o.left < right && top < o.bottom && o.top < bottom; }
  bool contains(Point p) const { return p.x >= left && p.x <= right && p.y >= top && p.y <= bottom; }
};

enum class Align : uint8_t { Start, Middle, End };
struct TextStyle {
  float size = 14;  // pixels of the em
  Colour colour;
  Align align = Align::Start;  // which part of the text is at the point
  bool centred = false;        // the point is in the middle of the letters' height; else it is on the baseline
  int degrees = 0;             // the baseline rises by
  float mostWidth = 0;         // 0: any. Longer text ends in an ellipsis
  Colour halo = {0, 0, 0, 0};  // drawn a pixel around the letters, where they stand on data
};

class DrawList {
 public:
  DrawList(uint32_t width, uint32_t height);

  void box(const Box& box, Colour fill);  // edges go to the nearest pixel
  void roundBox(const Box& box, float radius, Colour fill, Colour edge = {}, float edgeWidth = 0);
  void gradient(const Box& box, Colour top, Colour bottom);
  void line(Point from, Point to, float width, Colour colour);
  // round joints; opaque colours alone look even there
  void polyline(std::span<const Point> points, float width, Colour colour);
  void dashes(Point from, Point to, float width, float dash, float gap, Colour colour);
  void disc(Point centre, float radius, Colour fill, Colour edge = {}, float edgeWidth = 0);
  void glow(Point centre, float radius, Colour colour);  // the colour in the middle, nothing from the radius on
  void text(std::string_view text, Point at, const TextStyle& style);
  void draw(Draw draw);
  void clip(const Box& box);  // of what follows, but for a scene's own draws
  void noClip();

  uint32_t width() const { return width_; }
  uint32_t height() const { return height_; }
  // Records the uploads and the drawing onto `out`. Once, last.
  void finish(Recorder& recorder, Colour background, BufferView out);

  static std::span<const ModulePtr> modules();  // what finish() needs

 private:
  enum class Kind : uint8_t { Flat, Shape, Glyph, Own };
  struct ShapeItem {
    Point centre, extent, axis;
    float radius = 0, border = 0;
    uint32_t fill = 0, edge = 0;
    float soft = 0, grow = 0;
  };
  struct GlyphItem {
    int32_t x = 0, y = 0;
    uint32_t width = 0, height = 0, offset = 0, colour = 0;
  };
  struct Batch {
    Kind kind;
    uint32_t first = 0, count = 0;
    Box clip;
  };
  struct Params {  // list.glsl: Push
    float width, height;
    uint32_t first, unused;
    Box clip;
  };

  void add(Kind kind, const ShapeItem& item);
  void extend(Kind kind, uint32_t first);
  void oriented(Point from, Point to, float width, Colour colour, bool round);
  void glyphs(std::span<const PlacedGlyph> placed, int dx, int dy, Colour colour);
  uint32_t coverageOf(const std::shared_ptr<const Glyph>& glyph);
  Draw drawOf(const Batch& batch, std::span<const std::shared_ptr<const Program>> programs, BufferView shapes,
              BufferView glyphs, BufferView coverage) const;

  const uint32_t width_, height_;
  Box clip_;
  std::vector<Batch> batches_;
  std::vector<ShapeItem> shapes_;
  std::vector<GlyphItem> glyphs_;
  std::vector<uint8_t> coverage_;  // of the glyphs used, one after the other
  std::unordered_map<const Glyph*, uint32_t> offsets_;
  std::vector<std::shared_ptr<const Glyph>> held_;
  std::vector<Draw> own_;
};

// A module of shaders/scenes/<vertex>.vert and <fragment>.frag, made once a process. The names are the arrays that the
// build embeds.
#define SWITCHYARD_SCENE_SHADER(stage) \
  namespace spirv {                    \
  extern const uint32_t stage[];       \
  extern const size_t stage##Words;    \
  }
ModulePtr sceneModule(const char* name, std::span<const uint32_t> vertex, std::span<const uint32_t> fragment);
ModulePtr sceneModule(const char* name, std::span<const uint32_t> compute);  // of shaders/scenes/<compute>.comp

}  // namespace switchyard::render
