// In-order work on one card: a stream for everything, and one each way for large transfers, so that both of the card's
// copy engines are busy beside what it computes.
#pragma once
#include <algorithm>
#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "../../kernels/registry.h"
#include "../device.h"
#include "completer.h"
#include "loops.h"
#include "matmul.h"
#include "memory.h"

namespace switchyard::cuda {

// May outlive its Device.
class CudaBuffer : public Buffer {
 public:
  CudaBuffer(std::shared_ptr<DeviceMemory> from, size_t bytes);
  ~CudaBuffer() override;
  std::byte* memory() const { return memory_; }
  DeviceMemory& from() const { return *from_; }

 private:
  const std::shared_ptr<DeviceMemory> from_;
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

// cuBLASLt's workspace, from where buffers come from: what is not waited for at the end of a context. One for a queue.
class WorkspaceSupport : public MatmulSupport {
 public:
  explicit WorkspaceSupport(std::shared_ptr<DeviceMemory> memory) : memory_(std::move(memory)) {}
  void* allocate(DeviceState&, size_t bytes) const override { return memory_->take(bytes_ = bytes); }
  void free(void* memory) const noexcept override { memory_->giveBack(static_cast<std::byte*>(memory), bytes_); }

 private:
  const std::shared_ptr<DeviceMemory> memory_;
  mutable size_t bytes_ = 0;
};

// Host memory is only touched by the CPU: the card reads and writes staging memory, so a card that hangs can't reach
// into memory that its owner has taken back. Memory that was pinned (Device::pin) is the exception: whoever pins it
// keeps it until the card has answered or the process has ended.
//
// Large uploads overtake earlier submissions, large downloads don't hold later ones up. What orders them:
// - stream_ waits for the uploads of a submission before it goes on (joinUploads), and an upload waits for stream_
//   where this submission has done something before that it must not overtake (orderLargeUpload);
// - a download waits for stream_; whatever touches memory that is still being read, in this submission or a later one,
//   waits for the readback (finishReads);
// - the end of a submission is behind both (markEnd).
class CudaQueue : public Queue {
 public:
  CudaQueue(std::shared_ptr<DeviceMemory> memory, std::shared_ptr<PinnedPool> pool,
            std::shared_ptr<Completer> completer, const DeviceTraits& traits);
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
  void setMayWait(bool mayWait) override {
    isAllowedToWait_ = mayWait;
    mayWait_ = isAllowedToWait_ && mayTakeLong_;
  }
  void setMayTakeLong(bool mayTakeLong) override {
    mayTakeLong_ = mayTakeLong;
    mayWait_ = isAllowedToWait_ && mayTakeLong_;
  }
  void setLongest(std::chrono::milliseconds longest) override { recorded_.limit = std::max(recorded_.limit, longest); }

 private:
  // Memory of the card's that downloadStream_ reads for a submission: the `number`th that the completer gets.
  struct Reading {
    const std::byte* from;
    size_t bytes;
    uint64_t number;
    bool isBefore = false;  // what stream_ does from now on; the upload stream asks for itself
  };
  // An upload that waits in staging memory for others to go with.
  struct Small {
    const std::byte* from;
    std::byte* to;
    size_t bytes;
  };

  std::byte* addressOf(const BufferView& view, uint64_t bytes) const;
  void check(cudaError_t status, const char* what) { state_->check(status, what); }
  cudaEvent_t mark(cudaStream_t stream);
  void order(cudaStream_t earlier, cudaStream_t later);
  void orderLargeUpload(const std::byte* to, size_t bytes);
  void finishReads(const std::byte* at, size_t bytes, bool forUpload = false);
  void joinUploads();
  void sendSmall();
  void uploadSmall(std::byte* to, std::span<const std::byte> src);
  void beginCompute();
  cudaEvent_t markEnd();
  std::byte* stage(size_t wanted, size_t& bytes);
  void submitPart();
  cudaStream_t compute();
  void playLater();
  cudaStream_t downloads();
  void load(const void* function, const char* name);
  void launchKernel(const CudaKernel& kernel, const char* name, uint64_t count, std::span<std::byte* const> buffers,
                    const void* params);
  void requireKnown(const Matmul& op, const MatmulPointers& at) const;
  static std::pair<Matmul, MatmulPointers> plainProduct(const Matmul& op, const MatmulPointers& at);
  MatmulPointers pointersOf(const Matmul& op) const;
  bool multiplyByLibrary(const Matmul& op, const MatmulPointers& at);
  void matmulTiled(const Matmul& op, const MatmulPointers& at);
  void drain() noexcept;
  void forgetRecorded() noexcept;
  void dropRecorded() noexcept;

  const std::shared_ptr<DeviceMemory> memory_;
  const std::shared_ptr<DeviceState> state_;
  const std::shared_ptr<PinnedPool> pool_;
  const std::shared_ptr<Completer> completer_;
  Stream stream_, uploadStream_;
  std::optional<Stream> downloadStream_;  // from the first large download on
  LaunchGraphs graphs_;
  const WorkspaceSupport support_;
  MatmulLibrary library_;
  const std::shared_ptr<QueueState> queueState_;
  std::unordered_set<const void*> loaded_;  // kernels whose code is on the card
  std::vector<Reading> reading_;            // of this submission and of earlier ones
  uint64_t pushed_ = 0;                     // submissions, parts included

  // Recorded since the last submit().
  Submission recorded_;
  size_t blockUsed_ = 0;        // bytes of the last staging block
  size_t stagedBytes_ = 0;      // since the last part
  bool parted_ = false;         // parts of this submission were pushed
  bool uploadsToJoin_ = false;  // the upload stream has work that stream_ doesn't wait for yet
  bool readsToJoin_ = false;    // the download stream has work
  bool computeDirty_ = false;   // stream_ has work of this submission that a large upload must not overtake
  std::vector<Small> small_;    // to go with the next thing that stream_ is asked for
  std::vector<std::pair<const std::byte*, size_t>> smallUploads_;  // targets of uploads on stream_

  LaunchList later_;             // launches that stream_ was not asked for yet
  uint32_t launchedInARow_ = 0;  // since it was asked for anything else

  bool isAllowedToWait_ = true, mayTakeLong_ = true, mayWait_ = true;  // the last: both
};

}  // namespace switchyard::cuda
