#include "render/network_key.h"

#include <algorithm>
#include <cmath>

namespace switchyard::render {

double mapPlace(Theme theme, double share) { return theme == Theme::Dark ? 0.34 + 0.62 * share : 0.80 - 0.62 * share; }

Colour groupColour(const ThemeColours& colours, int64_t group) {
  // behind the groups
  if (group < 0)
    return isLight(colours.page) ? mix(colours.axis, colours.page, 0.25f) : mix(colours.axis, colours.muted, 0.35f);
  const Colour base = colours.category(static_cast<uint64_t>(group));
  // the same hues again, paler and darker
  const auto round = static_cast<uint64_t>(group) / colours.categories.size() % 3;
  return round == 0 ? base : mix(base, round == 1 ? colours.text : colours.axis, 0.42f);
}

namespace {

const char* rankName(const NetworkGraph& graph) { return graph.ranked ? "rank" : "links"; }

// Ends at `right`. Returns its width.
float drawSizeKey(DrawList& list, const NetworkKey& key, const NetworkGraph& graph, float right, float middle) {
  const Sizes& sizes = key.sizes;
  const std::string text =
      std::string(rankName(graph)) + " " + numberText(graph.rankLow, 2) + " to " + numberText(graph.rankHigh, 2);
  const std::string lines = "similarity " + numberText(graph.weightLow, 2) + " to " + numberText(graph.weightHigh, 2);
  const float room = right - sizes.pad, discs = textWidth(text, sizes.small) + 4 * sizes.small;
  if (discs > room) return 0;
  const bool weighted = key.weighted && discs + textWidth(lines, sizes.small) + 6 * sizes.small < room;
  const TextStyle style{.size = sizes.small, .colour = key.colours.muted, .centred = true};
  const float step = sizes.small * 0.95f, gap = sizes.gap;
  float x = right;
  if (weighted) {
    x -= textWidth(lines, sizes.small);
    list.text(lines, {x, middle}, style);
    x -= gap;
    for (int i = 2; i >= 0; --i, x -= step * 1.5f)
      list.line({x - step * 1.2f, middle}, {x, middle}, sizes.line * (1 + 0.5f * static_cast<float>(i)),
                key.colours.muted.with(0.3f + 0.35f * static_cast<float>(i)));
    x -= gap;
  }
  x -= textWidth(text, sizes.small);
  list.text(text, {x, middle}, style);
  x -= gap;
  for (int i = 2; i >= 0; --i) {
    const float radius = sizes.small * (0.16f + 0.17f * static_cast<float>(i));
    list.disc({x - radius, middle}, radius, key.colours.muted);
    x -= 2 * radius + gap * 0.5f;
  }
  return right - x;
}

void drawRankKey(DrawList& list, const NetworkKey& key, const NetworkGraph& graph, Point at, float room) {
  const Sizes& sizes = key.sizes;
  const TextStyle style{.size = sizes.small, .colour = key.colours.muted, .centred = true};
  const std::string low = numberText(graph.rankLow, 2), high = numberText(graph.rankHigh, 2), name = rankName(graph);
  const float bar = std::round(110 * sizes.unit),
              words = textWidth(low, sizes.small) + textWidth(high, sizes.small) + textWidth(name, sizes.small);
  if (bar < 8 || bar + words + 3 * sizes.gap > room) return;
  list.text(low, at, style);
  const float left = std::round(at.x + textWidth(low, sizes.small) + sizes.gap),
              half = std::max(std::round(sizes.small * 0.35f), 2.0f);
  // Colours follow the root of the rank, as radii do.
  const double first = graph.rankHigh > 0 ? std::sqrt(graph.rankLow / graph.rankHigh) : 0;
  for (float x = 0; x < bar; ++x) {
    const Colour colour = colourAt(key.map, mapPlace(key.theme, first + (1 - first) * x / (bar - 1)));
    list.box({left + x, at.y - half, left + x + 1, at.y + half}, colour);
  }
  list.text(high + "  " + name, {left + bar + sizes.gap, at.y}, style);
}

}  // namespace

void drawNetworkKey(DrawList& list, const NetworkKey& key, const NetworkGraph& graph) {
  const Sizes& sizes = key.sizes;
  if (!sizes.hasText) return;
  const float middle = static_cast<float>(list.height()) - sizes.pad - sizes.small / 2;
  const float left = sizes.pad, right = static_cast<float>(list.width()) - sizes.pad;
  const float width = drawSizeKey(list, key, graph, right, middle);
  const float room = right - width - left - 4 * sizes.gap;
  if (graph.groups.empty()) {
    drawRankKey(list, key, graph, {left, middle}, room);
    return;
  }
  std::vector<uint64_t> counts(static_cast<size_t>(std::ranges::max(graph.groups)) + 2);
  for (int32_t group : graph.groups) ++counts[static_cast<size_t>(group + 1)];
  std::vector<size_t> order;
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i]) order.push_back(i);
  // those of no group last
  std::ranges::stable_sort(order,
                           [&](size_t a, size_t b) { return (a == 0) != (b == 0) ? b == 0 : counts[a] > counts[b]; });
  std::vector<LegendItem> items;
  for (size_t i : order) {
    const std::string name = i == 0                          ? "others"
                             : i - 1 < key.groupNames.size() ? key.groupNames[i - 1]
                                                             : "group " + std::to_string(i - 1);
    items.push_back({name, groupColour(key.colours, static_cast<int64_t>(i) - 1)});
  }
  drawLegend(list, key.colours, sizes, items, {left, middle}, room);
}

}  // namespace switchyard::render
