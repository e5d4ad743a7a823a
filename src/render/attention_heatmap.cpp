// render/attention-heatmap: the weights of an attention as coloured cells, or as points that pulse.
#include <algorithm>
#include <array>
#include <cmath>

#include "render/heatmap_layout.h"
#include "render/matrix.h"
#include "render/scene.h"

namespace switchyard::render {

SWITCHYARD_SCENE_SHADER(heatmap_vert)
SWITCHYARD_SCENE_SHADER(heatmap_close_frag)
SWITCHYARD_SCENE_SHADER(heatmap_far_frag)
SWITCHYARD_SCENE_SHADER(heatmap_points_vert)
SWITCHYARD_SCENE_SHADER(heatmap_points_frag)

namespace {

enum Param : size_t {
  kForm = kOwnParams,
  kHead,
  kZoomLeft,
  kZoomTop,
  kZoomRight,
  kZoomBottom,
  kMinimum,
  kMaximum,
  kColourMap
};
enum Text : size_t { kTitle, kRowLabels, kColumnLabels };
enum Form : uint32_t { kMap, kPoints };
enum Module : size_t { kClose, kFar, kPointsModule };

constexpr double kMinZoom = 0.01;     // cells
constexpr double kSweepSeconds = 6;   // the light's way over the map
constexpr double kBeatSeconds = 2.4;  // a point's pulse

struct HeatmapParams {  // heatmap.glsl: Push
  float width, height, left, top, extentX, extentY, windowX, windowY, cellsX, cellsY;
  uint32_t columns, rows;
  float low, scale, gap;
  uint32_t gapColour;
  float phase, shine, pulse;
  uint32_t glow, blockX, blockY;
};
static_assert(sizeof(HeatmapParams) == 88);

class AttentionHeatmap final : public Scene {
 public:
  AttentionHeatmap()
      : Scene("render/attention-heatmap", {{"weights"}},
              {{.name = "form", .kind = ParamInfo::Kind::Choice, .choices = {"map", "points"}},
               {.name = "head", .kind = ParamInfo::Kind::Integer, .fallback = -1, .min = -1, .max = 0x7FFFFFFF},
               {.name = "zoomLeft", .fallback = 0, .min = 0},
               {.name = "zoomTop", .fallback = 0, .min = 0},
               {.name = "zoomRight", .fallback = kNotGiven},
               {.name = "zoomBottom", .fallback = kNotGiven},
               {.name = "minimum", .fallback = kNotGiven},
               {.name = "maximum", .fallback = kNotGiven},
               {.name = "colormap", .kind = ParamInfo::Kind::Choice, .choices = kColourMapNames}},
              {"title", "rowLabels", "columnLabels"}) {}

  Cost check(Call& call) const override {
    const Shape& shape = call.shape(0);
    if (shape.rank() != 2 && shape.rank() != 3)
      refuse(*this, "the shape of 'weights' is " + shape.text() + ", but must be [s, t] or [h, s, t]",
             "inputs.weights");
    const uint64_t heads = shape.rank() == 3 ? shape[0] : 1, rows = shape.back(1), columns = shape.back();
    checkedUint(*this, rows, "the number of rows");
    checkedUint(*this, columns, "the number of columns");
    if (call.params[kHead] >= static_cast<double>(heads))
      refuse(*this,
             "parameter 'head' is " + std::to_string(static_cast<uint64_t>(call.params[kHead])) +
                 ", but 'weights' has " + std::to_string(heads) + (heads == 1 ? " head" : " heads"),
             "params.head");
    checkZoom(call, kZoomLeft, kZoomRight, columns, "columns");
    checkZoom(call, kZoomTop, kZoomBottom, rows, "rows");
    if (call.params[kMinimum] >= call.params[kMaximum])
      refuse(*this,
             "parameter 'minimum' is " + numberText(call.params[kMinimum], 6) + ", but must be below 'maximum', " +
                 numberText(call.params[kMaximum], 6),
             "params.minimum");
    Cost cost = finishCheck(call);
    cost.flops += 4.0 * static_cast<double>(call.inputs[0].spec.elements());
    return cost;
  }

