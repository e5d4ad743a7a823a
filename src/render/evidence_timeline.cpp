// render/evidence-timeline: what the workload evidence-timeline gives, along time: weight as height, relevance as size,
// category as colour.
#include <algorithm>
#include <array>
#include <cmath>

#include "render/scene.h"
#include "render/timeline_points.h"

namespace switchyard::render {

SWITCHYARD_SCENE_SHADER(decay_vert)
SWITCHYARD_SCENE_SHADER(decay_frag)

namespace {

enum Param : size_t { kCurrentTime = kOwnParams, kDecay, kTimeStart, kTimeEnd, kTimeFormat };
enum Text : size_t { kTitle, kCategories, kLabels };
enum TimeFormat : uint32_t { kNumbers, kDates };

constexpr size_t kMaxStems = 600;   // points with a line down to the axis
constexpr size_t kMaxNamed = 40;    // points with a name beside them
constexpr size_t kMaxEdged = 5000;  // points with an edge of their own
constexpr double kPulseSeconds = 2.5;
constexpr double kMaxHeadroom = 1.5;  // of the axis over the heaviest piece; a decay's tip may lie beyond

struct DecayParams {  // decay.glsl: Push
  float width, height;
  Box box;
  float base, halfWidth, thin;
  uint32_t top, bottom, line;
};
static_assert(sizeof(DecayParams) == 48);

// What all parts of the picture look at.
struct Stage {
  Sizes sizes;
  TitlePlace title;
  const ThemeColours& colours;
  Box panel;
  LinearScale x, y;
  double now = 0, decay = 0, peak = 1, time = 0;
};

class EvidenceTimelineScene final : public Scene {
 public:
  EvidenceTimelineScene()
      : Scene("render/evidence-timeline", {{"timeline"}},
              {{.name = "currentTime", .fallback = 1},
               {.name = "decay", .fallback = 2},
               {.name = "timeStart", .fallback = kNotGiven},
               {.name = "timeEnd", .fallback = kNotGiven},
               {.name = "timeFormat", .kind = ParamInfo::Kind::Choice, .choices = {"number", "date"}}},
              {"title", "categories", "labels"}) {}

  Cost check(Call& call) const override {
    requireRank(*this, call, 0, 2);
    if (call.shape(0)[1] != 4)
      refuse(*this,
             "the shape of 'timeline' is " + call.shape(0).text() +
                 ", but must be [n, 4]: timestamp, weight, relevance, category",
             "inputs.timeline");
    if (call.shape(0)[0] > kMaxTimelinePoints)
      refuse(*this,
             "'timeline' has " + std::to_string(call.shape(0)[0]) + " rows, but can be drawn with at most " +
                 std::to_string(kMaxTimelinePoints),
             "inputs.timeline");
    if (call.params[kTimeStart] >= call.params[kTimeEnd])
      refuse(*this,
             "parameter 'timeStart' is " + numberText(call.params[kTimeStart], 6) + ", but must be below 'timeEnd', " +
                 numberText(call.params[kTimeEnd], 6),
             "params.timeStart");
    Cost cost = finishCheck(call);
    cost.flops += 400.0 * static_cast<double>(call.shape(0)[0]);
    return cost;
  }

  Task record(Recorder& r, const Call& call) const override {
    requireGraphics(r);
    const std::vector<std::string> labels = texts(call, kLabels);
    if (!labels.empty() && labels.size() != call.shape(0)[0])
      refuse(*this,
             "text 'labels' has " + std::to_string(labels.size()) + " labels, but 'timeline' has " +
                 std::to_string(call.shape(0)[0]) + " rows",
             "params.labels");
    std::vector<TimelinePoint> points;
    co_await readTimeline(r, *this, call.inputs[0], points);

    DrawList list(width(call), height(call));
    Stage stage = stageOf(list, call, points);
    drawPlace(list, stage, call, points);
    drawEnvelope(r, list, stage);
    list.clip(stage.panel.grown(stage.sizes.gap * 2));
    drawPoints(list, stage, points);
    list.noClip();
    drawNow(list, stage, call);
    drawNames(list, stage, points, labels);
    if (points.empty()) drawNothing(list, stage);
    list.finish(r, stage.colours.page, call.outputs[0].view);
  }

