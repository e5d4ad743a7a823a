// Compute pipelines: made at first use from the embedded SPIR-V, kept for the life of the device, cached on disk.
#pragma once
#include <array>
#include <map>

#include "vulkan/cache_file.h"
#include "vulkan/gpu.h"
#include "vulkan/pieces.h"
#include "vulkan/shader_table.h"
#include "vulkan/spirv.h"

namespace switchyard::vulkan {

struct Pipeline {
  VkDescriptorSetLayout setLayout = VK_NULL_HANDLE;
  Handle<VkPipelineLayout> layout;
  Handle<VkPipeline> pipeline;
  uint32_t groupThreads = 1, itemsPerThread = 1;
  uint32_t tileRows = 1, tileColumns = 1;
  std::shared_ptr<Pace> pace = std::make_shared<Pace>();
};

// What a launch tells of itself; shaders are specialized for it as far as they ask for (spirv.h).
struct LaunchShape {
  uint64_t count = 0;     // in the kernel's unit
  bool longRows = false;  // much data for each group: the group's full size is worth its barriers
  std::span<const std::byte> params;
};

class Pipelines {  // safe from any thread
 public:
  explicit Pipelines(std::shared_ptr<Gpu> gpu);
  ~Pipelines();
  // Throws MustWait where one would have to be made and may not.
  const Pipeline& get(const Shader& shader, const LaunchShape& shape, bool mayMake);
  void saveIfGrown() noexcept;  // to disk; cheap when nothing was compiled since
  // For pipelines that others make: the cache, and word that it has grown.
  VkPipelineCache cache() const { return cache_.get(); }
  void grown() noexcept { unsaved_ = true; }
  bool unsaved() const noexcept { return unsaved_.load(std::memory_order_relaxed); }

 private:
  using Constants = std::array<uint32_t, kSpecCount>;
  struct Entry {
    ShaderInfo info;
    Handle<VkDescriptorSetLayout> setLayout;
    Handle<VkShaderModule> module;
    std::vector<std::pair<Constants, std::unique_ptr<Pipeline>>> variants;
  };
  Handle<VkPipelineCache> makeCache(std::span<const uint8_t> data) const;
  std::vector<uint8_t> dataOf(VkPipelineCache cache) const;  // empty when the driver won't say
  std::vector<uint8_t> mergedWithFile() const;
  Entry makeEntry(const Shader& shader) const;
  Constants constantsFor(const ShaderInfo& info, const LaunchShape& shape) const;
  std::unique_ptr<Pipeline> make(const Shader& shader, const Entry& entry, const Constants& constants) const;

  const std::shared_ptr<Gpu> gpu_;
  const CacheFile file_;
  Handle<VkPipelineCache> cache_;
  std::mutex mutex_;
  std::map<const Shader*, Entry> entries_;
  std::atomic<bool> unsaved_{false};
};

}  // namespace switchyard::vulkan
