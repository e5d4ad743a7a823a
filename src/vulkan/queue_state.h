// What a queue and the completion thread share: recorded submissions, recycled, and how far the queue has come.
#pragma once
#include <chrono>
#include <condition_variable>
#include <thread>

#include "vulkan/buffer.h"
#include "vulkan/descriptors.h"
#include "vulkan/graphics.h"
#include "vulkan/hazards.h"
#include "vulkan/pipelines.h"

namespace switchyard::vulkan {

using Clock = std::chrono::steady_clock;

// Mapped blocks between host memory and memory that the CPU doesn't see. Safe from any thread.
class StagingPool {
 public:
  explicit StagingPool(std::shared_ptr<Gpu> gpu) : gpu_(std::move(gpu)) {}
  std::unique_ptr<GpuBuffer> take(size_t bytes);
  void give(std::unique_ptr<GpuBuffer> block) noexcept;

 private:
  std::shared_ptr<Gpu> gpu_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<GpuBuffer>> free_;
  size_t freeBytes_ = 0;
};

// Bytes that the completion thread copies to the host once the fence is signalled: out of the buffer itself where the
// CPU sees it, else out of a staging block.
struct Readback {
  std::byte* dst;
  const std::byte* src;
  size_t bytes;
  const GpuBuffer* from;  // the buffer, while `src` points into it; null once it points into staging
  uint64_t offset;
};

struct QueueState;
struct Submission {
  VkCommandBuffer commands = VK_NULL_HANDLE;
  Handle<VkFence> fence;
  bool hasCommands = false, fenceUsed = false;
  std::vector<Readback> readbacks;
  std::vector<std::unique_ptr<GpuBuffer>> blocks;  // staging in use by the commands
  size_t blockUsed = 0;                            // bytes taken of the last one
  DescriptorPools descriptors;
  std::vector<std::shared_ptr<const Program>> programs;  // in use by the commands
  std::vector<std::unique_ptr<Image>> images;            // these, too
  Completion done;
  QueueTimings timings;
  Clock::time_point submitted;
  uint64_t serial = 0;
  std::exception_ptr error;
  std::shared_ptr<QueueState> state;  // while it is pending
  std::unique_ptr<Submission> after;  // the Completer's
};

// Outlives its queue while submissions are pending.
struct QueueState {
  QueueState(std::shared_ptr<Gpu> gpu, std::shared_ptr<StagingPool> staging, std::shared_ptr<Graphics> graphics);
  ~QueueState();
  std::unique_ptr<Submission> take();                             // by the queue's thread
  void recycle(std::unique_ptr<Submission> submission) noexcept;  // empties it and keeps it
  void finish(uint64_t serial) noexcept;
  void settle() noexcept;
  void waitFinished(uint64_t serial);
  void waitSettled();

  const std::shared_ptr<Gpu> gpu;
  const std::shared_ptr<StagingPool> staging;
  const std::shared_ptr<Graphics> graphics;
  Handle<VkCommandPool> pool;
  uint64_t submittedSerial = 0;             // the queue's thread alone
  std::atomic<uint64_t> finishedSerial{0};  // done on the device and read back

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Submission>> free_;
  uint64_t settledCount_ = 0;  // completions that have returned
};

// One thread a device: waits for submissions in the order they came, in finite steps, copies results, calls
// completions. When there is nothing to wait for, it saves the pipeline cache and frees images that nobody has used for
// a while.
class Completer {
 public:
  Completer(std::shared_ptr<Gpu> gpu, std::shared_ptr<Pipelines> pipelines, std::shared_ptr<Graphics> graphics);
  ~Completer();  // after what is pending; may run on the completion thread itself
  void push(std::unique_ptr<Submission> submission) noexcept;
  bool onThread() const { return std::this_thread::get_id() == id_; }

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::thread thread_;
  std::thread::id id_;
};

}  // namespace switchyard::vulkan