 protected:
  std::span<const ModulePtr> ownModules() const override {
    static const std::array<ModulePtr, 1> made = {sceneModule(
        "scene decay", {spirv::decay_vert, spirv::decay_vertWords}, {spirv::decay_frag, spirv::decay_fragWords})};
    return made;
  }

 private:
  // The axes' ranges: all points, now, and some room; or what was asked for.
  void chooseRanges(Stage& stage, const Call& call, std::span<const TimelinePoint> points) const {
    double low = stage.now, high = stage.now, most = 0, least = 0;
    for (const TimelinePoint& point : points) {
      low = std::min(low, point.time), high = std::max(high, point.time);
      most = std::max(most, point.weight), least = std::min(least, point.weight);
    }
    if (high - low < 1e-9 * std::max(1.0, std::fabs(high))) low -= 0.5, high += 0.5;
    const double room = (high - low) * 0.03;
    low -= room, high += room;
    if (!std::isnan(call.params[kTimeStart])) low = call.params[kTimeStart];
    if (!std::isnan(call.params[kTimeEnd])) high = call.params[kTimeEnd];
    if (low >= high) (std::isnan(call.params[kTimeEnd]) ? high = low + 1 : low = high - 1);
    stage.peak = peakOf(stage, points, most);
    stage.x.low = low, stage.x.high = high;
    stage.y.low = least < 0 ? least * 1.08 : 0,
    stage.y.high = (most > 0 ? std::min(stage.peak, kMaxHeadroom * most) : stage.peak) * 1.08;
  }

  // What the most important piece would weigh now: the decay's curve through it lies above all others. Where `decay`
  // and `currentTime` are not those that the weights were made with, it is far beyond them, and the heaviest piece has
  // to do.
  static double peakOf(const Stage& stage, std::span<const TimelinePoint> points, double most) {
    constexpr double kFarAbove = 100;
    double peak = 0;
    for (const TimelinePoint& point : points)
      peak = std::max(peak, point.weight * std::exp(stage.decay * std::fabs(point.time - stage.now)));
    if (most <= 0) return 1;
    return peak >= most && peak <= kFarAbove * most ? peak : most;
  }

  Stage stageOf(DrawList& list, const Call& call, std::span<const TimelinePoint> points) const {
    const Sizes sized(list.width(), list.height());
    Stage stage{sized, TitlePlace(sized, false, false), themeColours(theme(call))};
    stage.now = call.params[kCurrentTime], stage.decay = call.params[kDecay], stage.time = call.params[kTime];
    chooseRanges(stage, call, points);
    const Sizes& sizes = stage.sizes;
    const auto width = static_cast<float>(list.width()), height = static_cast<float>(list.height());
    stage.title = drawTitle(list, stage.colours, sizes, text(call, kTitle), subtitle(points.size()));
    Box& panel = stage.panel;
    panel = {sizes.pad, stage.title.bottom, width - sizes.pad, height - sizes.pad};
    if (sizes.hasText) {
      panel.top += std::round(sizes.small * 1.55f);  // for the tag of now
      panel.left = std::ceil(panel.left + sizes.body + sizes.gap * 1.5f + widestLabel(rowTicks(stage), sizes.small) +
                             sizes.tick);
      panel.bottom = std::floor(panel.bottom - sizes.tick - sizes.small - sizes.body - sizes.gap * 2.2f);
    }
    if (panel.width() < 8 || panel.height() < 8) {
      panel = {0, 0, width, height};
      stage.sizes.hasText = false;
    }
    panel = {std::round(panel.left), std::round(panel.top), std::round(panel.right), std::round(panel.bottom)};
    stage.x.from = panel.left, stage.x.to = panel.right;
    stage.y.from = panel.bottom, stage.y.to = panel.top;
    return stage;
  }

  static std::string subtitle(size_t count) {
    return countText(count) + (count == 1 ? " piece of evidence" : " pieces of evidence");
  }

  static std::vector<AxisTick> rowTicks(const Stage& stage) {
    const float height = std::max(stage.panel.height(), stage.sizes.small * 4);
    return placed(
        niceTicks(stage.y.low, stage.y.high, std::clamp(static_cast<int>(height / (stage.sizes.small * 3.4f)), 2, 11)),
        stage.y);
  }

