// The Vulkan loader, found at run time, and the tables of functions it hands out.
#pragma once
#ifndef VK_NO_PROTOTYPES
#define VK_NO_PROTOTYPES
#endif
#include <vulkan/vulkan_core.h>

#include <string>
#include <utility>

#include "error.h"

namespace switchyard::vulkan {

#define SY_VK_GLOBAL(X)                 \
  X(vkCreateInstance)                   \
  X(vkEnumerateInstanceVersion)         \
  X(vkEnumerateInstanceLayerProperties) \
  X(vkEnumerateInstanceExtensionProperties)
#define SY_VK_INSTANCE(X)                     \
  X(vkDestroyInstance)                        \
  X(vkEnumeratePhysicalDevices)               \
  X(vkGetPhysicalDeviceProperties)            \
  X(vkGetPhysicalDeviceProperties2)           \
  X(vkGetPhysicalDeviceFeatures2)             \
  X(vkGetPhysicalDeviceMemoryProperties2)     \
  X(vkGetPhysicalDeviceQueueFamilyProperties) \
  X(vkEnumerateDeviceExtensionProperties)     \
  X(vkGetPhysicalDeviceFormatProperties)      \
  X(vkCreateDevice)                           \
  X(vkGetDeviceProcAddr)
#define SY_VK_DEVICE(X)            \
  X(vkDestroyDevice)               \
  X(vkDeviceWaitIdle)              \
  X(vkGetDeviceQueue)              \
  X(vkQueueSubmit)                 \
  X(vkAllocateMemory)              \
  X(vkFreeMemory)                  \
  X(vkMapMemory)                   \
  X(vkCreateBuffer)                \
  X(vkDestroyBuffer)               \
  X(vkGetBufferMemoryRequirements) \
  X(vkBindBufferMemory)            \
  X(vkCreateCommandPool)           \
  X(vkDestroyCommandPool)          \
  X(vkAllocateCommandBuffers)      \
  X(vkBeginCommandBuffer)          \
  X(vkEndCommandBuffer)            \
  X(vkResetCommandBuffer)          \
  X(vkCreateFence)                 \
  X(vkDestroyFence)                \
  X(vkResetFences)                 \
  X(vkGetFenceStatus)              \
  X(vkWaitForFences)               \
  X(vkCreateShaderModule)          \
  X(vkDestroyShaderModule)         \
  X(vkCreateDescriptorSetLayout)   \
  X(vkDestroyDescriptorSetLayout)  \
  X(vkCreatePipelineLayout)        \
  X(vkDestroyPipelineLayout)       \
  X(vkCreateComputePipelines)      \
  X(vkDestroyPipeline)             \
  X(vkCreatePipelineCache)         \
  X(vkDestroyPipelineCache)        \
  X(vkGetPipelineCacheData)        \
  X(vkMergePipelineCaches)         \
  X(vkCmdBindPipeline)             \
  X(vkCmdPushConstants)            \
  X(vkCmdDispatch)                 \
  X(vkCmdDispatchBase)             \
  X(vkCmdCopyBuffer)               \
  X(vkCmdFillBuffer)               \
  X(vkCmdPipelineBarrier)          \
  X(vkCreateDescriptorPool)        \
  X(vkDestroyDescriptorPool)       \
  X(vkResetDescriptorPool)         \
  X(vkAllocateDescriptorSets)      \
  X(vkUpdateDescriptorSets)        \
  X(vkCmdBindDescriptorSets)       \
  X(vkCreateImage)                 \
  X(vkDestroyImage)                \
  X(vkGetImageMemoryRequirements)  \
  X(vkBindImageMemory)             \
  X(vkCreateImageView)             \
  X(vkDestroyImageView)            \
  X(vkCreateSampler)               \
  X(vkDestroySampler)              \
  X(vkCreateRenderPass)            \
  X(vkDestroyRenderPass)           \
  X(vkCreateFramebuffer)           \
  X(vkDestroyFramebuffer)          \
  X(vkCreateGraphicsPipelines)     \
  X(vkCmdBeginRenderPass)          \
  X(vkCmdClearAttachments)         \
  X(vkCmdEndRenderPass)            \
  X(vkCmdSetViewport)              \
  X(vkCmdSetScissor)               \
  X(vkCmdBindVertexBuffers)        \
  X(vkCmdDraw)                     \
  X(vkCmdCopyImageToBuffer)        \
  X(vkCmdCopyBufferToImage)
#define SY_VK_DECLARE(name) PFN_##name name = nullptr;

struct GlobalApi {
  PFN_vkGetInstanceProcAddr vkGetInstanceProcAddr = nullptr;
  SY_VK_GLOBAL(SY_VK_DECLARE)
};
struct InstanceApi {
  SY_VK_INSTANCE(SY_VK_DECLARE)
  PFN_vkCreateDebugUtilsMessengerEXT vkCreateDebugUtilsMessengerEXT = nullptr;  // with validation only
  PFN_vkDestroyDebugUtilsMessengerEXT vkDestroyDebugUtilsMessengerEXT = nullptr;
};
struct DeviceApi {
  SY_VK_DEVICE(SY_VK_DECLARE)
  PFN_vkGetMemoryHostPointerPropertiesEXT vkGetMemoryHostPointerPropertiesEXT = nullptr;  // these may be absent
  PFN_vkCmdPushDescriptorSetKHR vkCmdPushDescriptorSetKHR = nullptr;
};

// Loads libvulkan.so.1 once a process (it stays loaded: drivers own threads). Null, with `why` set, when it is not
// there.
const GlobalApi* loadGlobalApi(std::string& why);
InstanceApi loadInstanceApi(const GlobalApi& global, VkInstance instance);
DeviceApi loadDeviceApi(const InstanceApi& api, VkDevice device);

const char* resultName(VkResult result) noexcept;
[[noreturn]] void fail(VkResult result, const char* what);  // throws Error with the code that fits
inline void check(VkResult result, const char* what) {
  if (result < 0) fail(result, what);
}

// Owns one child object of a VkDevice. The device outlives it.
template <class T>
class Handle {
 public:
  using Destroy = void(VKAPI_PTR*)(VkDevice, T, const VkAllocationCallbacks*);
  Handle() = default;
  Handle(VkDevice device, T handle, Destroy destroy) : device_(device), handle_(handle), destroy_(destroy) {}
  Handle(Handle&& other) noexcept { swap(other); }
  Handle& operator=(Handle&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Handle() {
    if (handle_) destroy_(device_, handle_, nullptr);
  }
  T get() const { return handle_; }
  void release() noexcept { handle_ = VK_NULL_HANDLE; }  // forgets without destroying
  explicit operator bool() const { return handle_ != VK_NULL_HANDLE; }

 private:
  void swap(Handle& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(handle_, other.handle_);
    std::swap(destroy_, other.destroy_);
  }
  VkDevice device_ = VK_NULL_HANDLE;
  T handle_ = VK_NULL_HANDLE;
  Destroy destroy_ = nullptr;
};

}  // namespace switchyard::vulkan
