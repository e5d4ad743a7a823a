// Device memory, imported host memory and mapped staging: one VkBuffer with its own allocation each.
#pragma once
#include "vulkan/gpu.h"

namespace switchyard::vulkan {

class GpuBuffer final : public Buffer {
 public:
  ~GpuBuffer() override;
  static std::unique_ptr<GpuBuffer> allocate(std::shared_ptr<Gpu> gpu, size_t bytes);
  static std::unique_ptr<GpuBuffer> staging(std::shared_ptr<Gpu> gpu, size_t bytes);  // mapped, coherent, best cached
  // The pages around a host range; null where the driver would not take them.
  static std::unique_ptr<GpuBuffer> import(std::shared_ptr<Gpu> gpu, std::span<std::byte> host);

  VkBuffer handle() const { return buffer_.get(); }
  std::byte* mapped() const { return mapped_; }  // writable by the CPU, maybe slow to read; null when not mapped
  uint64_t base() const { return base_; }        // offset of byte 0 inside the VkBuffer (imports start on a page)
  uint64_t bound() const { return bound_; }      // bytes of the VkBuffer
  uint64_t address() const { return address_; }  // of byte 0, in the one space that hazards are tracked in

 private:
  struct Made {
    Handle<VkBuffer> buffer;
    Handle<VkDeviceMemory> memory;
    std::byte* mapped = nullptr;
    uint64_t bound = 0, base = 0, charged = 0;
    bool cached = false;
  };
  GpuBuffer(std::shared_ptr<Gpu> gpu, size_t size, std::byte* host, Made made);
  static Handle<VkBuffer> createBuffer(const Gpu& gpu, uint64_t bytes, VkBufferUsageFlags usage, const void* next);
  static VkResult tryMemory(const Gpu& gpu, Made& made, uint64_t bytes, uint32_t type, const void* next);

  std::shared_ptr<Gpu> gpu_;
  Handle<VkDeviceMemory> memory_;
  Handle<VkBuffer> buffer_;
  std::byte* mapped_;
  uint64_t base_, bound_, address_, charged_;
};

}  // namespace switchyard::vulkan
