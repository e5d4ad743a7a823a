// render/document-network: a graph as discs and lines on a glow of their colours.
// All that grows with the graph is made on the device, from the inputs where they lie: network_place puts the nodes,
// network_edges adds the coverage of every edge to a sum for each pixel, network_blur makes a light of the nodes; one
// pass over the picture turns sums and light into colours, and the discs follow. A sum for each pixel, rather than a
// thin quad for each edge, because many edges lie over one another: blending them one by one is what a rasteriser is
// slowest at, and adds up the rounding of eight bits.
#include <algorithm>
#include <array>
#include <cmath>

#include "render/network_graph.h"
#include "render/network_key.h"
#include "render/network_labels.h"
#include "render/scene.h"

namespace switchyard::render {

SWITCHYARD_SCENE_SHADER(network_place_comp)
SWITCHYARD_SCENE_SHADER(network_edges_comp)
SWITCHYARD_SCENE_SHADER(network_blur_comp)
SWITCHYARD_SCENE_SHADER(network_page_vert)
SWITCHYARD_SCENE_SHADER(network_page_frag)
SWITCHYARD_SCENE_SHADER(network_disc_vert)
SWITCHYARD_SCENE_SHADER(network_disc_frag)

namespace {

enum Param : size_t { kNodeSize = kOwnParams, kEdgeOpacity, kMaxLabels, kGlow, kCentreX, kCentreY, kZoom, kColourMap };
enum Text : size_t { kTitle, kNodeLabels, kGroupNames };
enum Module : size_t { kPlace, kEdges, kBlur, kPage, kDisc };

constexpr double kCycle = 12;  // seconds: all movement has a period that divides it
// radius of the highest rank, as a share of the square root of the panel's area
constexpr float kMaxRadius = 0.029f;
constexpr float kDiscShare = 0.055f;   // of the panel's area that all discs may take together
constexpr float kSmallest = 0.7f;      // pixels
constexpr uint32_t kMaxInFront = 256;  // nodes of high rank are drawn over all others
constexpr float kLightCell = 6;        // pixels at 1280 x 720
// edges over a pixel: of more, each is drawn in one column of several, whose sum looks the same
constexpr float kCrowd = 24;
constexpr float kLongestStride = 8;
constexpr uint32_t kThreadsAnEdge = 4;  // network_edges.comp
constexpr uint32_t kGroupsARow = 1024;  // of threads: network.glsl's threadIndex()
constexpr double kMaxLabelWidth = 190;
// squares of the letters' size in the panel, so that small pictures have few labels
constexpr float kLettersALabel = 118;
constexpr float kUsualLabels = 30;  // at most, where no number was asked for

struct NetworkParams {  // network.glsl: Push
  float width = 0, height = 0;
  Point centre, middle;
  uint32_t cellsX = 0, cellsY = 0;
  float scale = 1, cell = 1;
  uint32_t nodes = 0, edges = 0;
  float rankScale = 0, areaLow = 0, areaSpan = 0;
  uint32_t colours = 0, grouped = 0;
  float weightLow = 0, weightScale = 0, lineWidth = 1, opacity = 0, glow = 0, beat = 0, pulses = 0, ring = 0;
  uint32_t paper = 0, line = 0, stride = 1, step = 0;
};
static_assert(sizeof(NetworkParams) == 116);

// What is known of the picture before anything is recorded.
struct Stage {
  Sizes sizes;
  const ThemeColours& colours;
  Theme theme;
  ColourMap map;
  Box panel;
  NetworkView view;
  NetworkParams params;
  std::vector<std::string> groupNames;
};

float radiusOf(const NetworkParams& p, float rank) {
  return std::sqrt(p.areaLow + p.areaSpan * std::clamp(rank * p.rankScale, 0.0f, 1.0f));
}

class DocumentNetwork final : public Scene {
 public:
  DocumentNetwork()
      : Scene("render/document-network",
              {{"rowOffsets", dtypeBit(DType::Int32)},
               {"columns", dtypeBit(DType::Int32)},
               {.name = "weights", .optional = true},
               {.name = "positions", .optional = true},
               {.name = "ranks", .optional = true},
               {.name = "groups", .dtypes = dtypeBit(DType::Int32), .optional = true}},
              {{.name = "nodeSize", .fallback = 1, .min = 0.05, .max = 20},
               {.name = "edgeOpacity", .fallback = 0.6, .min = 0, .max = 1},
               {.name = "maxLabels", .kind = ParamInfo::Kind::Integer, .fallback = kNotGiven, .min = 0, .max = 1000},
               {.name = "glow", .fallback = 0.7, .min = 0, .max = 1},
               {.name = "centreX", .fallback = kNotGiven},
               {.name = "centreY", .fallback = kNotGiven},
               {.name = "zoom", .fallback = 1, .min = 0.01, .max = 10000},
               {.name = "colormap", .kind = ParamInfo::Kind::Choice, .choices = kColourMapNames}},
              {"title", "labels", "groups"}) {}

