// A device that fails, or waits, when a test says so.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>

#include "device.h"

namespace switchyard::test {

// Where a device is asked for something. Wait is the completion of a submission.
enum class Point { Allocate, CreateQueue, Upload, Download, Launch, Matmul, Submit, Wait, Compile, Draw, CopyFrom };

class FaultDevice final : public Device {
 public:
  explicit FaultDevice(std::shared_ptr<Device> inner);
  std::unique_ptr<Buffer> allocate(size_t bytes) override;
  std::unique_ptr<Buffer> wrap(std::span<std::byte> host) override { return inner_->wrap(host); }
  std::unique_ptr<Queue> createQueue(const QueueOptions& options) override;
  std::shared_ptr<const Program> compile(std::shared_ptr<const ProgramModule> module) override;
  MemoryUse memory() const override { return inner_->memory(); }
  bool reaches(const Device&) const noexcept override { return reachesAll; }
  std::atomic<std::chrono::milliseconds> longest{};  // that its queues were told last
  bool reachesAll = false;                           // the device in it copies from all that a test uses

  struct Event {
    Point point;
    Kernel kernel = Kernel::kCount;  // of a launch; of a program's: kCount
  };
  // Called at every point, on the thread that got there. What it throws is what the device fails with (at Wait:
  // completes with).
  using Hook = std::function<void(const Event&)>;
  void setHook(Hook hook);
  // Fails at the nth time from now (0: the next) that `point` is reached, `times` times.
  void failAt(Point point, Code code, int nth = 0, int times = 1 << 30);
  int fired() const;
  void at(const Event& event);

 private:
  const std::shared_ptr<Device> inner_;
  mutable std::mutex mutex_;
  Hook hook_;
  int fired_ = 0;
};

}  // namespace switchyard::test
