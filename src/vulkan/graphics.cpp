// Render passes and samplers.
#include "vulkan/graphics.h"

#include <algorithm>

namespace switchyard::vulkan {
namespace {

constexpr uint32_t kManySamples = 4;

}  // namespace

Graphics::Graphics(std::shared_ptr<Gpu> gpu) : images(gpu), gpu_(std::move(gpu)) {
  if (!gpu_->physical.info.features.graphics) return;
  for (bool isMany : {false, true}) {
    const uint32_t samples = isMany ? kManySamples : 1;
    passes_[isMany] = makePass(samples, false, isMany);
    keepingPasses_[isMany] = makePass(samples, true, false);
  }
  resolvingPass_ = makePass(kManySamples, true, true);
  samplers_[0] = makeSampler(VK_FILTER_NEAREST);
  samplers_[1] = makeSampler(VK_FILTER_LINEAR);
}

Graphics::~Graphics() {
  if (!gpu_->hung) return;
  for (auto& pass : passes_) pass.release();
  for (auto& pass : keepingPasses_) pass.release();
  resolvingPass_.release();
  for (auto& sampler : samplers_) sampler.release();
}

void Graphics::throwIfNone() const {
  if (!passes_[0])
    throw Error(Code::Unsupported, "the device " + gpu_->physical.info.id + " (" + gpu_->physical.info.name +
                                       ") computes, but draws no pictures");
}

uint32_t Graphics::samplesFor(uint32_t asked) const {
  return gpu_->physical.limits.framebufferColorSampleCounts & asked ? asked : 1;
}

uint32_t Graphics::maxExtent() const {
  const VkPhysicalDeviceLimits& l = gpu_->physical.limits;
  return std::min({kMaxPictureExtent, l.maxImageDimension2D, l.maxFramebufferWidth, l.maxFramebufferHeight,
                   l.maxViewportDimensions[0], l.maxViewportDimensions[1]});
}

VkSampler Graphics::sampler(VkFormat format, bool linear) const {
  VkFormatProperties properties{};
  if (linear) gpu_->instance->api().vkGetPhysicalDeviceFormatProperties(gpu_->physical.physical, format, &properties);
  return samplers_[bool(properties.optimalTilingFeatures & VK_FORMAT_FEATURE_SAMPLED_IMAGE_FILTER_LINEAR_BIT)].get();
}

// Clears, draws, and leaves the resolved image ready to be copied from. An image may be drawn to again once it was
// copied.
Handle<VkRenderPass> Graphics::makePass(uint32_t samples, bool keeps, bool resolves) const {
  VkAttachmentDescription attachments[2] = {};
  for (auto& a : attachments) {
    a.format = VK_FORMAT_R8G8B8A8_UNORM;
    a.samples = VK_SAMPLE_COUNT_1_BIT;
    a.loadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE;
    a.storeOp = VK_ATTACHMENT_STORE_OP_STORE;
    a.stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE;
    a.stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE;
    a.initialLayout = VK_IMAGE_LAYOUT_UNDEFINED;
    a.finalLayout = kDrawnLayout;
  }
  attachments[0].loadOp = keeps ? VK_ATTACHMENT_LOAD_OP_LOAD : VK_ATTACHMENT_LOAD_OP_CLEAR;
  if (samples > 1) {
    attachments[0].samples = VkSampleCountFlagBits(samples);
    attachments[0].storeOp = keeps ? VK_ATTACHMENT_STORE_OP_STORE : VK_ATTACHMENT_STORE_OP_DONT_CARE;
    attachments[0].finalLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL;
  }
  if (keeps)
    for (auto& a : attachments) a.initialLayout = a.finalLayout;
  const VkAttachmentReference colour{0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL},
      resolved{1, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
  VkSubpassDescription subpass{};
  subpass.pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS;
  subpass.colorAttachmentCount = 1;
  subpass.pColorAttachments = &colour;
  if (resolves) subpass.pResolveAttachments = &resolved;
  const VkPipelineStageFlags drawing = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
                             copying = VK_PIPELINE_STAGE_TRANSFER_BIT;
  const VkAccessFlags writes = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT;
  const VkSubpassDependency dependencies[] = {
      {VK_SUBPASS_EXTERNAL, 0, drawing | copying, drawing, writes, writes | VK_ACCESS_COLOR_ATTACHMENT_READ_BIT, 0},
      {0, VK_SUBPASS_EXTERNAL, drawing, copying, writes, VK_ACCESS_TRANSFER_READ_BIT, 0}};
  VkRenderPassCreateInfo info{VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO};
  info.attachmentCount = samples > 1 ? 2 : 1;
  info.pAttachments = attachments;
  info.subpassCount = 1;
  info.pSubpasses = &subpass;
  info.dependencyCount = 2;
  info.pDependencies = dependencies;
  VkRenderPass made = VK_NULL_HANDLE;
  check(gpu_->api.vkCreateRenderPass(gpu_->device, &info, nullptr, &made), "vkCreateRenderPass");
  return gpu_->own(made, gpu_->api.vkDestroyRenderPass);
}

Handle<VkSampler> Graphics::makeSampler(VkFilter filter) const {
  VkSamplerCreateInfo info{VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO};
  info.magFilter = info.minFilter = filter;
  info.mipmapMode = VK_SAMPLER_MIPMAP_MODE_NEAREST;
  info.addressModeU = info.addressModeV = info.addressModeW = VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_EDGE;
  VkSampler made = VK_NULL_HANDLE;
  check(gpu_->api.vkCreateSampler(gpu_->device, &info, nullptr, &made), "vkCreateSampler");
  return gpu_->own(made, gpu_->api.vkDestroySampler);
}

}  // namespace switchyard::vulkan
