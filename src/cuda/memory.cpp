// The pool in stream order, the list where there is none, and the thread that gives back to the card.
#include "memory.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "../thread.h"

namespace switchyard::cuda {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 200ms;   // whether the card rests
constexpr auto kRest = 1s;      // since something was given back, submitted or settled; then it may go
constexpr auto kLongest = 30s;  // then it goes, whether the card rests or not

size_t rounded(size_t bytes) { return std::max<size_t>((bytes + 3) / 4 * 4, 4); }

}  // namespace

struct DeviceMemory::Shared {
  using Clock = std::chrono::steady_clock;
  struct Freed {
    std::byte* memory;
    size_t bytes;
  };

  Shared(std::shared_ptr<DeviceState> of, std::shared_ptr<PinnedPool> pinnedPool)
      : state(std::move(of)), pinned(std::move(pinnedPool)) {
    openPool();
  }
  bool has(cudaDeviceAttr attribute) const noexcept;
  void openPool();
  cudaError_t allocate(void** memory, size_t bytes);
  void untidy() noexcept;  // under mutex
  void tidy() noexcept;
  void trimTo(uint64_t keptBytes) noexcept;
  void freeKept() noexcept;
  void run() noexcept;
  void serve() noexcept;
  void close() noexcept;

  const std::shared_ptr<DeviceState> state;
  const std::shared_ptr<PinnedPool> pinned;
  cudaStream_t stream = nullptr;  // of the pool: nothing but what is taken and given back
  cudaMemPool_t pool = nullptr;   // null: the card has none
  std::mutex mutex;               // all below
  std::condition_variable wake, ended;
  std::vector<Freed> kept;  // without a pool: given back, and not freed yet
  size_t blocks = 0;        // without a pool: those that there are
  bool stop = false, isUntidy = false, isOver = false, trimsPinned = false, hasEnded = false;
  Clock::time_point untidySince;
};

DeviceMemory::DeviceMemory(std::shared_ptr<DeviceState> of, std::shared_ptr<PinnedPool> pinned)
    : state(std::move(of)),
      shared_(std::make_shared<Shared>(state, std::move(pinned))),
      readsHost_(shared_->has(cudaDevAttrUnifiedAddressing) && shared_->has(cudaDevAttrCanMapHostMemory)) {
  thread_ = std::thread([shared = shared_] { shared->run(); });
}

bool DeviceMemory::Shared::has(cudaDeviceAttr attribute) const noexcept {
  int value = 0;
  if (cudaDeviceGetAttribute(&value, attribute, state->ordinal) == cudaSuccess) return value != 0;
  cudaGetLastError();
  return false;
}

// Without it all goes on, by the list.
void DeviceMemory::Shared::openPool() {
  state->enter();
  if (!has(cudaDevAttrMemoryPoolsSupported)) return;
  cudaMemPoolProps props{};
  props.allocType = cudaMemAllocationTypePinned;
  props.handleTypes = cudaMemHandleTypeNone;
  props.location = {cudaMemLocationTypeDevice, state->ordinal};
  // One of our own: the card's default pool belongs to the whole process, and so do its settings. Other cards get no
  // access to it (cudaMemPoolSetAccess): copies between cards need none, only kernels would, and with it drivers of
  // branch 590 were seen to leave copies into such a pool out on Turing, without an error (JuliaGPU/CUDA.jl#3112).
  cudaError_t status = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  if (status == cudaSuccess) status = cudaMemPoolCreate(&pool, &props);
  // Else what is free would go back at each wait for a stream, event or card, inside the call of whoever waits, and be
  // mapped anew after it: the thread here does it.
  uint64_t keepAll = UINT64_MAX;
  if (status == cudaSuccess) status = cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keepAll);
  if (status == cudaSuccess) return;
  cudaGetLastError();
  if (pool) cudaMemPoolDestroy(std::exchange(pool, nullptr));
  if (stream) cudaStreamDestroy(std::exchange(stream, nullptr));
  if (isSticky(status)) state->check(status, "the card's memory pool");
}

DeviceMemory::~DeviceMemory() {
  const auto begin = Shared::Clock::now();
  std::unique_lock lock(shared_->mutex);
  shared_->stop = true;
  shared_->wake.notify_all();
  while (!shared_->hasEnded && !state->lost()) {
    shared_->ended.wait_for(lock, 10ms);
    if (!shared_->hasEnded && Shared::Clock::now() - begin > watchdog.load())
      state->lose("no answer while memory was given back");
  }
  lock.unlock();
  // The driver of a lost card may never return to it.
  if (state->lost()) {
    thread_.detach();
    return;
  }
  thread_.join();
  shared_->close();
}

void DeviceMemory::Shared::close() noexcept {
  if (cudaSetDevice(state->ordinal) != cudaSuccess) return;
  freeKept();
  if (pool) cudaMemPoolDestroy(pool);
  if (stream) cudaStreamDestroy(stream);
}

cudaError_t DeviceMemory::Shared::allocate(void** memory, size_t bytes) {
  if (!pool) return cudaMalloc(memory, bytes);
  cudaError_t status = cudaMallocFromPoolAsync(memory, bytes, pool, stream);
  // Only what comes behind it in this stream may use it yet; nothing that takes time is before it here.
  if (status == cudaSuccess && (status = cudaStreamSynchronize(stream)) != cudaSuccess) cudaFreeAsync(*memory, stream);
  return status;
}

