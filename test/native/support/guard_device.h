// A device that watches another: every launch must keep the contract of kernels.def, and may write nothing but its
// outputs.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "device.h"

namespace switchyard::test {

// Every buffer a launch or a matrix product binds is downloaded before and after it (small ones), and compared outside
// of the views it may write when the submission completes: all of a slab is a guard. A violation completes the
// submission with Internal.
class GuardDevice final : public Device {
 public:
  explicit GuardDevice(std::shared_ptr<Device> inner);
  std::unique_ptr<Buffer> allocate(size_t bytes) override;
  std::unique_ptr<Buffer> wrap(std::span<std::byte> host) override { return inner_->wrap(host); }
  std::unique_ptr<Queue> createQueue(const QueueOptions& options) override;
  std::shared_ptr<const Program> compile(std::shared_ptr<const ProgramModule> module) override {
    return inner_->compile(std::move(module));
  }
  MemoryUse memory() const override { return inner_->memory(); }

 private:
  const std::shared_ptr<Device> inner_;
};

uint64_t guardedCommands();  // how many were watched by now

}  // namespace switchyard::test
