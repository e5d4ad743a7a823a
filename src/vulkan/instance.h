// The process's VkInstance, shared by whoever enumerates or has a device open, with validation when it is asked for.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device.h"
#include "vulkan/features.h"

namespace switchyard::vulkan {

class Instance {
 public:
  // The one instance while anyone holds it. Throws Error; `noLoader` says that the loader itself was missing.
  static std::shared_ptr<Instance> get(bool* noLoader = nullptr);
  ~Instance();
  Instance(const Instance&) = delete;

  std::vector<VkPhysicalDevice> physicalDevices() const;
  VkInstance handle() const { return instance_; }
  const GlobalApi& global() const { return *global_; }  // for extensions that another part of the program needs
  const InstanceApi& api() const { return api_; }

 private:
  Instance(const GlobalApi& global, bool validate);
  const GlobalApi* global_;
  VkInstance instance_ = VK_NULL_HANDLE;
  InstanceApi api_;
  VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
};

// What one physical device can do, beyond DeviceInfo: everything open() and the queues need to know.
struct PhysicalInfo {
  VkPhysicalDevice physical = VK_NULL_HANDLE;
  DeviceInfo info;
  std::string problem;  // why it cannot be used; empty when it can
  VkPhysicalDeviceLimits limits{};
  VkPhysicalDeviceMemoryProperties memory{};
  uint32_t subgroupSize = 0, queueFamily = 0, queueCount = 0;
  uint64_t maxAllocation = 0, importAlignment = 0;
  uint8_t pipelineCacheUuid[VK_UUID_SIZE]{};
  std::string cacheKey;  // device UUID, driver UUID and driver version as hex
  bool memoryBudget = false;
  uint32_t maxPushDescriptors = 0;  // 0: sets come from pools
  Features features;
  bool broadcast = false;  // subgroup broadcasts from any lane, as the software matrix product needs
};

// Usable ones first in the order of their ids (hardware before software), then those with a problem.
std::vector<PhysicalInfo> inspectDevices(const Instance& instance);
MemoryUse memoryUse(const Instance& instance, const PhysicalInfo& device, uint64_t ownBytes);

// Messages of the validation layer so far (SWITCHYARD_VULKAN_VALIDATION=1), for tests.
uint64_t validationMessages() noexcept;

}  // namespace switchyard::vulkan