std::byte* DeviceMemory::take(size_t bytes) {
  Shared& s = *shared_;
  const size_t size = rounded(bytes);
  void* memory = nullptr;
  if (!s.pool) {
    const std::lock_guard lock(s.mutex);
    const auto fits =
        std::find_if(s.kept.begin(), s.kept.end(), [&](const Shared::Freed& kept) { return kept.bytes == size; });
    if (fits != s.kept.end()) {
      std::byte* const kept = fits->memory;
      s.kept.erase(fits);
      return kept;
    }
    s.kept.reserve(s.blocks + 1);  // giveBack() must not allocate
    ++s.blocks;
  }
  cudaError_t status = s.allocate(&memory, size);
  if (status == cudaErrorMemoryAllocation) {  // what was given back may be in the way, in pieces that don't fit
    cudaGetLastError();
    s.tidy();
    status = s.allocate(&memory, size);
  }
  if (status != cudaSuccess && !s.pool) {
    const std::lock_guard lock(s.mutex);
    --s.blocks;
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
  Shared& s = *shared_;
  // Even a free in stream order is a call into a driver that may never answer again.
  if (state->lost() || cudaSetDevice(state->ordinal) != cudaSuccess) return;
  if (s.pool && cudaFreeAsync(memory, s.stream) != cudaSuccess) cudaGetLastError();
  const std::lock_guard lock(s.mutex);
  if (!s.pool) s.kept.push_back({memory, rounded(bytes)});
  s.isOver = s.pool != nullptr;
  s.untidy();
}

void DeviceMemory::trimPinned() noexcept {
  const std::lock_guard lock(shared_->mutex);
  shared_->trimsPinned = true;
  shared_->untidy();
}

MemoryUse DeviceMemory::use() {
  Shared& s = *shared_;
  state->enter();
  size_t freeBytes = 0, totalBytes = 0;
  state->check(cudaMemGetInfo(&freeBytes, &totalBytes), "cudaMemGetInfo");
  if (s.pool) {
    uint64_t reserved = 0, used = 0;
    state->check(cudaMemPoolGetAttribute(s.pool, cudaMemPoolAttrReservedMemCurrent, &reserved), "the pool's memory");
    state->check(cudaMemPoolGetAttribute(s.pool, cudaMemPoolAttrUsedMemCurrent, &used), "the pool's memory");
    freeBytes += reserved - std::min(reserved, used);
  }
  const std::lock_guard lock(s.mutex);
  for (const Shared::Freed& kept : s.kept) freeBytes += kept.bytes;
  return {totalBytes, std::min(freeBytes, totalBytes)};
}

void DeviceMemory::Shared::untidy() noexcept {
  if (!isUntidy) untidySince = Clock::now();
  isUntidy = true;
  wake.notify_all();
}

// One after the other, so that nobody who takes or gives back waits for the card.
void DeviceMemory::Shared::freeKept() noexcept {
  for (;;) {
    std::byte* memory = nullptr;
    {
      const std::lock_guard lock(mutex);
      if (kept.empty()) return;
      memory = kept.back().memory;
      kept.pop_back();
      --blocks;
    }
    if (cudaFree(memory) != cudaSuccess) cudaGetLastError();
  }
}

// What is free of the pool beyond that; may wait for nothing but the driver.
void DeviceMemory::Shared::trimTo(uint64_t keptBytes) noexcept {
  // What is given back counts as free once its stream has come to it.
  if (cudaStreamSynchronize(stream) != cudaSuccess) cudaGetLastError();
  uint64_t reserved = 0, used = 0;
  if (cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved) != cudaSuccess ||
      cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used) != cudaSuccess)
    cudaGetLastError();
  if (reserved > used + keptBytes && cudaMemPoolTrimTo(pool, used + keptBytes) != cudaSuccess) cudaGetLastError();
}

// May wait for the card.
void DeviceMemory::Shared::tidy() noexcept {
  {
    const std::lock_guard lock(mutex);
    isUntidy = isOver = false;  // also where it can't be done: the thread does not come back to it at once
  }
  if (state->lost() || cudaSetDevice(state->ordinal) != cudaSuccess) return;
  freeKept();
  if (pool) trimTo(0);
}

void DeviceMemory::Shared::run() noexcept {
  becomeServiceThread("switchyard-mem");
  serve();
  const std::lock_guard lock(mutex);
  hasEnded = true;
  ended.notify_all();
}

void DeviceMemory::Shared::serve() noexcept {
  std::unique_lock lock(mutex);
  for (;;) {
    wake.wait(lock, [&] { return stop || isUntidy; });
    if (stop || state->lost()) return;
    const auto now = Clock::now();
    const bool rests =
        state->unfinished.load(std::memory_order_relaxed) == 0 && now - state->lastActive.load() >= kRest;
    if (now - untidySince < kRest || (!rests && now - untidySince < kLongest)) {
      wake.wait_for(lock, kLook, [&] { return stop; });
      if (stop || !std::exchange(isOver, false)) continue;
      lock.unlock();
      if (!state->lost() && cudaSetDevice(state->ordinal) == cudaSuccess) trimTo(kKeptBytes);
      lock.lock();
      continue;
    }
    const bool trims = rests && std::exchange(trimsPinned, false);
    lock.unlock();
    tidy();
    if (trims) pinned->trim();
    lock.lock();
  }
}

}  // namespace switchyard::cuda
