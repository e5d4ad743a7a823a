// The line below a document network: what its colours, sizes and lines mean.
#pragma once
#include <span>
#include <string>

#include "render/network_graph.h"
#include "render/scene.h"

namespace switchyard::render {

struct NetworkKey {
  const Sizes& sizes;
  const ThemeColours& colours;
  Theme theme;
  ColourMap map;
  std::span<const std::string> groupNames;
  bool weighted;  // the edges' weights can be told apart
};
void drawNetworkKey(DrawList& list, const NetworkKey& key, const NetworkGraph& graph);

// Where dark and light pages let a colour map be seen: low ranks near the page, high ranks far from it. `share` and the
// result are from 0 to 1.
double mapPlace(Theme theme, double share);
Colour groupColour(const ThemeColours& colours, int64_t group);  // below 0: of no group

}  // namespace switchyard::render
