// Pools and writes.
#include "vulkan/descriptors.h"

namespace switchyard::vulkan {
namespace {

constexpr uint32_t kSetsPerPool = 256;
constexpr size_t kKeptPools = 4;

Handle<VkDescriptorPool> makePool(const Gpu& gpu) {
  // Far more of each kind than kMaxDescriptors: the first set of a pool always fits.
  const VkDescriptorPoolSize sizes[] = {{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, kSetsPerPool * 4},
                                        {VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, kSetsPerPool},
                                        {VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, kSetsPerPool}};
  VkDescriptorPoolCreateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO};
  info.maxSets = kSetsPerPool;
  info.poolSizeCount = uint32_t(std::size(sizes));
  info.pPoolSizes = sizes;
  VkDescriptorPool pool = VK_NULL_HANDLE;
  check(gpu.api.vkCreateDescriptorPool(gpu.device, &info, nullptr, &pool), "vkCreateDescriptorPool");
  return gpu.own(pool, gpu.api.vkDestroyDescriptorPool);
}

}  // namespace

VkDescriptorSet DescriptorPools::allocate(const Gpu& gpu, VkDescriptorSetLayout layout) {
  for (;;) {
    const bool fresh = at_ == pools_.size();
    if (fresh) pools_.push_back(makePool(gpu));
    VkDescriptorSetAllocateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO};
    info.descriptorPool = pools_[at_].get();
    info.descriptorSetCount = 1;
    info.pSetLayouts = &layout;
    VkDescriptorSet set = VK_NULL_HANDLE;
    const VkResult result = gpu.api.vkAllocateDescriptorSets(gpu.device, &info, &set);
    if (result == VK_SUCCESS) return set;
    const bool full = result == VK_ERROR_OUT_OF_POOL_MEMORY || result == VK_ERROR_FRAGMENTED_POOL;
    if (!full || fresh) fail(result, "vkAllocateDescriptorSets");
    ++at_;
  }
}

void DescriptorPools::reset(const Gpu& gpu) noexcept {
  if (pools_.size() > kKeptPools) pools_.resize(kKeptPools);
  for (auto& pool : pools_) gpu.api.vkResetDescriptorPool(gpu.device, pool.get(), 0);  // only ever succeeds
  at_ = 0;
}

void DescriptorPools::release() noexcept {
  for (auto& pool : pools_) pool.release();
}

VkWriteDescriptorSet& DescriptorWrites::next(uint32_t binding, VkDescriptorType type) {
  if (count_ == kMaxDescriptors) throw Error(Code::Internal, "vulkan queue: more descriptors than a program has");
  return writes_[count_++] = {VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                              nullptr,
                              VK_NULL_HANDLE,
                              binding,
                              0,
                              1,
                              type,
                              nullptr,
                              nullptr,
                              nullptr};
}

void DescriptorWrites::buffer(uint32_t binding, VkDescriptorType type, const VkDescriptorBufferInfo& info) {
  VkDescriptorBufferInfo* const kept = &buffers_[count_];
  next(binding, type).pBufferInfo = kept;
  *kept = info;
}

void DescriptorWrites::replace(uint32_t binding, const VkDescriptorBufferInfo& info) {
  for (uint32_t i = 0; i < count_; ++i)
    if (writes_[i].dstBinding == binding) buffers_[i] = info;
}

void DescriptorWrites::image(uint32_t binding, VkImageView view, VkSampler sampler) {
  VkDescriptorImageInfo* const kept = &images_[count_];
  next(binding, VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER).pImageInfo = kept;
  *kept = {sampler, view, VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL};
}

void DescriptorWrites::bind(const Gpu& gpu, VkCommandBuffer commands, VkPipelineBindPoint point,
                            const DescriptorLayout& to, DescriptorPools& pools) {
  if (count_ == 0) return;
  if (to.pushed) return gpu.api.vkCmdPushDescriptorSetKHR(commands, point, to.layout, 0, count_, writes_);
  const VkDescriptorSet set = pools.allocate(gpu, to.set);
  for (uint32_t i = 0; i < count_; ++i) writes_[i].dstSet = set;
  gpu.api.vkUpdateDescriptorSets(gpu.device, count_, writes_, 0, nullptr);
  gpu.api.vkCmdBindDescriptorSets(commands, point, to.layout, 0, 1, &set, 0, nullptr);
}

}  // namespace switchyard::vulkan
