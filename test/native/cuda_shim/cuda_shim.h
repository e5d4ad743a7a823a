// CUDA C++ as plain C++, for tests: what a .cu of kernels/ needs, with the threads of a block as fibers. It proves
// indexing and logic, not speed; a missing barrier shows because threads run in several orders, a divergent one is
// reported, and so is what blocks do to each other's memory (blocks.h).
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

namespace switchyard::cuda_shim {

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};
extern thread_local uint3 threadIdx, blockIdx, blockDim, gridDim;

struct alignas(16) float4 {
  float x, y, z, w;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

inline float __fmul_rn(float a, float b) { return a * b; }
inline float __int_as_float(int32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
inline int32_t __float_as_int(float value) {
  int32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

struct half {
  unsigned short bits;
};
half __float2half_rn(float value);
float __half2float(half value);
inline unsigned short __half_as_ushort(half value) { return value.bits; }
inline half __ushort_as_half(unsigned short bits) { return {bits}; }

// The block's own memory for a variable of SWITCHYARD_SHARED, which `place` stands for: what is in it at first is not
// zero. At most as much in all as a card gives without being asked.
constexpr size_t kSharedBytes = 48 * 1024;
void* sharedMemory(const void* place, size_t bytes, size_t alignment);
template <class T>
T& sharedOf(const void* place) {
  return *std::launder(reinterpret_cast<T*>(sharedMemory(place, sizeof(T), alignof(T))));
}

// Barriers. All threads of the block, or all lanes of the warp that `mask` names, must come to the same one.
void __syncthreads(int line = __builtin_LINE());
void __syncwarp(unsigned mask = 0xFFFFFFFFu, int line = __builtin_LINE());

// The 8 bytes that `lane` of this warp passes at this exchange, given the ones of this thread. `lane` from 0 to 31.
uint64_t exchange(unsigned mask, uint64_t mine, unsigned lane, int line);
template <class T>
T exchangeAs(unsigned mask, T value, unsigned lane, int line) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable<T>::value, "a shuffle moves plain values");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(mask, bits, lane, line);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <class T>
T __shfl_sync(unsigned mask, T value, int from, int line = __builtin_LINE()) {
  return exchangeAs(mask, value, unsigned(from) & 31, line);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int line = __builtin_LINE()) {
  return exchangeAs(mask, value, (threadIdx.x & 31) ^ unsigned(bits), line);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int line = __builtin_LINE()) {
  const unsigned lane = threadIdx.x & 31;
  return exchangeAs(mask, value, lane + by < 32 ? lane + by : lane, line);
}

// mma.sync.aligned.m16n8k16.row.col.f32 of float16, or of bfloat16: fragments as the PTX manual lays them out. All
// lanes call it. Sums are rounded as an A100 rounds them, the least exact of the cards that have it: towards zero.
void mmaM16N8K16(float (&sums)[4], const uint32_t (&left)[4], const uint32_t (&right)[2], bool isBfloat,
                 int line = __builtin_LINE());

// Atomic operations: nothing goes on between the reading and the writing, but maybe before and after. They are no
// accesses like others to who watches those.
void atAtomic(const void* at, size_t bytes);
#define SWITCHYARD_SHIM_ATOMIC __attribute__((noinline, no_sanitize_thread))
template <class T>
SWITCHYARD_SHIM_ATOMIC T atomicAdd(T* at, T value) {
  atAtomic(at, sizeof(T));
  const T old = *at;
  *at = old + value;
  return old;
}
template <class T>
SWITCHYARD_SHIM_ATOMIC T atomicMax(T* at, T value) {
  atAtomic(at, sizeof(T));
  const T old = *at;
  if (value > old) *at = value;
  return old;
}
template <class T>
SWITCHYARD_SHIM_ATOMIC T atomicMin(T* at, T value) {
  atAtomic(at, sizeof(T));
  const T old = *at;
  if (value < old) *at = value;
  return old;
}
template <class T>
SWITCHYARD_SHIM_ATOMIC T atomicExch(T* at, T value) {
  atAtomic(at, sizeof(T));
  const T old = *at;
  *at = value;
  return old;
}

// Runs `threads` threads of every block, in the way that blocks.h says. Throws switchyard::Error{Internal} where a
// block's threads part at a barrier.
struct CudaVariant;
void runKernel(const CudaVariant& variant, unsigned gridX, unsigned gridY, void** arguments, const char* name);

}  // namespace switchyard::cuda_shim
