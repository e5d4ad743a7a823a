// Where a heatmap's parts go, and everything but its cells.
#pragma once
#include <functional>

#include "render/axes.h"
#include "render/matrix.h"

namespace switchyard::render {

struct HeatmapLook {
  uint32_t width = 0, height = 0;
  Theme theme = Theme::Dark;
  ColourMap map = ColourMap::Aurora;
  bool points = false;
  uint64_t rows = 0, columns = 0, heads = 0;  // heads 0: the weights have no such axis
  int64_t head = -1;
  Window window;
  double low = 0, high = 1;
  std::string title;
  std::vector<std::string> rowLabels, columnLabels;  // empty: numbers
};

struct HeatmapLayout {
  explicit HeatmapLayout(const HeatmapLook& look);
  Sizes sizes;
  Box panel;            // of the cells
  float left = 0;       // where row labels may begin
  float bar = 0;        // left edge of the colour bar; 0: none
  float cellGap = 0;    // between cells, pixels
  float valueSize = 0;  // of the letters of values in cells; 0: none
  float rowLabelWidth = 0, columnLabelHeight = 0;
  int degrees = 0;                           // of column labels
  uint32_t blockColumns = 1, blockRows = 1;  // cells that one point stands for
};

void drawBehind(DrawList& list, const HeatmapLook& look, const HeatmapLayout& layout);
// `valueAt(row, column)` gives NaN for what is not known.
void drawInFront(DrawList& list, const HeatmapLook& look, const HeatmapLayout& layout,
                 const std::function<double(uint64_t, uint64_t)>& valueAt);

}  // namespace switchyard::render
