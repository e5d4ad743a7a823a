// What stands around data: titles, axes with ticks, colour bars, legends; sized by the picture, and left out where
// there is no room.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "render/draw_list.h"
#include "render/scale.h"

namespace switchyard::render {

// Sizes in pixels that follow the picture's: 1280 x 720 is the measure, and letters have a floor.
struct Sizes {
  Sizes(uint32_t width, uint32_t height);
  float unit;                // 1 at 1280 x 720
  float title, body, small;  // letters
  float pad;                 // around everything
  float gap;                 // between neighbours
  float line;                // a thin line
  float tick;                // a tick's length
  bool hasText;              // false in thumbnails, where letters would fill the picture
};

// Title at the top left and a quieter line below it.
struct TitlePlace {
  TitlePlace(const Sizes& sizes, bool hasTitle, bool hasSubtitle);
  float title = 0, subtitle = 0;  // baselines
  float bottom = 0;               // where what follows may begin
};
TitlePlace drawTitle(DrawList& list, const ThemeColours& colours, const Sizes& sizes, std::string_view title,
                     std::string_view subtitle);

struct AxisTick {
  float at = 0;  // pixels along the axis
  std::string label;
};
std::vector<AxisTick> placed(std::span<const Tick> ticks, const LinearScale& scale);
// The first labels that leave `gap` pixels to their neighbours, every one, every second, every fifth, ...: how many to
// step over.
size_t labelStep(std::span<const AxisTick> ticks, float size, float gap);

void drawColumnGrid(DrawList& list, const ThemeColours& colours, const Sizes& sizes, const Box& panel,
                    std::span<const AxisTick> ticks);
void drawRowGrid(DrawList& list, const ThemeColours& colours, const Sizes& sizes, const Box& panel,
                 std::span<const AxisTick> ticks);
// Below the panel: level labels, as many as do not touch. Left of it: labels that end at it.
void drawBottomAxis(DrawList& list, const ThemeColours& colours, const Sizes& sizes, const Box& panel,
                    std::span<const AxisTick> ticks);
void drawLeftAxis(DrawList& list, const ThemeColours& colours, const Sizes& sizes, const Box& panel,
                  std::span<const AxisTick> ticks, float mostWidth = 0);
float widestLabel(std::span<const AxisTick> ticks, float size);

struct ColourBar {
  ColourMap map = ColourMap::Aurora;
  double low = 0, high = 1;
  std::string title;
};
float colourBarWidth(const Sizes& sizes, const ColourBar& bar, float height);  // labels included
// From left, top down to bottom.
void drawColourBar(DrawList& list, const ThemeColours& colours, const Sizes& sizes, const ColourBar& bar, float left,
                   float top, float bottom);

struct LegendItem {
  std::string name;
  Colour colour;
};
// In one row from left to right, ended by "+n" where not all fit. Returns the width used.
float legendWidth(const Sizes& sizes, std::span<const LegendItem> items, float mostWidth);
float drawLegend(DrawList& list, const ThemeColours& colours, const Sizes& sizes, std::span<const LegendItem> items,
                 Point leftMiddle, float mostWidth);

}  // namespace switchyard::render
