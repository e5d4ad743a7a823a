// The emulated runtime: memory of cards, its pools in stream order, page-locked memory, and transfers.
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>

#include "world.h"

using namespace switchyard::cuda_shim;

namespace switchyard::cuda_shim {
namespace {

constexpr int kFresh = 0xCD, kFreed = 0xDD;

std::byte* allocate(size_t bytes) {
  void* memory = nullptr;
  return posix_memalign(&memory, 512, bytes) == 0 ? static_cast<std::byte*>(memory) : nullptr;
}

size_t rounded(size_t bytes) { return (bytes + 511) / 512 * 512; }

PoolState& of(cudaMemPool_t pool) { return *reinterpret_cast<PoolState*>(pool); }

// Memory of the pool that was given back: before now, or earlier in the same stream.
std::pair<const std::byte* const, Block>* reusable(World& world, PoolState& pool, size_t bytes, const void* stream) {
  for (auto& entry : world.blocks) {
    const Block& block = entry.second;
    if (block.pool == &pool && block.freed && block.bytes >= bytes && block.bytes <= 2 * bytes &&
        (block.freed->isDone || block.freedOn == stream))
      return &entry;
  }
  return nullptr;
}

}  // namespace
}  // namespace switchyard::cuda_shim

#define BEGIN(name)                        \
  World& world = World::get();             \
  const std::lock_guard lock(world.mutex); \
  if (const cudaError_t fault = world.begin(name); fault != cudaSuccess) return fault

extern "C" {

// ---- of cards

cudaError_t cudaMemGetInfo(size_t* left, size_t* total) {
  BEGIN("cudaMemGetInfo");
  *total = world.deviceBytes;
  *left = world.deviceBytes - std::min<uint64_t>(world.deviceBytes, world.takenOf(World::currentCard()));
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  BEGIN("cudaMalloc");
  world.slow("cudaMalloc");
  const int card = World::currentCard();
  if (world.takenOf(card) + bytes > world.deviceBytes) return world.end(cudaErrorMemoryAllocation);
  std::byte* made = allocate(bytes);
  if (!made) return world.end(cudaErrorMemoryAllocation);
  std::memset(made, kFresh, bytes);
  world.blocks[made] = {MemoryKind::Device, bytes, card};
  *memory = made;
  return cudaSuccess;
}

// Waits for all streams.
cudaError_t cudaFree(void* memory) {
  BEGIN("cudaFree");
  if (!memory) return cudaSuccess;
  world.slow("cudaFree");
  if (!world.runAll()) {
    world.violation("cudaFree() while a kernel does not end");
    return world.end(cudaErrorLaunchTimeout);
  }
  const auto found = world.blocks.find(static_cast<std::byte*>(memory));
  if (found == world.blocks.end() || found->second.kind != MemoryKind::Device) return world.end(cudaErrorInvalidValue);
  std::free(memory);
  world.blocks.erase(found);
  return cudaSuccess;
}

// ---- pools

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* props) {
  BEGIN("cudaMemPoolCreate");
  if (!world.hasPools) return world.end(cudaErrorNotSupported);
  if (props->allocType != cudaMemAllocationTypePinned || props->location.type != cudaMemLocationTypeDevice)
    return world.end(cudaErrorInvalidValue);
  auto* made = new PoolState{.card = props->location.id};
  world.pools.insert(made);
  *pool = reinterpret_cast<cudaMemPool_t>(made);
  return cudaSuccess;
}

// What was taken of it stays until it is given back.
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  BEGIN("cudaMemPoolDestroy");
  for (const StepPtr& step : std::vector<StepPtr>(world.open)) world.runUntil(step);
  of(pool).isDestroyed = true;
  world.dropPool(&of(pool));
  return cudaSuccess;
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  BEGIN("cudaMemPoolSetAttribute");
  if (attribute != cudaMemPoolAttrReleaseThreshold) return world.end(cudaErrorInvalidValue);
  of(pool).threshold = *static_cast<uint64_t*>(value);
  return cudaSuccess;
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  BEGIN("cudaMemPoolGetAttribute");
  auto& number = *static_cast<uint64_t*>(value);
  switch (attribute) {
    case cudaMemPoolAttrReservedMemCurrent: number = of(pool).reserved; break;
    case cudaMemPoolAttrUsedMemCurrent: number = of(pool).used; break;
    default: return world.end(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t keep) {
  BEGIN("cudaMemPoolTrimTo");
  world.slow("cudaMemPoolTrimTo");
  PoolState& state = of(pool);
  for (auto it = world.blocks.begin(); it != world.blocks.end() && state.reserved > keep;) {
    if (it->second.pool != &state || !it->second.freed || !it->second.freed->isDone) {
      ++it;
      continue;
    }
    state.reserved -= it->second.bytes;
    std::free(const_cast<std::byte*>(it->first));
    it = world.blocks.erase(it);
  }
  return cudaSuccess;
}

// The address is known at once, the memory is there when the stream has come to it: what touches it before is lost.
cudaError_t cudaMallocFromPoolAsync(void** memory, size_t bytes, cudaMemPool_t pool, cudaStream_t stream) {
  BEGIN("cudaMallocFromPoolAsync");
  PoolState& state = of(pool);
  bytes = rounded(bytes);
  std::byte* at = nullptr;
  if (auto* known = reusable(world, state, bytes, &of(stream))) {
    at = const_cast<std::byte*>(known->first), bytes = known->second.bytes;
    known->second.freed = nullptr, known->second.isFree = false;
  } else {
    world.slow("cudaMallocFromPoolAsync");  // the pool grows
    if (world.takenOf(state.card) + bytes > world.deviceBytes) return world.end(cudaErrorMemoryAllocation);
    if (!(at = allocate(bytes))) return world.end(cudaErrorMemoryAllocation);
    std::memset(at, kFreed, bytes);
    world.blocks[at] = {MemoryKind::Pooled, bytes, state.card, &state};
    state.reserved += bytes;
  }
  state.used += bytes;
  world.ask(of(stream), [at, bytes] { std::memset(at, kFresh, bytes); })->isWork = false;
  *memory = at;
  return cudaSuccess;
}

cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  BEGIN("cudaFreeAsync");
  const auto found = world.blocks.find(static_cast<std::byte*>(memory));
  if (found == world.blocks.end() || found->second.kind != MemoryKind::Pooled || found->second.freed)
    return world.end(cudaErrorInvalidValue);
  Block& block = found->second;
  block.freedOn = &of(stream);
  const size_t bytes = block.bytes;
  block.pool->used -= bytes;
  const uint64_t number = ++block.frees;
  block.freed = world.ask(of(stream), [&world, memory, bytes, number] {
    std::memset(memory, kFreed, bytes);
    Block& given = world.blocks.at(static_cast<std::byte*>(memory));
    given.isFree = given.freed && given.frees == number;  // else it was given out again, behind this
    world.dropPool(given.pool);
  });
  block.freed->isWork = false;
  return cudaSuccess;
}

