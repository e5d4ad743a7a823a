// In-order work on one card: a stream for everything, and a second one that lets large uploads overtake earlier
// submissions.
#pragma once
#include <memory>
#include <vector>

#include "../../kernels/registry.h"
#include "../device.h"
#include "completer.h"
#include "matmul.h"

namespace switchyard::cuda {

// cudaMalloc'ed. May outlive its Device.
class CudaBuffer : public Buffer {
 public:
  CudaBuffer(std::shared_ptr<DeviceState> state, size_t bytes);
  ~CudaBuffer() override;
  std::byte* memory() const { return memory_; }
  const DeviceState& state() const { return *state_; }

 private:
  const std::shared_ptr<DeviceState> state_;
  std::byte* memory_ = nullptr;
};

class Stream {
 public:
  explicit Stream(std::shared_ptr<DeviceState> state);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  const std::shared_ptr<DeviceState> state_;
  cudaStream_t stream_ = nullptr;
};

// Host memory is only touched by the CPU: the card reads and writes staging memory, so a card that hangs can't reach
// into memory that its owner has taken back. Memory that was pinned (Device::pin) is the exception: whoever pins it
// keeps it until the card has answered or the process has ended.
class CudaQueue : public Queue {
 public:
  CudaQueue(std::shared_ptr<DeviceState> state, std::shared_ptr<PinnedPool> pool, std::shared_ptr<Completer> completer,
            const DeviceTraits& traits);
  ~CudaQueue() override;

  void upload(BufferView dst, std::span<const std::byte> src) override;
  void download(std::span<std::byte> dst, BufferView src) override;
  void copy(BufferView dst, BufferView src) override;
  void fill(BufferView dst, uint32_t word) override;
  void copyFrom(BufferView dst, BufferView src) override;
  void launch(Kernel kernel, uint64_t count, std::span<const BufferView> views,
              std::span<const std::byte> params) override;
  // A kernel gets the addresses of its views, which are multiples of 16 bytes (DeviceInfo::viewAlignment) and mostly of
  // 256, and its values.
  void launch(const std::shared_ptr<const Program>& program, Extent groups, std::span<const ProgramView> views,
              std::span<const std::byte> params) override;
  void matmul(const Matmul& op) override;
  void submit(Completion done) override;
  void discard() noexcept override;
  void setMayWait(bool mayWait) override { mayWait_ = mayWait; }

 private:
  std::byte* addressOf(const BufferView& view, uint64_t bytes) const;
  void check(cudaError_t status, const char* what) { state_->check(status, what); }
  cudaEvent_t mark(cudaStream_t stream);
  void orderLargeUpload(const std::byte* to, size_t bytes);
  void joinUploads();
  void beginCompute();
  std::byte* stage(size_t wanted, size_t& bytes);
  void submitPart();
  void launchKernel(const CudaKernel& kernel, const char* name, uint64_t count, std::span<std::byte* const> buffers,
                    const void* params);
  MatmulPointers pointersOf(const Matmul& op) const;
  bool multiplyByLibrary(const Matmul& op, const MatmulPointers& at);
  void matmulTiled(const Matmul& op, const MatmulPointers& at);
  void drain() noexcept;
  void dropRecorded() noexcept;

  const std::shared_ptr<DeviceState> state_;
  const std::shared_ptr<PinnedPool> pool_;
  const std::shared_ptr<Completer> completer_;
  Stream stream_, uploadStream_;
  MatmulLibrary library_;
  const std::shared_ptr<QueueState> queueState_;

  // Recorded since the last submit().
  Submission recorded_;
  size_t blockUsed_ = 0;        // bytes of the last staging block
  size_t stagedBytes_ = 0;      // since the last part
  bool parted_ = false;         // parts of this submission were pushed
  bool uploadsToJoin_ = false;  // the upload stream has work that stream_ doesn't wait for yet
  bool computeDirty_ = false;   // stream_ has work of this submission that a large upload must not overtake
  bool mayWait_ = true;
  std::vector<std::pair<const std::byte*, size_t>> smallUploads_;  // targets of uploads on stream_
};

}  // namespace switchyard::cuda
