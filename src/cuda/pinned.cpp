// The pool of page-locked blocks.
#include "pinned.h"

#include <chrono>

namespace switchyard::cuda {

size_t PinnedPool::sizeClass(size_t wanted) noexcept {
  return wanted <= kBlockBytes[0] ? 0 : wanted <= kBlockBytes[1] ? 1 : 2;
}

PinnedPool::~PinnedPool() { trim(); }

std::byte* PinnedPool::takeIdle(size_t kind) noexcept {
  if (idle_[kind].empty()) return nullptr;
  std::byte* const memory = idle_[kind].back();
  idle_[kind].pop_back();
  givenBytes_ += kBlockBytes[kind];
  return memory;
}

std::optional<PinnedBlock> PinnedPool::take(size_t wanted, Effort effort) {
  const size_t kind = sizeClass(wanted), bytes = kBlockBytes[kind];
  std::unique_lock<std::mutex> lock(mutex_);
  if (std::byte* idle = takeIdle(kind)) return PinnedBlock{idle, bytes};
  if (effort == Effort::Idle) return std::nullopt;
  if (totalBytes_ + bytes > kLimitBytes && effort == Effort::Wait) {
    lock.unlock();
    freeIdle(kLimitBytes - bytes);
    lock.lock();
    if (std::byte* idle = takeIdle(kind)) return PinnedBlock{idle, bytes};
  }
  if (totalBytes_ + bytes > kLimitBytes) return std::nullopt;
  idle_[kind].reserve(kLimitBytes / bytes);  // giveBack() must not allocate
  totalBytes_ += bytes, givenBytes_ += bytes;
  // Others may take what lies idle meanwhile.
  lock.unlock();
  void* memory = nullptr;
  const cudaError_t status = cudaHostAlloc(&memory, bytes, cudaHostAllocDefault);
  if (status == cudaSuccess) return PinnedBlock{static_cast<std::byte*>(memory), bytes};
  lock.lock();
  totalBytes_ -= bytes, givenBytes_ -= bytes;
  if (status == cudaErrorMemoryAllocation && givenBytes_ > 0) {
    cudaGetLastError();
    return std::nullopt;
  }
  lock.unlock();
  state_->check(status, "page-locked memory for transfers");
  return std::nullopt;
}

void PinnedPool::giveBack(PinnedBlock block) noexcept {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    // A lost card may still be writing into it: never again handed out, nor freed.
    if (!state_->lost()) idle_[sizeClass(block.bytes)].push_back(block.memory);
    givenBytes_ -= block.bytes;
    ++generation_;
  }
  returned_.notify_all();
}

uint64_t PinnedPool::generation() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return generation_;
}

void PinnedPool::waitForBlock(uint64_t seen) {
  std::unique_lock<std::mutex> lock(mutex_);
  returned_.wait_for(lock, std::chrono::milliseconds(50), [&] { return generation_ != seen; });
}

void PinnedPool::trim() noexcept { freeIdle(0); }

void PinnedPool::freeIdle(uint64_t untilTotal) noexcept {
  // Freeing would wait for a lost card, which may never answer.
  if (state_->lost() || cudaSetDevice(state_->ordinal) != cudaSuccess) return;
  for (size_t kind = 3; kind-- > 0;)
    for (;;) {
      std::byte* memory = nullptr;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (idle_[kind].empty() || totalBytes_ <= untilTotal) break;
        memory = idle_[kind].back();
        idle_[kind].pop_back();
        totalBytes_ -= kBlockBytes[kind];
      }
      cudaFreeHost(memory);
    }
}

}  // namespace switchyard::cuda