  std::vector<AxisTick> columnTicks(const Stage& stage, const Call& call) const {
    const int most = std::clamp(static_cast<int>(stage.panel.width() / (stage.sizes.small * 7)), 2, 14);
    const bool dates = call.integer(kTimeFormat) == kDates;
    return placed(dates ? dateTicks(stage.x.low, stage.x.high, most) : niceTicks(stage.x.low, stage.x.high, most),
                  stage.x);
  }

  void drawPlace(DrawList& list, const Stage& stage, const Call& call, std::span<const TimelinePoint> points) const {
    const Sizes& sizes = stage.sizes;
    const Box& panel = stage.panel;
    const std::vector<AxisTick> columns = columnTicks(stage, call), rows = rowTicks(stage);
    list.box(panel, stage.colours.panel);
    drawColumnGrid(list, stage.colours, sizes, panel, columns);
    drawRowGrid(list, stage.colours, sizes, panel, rows);
    if (sizes.hasText) {
      drawBottomAxis(list, stage.colours, sizes, panel, columns);
      drawLeftAxis(list, stage.colours, sizes, panel, rows);
      const float below =
          panel.bottom + sizes.tick + sizes.gap * 1.6f + sizes.small + fontMetrics(sizes.body).capHeight;
      list.text("time", {panel.centre().x, below},
                {.size = sizes.body, .colour = stage.colours.text, .align = Align::Middle});
      list.text("weight", {sizes.pad + sizes.body * 0.5f, panel.centre().y},
                {.size = sizes.body,
                 .colour = stage.colours.text,
                 .align = Align::Middle,
                 .centred = true,
                 .degrees = 90,
                 .mostWidth = panel.height()});
      drawCategories(list, stage, texts(call, kCategories), points);
    }
  }

  // At the right, beside the subtitle: the categories that there are.
  void drawCategories(DrawList& list, const Stage& stage, const std::vector<std::string>& names,
                      std::span<const TimelinePoint> points) const {
    constexpr uint32_t kMaxCategories = 64;
    std::vector<bool> seen(kMaxCategories);
    for (const TimelinePoint& point : points)
      if (point.category < kMaxCategories) seen[point.category] = true;
    std::vector<LegendItem> items;
    for (uint32_t i = 0; i < kMaxCategories; ++i)
      if (seen[i])
        items.push_back({i < names.size() ? names[i] : "category " + std::to_string(i), stage.colours.category(i)});
    if (items.empty()) return;
    const Sizes& sizes = stage.sizes;
    const float most = stage.panel.right - sizes.pad - textWidth(subtitle(points.size()), sizes.body) - sizes.gap * 3,
                used = legendWidth(sizes, items, most);
    drawLegend(list, stage.colours, sizes, items,
               {stage.panel.right - used, stage.title.subtitle - fontMetrics(sizes.body).capHeight / 2}, most);
  }

  static double envelopeAt(const Stage& stage, double moment) {
    return stage.peak * std::exp(-stage.decay * std::fabs(moment - stage.now));
  }

  void drawEnvelope(Recorder& r, DrawList& list, const Stage& stage) const {
    if (!(stage.decay > 0)) return;
    const Box& panel = stage.panel;
    const auto columns = static_cast<size_t>(panel.width());
    const std::span<float> heights = r.hostMemory<float>(columns + 2);
    for (size_t i = 0; i < heights.size(); ++i) {
      const double moment = stage.x.low + (static_cast<double>(i) - 0.5) / panel.width() * (stage.x.high - stage.x.low);
      heights[i] = static_cast<float>(stage.y(envelopeAt(stage, moment)));
    }
    const BufferView view = r.fresh(heights.size_bytes());
    r.upload(view, std::as_bytes(heights));
    const float width = 1.6f * stage.sizes.unit;
    DecayParams p{};
    p.width = static_cast<float>(list.width()), p.height = static_cast<float>(list.height());
    p.box = panel, p.base = static_cast<float>(stage.y(0));
    p.halfWidth = std::max(width, 1.0f) / 2, p.thin = std::min(width, 1.0f);
    p.top = stage.colours.accent.with(0.22f).packed(), p.bottom = stage.colours.accent.with(0.03f).packed();
    p.line = stage.colours.accent.with(0.8f).packed();
    Draw draw;
    draw.program = r.program(ownModules()[0]);
    draw.vertices = 6;
    draw.buffers = {view};
    const auto bytes = std::as_bytes(std::span(&p, 1));
    draw.params.assign(bytes.begin(), bytes.end());
    list.draw(std::move(draw));
  }

