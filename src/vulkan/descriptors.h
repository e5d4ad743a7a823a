// Descriptor sets: where a pipeline finds its buffers and images. Pushed where the driver can, else from pools.
#pragma once
#include <array>
#include <span>
#include <vector>

#include "vulkan/gpu.h"

namespace switchyard::vulkan {

constexpr uint32_t kMaxBindings = 16;
constexpr uint32_t kMaxDescriptors = kMaxBindings + 1;  // and the uniform block

// The pools of one submission, emptied with it.
class DescriptorPools {
 public:
  VkDescriptorSet allocate(const Gpu& gpu, VkDescriptorSetLayout layout);
  void reset(const Gpu& gpu) noexcept;
  void release() noexcept;  // forgets without destroying

 private:
  std::vector<Handle<VkDescriptorPool>> pools_;
  size_t at_ = 0;  // the one in use
};

struct DescriptorLayout {
  VkDescriptorSetLayout set = VK_NULL_HANDLE;  // set 0, the only one
  VkPipelineLayout layout = VK_NULL_HANDLE;
  bool pushed = false;  // made for push descriptors
};

// The writes for one dispatch or draw. Not to be moved: they point into it.
class DescriptorWrites {
 public:
  DescriptorWrites() = default;
  DescriptorWrites(const DescriptorWrites&) = delete;
  void buffer(uint32_t binding, VkDescriptorType type, const VkDescriptorBufferInfo& info);
  void replace(uint32_t binding, const VkDescriptorBufferInfo& info);  // of one that is there
  void image(uint32_t binding, VkImageView view, VkSampler sampler);
  void bind(const Gpu& gpu, VkCommandBuffer commands, VkPipelineBindPoint point, const DescriptorLayout& to,
            DescriptorPools& pools);

 private:
  VkWriteDescriptorSet& next(uint32_t binding, VkDescriptorType type);
  uint32_t count_ = 0;
  VkWriteDescriptorSet writes_[kMaxDescriptors];
  VkDescriptorBufferInfo buffers_[kMaxDescriptors];
  VkDescriptorImageInfo images_[kMaxDescriptors];
};

}  // namespace switchyard::vulkan
