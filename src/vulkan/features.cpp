// Features in, capabilities out.
#include "vulkan/features.h"

#include <spirv/unified1/spirv.hpp>

#include <cstdlib>
#include <cstring>

namespace switchyard::vulkan {
namespace {

bool rewriteWanted() {
  const char* value = std::getenv("SWITCHYARD_VULKAN_BOUNDS");
  return value && std::strcmp(value, "rewrite") == 0;
}

}  // namespace

Features readDeviceFeatures(const InstanceApi& api, VkPhysicalDevice physical, const FeatureExtensions& extensions) {
  VkPhysicalDeviceRobustness2FeaturesEXT robustness2{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ROBUSTNESS_2_FEATURES_EXT};
  VkPhysicalDevicePipelineRobustnessFeaturesEXT pipeline{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_ROBUSTNESS_FEATURES_EXT};
  VkPhysicalDeviceShaderIntegerDotProductFeaturesKHR integerDot{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES_KHR};
  VkPhysicalDeviceVulkan12Features v12{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
  VkPhysicalDeviceVulkan11Features v11{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, &v12, {}};
  VkPhysicalDeviceFeatures2 all{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, &v11, {}};
  void** tail = &v12.pNext;
  if (extensions.robustness2) *tail = &robustness2, tail = &robustness2.pNext;
  if (extensions.pipelineRobustness) *tail = &pipeline, tail = &pipeline.pNext;
  if (extensions.integerDot) *tail = &integerDot;
  api.vkGetPhysicalDeviceFeatures2(physical, &all);

  Features out;
  const VkPhysicalDeviceFeatures& core = all.features;
  out.core.shaderInt16 = core.shaderInt16;
  out.core.shaderInt64 = core.shaderInt64;
  out.core.shaderFloat64 = core.shaderFloat64;
  out.core.shaderClipDistance = core.shaderClipDistance;
  out.core.shaderCullDistance = core.shaderCullDistance;
  out.core.sampleRateShading = core.sampleRateShading;
  out.core.largePoints = core.largePoints;
  // Without these, buffers that a shader only happens not to write would have to be declared read-only.
  out.core.vertexPipelineStoresAndAtomics = core.vertexPipelineStoresAndAtomics;
  out.core.fragmentStoresAndAtomics = core.fragmentStoresAndAtomics;
  out.v11.storageBuffer16BitAccess = v11.storageBuffer16BitAccess;
  out.v11.uniformAndStorageBuffer16BitAccess = v11.uniformAndStorageBuffer16BitAccess;
  out.v11.storagePushConstant16 = v11.storagePushConstant16;
  out.v11.storageInputOutput16 = v11.storageInputOutput16;
  out.v11.shaderDrawParameters = v11.shaderDrawParameters;
  out.v12.shaderFloat16 = v12.shaderFloat16;
  out.v12.shaderInt8 = v12.shaderInt8;
  out.v12.storageBuffer8BitAccess = v12.storageBuffer8BitAccess;
  out.v12.uniformAndStorageBuffer8BitAccess = v12.uniformAndStorageBuffer8BitAccess;
  out.v12.storagePushConstant8 = v12.storagePushConstant8;
  out.v12.scalarBlockLayout = v12.scalarBlockLayout;
  out.v12.uniformBufferStandardLayout = v12.uniformBufferStandardLayout;
  out.v12.shaderSubgroupExtendedTypes = v12.shaderSubgroupExtendedTypes;
  out.v12.subgroupBroadcastDynamicId = v12.subgroupBroadcastDynamicId;
  // Both or none: with the model alone, atomics of the usual scope would not be valid.
  out.v12.vulkanMemoryModel = out.v12.vulkanMemoryModelDeviceScope =
      v12.vulkanMemoryModel && v12.vulkanMemoryModelDeviceScope;
  out.v12.timelineSemaphore = v12.timelineSemaphore;
  out.integerDot = integerDot.shaderIntegerDotProduct;

  const bool bounded = robustness2.robustBufferAccess2 && core.robustBufferAccess && !rewriteWanted();
  if (bounded && pipeline.pipelineRobustness)
    out.bounds = Bounds::Pipeline;
  else if (bounded && extensions.software)
    out.bounds = Bounds::Device;
  out.core.robustBufferAccess = out.bounds == Bounds::Device;
  return out;
}

std::string missingFor(const Features& f, VkShaderStageFlagBits stage, std::span<const uint32_t> words) {
  auto subgroups = [&](VkSubgroupFeatureFlagBits op) { return (f.subgroupStages & stage) && (f.subgroupOps & op); };
  for (size_t at = 5; at < words.size();) {
    const uint32_t length = words[at] >> 16, op = words[at] & 0xFFFF;
    if (length == 0 || at + length > words.size()) return "whole instructions";
    if (op == spv::OpMemoryModel) break;  // capabilities come first
    if (op == spv::OpCapability && length >= 2) {
      bool there = false;
      const char* what = nullptr;
      auto needs = [&](bool has, const char* name) { there = has, what = name; };
      switch (words[at + 1]) {
        case spv::CapabilityMatrix:
        case spv::CapabilityShader:
        case spv::CapabilityImageQuery:
        case spv::CapabilitySampled1D:
        case spv::CapabilityDerivativeControl: there = true; break;
        case spv::CapabilityFloat16: needs(f.v12.shaderFloat16, "16-bit floats (Float16)"); break;
        case spv::CapabilityFloat64: needs(f.core.shaderFloat64, "64-bit floats (Float64)"); break;
        case spv::CapabilityInt8: needs(f.v12.shaderInt8, "8-bit integers (Int8)"); break;
        case spv::CapabilityInt16: needs(f.core.shaderInt16, "16-bit integers (Int16)"); break;
        case spv::CapabilityInt64: needs(f.core.shaderInt64, "64-bit integers (Int64)"); break;
        case spv::CapabilityStorageBuffer16BitAccess:
          needs(f.v11.storageBuffer16BitAccess, "16-bit types in buffers (StorageBuffer16BitAccess)");
          break;
        case spv::CapabilityStorageUniform16:
          needs(f.v11.uniformAndStorageBuffer16BitAccess,
                "16-bit types in uniform blocks (UniformAndStorageBuffer16BitAccess)");
          break;
        case spv::CapabilityStoragePushConstant16:
          needs(f.v11.storagePushConstant16, "16-bit push constants (StoragePushConstant16)");
          break;
        case spv::CapabilityStorageInputOutput16:
          needs(f.v11.storageInputOutput16, "16-bit varyings (StorageInputOutput16)");
          break;
        case spv::CapabilityStorageBuffer8BitAccess:
          needs(f.v12.storageBuffer8BitAccess, "8-bit types in buffers (StorageBuffer8BitAccess)");
          break;
        case spv::CapabilityUniformAndStorageBuffer8BitAccess:
          needs(f.v12.uniformAndStorageBuffer8BitAccess,
                "8-bit types in uniform blocks (UniformAndStorageBuffer8BitAccess)");
          break;
        case spv::CapabilityStoragePushConstant8:
          needs(f.v12.storagePushConstant8, "8-bit push constants (StoragePushConstant8)");
          break;
        case spv::CapabilityClipDistance: needs(f.core.shaderClipDistance, "gl_ClipDistance"); break;
        case spv::CapabilityCullDistance: needs(f.core.shaderCullDistance, "gl_CullDistance"); break;
        case spv::CapabilitySampleRateShading:
        case spv::CapabilityInterpolationFunction:
          needs(f.core.sampleRateShading, "shading by sample (SampleRateShading)");
          break;
        case spv::CapabilityDrawParameters:
          needs(f.v11.shaderDrawParameters, "draw parameters (DrawParameters)");
          break;
        case spv::CapabilityVulkanMemoryModel:
        case spv::CapabilityVulkanMemoryModelDeviceScope:
          needs(f.v12.vulkanMemoryModel, "Vulkan's memory model (VulkanMemoryModel)");
          break;
        case spv::CapabilityGroupNonUniform: needs(subgroups(VK_SUBGROUP_FEATURE_BASIC_BIT), "subgroups"); break;
        case spv::CapabilityGroupNonUniformVote:
          needs(subgroups(VK_SUBGROUP_FEATURE_VOTE_BIT), "votes of subgroups");
          break;
        case spv::CapabilityGroupNonUniformArithmetic:
          needs(subgroups(VK_SUBGROUP_FEATURE_ARITHMETIC_BIT), "arithmetic of subgroups");
          break;
        case spv::CapabilityGroupNonUniformBallot:
          needs(subgroups(VK_SUBGROUP_FEATURE_BALLOT_BIT), "ballots of subgroups");
          break;
        case spv::CapabilityGroupNonUniformShuffle:
          needs(subgroups(VK_SUBGROUP_FEATURE_SHUFFLE_BIT), "shuffles of subgroups");
          break;
        case spv::CapabilityGroupNonUniformShuffleRelative:
          needs(subgroups(VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT), "relative shuffles of subgroups");
          break;
        case spv::CapabilityGroupNonUniformClustered:
          needs(subgroups(VK_SUBGROUP_FEATURE_CLUSTERED_BIT), "clusters of subgroups");
          break;
        case spv::CapabilityGroupNonUniformQuad:
          needs(subgroups(VK_SUBGROUP_FEATURE_QUAD_BIT), "quads of subgroups");
          break;
        default: break;
      }
      if (!there) return what ? what : "the SPIR-V capability " + std::to_string(words[at + 1]);
    }
    at += length;
  }
  return {};
}

}  // namespace switchyard::vulkan
