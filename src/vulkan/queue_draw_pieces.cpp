// Pictures that take long, in pieces: some primitives of a draw, within a part of the picture, each a pass of its own
// that keeps what was drawn before.
#include <algorithm>
#include <optional>

#include "vulkan/queue.h"

namespace switchyard::vulkan {
namespace {

// First guesses, on a software driver and a slow machine; a card is some fifty times as fast.
constexpr double kNsForVertex = 40, kNsForPixel = 4, kCardSpeed = 50;
// Draws of at most so many primitives times pixels are not cut, whatever they take.
constexpr double kUnknownWork = 4096;
// Pictures of no more primitives are cut into areas alone: that vertices are computed for each costs little.
constexpr uint64_t kFewPrimitives = 1024;
// No piece is smaller than this along an axis. Drivers shade quads, and software drivers blocks of 4 by 4 pixels, which
// are not cut.
constexpr uint64_t kLeastPrimitives = 8, kLeastRows = 4, kLeastColumns = 64;
// Mesa's software driver draws the pixels above and left of a scissor, too, where there are several samples; but no
// others than those of the tiles that the scissor touches.
constexpr uint64_t kTile = 64;
// From one piece to the next: nobody knows where in a draw its work lies. Only one is on the device at a time, so that
// it may take twice as long as others.
constexpr double kMostGrowth = 64, kLeastGrowth = 1.0 / 8, kPieces = 2;
constexpr uint32_t kFinishedPixels = 1 << 20;  // resolved and copied at once

uint32_t verticesOf(Primitive primitive) {
  switch (primitive) {
    case Primitive::Points: return 1;
    case Primitive::Lines: return 2;
    default: return 3;
  }
}

// Primitives of all instances, one after the other; rows; columns.
struct Box {
  enum Axis : uint8_t { Primitives, Rows, Columns };
  std::array<uint64_t, 3> base{}, size{};
  bool isSameArea(const Box& other) const {
    return std::equal(base.begin() + 1, base.end(), other.base.begin() + 1) &&
           std::equal(size.begin() + 1, size.end(), other.size.begin() + 1);
  }
  double work() const { return double(size[Primitives]) * double(size[Rows]) * double(size[Columns]); }
};

// The first part of a box, of at most `room` where that is possible. What it leaves is put on top of `left`. Primitives
// are cut first: where the picture is cut, the work for vertices is repeated.
Box firstPart(Box box, double room, const std::array<uint64_t, 3>& least, std::vector<Box>& left) {
  for (const auto axis : {Box::Primitives, Box::Rows, Box::Columns}) {
    if (box.work() <= room) break;
    const double each = box.work() / double(box.size[axis]);
    const uint64_t step = axis == Box::Primitives ? 1 : least[axis];
    const uint64_t fits = std::max(uint64_t(room / each) / step * step, least[axis]);
    if (fits >= box.size[axis]) continue;
    Box rest = box;
    box.size[axis] = fits;
    rest.base[axis] += fits, rest.size[axis] -= fits;
    left.push_back(rest);
  }
  return box;
}

// Nothing of what it holds is kept: it is cleared next.
VkImageMemoryBarrier intoPass(VkImage image, VkImageLayout layout) {
  return toLayout(image, VK_IMAGE_LAYOUT_UNDEFINED, layout, VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
                  VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT | VK_ACCESS_COLOR_ATTACHMENT_READ_BIT);
}

}  // namespace

VkRect2D GpuQueue::areaOf(const Picture& picture) { return {{0, 0}, {picture.width, picture.height}}; }

VkClearValue GpuQueue::clearOf(const Picture& picture) {
  VkClearValue clear{};
  std::copy(picture.background.begin(), picture.background.end(), clear.color.float32);
  return clear;
}

// Whether the draws of a picture are too long, or may be, to be submitted with what is open. If they are not, they are
// noted.
bool GpuQueue::isLongPicture(const Picture& picture, std::vector<PreparedDraw>& prepared) {
  const double pixels = double(picture.width) * picture.height;
  double all = openNs_;
  bool isUnknown = false;
  for (PreparedDraw& p : prepared) {
    const double vertices = double(p.draw->vertices) * p.draw->instances;
    p.guess = vertices * kNsForVertex + pixels * kNsForPixel;
    if (!gpu_->software()) p.guess /= kCardSpeed;
    p.primitives = uint64_t(p.draw->vertices / verticesOf(p.draw->primitive)) * p.draw->instances;
    p.work = double(p.primitives) * pixels;
    p.isKnown = p.work <= kUnknownWork || (p.program->pace->measured && p.program->paceIsOf(p.params, p.work));
    isUnknown = isUnknown || !p.isKnown;
    all += p.program->pace->nanoseconds(p.guess);
  }
  if (all > pieceNs_ * kPieces || (isUnknown && gpu_->software())) return true;
  for (const PreparedDraw& p : prepared) note(p.program->pace, p.guess);
  return false;
}

// The images of a picture go with its last piece: the device has done the others by then.
void GpuQueue::flushDrawing() {
  auto images = std::exchange(current_->images, {});
  try {
    flush(0);
    record().images = std::move(images);
  } catch (...) {
    if (pieces_) pieces_->waitAll();
    for (auto& image : images)
      if (image) graphics_->images.give(std::move(image));
    throw;
  }
}

void GpuQueue::drawPart(const PreparedDraw& p, uint64_t first, uint64_t count) {
  const uint32_t each = verticesOf(p.draw->primitive);
  const uint64_t perInstance = p.draw->vertices / each;
  while (count) {
    const auto instance = uint32_t(first / perInstance);
    const uint64_t at = first % perInstance;
    const uint64_t instances = at ? 0 : count / perInstance, some = std::min(perInstance - at, count);
    if (instances)
      recordDraw(p, {p.draw->vertices, uint32_t(instances), 0, instance});
    else
      recordDraw(p, {uint32_t(some * each), 1, uint32_t(at * each), instance});
    const uint64_t drawn = instances ? instances * perInstance : some;
    first += drawn, count -= drawn;
  }
}

// A picture while it is drawn in pieces.
struct GpuQueue::PicturePieces {
  GpuQueue& queue;
  const Picture& picture;
  const Image& target;
  std::vector<PreparedDraw>& prepared;
  std::span<const Range> reads;
  const VkRenderPass pass = queue.graphics_->keepingPass(target.kind.samples);
  const DeviceApi& api = queue.gpu_->api;
  const double pieceNs = queue.pieceNs_ * kPieces;
  std::optional<Box> entered{};  // the open pass
  bool isNew = false;            // a recording, since a piece was submitted
  double doneWork = 0, doneNs = 0;