// ---- page-locked

cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  BEGIN("cudaHostAlloc");
  world.slow("cudaHostAlloc");
  std::byte* made = allocate(bytes);
  if (!made) return world.end(cudaErrorMemoryAllocation);
  std::memset(made, kFresh, bytes);
  world.blocks[made] = {MemoryKind::Host, bytes, World::currentCard()};
  *memory = made;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* memory) {
  BEGIN("cudaFreeHost");
  world.slow("cudaFreeHost");
  const auto found = world.blocks.find(static_cast<std::byte*>(memory));
  if (found == world.blocks.end() || found->second.kind != MemoryKind::Host) return world.end(cudaErrorInvalidValue);
  if (!world.runAll()) world.violation("cudaFreeHost() while a kernel does not end");
  std::free(memory);
  world.blocks.erase(found);
  return cudaSuccess;
}

cudaError_t cudaHostRegister(void* memory, size_t bytes, unsigned) {
  BEGIN("cudaHostRegister");
  world.slow("cudaHostRegister");
  const auto* at = static_cast<const std::byte*>(memory);
  if (world.blocks.count(at)) return world.end(cudaErrorHostMemoryAlreadyRegistered);
  world.blocks[at] = {MemoryKind::Registered, bytes, World::currentCard()};
  return cudaSuccess;
}

cudaError_t cudaHostUnregister(void* memory) {
  BEGIN("cudaHostUnregister");
  world.slow("cudaHostUnregister");
  const auto found = world.blocks.find(static_cast<const std::byte*>(memory));
  if (found == world.blocks.end() || found->second.kind != MemoryKind::Registered)
    return world.end(cudaErrorHostMemoryNotRegistered);
  world.runAll();
  world.blocks.erase(found);
  return cudaSuccess;
}

// ---- transfers

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  BEGIN("cudaMemcpyAsync");
  // From other memory of the host's the call would wait for the transfer, or for a copy of it.
  if (kind == cudaMemcpyHostToDevice && !world.isPageLocked(from, bytes))
    world.violation("an upload from memory that is not page-locked");
  if (kind == cudaMemcpyDeviceToHost && !world.isPageLocked(to, bytes))
    world.violation("a download into memory that is not page-locked");
  world.ask(of(stream), [&world, to, from, bytes, kind] {
    if (kind != cudaMemcpyHostToDevice) world.checkDevice(from, bytes, "a copy from");
    if (kind != cudaMemcpyDeviceToHost) world.checkDevice(to, bytes, "a copy to");
    std::memmove(to, from, bytes);
  });
  return cudaSuccess;
}

cudaError_t cudaMemcpyPeerAsync(void* to, int toCard, const void* from, int fromCard, size_t bytes,
                                cudaStream_t stream) {
  BEGIN("cudaMemcpyPeerAsync");
  const Block *target = world.find(to, bytes), *source = world.find(from, bytes);
  if (!target || target->card != toCard || !source || source->card != fromCard)
    world.violation("a copy between cards that names others than those of its memory");
  world.ask(of(stream), [&world, to, from, bytes] {
    world.checkDevice(from, bytes, "a copy from another card");
    world.checkDevice(to, bytes, "a copy from another card to");
    std::memmove(to, from, bytes);
  });
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  BEGIN("cudaMemsetAsync");
  world.ask(of(stream), [&world, to, value, bytes] {
    world.checkDevice(to, bytes, "a fill of");
    std::memset(to, value, bytes);
  });
  return cudaSuccess;
}

}  // extern "C"
