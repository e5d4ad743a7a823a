// Greedy: each label takes the first free one of eight places around its disc, or none.
#include "render/network_labels.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace switchyard::render {
namespace {

constexpr float kSpace = 3;  // pixels between labels

Box discBox(const LabelPlace& place) {
  return Box{place.at.x, place.at.y, place.at.x, place.at.y}.grown(place.radius * 0.9f);
}

// Right, left, below, above, and the corners between them.
std::array<Point, 8> cornersAround(const LabelPlace& place, float width, float height) {
  const float gap = place.radius + 4, slant = place.radius * 0.7f + 3;
  const Point at = place.at;
  return {{{at.x + gap, at.y - height / 2},
           {at.x - gap - width, at.y - height / 2},
           {at.x - width / 2, at.y + gap},
           {at.x - width / 2, at.y - gap - height},
           {at.x + slant, at.y - slant - height * 0.7f},
           {at.x + slant, at.y + slant - height * 0.3f},
           {at.x - slant - width, at.y - slant - height * 0.7f},
           {at.x - slant - width, at.y + slant - height * 0.3f}}};
}

}  // namespace

std::vector<PlacedLabel> placeLabels(std::span<const LabelPlace> places, const Box& panel, float largest,
                                     float smallest, size_t most, float mostWidth) {
  std::vector<PlacedLabel> placed;
  for (size_t i = 0; i < places.size() && placed.size() < most; ++i) {
    if (places[i].text.empty() || !panel.contains(places[i].at)) continue;
    const float share = std::min(1.0f, 3 * static_cast<float>(placed.size()) / static_cast<float>(most)),
                size = std::round(largest + (smallest - largest) * share);
    const float width = textWidth(fitText(places[i].text, size, mostWidth), size),
                height = std::ceil(fontMetrics(size).capHeight + fontMetrics(size).descent);
    if (!(width > 0)) continue;
    for (const Point& corner : cornersAround(places[i], width, height)) {
      const Box box{corner.x, corner.y, corner.x + width, corner.y + height};
      if (box.left < panel.left || box.right > panel.right || box.top < panel.top || box.bottom > panel.bottom)
        continue;
      const bool onLabel =
          std::ranges::any_of(placed, [&](const PlacedLabel& other) { return other.box.grown(kSpace).overlaps(box); });
      if (onLabel ||
          std::ranges::any_of(places.first(i), [&](const LabelPlace& other) { return discBox(other).overlaps(box); }))
        continue;
      placed.push_back({i, box, size});
      break;
    }
  }
  return placed;
}

Point baseline(const PlacedLabel& label) { return {label.box.left, label.box.top + fontMetrics(label.size).capHeight}; }

std::vector<uint32_t> highestRanked(std::span<const float> ranks, size_t most) {
  std::vector<uint32_t> order(ranks.size());
  std::iota(order.begin(), order.end(), 0u);
  auto higher = [&](uint32_t a, uint32_t b) { return ranks[a] != ranks[b] ? ranks[a] > ranks[b] : a < b; };
  most = std::min(most, order.size());
  const auto end = order.begin() + static_cast<ptrdiff_t>(most);
  if (most < order.size()) std::nth_element(order.begin(), end, order.end(), higher);
  std::sort(order.begin(), end, higher);
  order.resize(most);
  return order;
}

}  // namespace switchyard::render
