// Items are collected in host memory and go to the device in three uploads: shapes, glyphs, and the glyphs' coverage.
#include "render/draw_list.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "program/spirv/embedded.h"
#include "recorder.h"

namespace switchyard::render {

SWITCHYARD_SCENE_SHADER(flat_vert)
SWITCHYARD_SCENE_SHADER(flat_frag)
SWITCHYARD_SCENE_SHADER(shape_vert)
SWITCHYARD_SCENE_SHADER(shape_frag)
SWITCHYARD_SCENE_SHADER(glyph_vert)
SWITCHYARD_SCENE_SHADER(glyph_frag)

ModulePtr sceneModule(const char* name, std::span<const uint32_t> vertex, std::span<const uint32_t> fragment) {
  return embeddedShader(name, vertex, fragment);
}

ModulePtr sceneModule(const char* name, std::span<const uint32_t> compute) { return embeddedKernel(name, compute); }

std::span<const ModulePtr> DrawList::modules() {
  static const std::array<ModulePtr, 3> made = {
      sceneModule("scene flat", {spirv::flat_vert, spirv::flat_vertWords}, {spirv::flat_frag, spirv::flat_fragWords}),
      sceneModule("scene shape", {spirv::shape_vert, spirv::shape_vertWords},
                  {spirv::shape_frag, spirv::shape_fragWords}),
      sceneModule("scene glyph", {spirv::glyph_vert, spirv::glyph_vertWords},
                  {spirv::glyph_frag, spirv::glyph_fragWords})};
  return made;
}

DrawList::DrawList(uint32_t width, uint32_t height) : width_(width), height_(height) { noClip(); }

void DrawList::clip(const Box& box) {
  clip_ = {std::round(box.left), std::round(box.top), std::round(box.right), std::round(box.bottom)};
}

void DrawList::noClip() { clip_ = {0, 0, static_cast<float>(width_), static_cast<float>(height_)}; }

void DrawList::extend(Kind kind, uint32_t first) {
  if (!batches_.empty()) {
    Batch& last = batches_.back();
    if (last.kind == kind && kind != Kind::Own && std::memcmp(&last.clip, &clip_, sizeof clip_) == 0) {
      ++last.count;
      return;
    }
  }
  batches_.push_back({kind, first, 1, clip_});
}

void DrawList::add(Kind kind, const ShapeItem& item) {
  extend(kind, static_cast<uint32_t>(shapes_.size()));
  shapes_.push_back(item);
}

void DrawList::box(const Box& box, Colour fill) {
  const float left = std::round(box.left), top = std::round(box.top), right = std::round(box.right),
              bottom = std::round(box.bottom);
  if (!(right > left && bottom > top) || fill.a <= 0) return;
  const Point centre{(left + right) / 2, (top + bottom) / 2}, extent{(right - left) / 2, (bottom - top) / 2};
  add(Kind::Flat, {.centre = centre, .extent = extent, .axis = {1, 0}, .fill = fill.packed()});
}

void DrawList::roundBox(const Box& box, float radius, Colour fill, Colour edge, float edgeWidth) {
  if (!(box.width() > 0 && box.height() > 0)) return;
  if (fill.a <= 0) fill = edge.with(0);  // the border fades into nothing, not into black
  radius = std::min({radius, box.width() / 2, box.height() / 2});
  add(Kind::Shape, {box.centre(),
                    {box.width() / 2, box.height() / 2},
                    {1, 0},
                    radius,
                    edgeWidth,
                    fill.packed(),
                    edge.packed(),
                    0,
                    1});
}

void DrawList::gradient(const Box& box, Colour top, Colour bottom) {
  if (!(box.width() > 0 && box.height() > 0)) return;
  add(Kind::Shape,
      {box.centre(), {box.width() / 2, box.height() / 2}, {1, 0}, 0, -1, top.packed(), bottom.packed(), 0, 1});
}

void DrawList::oriented(Point from, Point to, float width, Colour colour, bool round) {
  if (width < 1) colour.a *= width, width = 1;  // a pixel's share, rather than less than a pixel
  if (!(colour.a > 0)) return;
  const float dx = to.x - from.x, dy = to.y - from.y, length = std::hypot(dx, dy);
  const Point axis = length > 0 ? Point{dx / length, dy / length} : Point{1, 0};
  const float half = width / 2;
  add(Kind::Shape, {{(from.x + to.x) / 2, (from.y + to.y) / 2},
                    {length / 2 + (round ? half : 0), half},
                    axis,
                    round ? half : 0,
                    0,
                    colour.packed(),
                    0,
                    0,
                    1});
}

void DrawList::line(Point from, Point to, float width, Colour colour) { oriented(from, to, width, colour, false); }

void DrawList::polyline(std::span<const Point> points, float width, Colour colour) {
  for (size_t i = 1; i < points.size(); ++i) oriented(points[i - 1], points[i], width, colour, true);
}

void DrawList::dashes(Point from, Point to, float width, float dash, float gap, Colour colour) {
  const float length = std::hypot(to.x - from.x, to.y - from.y);
  if (!(dash > 0 && gap >= 0 && length > 0)) return;
  const Point step{(to.x - from.x) / length, (to.y - from.y) / length};
  for (float at = 0; at < length; at += dash + gap) {
    const float end = std::min(at + dash, length);
    line({from.x + step.x * at, from.y + step.y * at}, {from.x + step.x * end, from.y + step.y * end}, width, colour);
  }
}

void DrawList::disc(Point centre, float radius, Colour fill, Colour edge, float edgeWidth) {
  if (!(radius > 0)) return;
  if (radius < 0.5f) fill.a *= radius * 2, edge.a *= radius * 2, radius = 0.5f;
  if (fill.a <= 0) fill = edge.with(0);
  add(Kind::Shape, {centre, {radius, radius}, {1, 0}, radius, edgeWidth, fill.packed(), edge.packed(), 0, 1});
}

void DrawList::glow(Point centre, float radius, Colour colour) {
  if (!(radius > 0) || colour.a <= 0) return;
  add(Kind::Shape, {centre, {0, 0}, {1, 0}, 0, 0, colour.packed(), 0, radius, radius});
}

void DrawList::text(std::string_view text, Point at, const TextStyle& style) {
  std::string fitted;
  if (style.mostWidth > 0) {
    fitted = fitText(text, style.size, style.mostWidth);
    text = fitted;
  }
  if (text.empty()) return;
  const float angle = static_cast<float>(style.degrees * (M_PI / 180)), cosine = std::cos(angle),
              sine = std::sin(angle);
  const float back =
      style.align == Align::Start ? 0 : textWidth(text, style.size) * (style.align == Align::Middle ? 0.5f : 1.0f);
  const float down = style.centred ? fontMetrics(style.size).capHeight / 2 : 0;
  std::vector<PlacedGlyph> placed;
  layText(text, style.size, at.x - back * cosine + down * sine, at.y + back * sine + down * cosine, style.degrees,
          placed);
  if (style.halo.a > 0)
    for (int dy = -1; dy <= 1; ++dy)
      for (int dx = -1; dx <= 1; ++dx)
        if (dx || dy) glyphs(placed, dx, dy, style.halo);
  glyphs(placed, 0, 0, style.colour);
}

uint32_t DrawList::coverageOf(const std::shared_ptr<const Glyph>& glyph) {
  auto [place, isNew] = offsets_.try_emplace(glyph.get(), static_cast<uint32_t>(coverage_.size()));
  if (isNew) {
    held_.push_back(glyph);
    coverage_.insert(coverage_.end(), glyph->coverage.begin(), glyph->coverage.end());
  }
  return place->second;
}

void DrawList::glyphs(std::span<const PlacedGlyph> placed, int dx, int dy, Colour colour) {
  for (const PlacedGlyph& one : placed) {
    const int x = one.x + dx, y = one.y + dy;
    const Glyph& glyph = *one.glyph;
    const int right = x + static_cast<int>(glyph.width), bottom = y + static_cast<int>(glyph.height);
    if (x >= static_cast<int>(width_) || y >= static_cast<int>(height_) || right <= 0 || bottom <= 0) continue;
    extend(Kind::Glyph, static_cast<uint32_t>(glyphs_.size()));
    glyphs_.push_back({x, y, glyph.width, glyph.height, coverageOf(one.glyph), colour.packed()});
  }
}

void DrawList::draw(Draw draw) {
  extend(Kind::Own, static_cast<uint32_t>(own_.size()));
  own_.push_back(std::move(draw));
}

namespace {

template <class T>
BufferView uploaded(Recorder& recorder, std::vector<T>& items) {
  if (items.empty()) return {};
  items.resize((items.size() * sizeof(T) + 3) / 4 * 4 / sizeof(T));  // bytes to whole words
  const std::span<T> host = recorder.hostMemory<T>(items.size());
  std::copy(items.begin(), items.end(), host.begin());
  const BufferView view = recorder.fresh(host.size_bytes());
  recorder.requireBindable(view.size, "what the picture is made of");
  recorder.upload(view, std::as_bytes(host));
  return view;
}

}  // namespace

Draw DrawList::drawOf(const Batch& batch, std::span<const std::shared_ptr<const Program>> programs, BufferView shapes,
                      BufferView glyphs, BufferView coverage) const {
  if (batch.kind == Kind::Own) return own_[batch.first];
  Draw draw;
  draw.program = programs[static_cast<size_t>(batch.kind)];
  draw.vertices = 6;
  draw.instances = batch.count;
  if (batch.kind == Kind::Glyph)
    draw.buffers = {glyphs, coverage};
  else
    draw.buffers = {shapes};
  const Params params{static_cast<float>(width_), static_cast<float>(height_), batch.first, 0, batch.clip};
  const auto bytes = std::as_bytes(std::span(&params, 1));
  draw.params.assign(bytes.begin(), bytes.end());
  return draw;
}

void DrawList::finish(Recorder& recorder, Colour background, BufferView out) {
  std::array<std::shared_ptr<const Program>, 3> programs;
  for (size_t i = 0; i < programs.size(); ++i) programs[i] = recorder.program(modules()[i]);
  const BufferView shapes = uploaded(recorder, shapes_), glyphs = uploaded(recorder, glyphs_),
                   coverage = uploaded(recorder, coverage_);
  std::vector<Draw> draws;
  draws.reserve(batches_.size());
  for (const Batch& batch : batches_) draws.push_back(drawOf(batch, programs, shapes, glyphs, coverage));
  recorder.draw({width_, height_, 1, {background.r, background.g, background.b, background.a}, out}, draws);
}

}  // namespace switchyard::render
