// Which labels of a network are drawn, and where: the most important first, none over another.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "render/draw_list.h"

namespace switchyard::render {

// A disc that may have a label: in falling order of importance.
struct LabelPlace {
  Point at;
  float radius = 0;
  std::string text;  // may be empty
};
struct PlacedLabel {
  size_t place = 0;
  Box box;          // of the letters, from the top of the highest to below the lowest
  float size = 14;  // of the letters
};

// At most `most` labels within `panel`, none over another or over a disc that is more important than its own. Longer
// ones than mostWidth end in an ellipsis.
std::vector<PlacedLabel> placeLabels(std::span<const LabelPlace> places, const Box& panel, float largest,
                                     float smallest, size_t most, float mostWidth);
// The baseline's beginning.
Point baseline(const PlacedLabel& label);
// The first `most` nodes by falling rank; equals by rising index.
std::vector<uint32_t> highestRanked(std::span<const float> ranks, size_t most);

}  // namespace switchyard::render