  Cost check(Call& call) const override {
    requireRank(*this, call, kRowOffsets, 1);
    requireRank(*this, call, kColumns, 1);
    const uint64_t rows = call.shape(kRowOffsets)[0], m = call.shape(kColumns)[0];
    if (rows == 0)
      refuse(*this, "'rowOffsets' is empty, but has one element more than there are nodes", "inputs.rowOffsets");
    if (rows > (1u << 28))
      refuse(*this, "there are " + std::to_string(rows - 1) + " nodes, but at most 268435455 can be drawn",
             "inputs.rowOffsets");
    checkedUint(*this, m, "the number of edges");
    requireShape(call, kWeights, Shape{m});
    requireShape(call, kPositions, Shape{rows - 1, 2});
    requireShape(call, kRanks, Shape{rows - 1});
    requireShape(call, kGroups, Shape{rows - 1});
    Cost cost = finishCheck(call);
    cost.flops += 200.0 * static_cast<double>(rows) + 2000.0 * static_cast<double>(m);
    if (!call.inputs[kPositions].present) cost.flops += layoutFlops(rows, m);
    return cost;
  }

  Task record(Recorder& r, const Call& call) const override {
    requireGraphics(r);
    NetworkGraph graph;
    co_await readNetwork(r, *this, call, graph);
    const std::vector<std::string> labels = texts(call, kNodeLabels);
    if (!labels.empty() && labels.size() != graph.nodes)
      refuse(*this,
             "text 'labels' has " + std::to_string(labels.size()) + " labels, but there are " +
                 std::to_string(graph.nodes) + " nodes",
             "params.labels");
    DrawList list(width(call), height(call));
    Stage stage{Sizes(list.width(), list.height()), themeColours(theme(call)), theme(call),
                static_cast<ColourMap>(call.integer(kColourMap))};
    stage.groupNames = texts(call, kGroupNames);
    choosePlaces(list, stage, call, graph);
    if (graph.nodes) {
      chooseLook(stage, call, graph);
      const std::vector<uint32_t> front = highestRanked(graph.ranks, kMaxInFront);
      drawGraph(r, list, stage, graph, front);
      if (stage.sizes.hasText) drawLabels(list, stage, call, graph, labels);
      drawNetworkKey(
          list, {stage.sizes, stage.colours, stage.theme, stage.map, stage.groupNames, stage.params.weightScale > 0},
          graph);
    } else if (stage.sizes.hasText) {
      list.text("no documents", stage.panel.centre(),
                {.size = stage.sizes.body, .colour = stage.colours.muted, .align = Align::Middle, .centred = true});
    }
    drawTitle(list, stage.colours, stage.sizes, text(call, kTitle), subtitle(graph));
    list.finish(r, stage.colours.page, call.outputs[0].view);
  }

