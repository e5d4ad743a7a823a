// Recycling of submissions and staging blocks.
#include "vulkan/queue_state.h"

#include <algorithm>

namespace switchyard::vulkan {
namespace {

constexpr size_t kBlockBytes = 1 << 20, kKeepBytes = 64 << 20;

}  // namespace

std::unique_ptr<GpuBuffer> StagingPool::take(size_t bytes) {
  bytes = (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  {
    std::lock_guard lock(mutex_);
    auto best = free_.end();
    for (auto it = free_.begin(); it != free_.end(); ++it)
      if ((*it)->size >= bytes && (best == free_.end() || (*it)->size < (*best)->size)) best = it;
    if (best != free_.end()) {
      auto block = std::move(*best);
      free_.erase(best);
      freeBytes_ -= block->size;
      return block;
    }
  }
  return GpuBuffer::staging(gpu_, bytes);
}

void StagingPool::give(std::unique_ptr<GpuBuffer> block) noexcept try {
  std::lock_guard lock(mutex_);
  if (freeBytes_ + block->size > kKeepBytes) return;
  free_.push_back(nullptr);
  freeBytes_ += block->size;
  free_.back() = std::move(block);
} catch (...) {}

QueueState::QueueState(std::shared_ptr<Gpu> gpuIn, std::shared_ptr<StagingPool> stagingIn,
                       std::shared_ptr<Graphics> graphicsIn)
    : gpu(std::move(gpuIn)), staging(std::move(stagingIn)), graphics(std::move(graphicsIn)) {
  VkCommandPoolCreateInfo info{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
  info.flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT | VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT;
  info.queueFamilyIndex = gpu->physical.queueFamily;
  VkCommandPool made = VK_NULL_HANDLE;
  check(gpu->api.vkCreateCommandPool(gpu->device, &info, nullptr, &made), "vkCreateCommandPool");
  pool = gpu->own(made, gpu->api.vkDestroyCommandPool);
}

QueueState::~QueueState() {
  if (!gpu->hung) return;
  pool.release();
  for (auto& submission : free_) {
    submission->fence.release();
    submission->descriptors.release();
  }
}

std::unique_ptr<Submission> QueueState::take() {
  {
    std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      auto submission = std::move(free_.back());
      free_.pop_back();
      return submission;
    }
  }
  auto made = std::make_unique<Submission>();
  VkCommandBufferAllocateInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
  info.commandPool = pool.get();
  info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
  info.commandBufferCount = 1;
  VkFenceCreateInfo fenceInfo{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  VkFence fence = VK_NULL_HANDLE;
  check(gpu->api.vkCreateFence(gpu->device, &fenceInfo, nullptr, &fence), "vkCreateFence");
  made->fence = gpu->own(fence, gpu->api.vkDestroyFence);
  check(gpu->api.vkAllocateCommandBuffers(gpu->device, &info, &made->commands), "vkAllocateCommandBuffers");
  return made;
}

void QueueState::recycle(std::unique_ptr<Submission> s) noexcept try {
  for (auto& block : s->blocks) staging->give(std::move(block));
  s->blocks.clear();
  s->blockUsed = 0;
  s->readbacks.clear();
  s->descriptors.reset(*gpu);
  s->programs.clear();
  for (auto& image : s->images) graphics->images.give(std::move(image));
  s->images.clear();
  s->hasCommands = false;
  s->done = nullptr;
  s->error = nullptr;
  s->timings = {};
  s->state.reset();
  std::lock_guard lock(mutex_);
  free_.push_back(std::move(s));
} catch (...) {  // no memory to remember it: its command buffer goes with the pool
}

void QueueState::finish(uint64_t serial) noexcept {
  std::lock_guard lock(mutex_);
  finishedSerial.store(serial, std::memory_order_release);
  changed_.notify_all();
}

void QueueState::settle() noexcept {
  std::lock_guard lock(mutex_);
  ++settledCount_;
  changed_.notify_all();
}

void QueueState::waitFinished(uint64_t serial) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return finishedSerial.load(std::memory_order_relaxed) >= serial; });
}

void QueueState::waitSettled() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return settledCount_ == submittedSerial; });
}

}  // namespace switchyard::vulkan
