// Pictures: checks, then barriers, textures, one render pass, and the copy to where the picture goes.
#include <algorithm>
#include <cstring>

#include "vulkan/queue.h"

namespace switchyard::vulkan {
namespace {

[[noreturn]] void misuse(const std::string& what) { throw Error(Code::Internal, "vulkan queue: " + what); }

VkFormat formatOf(const Texture& t) {
  switch (t.channels) {
    case 1: return t.isFloat ? VK_FORMAT_R32_SFLOAT : VK_FORMAT_R8_UNORM;
    case 2: return t.isFloat ? VK_FORMAT_R32G32_SFLOAT : VK_FORMAT_R8G8_UNORM;
    case 4: return t.isFloat ? VK_FORMAT_R32G32B32A32_SFLOAT : VK_FORMAT_R8G8B8A8_UNORM;
    default: throw Error(Code::InvalidArgument, "a texture has 1, 2 or 4 channels, not " + std::to_string(t.channels));
  }
}

bool sameTexels(const Texture& a, const Texture& b) {
  return a.texels.buffer == b.texels.buffer && a.texels.offset == b.texels.offset && a.width == b.width &&
         a.height == b.height && a.channels == b.channels && a.isFloat == b.isFloat;
}

VkBufferImageCopy wholeImage(uint64_t offset, uint32_t width, uint32_t height) {
  VkBufferImageCopy region{};
  region.bufferOffset = offset;
  region.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};
  region.imageExtent = {width, height, 1};
  return region;
}

constexpr VkPipelineStageFlags kShaders = VK_PIPELINE_STAGE_VERTEX_SHADER_BIT | VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT;

}  // namespace

void GpuQueue::checkPicture(const Picture& picture) const {
  const uint32_t most = graphics_->maxExtent();
  for (uint32_t extent : {picture.width, picture.height})
    if (extent < 1 || extent > most)
      throw Error(Code::InvalidArgument, "a picture of " + std::to_string(picture.width) + " x " +
                                             std::to_string(picture.height) + ": " + gpu_->physical.info.id +
                                             " draws 1 to " + std::to_string(most) + " pixels along each side");
  if (picture.samples != 1 && picture.samples != 4)
    throw Error(Code::InvalidArgument,
                "a picture has 1 or 4 samples for each pixel, not " + std::to_string(picture.samples));
  if (picture.out.size < uint64_t(picture.width) * picture.height * 4) misuse("a picture larger than its target");
}

GpuQueue::PreparedDraw GpuQueue::prepare(const Draw& draw, const Picture& picture, uint32_t samples,
                                         std::vector<Range>& reads) {
  const GpuProgram& program = programOf(draw.program, ProgramKind::Shader);
  const ProgramInfo& info = program.info();
  const size_t images = size_t(std::count_if(info.bindings.begin(), info.bindings.end(),
                                             [](const auto& b) { return b.kind == ProgramBinding::Kind::Image; }));
  if (draw.attributes.size() != info.attributes.size() || draw.textures.size() != images ||
      draw.buffers.size() != info.bindings.size() - images || draw.params.size() != info.paramBytes)
    misuse("a draw with shader " + info.name + " has views or parameters of the wrong number");
  PreparedDraw made{&draw,
                    &program,
                    program.graphics(draw.primitive, draw.blend, samples, graphics_->pass(samples)),
                    {},
                    {},
                    {},
                    draw.params,
                    float(picture.width),
                    float(picture.height)};
  for (size_t i = 0; i < draw.attributes.size(); ++i) {
    const Range range = rangeOf(draw.attributes[i]);
    const uint64_t offset =
        static_cast<const GpuBuffer&>(*draw.attributes[i].buffer).base() + draw.attributes[i].offset;
    if (draw.attributes[i].size < uint64_t(draw.vertices) * attributeStride(info.attributes[i]) || offset % 4)
      misuse("attribute " + info.attributes[i].name + " has fewer values than there are vertices, or is not aligned");
    reads.push_back(range);
  }
  size_t buffer = 0;
  for (const ProgramBinding& binding : info.bindings) {
    if (binding.kind == ProgramBinding::Kind::Image) continue;
    made.buffers.push_back(bindFor(program, binding, draw.buffers[buffer++]));
    reads.push_back(made.buffers.back().range);
  }
  for (const Texture& t : draw.textures) {
    if (t.width < 1 || t.height < 1 || t.width > gpu_->physical.limits.maxImageDimension2D ||
        t.height > gpu_->physical.limits.maxImageDimension2D)
      throw Error(Code::InvalidArgument, "a texture of " + std::to_string(t.width) + " x " + std::to_string(t.height) +
                                             ": " + gpu_->physical.info.id + " takes up to " +
                                             std::to_string(gpu_->physical.limits.maxImageDimension2D) +
                                             " texels along each side");
    formatOf(t);
    if (t.texels.size < uint64_t(t.width) * t.height * t.channels * (t.isFloat ? 4 : 1))
      misuse("a texture larger than its texels");
    reads.push_back(rangeOf(t.texels));
  }
  if (program.viewportOffset() != ~0u) {
    const float extent[] = {float(picture.width), float(picture.height)};
    std::memcpy(made.params.data() + program.viewportOffset(), extent, sizeof extent);
  }
  return made;
}