 protected:
  std::span<const ModulePtr> ownModules() const override {
    static const std::array<ModulePtr, 5> made = {
        sceneModule("scene network's nodes", {spirv::network_place_comp, spirv::network_place_compWords}),
        sceneModule("scene network's edges", {spirv::network_edges_comp, spirv::network_edges_compWords}),
        sceneModule("scene network's light", {spirv::network_blur_comp, spirv::network_blur_compWords}),
        sceneModule("scene network", {spirv::network_page_vert, spirv::network_page_vertWords},
                    {spirv::network_page_frag, spirv::network_page_fragWords}),
        sceneModule("scene network's discs", {spirv::network_disc_vert, spirv::network_disc_vertWords},
                    {spirv::network_disc_frag, spirv::network_disc_fragWords})};
    return made;
  }

 private:
  void requireShape(const Call& call, size_t input, const Shape& shape) const {
    if (call.inputs[input].present && !(call.shape(input) == shape))
      refuse(*this,
             "the shape of '" + std::string(info.inputs[input].name) + "' is " + call.shape(input).text() +
                 ", but must be " + shape.text(),
             inputPath(*this, input));
  }

  static std::string subtitle(const NetworkGraph& graph) {
    return countText(graph.nodes) + (graph.nodes == 1 ? " document, " : " documents, ") + countText(graph.edges) +
           (graph.edges == 1 ? " link" : " links");
  }

  // The panel between title and key.
  void choosePlaces(DrawList& list, Stage& stage, const Call& call, const NetworkGraph& graph) const {
    const Sizes& sizes = stage.sizes;
    const auto width = static_cast<float>(list.width()), height = static_cast<float>(list.height());
    Box& panel = stage.panel;
    panel = {sizes.pad, sizes.pad, width - sizes.pad, height - sizes.pad};
    if (sizes.hasText) {
      panel.top += text(call, kTitle).empty() ? sizes.body + sizes.gap : sizes.title + sizes.body + 2 * sizes.gap;
      if (graph.nodes) panel.bottom -= sizes.small + 2 * sizes.gap;
    }
    if (panel.width() < 8 || panel.height() < 8) {
      panel = {0, 0, width, height};
      stage.sizes.hasText = false;
    }
  }

  void chooseLook(Stage& stage, const Call& call, const NetworkGraph& graph) const {
    NetworkParams& p = stage.params;
    const float unit = std::max(stage.sizes.unit, 0.25f), zoom = call.number(kZoom);
    p.width = static_cast<float>(width(call)), p.height = static_cast<float>(height(call));
    p.nodes = graph.nodes, p.edges = graph.edges;
    chooseSizes(stage, call.number(kNodeSize) * std::sqrt(zoom), graph);
    const float room =
        std::min(std::ceil(radiusOf(p, graph.rankHigh)), std::min(stage.panel.width(), stage.panel.height()) / 4);
    Point extent;
    stage.view = fitNetwork(graph.positions, stage.panel.grown(-room), &extent);
    // edges over a pixel
    const float density =
        static_cast<float>(graph.edges) * meanEdge(graph, stage.view) / (extent.x * extent.y + 1000) / zoom;
    stage.view.scale *= zoom;
    if (!std::isnan(call.params[kCentreX])) stage.view.centre.x = call.number(kCentreX);
    if (!std::isnan(call.params[kCentreY])) stage.view.centre.y = call.number(kCentreY);
    p.centre = stage.view.centre, p.middle = stage.view.middle, p.scale = stage.view.scale;
    p.cell = std::max(kLightCell * unit, 2.0f);
    p.cellsX = static_cast<uint32_t>(std::ceil(p.width / p.cell)),
    p.cellsY = static_cast<uint32_t>(std::ceil(p.height / p.cell));
    p.grouped = !graph.groups.empty();
    p.weightLow = graph.weightLow;
    p.weightScale = graph.weightHigh > graph.weightLow ? 1 / (graph.weightHigh - graph.weightLow) : 0;
    p.lineWidth = std::max(unit * (1 + 1.2f / (1 + static_cast<float>(graph.edges) / 400)), 1.0f);
    // The more edges lie over one another, the fainter is each.
    const float opacity = call.number(kEdgeOpacity) / std::pow(1 + 1.5f * density * p.lineWidth, 0.75f);
    p.opacity = -std::log2(1 - std::min(opacity, 0.995f));
    p.stride = static_cast<uint32_t>(std::clamp(std::round(density / kCrowd), 1.0f, kLongestStride));
    p.glow = call.number(kGlow);
    p.beat = static_cast<float>(std::fmod(call.params[kTime], kCycle));
    p.pulses = std::min(1.0f, 4000.0f / static_cast<float>(graph.edges + 1));
    p.ring = unit * 1.2f;
    p.paper = stage.colours.page.packed();
    p.line = mix(stage.colours.axis, stage.colours.muted, stage.theme == Theme::Dark ? 0.5f : 0.3f).with(0.7f).packed();
  }

