// Which device features the programs of users may use, and how their accesses to memory are bounded.
#pragma once
#include <span>
#include <string>

#include "vulkan/api.h"

namespace switchyard::vulkan {

// What keeps a program inside the ranges that were bound. Plain robustBufferAccess does not: it lets a program reach
// all of a buffer.
enum class Bounds : uint8_t {
  Pipeline,  // robustBufferAccess2 for the pipelines of users alone (VK_EXT_pipeline_robustness)
  Device,    // robustBufferAccess2 for all: on software drivers, which check anyway
  Rewrite,   // indices are clamped in the SPIR-V (bounds.h)
};

struct Features {
  // What is there of what programs may use, with null pNext: all of it is enabled.
  VkPhysicalDeviceFeatures core{};
  VkPhysicalDeviceVulkan11Features v11{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES};
  VkPhysicalDeviceVulkan12Features v12{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
  VkSubgroupFeatureFlags subgroupOps = 0;
  VkShaderStageFlags subgroupStages = 0;
  bool integerDot = false;  // of four 8-bit integers a word; for our own shaders
  Bounds bounds = Bounds::Rewrite;
};

struct FeatureExtensions {
  bool robustness2 = false, pipelineRobustness = false, software = false, integerDot = false;
};
// SWITCHYARD_VULKAN_BOUNDS=rewrite: as on a driver with neither extension, for tests.
Features readDeviceFeatures(const InstanceApi& api, VkPhysicalDevice physical, const FeatureExtensions& extensions);

// "", or what a SPIR-V module declares to need that is not enabled: "16-bit floats (Float16)".
std::string missingFor(const Features& features, VkShaderStageFlagBits stage, std::span<const uint32_t> words);

}  // namespace switchyard::vulkan