  Task record(Recorder& r, const Call& call) const override {
    requireGraphics(r);
    Matrix matrix(r, *this, call.inputs[0], static_cast<int64_t>(call.params[kHead]));
    HeatmapLook look = lookOf(call, matrix);
    if (!matrix.empty()) {
      co_await matrix.measure(look.window);
      look.low = matrix.low(), look.high = matrix.high();
      chooseRange(call, look);
    }
    const HeatmapLayout layout(look);
    DrawList list(look.width, look.height);
    drawBehind(list, look, layout);
    if (!matrix.empty()) drawCells(r, list, call, look, layout, matrix);
    drawInFront(list, look, layout, [&](uint64_t row, uint64_t column) { return matrix.at(row, column); });
    list.finish(r, themeColours(look.theme).page, call.outputs[0].view);
  }

 protected:
  std::span<const ModulePtr> ownModules() const override {
    static const std::array<ModulePtr, 3> made = {
        sceneModule("scene heatmap", {spirv::heatmap_vert, spirv::heatmap_vertWords},
                    {spirv::heatmap_close_frag, spirv::heatmap_close_fragWords}),
        sceneModule("scene heatmap of many cells", {spirv::heatmap_vert, spirv::heatmap_vertWords},
                    {spirv::heatmap_far_frag, spirv::heatmap_far_fragWords}),
        sceneModule("scene heatmap of points", {spirv::heatmap_points_vert, spirv::heatmap_points_vertWords},
                    {spirv::heatmap_points_frag, spirv::heatmap_points_fragWords})};
    return made;
  }

 private:
  void checkZoom(Call& call, size_t from, size_t to, uint64_t most, const char* what) const {
    double &low = call.params[from], &high = call.params[to];
    if (std::isnan(high)) high = static_cast<double>(most);
    if (high > static_cast<double>(most))
      refuse(*this,
             "parameter '" + std::string(info.params[to].name) + "' is " + numberText(high, 6) + ", but there are " +
                 std::to_string(most) + " " + what,
             std::string("params.") + info.params[to].name);
    if (most && high - low < kMinZoom)
      refuse(*this,
             "parameter '" + std::string(info.params[to].name) + "' is " + numberText(high, 6) +
                 ", but must be above '" + info.params[from].name + "', " + numberText(low, 6) + ", by at least 0.01",
             std::string("params.") + info.params[to].name);
  }

  std::vector<std::string> labels(const Call& call, size_t section, uint64_t count) const {
    std::vector<std::string> items = texts(call, section);
    if (!items.empty() && items.size() != count)
      refuse(*this,
             "text '" + std::string(info.texts[section]) + "' has " + std::to_string(items.size()) +
                 " labels, but 'weights' has " + std::to_string(count) + (section == kRowLabels ? " rows" : " columns"),
             std::string("params.") + info.texts[section]);
    return items;
  }

  HeatmapLook lookOf(const Call& call, const Matrix& matrix) const {
    HeatmapLook look;
    look.width = width(call), look.height = height(call), look.theme = theme(call);
    look.map = static_cast<ColourMap>(call.integer(kColourMap));
    look.points = call.integer(kForm) == kPoints;
    look.rows = matrix.rows(), look.columns = matrix.columns();
    look.heads = call.shape(0).rank() == 3 ? call.shape(0)[0] : 0;
    look.head = static_cast<int64_t>(call.params[kHead]);
    look.window = {call.params[kZoomLeft], call.params[kZoomTop], call.params[kZoomRight], call.params[kZoomBottom]};
    look.title = text(call, kTitle);
    look.rowLabels = labels(call, kRowLabels, look.rows);
    look.columnLabels = labels(call, kColumnLabels, look.columns);
    return look;
  }

  // The data's own range where none was given: of all weights, so that a zoom leaves colours as they are.
  void chooseRange(const Call& call, HeatmapLook& look) const {
    const double minimum = call.params[kMinimum], maximum = call.params[kMaximum];
    if (look.map == ColourMap::Balance && std::isnan(minimum) && std::isnan(maximum)) {
      look.high = std::max(std::fabs(look.low), std::fabs(look.high));
      look.low = -look.high;
    }
    if (!std::isnan(minimum)) look.low = minimum;
    if (!std::isnan(maximum)) look.high = maximum;
    if (look.high > look.low) return;
    // All weights are equal, or lie beyond the one end that was given.
    if (!std::isnan(minimum))
      look.high = look.low + std::max(std::fabs(look.low), 1e-6);
    else if (!std::isnan(maximum))
      look.low = look.high - std::max(std::fabs(look.high), 1e-6);
    else if (look.low > 0)
      look.low = 0;
    else if (look.high < 0)
      look.high = 0;
    else
      look.low = 0, look.high = 1;
  }