  static VkRect2D areaOf(const Box& box) {
    return {{int32_t(box.base[Box::Columns]), int32_t(box.base[Box::Rows])},
            {uint32_t(box.size[Box::Columns]), uint32_t(box.size[Box::Rows])}};
  }

  void clear() {
    const VkImageMemoryBarrier ready[] = {intoPass(target.handle(), Graphics::kDrawnLayout),
                                          intoPass(target.many(), VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL)};
    constexpr VkPipelineStageFlags kDraws = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT;
    api.vkCmdPipelineBarrier(queue.commands(), kDraws | VK_PIPELINE_STAGE_TRANSFER_BIT, kDraws, 0, 0, nullptr, 0,
                             nullptr, target.many() ? 2 : 1, ready);
    queue.beginPass(pass, target, GpuQueue::areaOf(picture), {});
    const VkClearAttachment background{VK_IMAGE_ASPECT_COLOR_BIT, 0, clearOf(picture)};
    const VkClearRect everywhere{GpuQueue::areaOf(picture), 0, 1};
    api.vkCmdClearAttachments(queue.commands(), 1, &background, 1, &everywhere);
    api.vkCmdEndRenderPass(queue.commands());
  }

  void leave() {
    if (std::exchange(entered, std::nullopt)) api.vkCmdEndRenderPass(queue.commands());
  }

  void enter(const Box& box) {
    if (entered && entered->isSameArea(box)) return;
    leave();
    if (std::exchange(isNew, false)) queue.beforeDraws(prepared, reads);
    queue.beginPass(pass, target, areaOf(box), {});
    entered = box;
  }

  void resolve(const VkRect2D& area) {
    leave();
    if (!target.many()) return;
    queue.beginPass(queue.graphics_->resolvingPass(), target, area, {});
    api.vkCmdEndRenderPass(queue.commands());
  }