// Textures of this picture: each is copied into an image once, however many draws show it.
const Image* GpuQueue::textureFor(const Texture& texture, std::vector<std::pair<const Texture*, const Image*>>& known) {
  for (const auto& [other, image] : known)
    if (sameTexels(*other, texture)) return image;
  current_->images.push_back(
      graphics_->images.take({texture.width, texture.height, formatOf(texture), 0}, VK_NULL_HANDLE));
  const Image* const image = current_->images.back().get();
  known.emplace_back(&texture, image);
  const DeviceApi& api = gpu_->api;
  const VkCommandBuffer to = commands();
  const auto filled = toLayout(image->handle(), VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 0,
                               VK_ACCESS_TRANSFER_WRITE_BIT);
  api.vkCmdPipelineBarrier(to, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, nullptr, 0,
                           nullptr, 1, &filled);
  const auto& buffer = static_cast<const GpuBuffer&>(*texture.texels.buffer);
  const auto region = wholeImage(buffer.base() + texture.texels.offset, texture.width, texture.height);
  api.vkCmdCopyBufferToImage(to, buffer.handle(), image->handle(), VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region);
  const auto read =
      toLayout(image->handle(), VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL,
               VK_ACCESS_TRANSFER_WRITE_BIT, VK_ACCESS_SHADER_READ_BIT);
  api.vkCmdPipelineBarrier(to, VK_PIPELINE_STAGE_TRANSFER_BIT, kShaders, 0, 0, nullptr, 0, nullptr, 1, &read);
  return image;
}

// Pictures of one recording share an image: each is copied from before the next is drawn.
const Image& GpuQueue::targetFor(const ImageKind& kind) {
  for (const auto& image : current_->images)
    if (image->kind == kind) return *image;
  current_->images.push_back(graphics_->images.take(kind, graphics_->pass(kind.samples)));
  return *current_->images.back();
}

// A part of a draw: all of some instances, or some vertices of one.
void GpuQueue::recordDraw(const PreparedDraw& prepared, const DrawPart& part) {
  const Draw& draw = *prepared.draw;
  const GpuProgram& program = *prepared.program;
  const DeviceApi& api = gpu_->api;
  const VkCommandBuffer to = commands();
  keep(draw.program);
  DescriptorWrites writes;
  size_t buffer = 0, image = 0;
  for (const ProgramBinding& binding : program.info().bindings) {
    if (binding.kind == ProgramBinding::Kind::Image) {
      const Image& texture = *prepared.textures[image];
      writes.image(binding.binding, texture.view(),
                   graphics_->sampler(texture.kind.format, draw.textures[image].linear));
      ++image;
    } else {
      writes.buffer(binding.binding, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, prepared.buffers[buffer++].info);
    }
  }
  if (prepared.uniform.buffer)
    writes.buffer(program.info().paramBinding, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, prepared.uniform);
  api.vkCmdBindPipeline(to, VK_PIPELINE_BIND_POINT_GRAPHICS, prepared.pipeline);
  writes.bind(*gpu_, to, VK_PIPELINE_BIND_POINT_GRAPHICS, program.layout(), current_->descriptors);
  if (program.pushBytes()) pushConstants(program, prepared.params);
  std::vector<VkBuffer> buffers;
  std::vector<VkDeviceSize> offsets;
  for (const BufferView& view : draw.attributes) {
    const auto& from = static_cast<const GpuBuffer&>(*view.buffer);
    buffers.push_back(from.handle());
    offsets.push_back(from.base() + view.offset);
  }
  if (!buffers.empty()) api.vkCmdBindVertexBuffers(to, 0, uint32_t(buffers.size()), buffers.data(), offsets.data());
  const VkViewport up{0, prepared.height, prepared.width, -prepared.height, 0, 1};
  const VkViewport down{0, 0, prepared.width, prepared.height, 0, 1};
  api.vkCmdSetViewport(to, 0, 1, program.info().flipY ? &up : &down);
  api.vkCmdDraw(to, part.vertices, part.instances, part.firstVertex, part.firstInstance);
}

