// Labels are dropped rather than laid over each other, and names are cut rather than running out of the picture.
#include "render/axes.h"

#include <algorithm>
#include <cmath>

namespace switchyard::render {

Sizes::Sizes(uint32_t width, uint32_t height) {
  unit = std::min(static_cast<float>(width) / 1280, static_cast<float>(height) / 720);
  title = std::max(22 * unit, 11.0f);
  body = std::max(14 * unit, 9.0f);
  small = std::max(12 * unit, 8.5f);
  pad = std::max(std::round(24 * unit), 5.0f);
  gap = std::max(std::round(8 * unit), 3.0f);
  line = std::max(std::round(unit), 1.0f);
  tick = std::max(std::round(5 * unit), 2.0f);
  hasText = width >= 160 && height >= 100;
  if (!hasText) pad = std::max(std::floor(20 * unit), 0.0f);
}

TitlePlace::TitlePlace(const Sizes& sizes, bool hasTitle, bool hasSubtitle) {
  bottom = sizes.pad;
  if (!sizes.hasText) return;
  if (hasTitle) {
    title = bottom + std::ceil(fontMetrics(sizes.title).capHeight);
    bottom = title + sizes.gap;
  }
  if (hasSubtitle) {
    subtitle = bottom + std::ceil(fontMetrics(sizes.body).capHeight) + (hasTitle ? std::round(sizes.gap * 0.4f) : 0);
    bottom = subtitle + sizes.gap;
  }
  bottom = std::ceil(bottom + sizes.gap);
}

TitlePlace drawTitle(DrawList& list, const ThemeColours& colours, const Sizes& sizes, std::string_view title,
                     std::string_view subtitle) {
  const TitlePlace place(sizes, !title.empty(), !subtitle.empty());
  if (!sizes.hasText) return place;
  const float most = static_cast<float>(list.width()) - 2 * sizes.pad;
  list.text(title, {sizes.pad, place.title}, {.size = sizes.title, .colour = colours.text, .mostWidth = most});
  list.text(subtitle, {sizes.pad, place.subtitle}, {.size = sizes.body, .colour = colours.muted, .mostWidth = most});
  return place;
}

std::vector<AxisTick> placed(std::span<const Tick> ticks, const LinearScale& scale) {
  std::vector<AxisTick> out;
  for (const Tick& tick : ticks) out.push_back({static_cast<float>(scale(tick.value)), tick.label});
  return out;
}

float widestLabel(std::span<const AxisTick> ticks, float size) {
  float widest = 0;
  for (const AxisTick& tick : ticks) widest = std::max(widest, textWidth(tick.label, size));
  return widest;
}

size_t labelStep(std::span<const AxisTick> ticks, float size, float gap) {
  std::vector<float> widths;
  for (const AxisTick& tick : ticks) widths.push_back(textWidth(tick.label, size));
  for (size_t power = 1;; power *= 10)
    for (size_t factor : {1, 2, 5}) {
      const size_t step = power * factor;
      bool fits = true;
      for (size_t i = step; i < ticks.size() && fits; i += step)
        fits = std::fabs(ticks[i].at - ticks[i - step].at) >= (widths[i] + widths[i - step]) / 2 + gap;
      if (fits) return step;
    }
}

void drawColumnGrid(DrawList& list, const ThemeColours& colours, const Sizes& sizes, const Box& panel,
                    std::span<const AxisTick> ticks) {
  for (const AxisTick& tick : ticks) {
    const float left = std::floor(tick.at - sizes.line / 2 + 0.5f);
    if (left > panel.left && left + sizes.line < panel.right)
      list.box({left, panel.top, left + sizes.line, panel.bottom}, colours.grid);
  }
}

void drawRowGrid(DrawList& list, const ThemeColours& colours, const Sizes& sizes, const Box& panel,
                 std::span<const AxisTick> ticks) {
  for (const AxisTick& tick : ticks) {
    const float top = std::floor(tick.at - sizes.line / 2 + 0.5f);
    if (top > panel.top && top + sizes.line < panel.bottom)
      list.box({panel.left, top, panel.right, top + sizes.line}, colours.grid);
  }
}

void drawBottomAxis(DrawList& list, const ThemeColours& colours, const Sizes& sizes, const Box& panel,
                    std::span<const AxisTick> ticks) {
  if (ticks.empty()) return;
  const size_t step = sizes.hasText ? labelStep(ticks, sizes.small, sizes.gap) : ticks.size();
  for (size_t i = 0; i < ticks.size(); i += step) {
    const float left = std::floor(ticks[i].at - sizes.line / 2 + 0.5f);
    list.box({left, panel.bottom, left + sizes.line, panel.bottom + sizes.tick}, colours.axis);
    if (!sizes.hasText) continue;
    const float width = textWidth(ticks[i].label, sizes.small), most = static_cast<float>(list.width()) - 2;
    const float middle =
        std::clamp(ticks[i].at, std::min(width / 2 + 2, most / 2), std::max(most - width / 2, most / 2));
    list.text(ticks[i].label,
              {middle, panel.bottom + sizes.tick + sizes.gap * 0.5f + std::ceil(fontMetrics(sizes.small).capHeight)},
              {.size = sizes.small, .colour = colours.muted, .align = Align::Middle});
  }
}

void drawLeftAxis(DrawList& list, const ThemeColours& colours, const Sizes& sizes, const Box& panel,
                  std::span<const AxisTick> ticks, float mostWidth) {
  float previous = -1e9f;
  for (const AxisTick& tick : ticks) {
    if (std::fabs(tick.at - previous) < sizes.small * 1.15f) continue;
    previous = tick.at;
    const float top = std::floor(tick.at - sizes.line / 2 + 0.5f);
    list.box({panel.left - sizes.tick, top, panel.left, top + sizes.line}, colours.axis);
    if (sizes.hasText)
      list.text(
          tick.label, {panel.left - sizes.tick - sizes.gap * 0.5f, tick.at},
          {.size = sizes.small, .colour = colours.muted, .align = Align::End, .centred = true, .mostWidth = mostWidth});
  }
}

namespace {

float legendSwatch(const Sizes& sizes) { return std::max(std::round(10 * sizes.unit), 5.0f); }

std::vector<Tick> barTicks(const Sizes& sizes, const ColourBar& bar, float height) {
  return niceTicks(bar.low, bar.high, std::clamp(static_cast<int>(height / (sizes.small * 2.6f)), 2, 11));
}

}  // namespace

float colourBarWidth(const Sizes& sizes, const ColourBar& bar, float height) {
  const float ramp = std::max(14 * sizes.unit, 6.0f);
  if (!sizes.hasText) return ramp;
  float widest = 0;
  for (const Tick& tick : barTicks(sizes, bar, height)) widest = std::max(widest, textWidth(tick.label, sizes.small));
  return std::ceil(ramp + sizes.tick + sizes.gap * 0.5f + widest);
}

void drawColourBar(DrawList& list, const ThemeColours& colours, const Sizes& sizes, const ColourBar& bar, float left,
                   float top, float bottom) {
  const float right = left + std::max(std::round(14 * sizes.unit), 6.0f);
  const int rows = static_cast<int>(std::round(bottom) - std::round(top));
  if (rows < 1) return;
  const std::span<const uint32_t> table = colourMapTable(bar.map);
  auto index = [&](int row) {
    return static_cast<size_t>(
        (1 - (static_cast<float>(row) + 0.5f) / static_cast<float>(rows)) * (kColourMapSteps - 1) + 0.5f);
  };
  for (int row = 0; row < rows;) {  // rows of one colour together
    int end = row + 1;
    while (end < rows && table[index(end)] == table[index(row)]) ++end;
    const float first = std::round(top) + static_cast<float>(row), last = std::round(top) + static_cast<float>(end);
    list.box({left, first, right, last}, colourAt(bar.map, static_cast<double>(index(row)) / (kColourMapSteps - 1)));
    row = end;
  }
  if (!sizes.hasText) return;
  const LinearScale scale{bar.low, bar.high, bottom, top};
  for (const AxisTick& tick : placed(barTicks(sizes, bar, bottom - top), scale)) {
    const float y =
        std::clamp(std::floor(tick.at - sizes.line / 2 + 0.5f), std::round(top), std::round(bottom) - sizes.line);
    list.box({right, y, right + sizes.tick, y + sizes.line}, colours.axis);
    list.text(tick.label, {right + sizes.tick + sizes.gap * 0.5f, tick.at},
              {.size = sizes.small, .colour = colours.muted, .centred = true});
  }
  if (!bar.title.empty())
    list.text(bar.title, {left, top - sizes.gap},
              {.size = sizes.small, .colour = colours.muted, .mostWidth = static_cast<float>(list.width()) - left - 2});
}

namespace {

// Calls draw(name, x) for each item that fits and rest(text, x) for what does not. Returns the width used.
template <class Draw, class Rest>
float layLegend(const Sizes& sizes, std::span<const LegendItem> items, float mostWidth, Draw&& draw, Rest&& drawRest) {
  if (!sizes.hasText || items.empty()) return 0;
  const float inner = sizes.gap * 0.8f, outer = sizes.gap * 2;
  float x = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string name = fitText(items[i].name, sizes.small, 160 * std::max(sizes.unit, 0.5f)),
                      rest = "+" + std::to_string(items.size() - i);
    const float width = legendSwatch(sizes) + inner + textWidth(name, sizes.small),
                restWidth = textWidth(rest, sizes.small);
    if (x + width + (i + 1 < items.size() ? outer + restWidth : 0) > mostWidth) {
      if (x + restWidth > mostWidth) return std::max(x - outer, 0.0f);
      drawRest(rest, x);
      return x + restWidth;
    }
    draw(items[i], name, x, inner);
    x += width + outer;
  }
  return x - outer;
}

}  // namespace

float legendWidth(const Sizes& sizes, std::span<const LegendItem> items, float mostWidth) {
  return layLegend(
      sizes, items, mostWidth, [](const LegendItem&, const std::string&, float, float) {},
      [](const std::string&, float) {});
}

float drawLegend(DrawList& list, const ThemeColours& colours, const Sizes& sizes, std::span<const LegendItem> items,
                 Point leftMiddle, float mostWidth) {
  const TextStyle style{.size = sizes.small, .colour = colours.muted, .centred = true};
  const float swatch = legendSwatch(sizes);
  return layLegend(
      sizes, items, mostWidth,
      [&](const LegendItem& item, const std::string& name, float x, float inner) {
        list.disc({leftMiddle.x + x + swatch / 2, leftMiddle.y}, swatch / 2, item.colour);
        list.text(name, {leftMiddle.x + x + swatch + inner, leftMiddle.y}, style);
      },
      [&](const std::string& rest, float x) {
        list.text(rest, {leftMiddle.x + x, leftMiddle.y}, style);
      });
}

}  // namespace switchyard::render
