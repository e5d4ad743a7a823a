// The Device of a Vulkan driver, and the two functions that device.cpp calls.
#include <algorithm>

#include "vulkan/loops.h"
#include "vulkan/queue.h"

namespace switchyard::vulkan {
namespace {

// Smaller ranges are copied faster than a driver imports them.
constexpr size_t kWrapBytes = 256 << 10;

class GpuDevice final : public Device {
 public:
  explicit GpuDevice(std::shared_ptr<Gpu> gpu)
      : Device(gpu->physical.info),
        gpu_(std::move(gpu)),
        pipelines_(std::make_shared<Pipelines>(gpu_)),
        staging_(std::make_shared<StagingPool>(gpu_)),
        graphics_(std::make_shared<Graphics>(gpu_)),
        programs_(gpu_, pipelines_),
        completer_(std::make_shared<Completer>(gpu_, pipelines_, graphics_)) {}

  std::unique_ptr<Buffer> allocate(size_t bytes) override {
    try {
      return GpuBuffer::allocate(gpu_, bytes);
    } catch (const Error& error) {
      if (error.code != Code::OutOfMemory || !graphics_->images.freeUnusedFor({})) throw;
    }
    return GpuBuffer::allocate(gpu_, bytes);
  }

  std::unique_ptr<Buffer> wrap(std::span<std::byte> host) override {
    // A card would read it over the bus at every use.
    if (!gpu_->software() || !gpu_->directMemory || host.size() < kWrapBytes) return nullptr;
    return GpuBuffer::import(gpu_, host);
  }

  std::unique_ptr<Queue> createQueue(const QueueOptions&) override {
    gpu_->throwIfLost();
    return std::make_unique<GpuQueue>(gpu_, pipelines_, staging_, graphics_, completer_);
  }

  std::shared_ptr<const Program> compile(std::shared_ptr<const ProgramModule> module) override {
    return programs_.compile(std::move(module));
  }

  bool lost() const noexcept override { return Device::lost() || gpu_->lost.load(std::memory_order_acquire); }
  MemoryUse memory() const override { return memoryUse(*gpu_->instance, gpu_->physical, gpu_->allocatedBytes); }

 private:
  const std::shared_ptr<Gpu> gpu_;
  const std::shared_ptr<Pipelines> pipelines_;
  const std::shared_ptr<StagingPool> staging_;
  const std::shared_ptr<Graphics> graphics_;
  Programs programs_;
  const std::shared_ptr<Completer> completer_;  // first to go: it uses all the others
};

}  // namespace

std::shared_ptr<Device> open(const DeviceInfo& info) {
  auto instance = Instance::get();
  auto devices = inspectDevices(*instance);
  const auto same = [&](const PhysicalInfo& d) {
    return d.problem.empty() && d.info.id == info.id && d.info.uuid == info.uuid;
  };
  auto found = std::find_if(devices.begin(), devices.end(), same);
  if (found == devices.end())
    throw Error(Code::Unsupported, "device " + info.id + " (" + info.name + ") is no longer there");
  auto opened = findLoopLimit(instance, *found);
  // A caller may ask for shorter bindings than the driver's: tests do, so that splitting is run with little memory.
  if (info.maxViewBytes < found->info.maxViewBytes) {
    found->info.maxViewBytes = info.maxViewBytes;
    opened = nullptr;
  }
  if (!opened) opened = std::make_shared<Gpu>(std::move(instance), std::move(*found));
  return std::make_shared<GpuDevice>(std::move(opened));
}

}  // namespace switchyard::vulkan
