// The CPU queue: every command runs at once, on the calling thread and helpers of the team.
#pragma once
#include "cpu/team.h"
#include "device.h"

namespace switchyard::cpu {

class CpuQueue final : public Queue {
 public:
  explicit CpuQueue(const QueueOptions& options);
  void upload(BufferView dst, std::span<const std::byte> src) override;
  void download(std::span<std::byte> dst, BufferView src) override;
  void copy(BufferView dst, BufferView src) override;
  void fill(BufferView dst, uint32_t word) override;
  void launch(Kernel kernel, uint64_t count, std::span<const BufferView> views,
              std::span<const std::byte> params) override;
  void matmul(const Matmul& op) override;
  void submit(Completion done) override;
  void discard() noexcept override {}
  void setStopFlag(const std::atomic<bool>* flag) override { budget_.stop = flag; }
  void setProgress(Progress* progress) override { budget_.progress = progress; }

 private:
  Budget budget_;
};

}  // namespace switchyard::cpu
