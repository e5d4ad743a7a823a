// Graphs for render/document-network, their pictures, and where a category's colour is in one.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "picture_fixture.h"

namespace switchyard::test {

// Absent inputs stay unset.
struct Graph {
  std::vector<int> offsets, columns;
  std::vector<double> weights, positions, ranks;
  std::vector<int> groups;
  std::vector<std::vector<std::string>> texts;
};

inline HostTensor ints(const std::vector<int>& values) {
  HostTensor tensor(DType::Int32, {values.size()});
  for (size_t i = 0; i < values.size(); ++i) tensor.set(i, values[i]);
  return tensor;
}
inline HostTensor numbers(const std::vector<double>& values, DType dtype, bool pairs = false) {
  HostTensor tensor(dtype, pairs ? Shape{values.size() / 2, 2} : Shape{values.size()});
  for (size_t i = 0; i < values.size(); ++i) tensor.set(i, values[i]);
  tensor.present = !values.empty();
  return tensor;
}

inline std::vector<HostTensor> tensorsOf(const Graph& g, DType dtype = kF32) {
  std::string all;
  for (size_t i = 0; i < g.texts.size(); ++i)
    for (size_t j = 0; j < g.texts[i].size(); ++j) all += (j ? "\x1f" : i ? "\x1e" : "") + g.texts[i][j];
  HostTensor text(DType::Uint8, {all.size()});
  std::copy(all.begin(), all.end(), reinterpret_cast<char*>(text.bytes.data()));
  text.present = !all.empty();
  HostTensor groups = ints(g.groups);
  groups.present = !g.groups.empty();
  return {ints(g.offsets),
          ints(g.columns),
          numbers(g.weights, dtype),
          numbers(g.positions, dtype, true),
          numbers(g.ranks, dtype),
          groups,
          text};
}

inline Outcome tryDraw(Context& context, std::vector<HostTensor> tensors, const std::vector<Param>& params = {},
                       Image* image = nullptr, bool resident = false) {
  auto job = makeJob("render/document-network", tensors, params);
  for (size_t i = 0; resident && i + 1 < tensors.size(); ++i)
    if (tensors[i].present) job->inputs[i].device = upload(context, tensors[i]), job->inputs[i].host = nullptr;
  Outcome outcome = runJob(context, job);
  if (outcome.ok() && image) *image = pictureOf(*job);
  return outcome;
}

inline Image draw(Context& context, const Graph& graph, const std::vector<Param>& params = {}, bool resident = false) {
  Image image;
  const Outcome outcome = tryDraw(context, tensorsOf(graph), params, &image, resident);
  EXPECT_TRUE(outcome.ok()) << outcome.text();
  return image;
}

// Nodes without edges.
inline Graph unlinked(const std::vector<double>& positions, const std::vector<double>& ranks,
                      const std::vector<int>& groups) {
  return {std::vector<int>(positions.size() / 2 + 1, 0), {}, {}, positions, ranks, groups, {}};
}

// Clusters of nodes with most of their links inside.
inline Graph clustered(int nodes, int links, int clusters, uint64_t seed) {
  Random random(seed);
  Graph g;
  for (int i = 0; i < nodes; ++i) {
    const double angle = 6.28318 * (i % clusters) / clusters, away = random.uniform(0, 1),
                 turn = random.uniform(0, 6.28318);
    g.positions.insert(g.positions.end(),
                       {5 * std::cos(angle) + away * std::cos(turn), 3 * std::sin(angle) + away * std::sin(turn)});
    g.groups.push_back(i % clusters);
    g.ranks.push_back(random.uniform(0, 1) * random.uniform(0, 1));
  }
  g.offsets.push_back(0);
  for (int i = 0; i < nodes; ++i) {
    for (int k = 0; k < links / nodes; ++k) {
      const int to = random.integer(0, 9) ? int(random.integer(0, nodes / clusters - 1)) * clusters + i % clusters
                                          : int(random.integer(0, nodes - 1));
      g.columns.push_back(std::min(to, nodes - 1));
      g.weights.push_back(random.uniform(0.1, 1));
    }
    g.offsets.push_back(int(g.columns.size()));
  }
  return g;
}

struct Spot {
  double x = 0, y = 0;
  int pixels = 0;
};
// Where a category's colour is, above the key.
inline Spot spotOf(const Image& image, int category, render::Theme theme = render::Theme::Dark) {
  Spot spot;
  for (uint32_t y = 0; y + 46 < image.height; ++y)
    for (uint32_t x = 0; x < image.width; ++x)
      if (difference(image.at(x, y), render::themeColours(theme).categories[size_t(category)]) <= 3)
        spot.x += x + 0.5, spot.y += y + 0.5, ++spot.pixels;
  if (spot.pixels) spot.x /= spot.pixels, spot.y /= spot.pixels;
  return spot;
}

}  // namespace switchyard::test
