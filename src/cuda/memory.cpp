// The pool in stream order, the list where there is none, and the thread that gives back to the card.
#include "memory.h"

#include <algorithm>
#include <utility>

#include "../thread.h"

namespace switchyard::cuda {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 200ms;   // whether the card rests
constexpr auto kRest = 1s;      // since something was given back; then it may go
constexpr auto kLongest = 30s;  // then it goes, whether the card rests or not

size_t rounded(size_t bytes) { return std::max<size_t>((bytes + 3) / 4 * 4, 4); }

}  // namespace

DeviceMemory::DeviceMemory(std::shared_ptr<DeviceState> shared, std::shared_ptr<PinnedPool> pinned)
    : state(std::move(shared)), pinned_(std::move(pinned)) {
  openPool();
  thread_ = std::thread([this] { run(); });
}

// Without it all goes on, by the list.
void DeviceMemory::openPool() {
  state->enter();
  int supported = 0;
  if (cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, state->ordinal) != cudaSuccess ||
      !supported) {
    cudaGetLastError();
    return;
  }
  cudaMemPoolProps props{};
  props.allocType = cudaMemAllocationTypePinned;
  props.handleTypes = cudaMemHandleTypeNone;
  props.location = {cudaMemLocationTypeDevice, state->ordinal};
  // One of our own: the card's default pool belongs to the whole process, and so do its settings. Other cards get no
  // access to it (cudaMemPoolSetAccess): copies between cards need none, only kernels would, and with it drivers of
  // branch 590 were seen to leave copies into such a pool out on Turing, without an error (JuliaGPU/CUDA.jl#3112).
  cudaError_t status = cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking);
  if (status == cudaSuccess) status = cudaMemPoolCreate(&pool_, &props);
  // Else what is free would go back at each wait for a stream, event or card, and be mapped anew after it.
  uint64_t keepAll = UINT64_MAX;
  if (status == cudaSuccess) status = cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keepAll);
  if (status == cudaSuccess) return;
  cudaGetLastError();
  if (pool_) cudaMemPoolDestroy(std::exchange(pool_, nullptr));
  if (stream_) cudaStreamDestroy(std::exchange(stream_, nullptr));
  if (isSticky(status)) state->check(status, "the card's memory pool");
}

DeviceMemory::~DeviceMemory() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
  if (state->lost() || cudaSetDevice(state->ordinal) != cudaSuccess) return;
  freeKept();
  if (pool_) cudaMemPoolDestroy(pool_);
  if (stream_) cudaStreamDestroy(stream_);
}

cudaError_t DeviceMemory::allocate(void** memory, size_t bytes) {
  if (!pool_) return cudaMalloc(memory, bytes);
  cudaError_t status = cudaMallocFromPoolAsync(memory, bytes, pool_, stream_);
  // Only what comes behind it in this stream may use it yet; nothing that takes time is before it here.
  if (status == cudaSuccess && (status = cudaStreamSynchronize(stream_)) != cudaSuccess)
    cudaFreeAsync(*memory, stream_);
  return status;
}

std::byte* DeviceMemory::take(size_t bytes) {
  const size_t size = rounded(bytes);
  void* memory = nullptr;
  if (!pool_) {
    const std::lock_guard lock(mutex_);
    const auto fits = std::find_if(kept_.begin(), kept_.end(), [&](const Freed& kept) { return kept.bytes == size; });
    if (fits != kept_.end()) {
      std::byte* const kept = fits->memory;
      kept_.erase(fits);
      return kept;
    }
    kept_.reserve(blocks_ + 1);  // giveBack() must not allocate
    ++blocks_;
  }
  cudaError_t status = allocate(&memory, size);
  if (status == cudaErrorMemoryAllocation) {  // what was given back may be in the way, in pieces that don't fit
    cudaGetLastError();
    tidy();
    status = allocate(&memory, size);
  }
  if (status != cudaSuccess && !pool_) {
    const std::lock_guard lock(mutex_);
    --blocks_;
  }
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    size_t freeBytes = 0, totalBytes = 0;
    if (cudaMemGetInfo(&freeBytes, &totalBytes) != cudaSuccess) cudaGetLastError();
    throw Error(Code::OutOfMemory, "cuda:" + std::to_string(state->ordinal) + " has no " + std::to_string(bytes) +
                                       " bytes left: " + std::to_string(freeBytes) + " of " +
                                       std::to_string(totalBytes) + " are free");
  }
  state->check(status, "memory of the card");
  return static_cast<std::byte*>(memory);
}

void DeviceMemory::giveBack(std::byte* memory, size_t bytes) noexcept {
  // Even a free in stream order is a call into a driver that may never answer again.
  if (state->lost() || cudaSetDevice(state->ordinal) != cudaSuccess) return;
  if (pool_ && cudaFreeAsync(memory, stream_) != cudaSuccess) cudaGetLastError();
  {
    const std::lock_guard lock(mutex_);
    if (!pool_) kept_.push_back({memory, rounded(bytes)});
    if (!isUntidy_) untidySince_ = Clock::now();
    isUntidy_ = true;
  }
  wake_.notify_all();
}

void DeviceMemory::trimPinned() noexcept {
  {
    const std::lock_guard lock(mutex_);
    trimsPinned_ = true;
    if (!isUntidy_) untidySince_ = Clock::now();
    isUntidy_ = true;
  }
  wake_.notify_all();
}

MemoryUse DeviceMemory::use() {
  state->enter();
  size_t freeBytes = 0, totalBytes = 0;
  state->check(cudaMemGetInfo(&freeBytes, &totalBytes), "cudaMemGetInfo");
  if (pool_) {
    uint64_t reserved = 0, used = 0;
    state->check(cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrReservedMemCurrent, &reserved), "the pool's memory");
    state->check(cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrUsedMemCurrent, &used), "the pool's memory");
    freeBytes += reserved - std::min(reserved, used);
  }
  const std::lock_guard lock(mutex_);
  for (const Freed& kept : kept_) freeBytes += kept.bytes;
  return {totalBytes, std::min(freeBytes, totalBytes)};
}

// One after the other, so that nobody who takes or gives back waits for the card.
void DeviceMemory::freeKept() noexcept {
  for (;;) {
    std::byte* memory = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (kept_.empty()) return;
      memory = kept_.back().memory;
      kept_.pop_back();
      --blocks_;
    }
    if (cudaFree(memory) != cudaSuccess) cudaGetLastError();
  }
}

// May wait for the card.
void DeviceMemory::tidy() noexcept {
  if (state->lost() || cudaSetDevice(state->ordinal) != cudaSuccess) return;
  {
    const std::lock_guard lock(mutex_);
    isUntidy_ = false;
  }
  freeKept();
  if (!pool_) return;
  // What is given back counts as free once its stream has come to it.
  if (cudaStreamSynchronize(stream_) != cudaSuccess) cudaGetLastError();
  if (cudaMemPoolTrimTo(pool_, 0) != cudaSuccess) cudaGetLastError();
}

void DeviceMemory::run() noexcept {
  becomeServiceThread("switchyard-mem");
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || isUntidy_; });
    if (stop_ || state->lost()) return;
    const auto waited = Clock::now() - untidySince_;
    const bool rests = state->unfinished.load(std::memory_order_relaxed) == 0;
    if (waited < kRest || (!rests && waited < kLongest)) {
      wake_.wait_for(lock, kLook, [&] { return stop_; });
      continue;
    }
    const bool trimsPinned = rests && std::exchange(trimsPinned_, false);
    lock.unlock();
    tidy();
    if (trimsPinned) pinned_->trim();
    lock.lock();
  }
}

}  // namespace switchyard::cuda