  // Areas grow with ranks between two limits that leave most of the panel free.
  static void chooseSizes(Stage& stage, float size, const NetworkGraph& graph) {
    NetworkParams& p = stage.params;
    p.rankScale = graph.rankHigh > 0 ? 1 / graph.rankHigh : 0;
    const float panel = stage.panel.width() * stage.panel.height(), most = kMaxRadius * kMaxRadius * panel,
                least = most / 50;
    const float mean = least + (most - least) * std::clamp(graph.rankMean * p.rankScale, 0.0f, 1.0f);
    const float shrink = std::min(1.0f, kDiscShare * panel / (3.1415927f * mean * static_cast<float>(graph.nodes)));
    const float low = std::max(least * shrink, kSmallest * kSmallest),
                high = std::max(most * shrink, 9 * kSmallest * kSmallest);
    p.areaLow = low * size * size, p.areaSpan = (high - low) * size * size;
  }

  // The colours of groups from -1 on, or those of ranks from the lowest to the highest.
  static std::vector<uint32_t> colourTable(const Stage& stage, const NetworkGraph& graph) {
    std::vector<uint32_t> table;
    if (graph.groups.empty()) {
      for (uint32_t i = 0; i < kColourMapSteps; ++i)
        table.push_back(colourAt(stage.map, mapPlace(stage.theme, i / double(kColourMapSteps - 1))).packed());
      return table;
    }
    const int32_t last = std::ranges::max(graph.groups);
    for (int32_t group = -1; group <= last; ++group) table.push_back(groupColour(stage.colours, group).packed());
    return table;
  }

  static BufferView uploaded(Recorder& r, std::span<const uint32_t> words) {
    const std::span<uint32_t> host = r.hostMemory<uint32_t>(words.size());
    std::copy(words.begin(), words.end(), host.begin());
    const BufferView view = r.fresh(host.size_bytes());
    r.upload(view, std::as_bytes(host));
    return view;
  }

  void launch(Recorder& r, Module module, uint64_t threads, std::span<const ProgramView> views,
              const NetworkParams& p) const {
    const uint64_t groups = (threads + 63) / 64;
    const auto columns = static_cast<uint32_t>(std::min<uint64_t>(groups, kGroupsARow)),
               rows = static_cast<uint32_t>((groups + kGroupsARow - 1) / kGroupsARow);
    r.launch(r.program(ownModules()[module]), {columns, rows, 1}, views, std::as_bytes(std::span(&p, 1)));
  }

