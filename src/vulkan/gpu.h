// The logical device and what everything that lives on it shares: function table, queues, memory choice, the lost flag.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "vulkan/instance.h"

namespace switchyard::vulkan {

// A VkQueue that several lanes may share; the mutex is held around vkQueueSubmit.
struct SharedQueue {
  VkQueue queue = VK_NULL_HANDLE;
  std::mutex mutex;
};

class Gpu {
 public:
  Gpu(std::shared_ptr<Instance> instance, PhysicalInfo physical);
  ~Gpu();
  Gpu(const Gpu&) = delete;

  SharedQueue& nextQueue();  // round robin
  // A memory type that has all of `required`, preferring those with `preferred`; ~0u when there is none.
  uint32_t memoryType(uint32_t allowedBits, VkMemoryPropertyFlags required, VkMemoryPropertyFlags preferred = 0) const;
  VkMemoryPropertyFlags typeFlags(uint32_t type) const { return physical.memory.memoryTypes[type].propertyFlags; }
  bool software() const { return physical.info.type == DeviceType::Cpu; }
  template <class T>
  Handle<T> own(T handle, typename Handle<T>::Destroy destroy) const {
    return {device, handle, destroy};
  }

  void throwIfLost() const;
  void markLost() noexcept { lost.store(true, std::memory_order_release); }

  const std::shared_ptr<Instance> instance;
  const PhysicalInfo physical;
  const bool tuneAsHardware;  // SWITCHYARD_VULKAN_TUNE=hardware: a software driver is driven like a card, for tests
  const bool directMemory;    // device memory is mapped and cheap to write
  VkDevice device = VK_NULL_HANDLE;
  DeviceApi api;
  std::atomic<bool> lost{false};
  std::atomic<bool> hung{false};  // the driver stopped answering: nothing of the device may be freed any more
  std::atomic<uint64_t> allocatedBytes{0};
  std::atomic<uint64_t> nextAddress{1ull << 62};  // addresses for memory that the CPU doesn't see (hazards.h)

 private:
  std::vector<std::unique_ptr<SharedQueue>> queues_;
  std::atomic<uint32_t> next_{0};
};

}  // namespace switchyard::vulkan
