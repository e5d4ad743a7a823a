// Makes and unmakes the logical device.
#include "vulkan/gpu.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "thread.h"

namespace switchyard::vulkan {
namespace {

constexpr uint32_t kMaxQueues = 8;

bool hardwareTuning() {
  const char* value = std::getenv("SWITCHYARD_VULKAN_TUNE");
  return value && std::strcmp(value, "hardware") == 0;
}

// Software and integrated devices have one memory; a card whose mapped heap is its whole memory (resizable BAR) is
// written directly, too.
bool directMemory(const PhysicalInfo& d) {
  if (d.info.type == DeviceType::Cpu || d.info.type == DeviceType::Integrated) return true;
  const VkMemoryPropertyFlags wanted =
      VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  VkDeviceSize largest = 0, mapped = 0;
  for (uint32_t i = 0; i < d.memory.memoryTypeCount; ++i) {
    const auto& type = d.memory.memoryTypes[i];
    const VkDeviceSize size = d.memory.memoryHeaps[type.heapIndex].size;
    if (type.propertyFlags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) largest = std::max(largest, size);
    if ((type.propertyFlags & wanted) == wanted) mapped = std::max(mapped, size);
  }
  return mapped >= largest && mapped > (512ull << 20);
}

}  // namespace

Gpu::Gpu(std::shared_ptr<Instance> instanceIn, PhysicalInfo physicalIn)
    : instance(std::move(instanceIn)),
      physical(std::move(physicalIn)),
      tuneAsHardware(hardwareTuning() || physical.info.type != DeviceType::Cpu),
      directMemory(!hardwareTuning() && vulkan::directMemory(physical)) {
  const uint32_t count = std::min(physical.queueCount, kMaxQueues);
  const std::vector<float> priorities(count, 1.0f);
  VkDeviceQueueCreateInfo queueInfo{VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
  queueInfo.queueFamilyIndex = physical.queueFamily;
  queueInfo.queueCount = count;
  queueInfo.pQueuePriorities = priorities.data();
  std::vector<const char*> extensions;
  if (physical.maxPushDescriptors) extensions.push_back(VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME);
  if (physical.memoryBudget) extensions.push_back(VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  if (physical.info.features.externalHostMemory) extensions.push_back(VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
  VkPhysicalDeviceRobustness2FeaturesEXT robustness2{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ROBUSTNESS_2_FEATURES_EXT};
  VkPhysicalDevicePipelineRobustnessFeaturesEXT pipeline{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_ROBUSTNESS_FEATURES_EXT};
  auto v11 = physical.features.v11;
  auto v12 = physical.features.v12;
  v11.pNext = &v12;
  if (physical.features.bounds == Bounds::Device) {
    extensions.push_back(VK_EXT_ROBUSTNESS_2_EXTENSION_NAME);
    robustness2.robustBufferAccess2 = VK_TRUE;
    v12.pNext = &robustness2;
  } else if (physical.features.bounds == Bounds::Pipeline) {
    extensions.push_back(VK_EXT_PIPELINE_ROBUSTNESS_EXTENSION_NAME);
    pipeline.pipelineRobustness = VK_TRUE;
    v12.pNext = &pipeline;
  }
  VkPhysicalDeviceShaderIntegerDotProductFeaturesKHR integerDot{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES_KHR, v12.pNext, VK_TRUE};
  if (physical.features.integerDot) {
    extensions.push_back(VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME);
    v12.pNext = &integerDot;
  }
  VkPhysicalDeviceFeatures2 features{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, &v11, physical.features.core};
  VkDeviceCreateInfo info{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
  info.pNext = &features;
  info.queueCreateInfoCount = 1;
  info.pQueueCreateInfos = &queueInfo;
  info.enabledExtensionCount = uint32_t(extensions.size());
  info.ppEnabledExtensionNames = extensions.data();
  std::optional<ComputeThreadsStart> software;
  if (physical.info.type == DeviceType::Cpu) software.emplace();
  check(instance->api().vkCreateDevice(physical.physical, &info, nullptr, &device), "vkCreateDevice");
  software.reset();
  try {
    api = loadDeviceApi(instance->api(), device);
    for (uint32_t i = 0; i < count; ++i) {
      queues_.push_back(std::make_unique<SharedQueue>());
      api.vkGetDeviceQueue(device, physical.queueFamily, i, &queues_.back()->queue);
    }
  } catch (...) {
    if (auto destroy =
            reinterpret_cast<PFN_vkDestroyDevice>(instance->api().vkGetDeviceProcAddr(device, "vkDestroyDevice")))
      destroy(device, nullptr);
    throw;
  }
}

Gpu::~Gpu() {
  if (hung) return;              // waiting would never end, and freeing under a running kernel is worse than a leak
  api.vkDeviceWaitIdle(device);  // a lost device answers at once; there is nothing left to do with its answer
  api.vkDestroyDevice(device, nullptr);
}

SharedQueue& Gpu::nextQueue() { return *queues_[next_.fetch_add(1, std::memory_order_relaxed) % queues_.size()]; }

uint32_t Gpu::memoryType(uint32_t allowedBits, VkMemoryPropertyFlags required, VkMemoryPropertyFlags preferred) const {
  for (VkMemoryPropertyFlags wanted : {required | preferred, required})
    for (uint32_t i = 0; i < physical.memory.memoryTypeCount; ++i)
      if ((allowedBits >> i & 1) && (typeFlags(i) & wanted) == wanted) return i;
  return ~0u;
}

void Gpu::throwIfLost() const {
  if (lost.load(std::memory_order_acquire)) throw Error(Code::DeviceLost, "device " + physical.info.id + " was lost");
}

}  // namespace switchyard::vulkan