  void drawGraph(Recorder& r, DrawList& list, Stage& stage, const NetworkGraph& graph,
                 std::span<const uint32_t> front) const {
    NetworkParams& p = stage.params;
    const std::vector<uint32_t> table = colourTable(stage, graph);
    p.colours = static_cast<uint32_t>(table.size());
    const uint64_t cells = uint64_t{p.cellsX} * p.cellsY, pixels = uint64_t{list.width()} * list.height();
    const BufferView nodes = r.scratch(uint64_t{p.nodes} * 16), light = r.scratch(cells * 12),
                     ink = r.scratch(pixels * 4);
    const BufferView half = r.scratch(cells * 12), shine = r.scratch(cells * 4);
    r.fill(light, 0);
    r.fill(ink, 0);
    const ProgramView place[] = {{graph.positionView, false},
                                 {graph.rankView, false},
                                 {graph.groupView, false},
                                 {uploaded(r, table), false},
                                 {nodes},
                                 {light}};
    launch(r, kPlace, p.nodes, place, p);
    const ProgramView edges[] = {
        {graph.offsetView, false}, {graph.columnView, false}, {graph.weightView, false}, {nodes, false}, {ink}};
    if (p.edges && p.opacity > 0) launch(r, kEdges, uint64_t{p.edges} * kThreadsAnEdge, edges, p);
    const ProgramView across[] = {{light, false}, {half}}, down[] = {{half, false}, {shine}};
    p.step = 0;
    launch(r, kBlur, cells, across, p);
    p.step = 1;
    launch(r, kBlur, cells, down, p);

    Draw page = drawOf(r, kPage, p);
    page.blend = Blend::None;
    page.vertices = 3;
    page.buffers = {ink};
    page.textures = {{.texels = shine, .width = p.cellsX, .height = p.cellsY}};
    list.draw(std::move(page));
    const std::vector<uint32_t> rising(front.rbegin(), front.rend());
    const BufferView order = uploaded(r, rising);
    for (bool inFront : {false, true}) {
      p.step = inFront;
      if (!inFront && p.nodes == front.size()) continue;
      Draw discs = drawOf(r, kDisc, p);
      discs.vertices = 3;
      discs.instances = inFront ? static_cast<uint32_t>(front.size()) : p.nodes;
      discs.buffers = {nodes, order};
      list.draw(std::move(discs));
    }
  }

  Draw drawOf(Recorder& r, Module module, const NetworkParams& p) const {
    Draw draw;
    draw.program = r.program(ownModules()[module]);
    const auto bytes = std::as_bytes(std::span(&p, 1));
    draw.params.assign(bytes.begin(), bytes.end());
    return draw;
  }

  static void drawLabels(DrawList& list, const Stage& stage, const Call& call, const NetworkGraph& graph,
                         std::span<const std::string> labels) {
    const float letters = stage.panel.width() * stage.panel.height() / (stage.sizes.body * stage.sizes.body);
    const float usual = std::clamp(letters / kLettersALabel, 1.0f, kUsualLabels);
    const auto most = static_cast<size_t>(std::isnan(call.params[kMaxLabels]) ? usual : call.number(kMaxLabels));
    if (labels.empty() || !most) return;
    std::vector<LabelPlace> places;
    for (uint32_t node : highestRanked(graph.ranks, most * 8 + 64))
      places.push_back({stage.view(graph.positions[2 * size_t{node}], graph.positions[2 * size_t{node} + 1]),
                        radiusOf(stage.params, graph.ranks[node]), labels[node]});
    const float mostWidth = static_cast<float>(kMaxLabelWidth) * std::max(stage.sizes.unit, 0.5f);
    for (const PlacedLabel& label :
         placeLabels(places, stage.panel, stage.sizes.body, stage.sizes.small, most, mostWidth))
      list.text(places[label.place].text, baseline(label),
                {.size = label.size,
                 .colour = stage.colours.text,
                 .mostWidth = mostWidth,
                 .halo = stage.colours.page.with(0.55f)});
  }
};

}  // namespace
}  // namespace switchyard::render

namespace switchyard {

const Workload& renderDocumentNetworkWorkload() {
  static const render::DocumentNetwork w;
  return w;
}

}  // namespace switchyard
