// What all drawing on a device shares: render passes, samplers, formats, images.
#pragma once
#include "device.h"
#include "vulkan/images.h"

namespace switchyard::vulkan {

class Graphics {  // safe from any thread
 public:
  explicit Graphics(std::shared_ptr<Gpu> gpu);
  ~Graphics();

  // What is asked for, or 1 where the driver has no such pictures.
  uint32_t samplesFor(uint32_t asked) const;
  uint32_t maxExtent() const;
  VkRenderPass pass(uint32_t samples) const { return passes_[samples > 1].get(); }
  // For pictures drawn in pieces, which keep what is there: the one that draws, and, of several samples, the one that
  // resolves them. Images are in kDrawnLayout before and after; those of several samples in the one for attachments.
  VkRenderPass keepingPass(uint32_t samples) const { return keepingPasses_[samples > 1].get(); }
  VkRenderPass resolvingPass() const { return resolvingPass_.get(); }
  static constexpr VkImageLayout kDrawnLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
  // Linear only where the format can be filtered: bytes everywhere, floats on most devices.
  VkSampler sampler(VkFormat format, bool linear) const;
  void throwIfNone() const;  // Unsupported, where the device draws nothing
  ImagePool images;

 private:
  Handle<VkRenderPass> makePass(uint32_t samples, bool keeps, bool resolves) const;
  Handle<VkSampler> makeSampler(VkFilter filter) const;

  const std::shared_ptr<Gpu> gpu_;
  Handle<VkRenderPass> passes_[2], keepingPasses_[2], resolvingPass_;  // of one sample, of several
  Handle<VkSampler> samplers_[2];                                      // nearest, linear
};

}  // namespace switchyard::vulkan
