// Labels take what they need up to a share of the picture; what is left is the panel's,
// whose cells are at most three times as wide as high, or as high as wide.
#include "render/heatmap_layout.h"

#include <algorithm>
#include <cmath>

namespace switchyard::render {
namespace {

constexpr float kMaxStretch = 3.0f;        // of a cell's longer side to its shorter
constexpr float kMinPanel = 0.4f;          // of the room there is, however long and thin the matrix
constexpr float kMaxRowLabels = 0.2f;      // of the width
constexpr float kMaxColumnLabels = 0.22f;  // of the height
constexpr float kPointPitch = 7;           // pixels between points at least, at 1280 x 720

std::string subtitle(const HeatmapLook& look, const HeatmapLayout& layout) {
  std::string text = countText(look.rows) + " \u00d7 " + countText(look.columns) + " weights";
  if (look.heads > 1)
    text += look.head < 0 ? ", mean of " + countText(look.heads) + " heads"
                          : ", head " + std::to_string(look.head) + " of " + countText(look.heads);
  const Window& w = look.window;
  if (w.left > 0 || w.top > 0 || w.right < static_cast<double>(look.columns) ||
      w.bottom < static_cast<double>(look.rows)) {
    auto range = [](double from, double to) {
      return std::to_string(static_cast<uint64_t>(from)) + "\u2013" +
             std::to_string(static_cast<uint64_t>(std::ceil(to)) - 1);
    };
    text += "  \u00b7  rows " + range(w.top, w.bottom) + ", columns " + range(w.left, w.right);
  }
  if (look.points && layout.blockColumns * layout.blockRows > 1)
    text += "  \u00b7  each point is the strongest of " + std::to_string(layout.blockRows) + " \u00d7 " +
            std::to_string(layout.blockColumns);
  return text;
}

// What labels are given: room for all, but for a few that are much longer than most.
float usualWidth(std::span<const AxisTick> ticks, float size) {
  std::vector<float> widths;
  for (const AxisTick& tick : ticks) widths.push_back(textWidth(tick.label, size));
  if (widths.empty()) return 0;
  std::sort(widths.begin(), widths.end());
  return std::min(widths.back(), widths[(widths.size() - 1) * 4 / 5] * 1.5f + size);
}

ColourBar barOf(const HeatmapLook& look) { return {look.map, look.low, look.high, "weight"}; }

// Middles of the cells that have a label, with it; not of cells that the window cuts in two.
std::vector<AxisTick> ticksOf(const std::vector<std::string>& labels, double from, double to, float begin, float end,
                              int most) {
  constexpr double kEdge = 0.004;  // cells
  const LinearScale scale{from, to, begin, end};
  std::vector<AxisTick> ticks;
  if (labels.empty()) {
    for (const Tick& tick :
         wholeTicks(std::ceil(from - 0.5), std::max(std::floor(to - 0.5), std::ceil(from - 0.5)), most))
      if (tick.value + 0.5 > from + kEdge && tick.value + 0.5 < to - kEdge)
        ticks.push_back({static_cast<float>(scale(tick.value + 0.5)), tick.label});
    return ticks;
  }
  for (auto i = static_cast<uint64_t>(from);
       i < std::min<uint64_t>(labels.size(), static_cast<uint64_t>(std::ceil(to))); ++i) {
    const double middle = static_cast<double>(i) + 0.5;
    if (middle > from + kEdge && middle < to - kEdge) ticks.push_back({static_cast<float>(scale(middle)), labels[i]});
  }
  return ticks;
}

int ticksThatFit(float length, float each) {
  return std::clamp(static_cast<int>(length / std::max(each, 1.0f)), 2, 24);
}

std::vector<AxisTick> rowTicks(const HeatmapLook& look, const HeatmapLayout& layout) {
  return ticksOf(look.rowLabels, look.window.top, look.window.bottom, layout.panel.top, layout.panel.bottom,
                 ticksThatFit(layout.panel.height(), layout.sizes.small * 2.4f));
}
std::vector<AxisTick> columnTicks(const HeatmapLook& look, const HeatmapLayout& layout) {
  return ticksOf(look.columnLabels, look.window.left, look.window.right, layout.panel.left, layout.panel.right,
                 ticksThatFit(layout.panel.width(), layout.sizes.small * 5));
}

// How column labels stand, and the height that this takes.
void chooseColumnLabels(const HeatmapLook& look, HeatmapLayout& layout) {
  const Sizes& sizes = layout.sizes;
  const float level = std::ceil(fontMetrics(sizes.small).capHeight + fontMetrics(sizes.small).descent);
  layout.degrees = 0;
  layout.columnLabelHeight = level;
  if (look.columnLabels.empty()) return;
  const std::vector<AxisTick> ticks = columnTicks(look, layout);
  const float widest = usualWidth(ticks, sizes.small),
              pitch = layout.panel.width() / static_cast<float>(look.window.width());
  if (widestLabel(ticks, sizes.small) + sizes.gap <= pitch) return;
  const float most = kMaxColumnLabels * static_cast<float>(look.height);
  layout.degrees = pitch * 0.7071f >= sizes.small * 1.05f ? 45 : 90;
  const float along = layout.degrees == 45 ? widest * 0.7071f + sizes.small : widest;
  layout.columnLabelHeight = std::ceil(std::clamp(along, level, most));
}

void drawFrame(DrawList& list, const HeatmapLook& look, const HeatmapLayout& layout) {
  const Box& panel = layout.panel;
  const Colour colour = themeColours(look.theme).axis;
  const float line = layout.sizes.line;
  list.box({panel.left - line, panel.top - line, panel.right + line, panel.top}, colour);
  list.box({panel.left - line, panel.bottom, panel.right + line, panel.bottom + line}, colour);
  list.box({panel.left - line, panel.top, panel.left, panel.bottom}, colour);
  list.box({panel.right, panel.top, panel.right + line, panel.bottom}, colour);
}

void drawTurnedLabels(DrawList& list, const HeatmapLook& look, const HeatmapLayout& layout,
                      std::span<const AxisTick> ticks) {
  const Sizes& sizes = layout.sizes;
  const ThemeColours& colours = themeColours(look.theme);
  const float leastPitch = layout.degrees == 45 ? sizes.small * 1.45f : sizes.small * 1.1f,
              top = layout.panel.bottom + sizes.tick + sizes.gap * 0.5f;
  float previous = -1e9f;
  for (const AxisTick& tick : ticks) {
    if (tick.at - previous < leastPitch) continue;
    previous = tick.at;
    const float left = std::floor(tick.at - sizes.line / 2 + 0.5f);
    list.box({left, layout.panel.bottom, left + sizes.line, layout.panel.bottom + sizes.tick}, colours.axis);
    float most =
        layout.degrees == 45 ? (layout.columnLabelHeight - sizes.small * 0.7f) / 0.7071f : layout.columnLabelHeight;
    if (layout.degrees == 45) most = std::min(most, (tick.at - 2) / 0.7071f - sizes.small * 0.5f);
    if (most < sizes.small * 2) continue;
    list.text(tick.label,
              {tick.at + (layout.degrees == 45 ? sizes.small * 0.15f : 0),
               top + (layout.degrees == 45 ? sizes.small * 0.15f : 0)},
              {.size = sizes.small,
               .colour = colours.muted,
               .align = Align::End,
               .centred = true,
               .degrees = layout.degrees,
               .mostWidth = most});
  }
}

void drawAxisTitles(DrawList& list, const HeatmapLook& look, const HeatmapLayout& layout) {
  const Sizes& sizes = layout.sizes;
  const Box& panel = layout.panel;
  const ThemeColours& colours = themeColours(look.theme);
  const float below = panel.bottom + sizes.tick + sizes.gap * 1.5f + layout.columnLabelHeight;
  list.text("key", {panel.centre().x, below + fontMetrics(sizes.body).capHeight},
            {.size = sizes.body, .colour = colours.text, .align = Align::Middle});
  list.text("query", {layout.left + sizes.body * 0.5f, panel.centre().y},
            {.size = sizes.body,
             .colour = colours.text,
             .align = Align::Middle,
             .centred = true,
             .degrees = 90,
             .mostWidth = panel.height()});
}

template <class ValueAt>
void drawValues(DrawList& list, const HeatmapLook& look, const HeatmapLayout& layout, const ValueAt& valueAt) {
  if (layout.valueSize <= 0) return;
  const Window& w = look.window;
  const LinearScale x{w.left, w.right, layout.panel.left, layout.panel.right},
      y{w.top, w.bottom, layout.panel.top, layout.panel.bottom};
  const auto firstRow = static_cast<uint64_t>(w.top), endRow = static_cast<uint64_t>(std::ceil(w.bottom));
  const auto firstColumn = static_cast<uint64_t>(w.left), endColumn = static_cast<uint64_t>(std::ceil(w.right));
  const float cell = layout.panel.width() / static_cast<float>(w.width());
  const double largest = std::max(std::fabs(look.low), std::fabs(look.high));
  // two digits of the largest
  const int decimals = std::clamp(1 - static_cast<int>(std::floor(std::log10(largest))), 0, 9);
  for (uint64_t row = firstRow; row < endRow; ++row)
    for (uint64_t column = firstColumn; column < endColumn; ++column) {
      const double value = valueAt(row, column);
      if (std::isnan(value)) continue;
      const Colour under = colourAt(look.map, (value - look.low) / (look.high - look.low));
      const Colour ink = isLight(under) ? fromHex(0x101418, 0.92f) : fromHex(0xFFFFFF, 0.92f);
      const std::string text = fixedText(value, decimals);
      const float width = textWidth(text, layout.valueSize);
      const Point middle{static_cast<float>(x(static_cast<double>(column) + 0.5)),
                         static_cast<float>(y(static_cast<double>(row) + 0.5))};
      if (width > cell - 4 || !layout.panel.grown(-width / 2 - 1).contains({middle.x, layout.panel.centre().y}) ||
          !layout.panel.grown(-layout.valueSize / 2).contains({layout.panel.centre().x, middle.y}))
        continue;  // a cell cut by the window's edge, too
      list.text(text, middle, {.size = layout.valueSize, .colour = ink, .align = Align::Middle, .centred = true});
    }
}

}  // namespace

HeatmapLayout::HeatmapLayout(const HeatmapLook& look) : sizes(look.width, look.height) {
  const auto width = static_cast<float>(look.width), height = static_cast<float>(look.height);
  const bool cells = look.window.width() > 0 && look.window.height() > 0 && look.rows && look.columns;
  const float top = TitlePlace(sizes, !look.title.empty(), true).bottom;
  const ColourBar legend = barOf(look);
  float bottom = height - sizes.pad;
  panel = {sizes.pad, top, width - sizes.pad, bottom};
  if (sizes.hasText) {
    rowLabelWidth = std::min(std::ceil(usualWidth(rowTicks(look, *this), sizes.small)), kMaxRowLabels * width);
    panel.left = std::ceil(sizes.pad + sizes.body + sizes.gap * 1.5f + rowLabelWidth + sizes.tick);
    const float barWidth = colourBarWidth(sizes, legend, panel.height() * 0.8f);
    if (width - sizes.pad - barWidth - 3 * sizes.gap - panel.left > 2 * barWidth) {
      bar = width - sizes.pad - barWidth;
      panel.right = std::floor(bar - 3 * sizes.gap);
    }
    chooseColumnLabels(look, *this);
    const float axisTitle =
        std::ceil(fontMetrics(sizes.body).capHeight + fontMetrics(sizes.body).descent) + sizes.gap * 1.5f;
    panel.bottom = std::floor(bottom - axisTitle - columnLabelHeight - sizes.tick);
  }
  if (panel.width() < 8 || panel.height() < 8) {  // no room for anything else
    panel = {0, 0, width, height};
    bar = 0, sizes.hasText = false;
  }
  left = sizes.pad;
  if (!cells) return;
  const float stretch = panel.width() / static_cast<float>(look.window.width()) /
                        (panel.height() / static_cast<float>(look.window.height()));
  const float before = panel.width();
  if (stretch > kMaxStretch)
    panel.right = panel.left + std::round(panel.width() * std::max(kMaxStretch / stretch, kMinPanel));
  if (stretch < 1 / kMaxStretch)
    panel.bottom = panel.top + std::round(panel.height() * std::max(stretch * kMaxStretch, kMinPanel));
  // what is narrower than its place stands in its middle
  if (const float spare = std::floor((before - panel.width()) / 2); spare > 0) {
    left += spare, panel.left += spare, panel.right += spare;
    if (bar > 0) bar = panel.right + 3 * sizes.gap;
  }
  const float cellWidth = panel.width() / static_cast<float>(look.window.width()),
              cellHeight = panel.height() / static_cast<float>(look.window.height());
  const float cell = std::min(cellWidth, cellHeight), unit = std::max(sizes.unit, 0.5f);
  blockColumns = static_cast<uint32_t>(std::max(1.0f, std::ceil(kPointPitch * unit / cellWidth)));
  blockRows = static_cast<uint32_t>(std::max(1.0f, std::ceil(kPointPitch * unit / cellHeight)));
  if (!look.points && cell >= 10 * unit) cellGap = std::max(1.0f, std::round(std::min(cell / 24, 2 * unit)));
  if (!look.points && sizes.hasText && cellWidth >= 40 * unit && cellHeight >= sizes.small * 1.7f)
    valueSize = sizes.small;
}

void drawBehind(DrawList& list, const HeatmapLook& look, const HeatmapLayout& layout) {
  const ThemeColours& colours = themeColours(look.theme);
  drawTitle(list, colours, layout.sizes, look.title, subtitle(look, layout));
  if (look.points || !look.rows || !look.columns) list.box(layout.panel, colours.panel);
}

void drawInFront(DrawList& list, const HeatmapLook& look, const HeatmapLayout& layout,
                 const std::function<double(uint64_t, uint64_t)>& valueAt) {
  const ThemeColours& colours = themeColours(look.theme);
  if (layout.sizes.hasText || look.points) drawFrame(list, look, layout);
  if (!look.rows || !look.columns) {
    if (layout.sizes.hasText)
      list.text("no weights", layout.panel.centre(),
                {.size = layout.sizes.body, .colour = colours.muted, .align = Align::Middle, .centred = true});
    return;
  }
  drawValues(list, look, layout, valueAt);
  if (!layout.sizes.hasText) return;
  drawLeftAxis(list, colours, layout.sizes, layout.panel, rowTicks(look, layout), layout.rowLabelWidth + 1);
  const std::vector<AxisTick> columns = columnTicks(look, layout);
  if (layout.degrees)
    drawTurnedLabels(list, look, layout, columns);
  else
    drawBottomAxis(list, colours, layout.sizes, layout.panel, columns);
  drawAxisTitles(list, look, layout);
  if (layout.bar > 0)
    drawColourBar(list, colours, layout.sizes, barOf(look), layout.bar, layout.panel.top, layout.panel.bottom);
}

}  // namespace switchyard::render
