// Allocates, maps and imports memory.
#include "vulkan/buffer.h"

#include <string>

namespace switchyard::vulkan {
namespace {

constexpr VkBufferUsageFlags kTransfers = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
constexpr VkBufferUsageFlags kUsage =
    VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_VERTEX_BUFFER_BIT | kTransfers;
constexpr VkBufferUsageFlags kStagingUsage = VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT | kTransfers;
constexpr VkMemoryPropertyFlags kLocal = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                                kCached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
                                kMapped = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;

uint64_t roundUp(uint64_t value, uint64_t step) { return (value + step - 1) / step * step; }

bool outOfMemory(VkResult result) {
  return result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY;
}

}  // namespace

GpuBuffer::GpuBuffer(std::shared_ptr<Gpu> gpu, size_t size, std::byte* host, Made made)
    : Buffer(size, host),
      gpu_(std::move(gpu)),
      memory_(std::move(made.memory)),
      buffer_(std::move(made.buffer)),
      mapped_(made.mapped),
      base_(made.base),
      bound_(made.bound),
      charged_(made.charged) {
  address_ = mapped_ ? reinterpret_cast<uint64_t>(mapped_) : gpu_->nextAddress.fetch_add(roundUp(bound_, 4096));
  gpu_->allocatedBytes += charged_;
}

GpuBuffer::~GpuBuffer() {
  gpu_->allocatedBytes -= charged_;
  if (!gpu_->hung) return;  // the handles free
  buffer_.release();
  memory_.release();
}

Handle<VkBuffer> GpuBuffer::createBuffer(const Gpu& gpu, uint64_t bytes, VkBufferUsageFlags usage, const void* next) {
  VkBufferCreateInfo info{VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, next};
  info.size = bytes;
  info.usage = usage;
  VkBuffer buffer = VK_NULL_HANDLE;
  check(gpu.api.vkCreateBuffer(gpu.device, &info, nullptr, &buffer), "vkCreateBuffer");
  return gpu.own(buffer, gpu.api.vkDestroyBuffer);
}

// Allocates and binds; maps where the type can be. Leaves `made` without memory unless it succeeds.
VkResult GpuBuffer::tryMemory(const Gpu& gpu, Made& made, uint64_t bytes, uint32_t type, const void* next) {
  VkMemoryAllocateInfo info{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, next};
  info.allocationSize = bytes;
  info.memoryTypeIndex = type;
  VkDeviceMemory memory = VK_NULL_HANDLE;
  const VkResult result = gpu.api.vkAllocateMemory(gpu.device, &info, nullptr, &memory);
  if (result < 0) return result;
  made.memory = gpu.own(memory, gpu.api.vkFreeMemory);
  check(gpu.api.vkBindBufferMemory(gpu.device, made.buffer.get(), memory, 0), "vkBindBufferMemory");
  if (!next && (gpu.typeFlags(type) & kMapped) == kMapped) {
    void* mapped = nullptr;
    check(gpu.api.vkMapMemory(gpu.device, memory, 0, VK_WHOLE_SIZE, 0, &mapped), "vkMapMemory");
    made.mapped = static_cast<std::byte*>(mapped);
    made.cached = gpu.typeFlags(type) & kCached;
  }
  made.charged = bytes;
  return VK_SUCCESS;
}

std::unique_ptr<GpuBuffer> GpuBuffer::allocate(std::shared_ptr<Gpu> gpu, size_t bytes) {
  gpu->throwIfLost();
  Made made;
  made.bound = roundUp(bytes ? bytes : 1, 256);
  if (made.bound < bytes || made.bound > gpu->physical.maxAllocation)
    throw Error(Code::OutOfMemory, gpu->physical.info.id + " allocates at most " +
                                       std::to_string(gpu->physical.maxAllocation) + " bytes at once, " +
                                       std::to_string(bytes) + " were asked for");
  made.buffer = createBuffer(*gpu, made.bound, kUsage, nullptr);
  VkMemoryRequirements needs{};
  gpu->api.vkGetBufferMemoryRequirements(gpu->device, made.buffer.get(), &needs);
  const uint32_t direct = gpu->directMemory ? gpu->memoryType(needs.memoryTypeBits, kLocal | kMapped, kCached) : ~0u;
  // Not mapped: a type that the CPU doesn't see leaves the mapped heap to those who need it.
  uint32_t local = gpu->memoryType(needs.memoryTypeBits, kLocal);
  if (local == ~0u) local = gpu->memoryType(needs.memoryTypeBits, 0);
  VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
  if (direct != ~0u) result = tryMemory(*gpu, made, needs.size, direct, nullptr);
  if (outOfMemory(result) && local != direct) result = tryMemory(*gpu, made, needs.size, local, nullptr);
  if (result < 0) fail(result, ("allocating " + std::to_string(bytes) + " bytes on " + gpu->physical.info.id).c_str());
  if (!gpu->directMemory) made.mapped = nullptr;
  std::byte* const host = made.cached && made.mapped ? made.mapped : nullptr;
  return std::unique_ptr<GpuBuffer>(new GpuBuffer(std::move(gpu), bytes, host, std::move(made)));
}

std::unique_ptr<GpuBuffer> GpuBuffer::staging(std::shared_ptr<Gpu> gpu, size_t bytes) {
  Made made;
  made.bound = roundUp(bytes, 4096);
  made.buffer = createBuffer(*gpu, made.bound, kStagingUsage, nullptr);
  VkMemoryRequirements needs{};
  gpu->api.vkGetBufferMemoryRequirements(gpu->device, made.buffer.get(), &needs);
  const uint32_t type = gpu->memoryType(needs.memoryTypeBits, kMapped, kCached);
  if (type == ~0u) throw Error(Code::Unsupported, "no mapped memory type for staging");
  check(tryMemory(*gpu, made, needs.size, type, nullptr), "allocating staging memory");
  std::byte* const host = made.mapped;
  return std::unique_ptr<GpuBuffer>(new GpuBuffer(std::move(gpu), made.bound, host, std::move(made)));
}

std::unique_ptr<GpuBuffer> GpuBuffer::import(std::shared_ptr<Gpu> gpu, std::span<std::byte> host) {
  const uint64_t page = gpu->physical.importAlignment;
  if (!gpu->api.vkGetMemoryHostPointerPropertiesEXT || page == 0) return nullptr;
  const uint64_t address = reinterpret_cast<uint64_t>(host.data());
  const uint64_t first = address / page * page, bytes = roundUp(address + host.size(), page) - first;
  // Mesa's software driver takes misaligned pointers without a word: the offset is checked here.
  if ((address - first) % gpu->physical.info.viewAlignment != 0) return nullptr;
  const auto kind = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
  void* const start = reinterpret_cast<void*>(first);
  VkMemoryHostPointerPropertiesEXT properties{VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT};
  if (gpu->api.vkGetMemoryHostPointerPropertiesEXT(gpu->device, kind, start, &properties) < 0) return nullptr;
  Made made;
  made.bound = bytes;
  made.base = address - first;
  VkExternalMemoryBufferCreateInfo external{VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO};
  external.handleTypes = kind;
  made.buffer = createBuffer(*gpu, bytes, kUsage, &external);
  VkMemoryRequirements needs{};
  gpu->api.vkGetBufferMemoryRequirements(gpu->device, made.buffer.get(), &needs);
  const uint32_t type = gpu->memoryType(needs.memoryTypeBits & properties.memoryTypeBits, kMapped);
  if (type == ~0u || needs.size > bytes) return nullptr;
  VkImportMemoryHostPointerInfoEXT import{VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT};
  import.handleType = kind;
  import.pHostPointer = start;
  if (tryMemory(*gpu, made, bytes, type, &import) < 0) return nullptr;
  made.charged = 0;  // the host's memory, not the device's
  made.mapped = host.data();
  return std::unique_ptr<GpuBuffer>(new GpuBuffer(std::move(gpu), host.size(), host.data(), std::move(made)));
}

}  // namespace switchyard::vulkan