  static float radiusOf(const Stage& stage, const TimelinePoint& point, size_t count) {
    const float crowd = count > 300 ? std::pow(300.0f / static_cast<float>(count), 0.3f) : 1;
    const auto relevance = static_cast<float>(std::clamp(point.relevance, 0.0, 1.0));
    return std::max((3.5f + 9.5f * std::sqrt(relevance)) * std::max(stage.sizes.unit, 0.35f) * crowd, 0.8f);
  }

  void drawPoints(DrawList& list, const Stage& stage, std::span<const TimelinePoint> points) const {
    const auto base = static_cast<float>(stage.y(0));
    const bool stems = points.size() <= kMaxStems, edges = points.size() <= kMaxEdged;
    const float opacity = points.size() <= 300
                              ? 0.92f
                              : std::max(0.35f, 0.92f * std::pow(300.0f / static_cast<float>(points.size()), 0.15f));
    const float edge = edges ? std::max(1.2f * stage.sizes.unit, 0.6f) : 0;
    auto place = [&](const TimelinePoint& p) {
      return Point{static_cast<float>(stage.x(p.time)), static_cast<float>(stage.y(p.weight))};
    };
    auto shown = [&](const TimelinePoint& p) { return p.time >= stage.x.low && p.time <= stage.x.high; };
    if (stems)
      for (const TimelinePoint& p : points)
        if (shown(p))
          list.line({place(p).x, base}, place(p), std::max(1.5f * stage.sizes.unit, 1.0f),
                    stage.colours.category(p.category).with(0.38f));
    const double heartbeat = stage.time != 0 ? std::sin(2 * M_PI * std::fmod(stage.time / kPulseSeconds, 1.0)) : 0;
    // What is near to now breathes; few enough to see it alone.
    if (stems)
      for (const TimelinePoint& p : points) {
        const auto nearness = static_cast<float>(std::exp(-std::max(stage.decay, 0.0) * std::fabs(p.time - stage.now)) *
                                                 p.weight / stage.peak);
        const float glow = nearness * (0.30f + 0.14f * static_cast<float>(heartbeat));
        if (shown(p) && glow > 0.03f)
          list.glow(place(p), radiusOf(stage, p, points.size()) * 2.6f, stage.colours.category(p.category).with(glow));
      }
    for (const TimelinePoint& p : points) {
      if (!shown(p)) continue;
      const Colour colour = stage.colours.category(p.category);
      list.disc(place(p), radiusOf(stage, p, points.size()), colour.with(opacity), stage.colours.panel.with(opacity),
                edge);
    }
  }

  void drawNow(DrawList& list, const Stage& stage, const Call& call) const {
    const Sizes& sizes = stage.sizes;
    const Box& panel = stage.panel;
    if (stage.now < stage.x.low || stage.now > stage.x.high) return;
    const auto x = static_cast<float>(stage.x(stage.now));
    if (stage.time != 0) {  // a light that climbs the line
      const auto at = static_cast<float>(std::fmod(std::fabs(stage.time) / kPulseSeconds, 1.0));
      list.clip(panel);
      list.glow({x, panel.bottom - at * panel.height()}, 26 * std::max(sizes.unit, 0.4f),
                stage.colours.accent.with(0.55f * (1 - at)));
      list.noClip();
    }
    const float dash = std::max(6 * sizes.unit, 2.0f);
    list.dashes({x, panel.top}, {x, panel.bottom}, std::max(1.5f * sizes.unit, 1.0f), dash, dash * 0.7f,
                stage.colours.accent);
    if (!sizes.hasText) return;
    const std::string name =
        "now  " + (call.integer(kTimeFormat) == kDates ? dateText(stage.now) : numberText(stage.now, 4));
    const float width = textWidth(name, sizes.small) + sizes.gap * 1.6f, high = sizes.small * 1.55f;
    const float left = std::clamp(x - width / 2, 1.0f, std::max(1.0f, static_cast<float>(list.width()) - width - 1));
    const Box tag{left, panel.top - high - sizes.gap * 0.5f, left + width, panel.top - sizes.gap * 0.5f};
    list.roundBox(tag, high / 2, stage.colours.accent);
    const Colour ink = isLight(stage.colours.accent) ? fromHex(0x101418) : fromHex(0xFFFFFF);
    list.text(name, tag.centre(), {.size = sizes.small, .colour = ink, .align = Align::Middle, .centred = true});
  }