  // Submits what is recorded, and says how much the next piece may hold.
  double submit(const Box& piece) {
    leave();
    const Instant start = Instant::now();
    queue.flushDrawing();
    isNew = true;
    const double took = std::max(start.spent(queue.gpu_->software()), 1.0);
    doneWork += piece.work(), doneNs += took;
    return piece.work() * std::clamp(pieceNs / took, kLeastGrowth, kMostGrowth);
  }

  void learned(const PreparedDraw& p, double factor) const {
    p.program->pace->set(factor);
    p.program->setPaceOf(p.params, p.work);
  }

  // One after the other, each with all that is drawn there, and resolved before the next one is begun.
  void drawAreas() {
    double guess = 0, all = 0;
    bool isKnown = true;
    for (const PreparedDraw& p : prepared) {
      guess += p.guess, all += p.program->pace->nanoseconds(p.guess);
      isKnown = isKnown && p.isKnown;
    }
    std::vector<Box> left{{{}, {1, picture.height, picture.width}}};
    const double work = left[0].work();
    double room = kLeastRows * kLeastColumns;
    if (isKnown || !queue.gpu_->software()) room = work * pieceNs / std::max(all, 1.0);
    while (!left.empty()) {
      const Box last = left.back();
      left.pop_back();
      const Box box = firstPart(last, room, {1, kLeastRows, kLeastColumns}, left);
      enter(box);
      for (const PreparedDraw& p : prepared) queue.drawPart(p, 0, p.primitives);
      resolve(areaOf(box));
      room = submit(box);
      queue.tellPart(doneWork / work);
    }
    for (const PreparedDraw& p : prepared) learned(p, doneNs / guess);
  }

  // Some primitives of a draw at a time.
  void drawPrimitives(const PreparedDraw& p) {
    const double all = p.program->pace->nanoseconds(p.guess);
    if (queue.openNs_ > 0 && (!p.isKnown || queue.openNs_ + all > pieceNs)) submit({});
    const bool keepsTiles = target.many() && p.draw->blend != Blend::None && queue.gpu_->software();
    const std::array<uint64_t, 3> least{kLeastPrimitives, keepsTiles ? kTile : kLeastRows, kLeastColumns};
    std::vector<Box> left{{{}, {p.primitives, picture.height, picture.width}}};  // the next one last
    double room = double(least[0] * least[1] * least[2]);
    if (p.isKnown || !queue.gpu_->software()) room = p.work * pieceNs / std::max(all, 1.0);
    doneWork = doneNs = 0;
    while (!left.empty()) {
      const Box last = left.back();
      left.pop_back();
      const Box box = firstPart(last, room, least, left);
      enter(box);
      queue.drawPart(p, box.base[Box::Primitives], box.size[Box::Primitives]);
      if (p.isKnown && left.empty()) {  // with what comes next, if that is short
        queue.openNs_ += all * box.work() / p.work;
        break;
      }
      room = submit(box);
      queue.tellPart((double(&p - prepared.data()) + doneWork / p.work) / double(prepared.size()));
    }
    if (doneWork > 0) learned(p, doneNs * p.work / doneWork / p.guess);
  }

  // To where the picture goes.
  void finish(bool isResolved) {
    leave();
    const uint32_t rows = std::max(kFinishedPixels / picture.width, 1u);
    for (uint32_t first = 0; first < picture.height; first += rows) {
      if (first) queue.flushDrawing();
      const uint32_t some = std::min(rows, picture.height - first);
      if (!isResolved) resolve({{0, int32_t(first)}, {picture.width, some}});
      queue.copyRows(picture, target, first, some);
    }
  }
};

void GpuQueue::drawInPieces(const Picture& picture, const Image& target, std::vector<PreparedDraw>& prepared,
                            std::span<const Range> reads) {
  std::erase_if(prepared, [](const PreparedDraw& p) { return p.primitives == 0; });
  uint64_t primitives = 0;
  for (const PreparedDraw& p : prepared) primitives += p.primitives;
  PicturePieces pieces{*this, picture, target, prepared, reads};
  const bool areFew = primitives <= kFewPrimitives;
  pieces.clear();
  if (areFew)
    pieces.drawAreas();
  else
    for (const PreparedDraw& p : prepared) pieces.drawPrimitives(p);
  pieces.finish(areFew);
}

}  // namespace switchyard::vulkan