void GpuQueue::beginPass(VkRenderPass pass, const Image& target, const VkRect2D& area, const VkClearValue& clear) {
  VkRenderPassBeginInfo info{VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO};
  info.renderPass = pass;
  info.framebuffer = target.framebuffer();
  info.renderArea = area;
  info.clearValueCount = 1;
  info.pClearValues = &clear;
  gpu_->api.vkCmdBeginRenderPass(commands(), &info, VK_SUBPASS_CONTENTS_INLINE);
  gpu_->api.vkCmdSetScissor(commands(), 0, 1, &area);
}

// What every recording that draws some of these needs.
void GpuQueue::beforeDraws(std::vector<PreparedDraw>& prepared, std::span<const Range> reads) {
  before(reads, {});
  for (PreparedDraw& p : prepared)
    if (p.program->info().paramsAreUniform && !p.params.empty()) p.uniform = stageUniform(p.params);
}

void GpuQueue::copyRows(const Picture& picture, const Image& target, uint32_t first, uint32_t rows) {
  const uint64_t stride = uint64_t(picture.width) * 4, begin = rangeOf(picture.out).begin + first * stride;
  const Range written{begin, begin + rows * stride};
  before({}, {&written, 1});
  const auto& to = static_cast<const GpuBuffer&>(*picture.out.buffer);
  auto region = wholeImage(to.base() + picture.out.offset + first * stride, picture.width, rows);
  region.imageOffset.y = int32_t(first);
  gpu_->api.vkCmdCopyImageToBuffer(commands(), target.handle(), VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, to.handle(), 1,
                                   &region);
}

void GpuQueue::draw(const Picture& picture, std::span<const Draw> draws) {
  graphics_->throwIfNone();
  checkPicture(picture);
  gpu_->throwIfLost();
  const uint32_t samples = graphics_->samplesFor(picture.samples);
  std::vector<PreparedDraw> prepared;
  std::vector<Range> reads;
  for (const Draw& draw : draws)
    if (draw.vertices && draw.instances) prepared.push_back(prepare(draw, picture, samples, reads));
  const bool isCut = stop_ && isLongPicture(picture, prepared);
  if (isCut && !mayWait_) throw MustWait();
  if (isCut && openNs_ > 0) flush(0);
  record();
  const Image& target = targetFor({picture.width, picture.height, VK_FORMAT_R8G8B8A8_UNORM, samples});
  drew_ = true;
  beforeDraws(prepared, reads);
  std::vector<std::pair<const Texture*, const Image*>> known;
  for (PreparedDraw& p : prepared)
    for (const Texture& texture : p.draw->textures) p.textures.push_back(textureFor(texture, known));
  if (isCut) return drawInPieces(picture, target, prepared, reads);
  const auto area = areaOf(picture);
  beginPass(graphics_->pass(samples), target, area, clearOf(picture));
  for (const PreparedDraw& p : prepared) recordDraw(p, {p.draw->vertices, p.draw->instances});
  gpu_->api.vkCmdEndRenderPass(commands());
  copyRows(picture, target, 0, picture.height);
}

}  // namespace switchyard::vulkan