  // The heaviest first, as long as they touch neither each other nor the edge.
  void drawNames(DrawList& list, const Stage& stage, std::span<const TimelinePoint> points,
                 const std::vector<std::string>& labels) const {
    const Sizes& sizes = stage.sizes;
    if (labels.empty() || !sizes.hasText) return;
    std::vector<size_t> order(points.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    const size_t look = std::min(order.size(), kMaxNamed * 4);
    std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(look), order.end(),
                      [&](size_t a, size_t b) {
                        return points[a].weight != points[b].weight ? points[a].weight > points[b].weight : a < b;
                      });
    std::vector<Box> taken;
    if (stage.now >= stage.x.low && stage.now <= stage.x.high) {
      const auto x = static_cast<float>(stage.x(stage.now));
      taken.push_back({x - 2, stage.panel.top, x + 2, stage.panel.bottom});
    }
    for (size_t i = 0; i < look; ++i) taken.push_back(discBox(stage, points[order[i]], points.size()));
    size_t named = 0;
    for (size_t i = 0; i < look && named < kMaxNamed; ++i) {
      const TimelinePoint& point = points[order[i]];
      const std::string name = fitText(labels[order[i]], sizes.small, 190 * std::max(sizes.unit, 0.5f));
      if (name.empty() || point.time < stage.x.low || point.time > stage.x.high) continue;
      const Box disc = discBox(stage, point, points.size());
      const float width = textWidth(name, sizes.small), high = sizes.small * 1.2f;
      const Box right{disc.right + 2, disc.centre().y - high / 2, disc.right + 2 + width + 4,
                      disc.centre().y + high / 2};
      const Box left{disc.left - 6 - width, right.top, disc.left - 2, right.bottom};
      for (const Box& box : {right, left}) {
        const bool inside = box.left >= stage.panel.left && box.right <= stage.panel.right &&
                            box.top >= stage.panel.top && box.bottom <= stage.panel.bottom;
        if (!inside || std::any_of(taken.begin(), taken.end(), [&](const Box& other) { return other.overlaps(box); }))
          continue;
        list.text(name, {box.left + 2, box.centre().y},
                  {.size = sizes.small,
                   .colour = stage.colours.text,
                   .centred = true,
                   .halo = stage.colours.panel.with(0.6f)});
        taken.push_back(box);
        ++named;
        break;
      }
    }
  }

  static void drawNothing(DrawList& list, const Stage& stage) {
    const Sizes& sizes = stage.sizes;
    if (!sizes.hasText) return;
    const Point middle = stage.panel.centre();
    const float half = textWidth("no evidence", sizes.body) / 2 + sizes.gap * 1.5f, high = sizes.body;
    list.roundBox({middle.x - half, middle.y - high, middle.x + half, middle.y + high}, high, stage.colours.panel,
                  stage.colours.axis, sizes.line);
    list.text("no evidence", middle,
              {.size = sizes.body, .colour = stage.colours.text, .align = Align::Middle, .centred = true});
  }

  static Box discBox(const Stage& stage, const TimelinePoint& point, size_t count) {
    const float radius = radiusOf(stage, point, count);
    const auto x = static_cast<float>(stage.x(point.time)), y = static_cast<float>(stage.y(point.weight));
    return {x - radius, y - radius, x + radius, y + radius};
  }
};

}  // namespace
}  // namespace switchyard::render

namespace switchyard {

const Workload& renderEvidenceTimelineWorkload() {
  static const render::EvidenceTimelineScene w;
  return w;
}

}  // namespace switchyard