  HeatmapParams paramsOf(const HeatmapLook& look, const HeatmapLayout& layout, uint64_t firstRow, uint64_t rows) const {
    const Window& window = look.window;
    HeatmapParams p{};
    p.width = static_cast<float>(look.width), p.height = static_cast<float>(look.height);
    p.left = layout.panel.left, p.top = layout.panel.top, p.extentX = layout.panel.width(),
    p.extentY = layout.panel.height();
    p.windowX = static_cast<float>(window.left),
    p.windowY = static_cast<float>(window.top - static_cast<double>(firstRow));
    p.cellsX = static_cast<float>(window.width()), p.cellsY = static_cast<float>(window.height());
    p.columns = static_cast<uint32_t>(look.columns), p.rows = static_cast<uint32_t>(rows);
    p.low = static_cast<float>(look.low), p.scale = static_cast<float>(1 / (look.high - look.low));
    p.gap = layout.cellGap;
    p.gapColour = themeColours(look.theme).page.packed();
    p.blockX = layout.blockColumns, p.blockY = layout.blockRows;
    return p;
  }

  void drawCells(Recorder& r, DrawList& list, const Call& call, const HeatmapLook& look, const HeatmapLayout& layout,
                 const Matrix& matrix) const {
    const uint64_t firstRow = static_cast<uint64_t>(look.window.top),
                   rows = static_cast<uint64_t>(std::ceil(look.window.bottom)) - firstRow;
    const std::span<const uint32_t> table = colourMapTable(look.map);
    const BufferView tableView = r.fresh(table.size_bytes());
    r.upload(tableView, std::as_bytes(table));  // static: it outlives the job
    Draw draw;
    draw.buffers = {r.aligned(matrix.view(firstRow, rows)), tableView};
    r.requireBindable(draw.buffers[0].size, "the part of 'weights' that is drawn");
    draw.vertices = 6;
    HeatmapParams p = paramsOf(look, layout, firstRow, rows);
    requireShortLoops(
        r, look.points ? double(p.blockX) * p.blockY : (p.cellsX / p.extentX + 2) * (double(p.cellsY) / p.extentY + 2));
    const double time = call.params[kTime];
    auto add = [&] {
      const auto bytes = std::as_bytes(std::span(&p, 1));
      draw.params.assign(bytes.begin(), bytes.end());
      list.draw(draw);
    };
    if (!look.points) {
      draw.program = r.program(ownModules()[p.cellsX <= p.extentX && p.cellsY <= p.extentY ? kClose : kFar]);
      draw.blend = Blend::None;  // cells are opaque
      p.phase = static_cast<float>(std::fmod(time / kSweepSeconds, 1.0));
      p.shine = time != 0 ? 0.55f : 0.0f;
      add();
      return;
    }
    draw.program = r.program(ownModules()[kPointsModule]);
    draw.instances = pointsOf(p.windowX, p.cellsX, p.blockX) * pointsOf(p.windowY, p.cellsY, p.blockY);
    p.phase = static_cast<float>(std::fmod(time / kBeatSeconds, 1.0));
    p.pulse = time != 0 ? 0.16f : 0.0f;
    for (uint32_t glow : {1, 0}) {  // light lies behind all points
      p.glow = glow;
      add();
    }
  }

  // A pixel or a point loops over its cells: more than some drivers let it (vulkan/loops.h).
  static void requireShortLoops(const Recorder& r, double cells) {
    const DeviceInfo& device = r.device();
    if (device.maxLoopTurns && 2 * cells > device.maxLoopTurns)
      throw Error(Code::Unsupported, "a pixel of the picture shows some " + numberText(cells, 3) + " cells, but " +
                                         device.id + " ends loops after " + std::to_string(device.maxLoopTurns) +
                                         " turns: draw it larger, or a part of it");
  }

  // Blocks of cells that the window touches, as heatmap_points.vert counts them.
  static uint32_t pointsOf(float from, float count, uint32_t block) {
    return (static_cast<uint32_t>(std::ceil(from + count)) + block - 1) / block - static_cast<uint32_t>(from) / block;
  }
};

}  // namespace
}  // namespace switchyard::render

namespace switchyard {

const Workload& renderAttentionHeatmapWorkload() {
  static const render::AttentionHeatmap w;
  return w;
}

}  // namespace switchyard
