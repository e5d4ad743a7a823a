// What every .cu begins with: the launch index, and the macros that register a kernel under its contract of
// kernels.def.
#pragma once
#include "registry.h"
#ifdef SWITCHYARD_CUDA_SHIM
#include "cuda_shim.h"
#include "launches.h"
#define SWITCHYARD_UNROLL
#else
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#define SWITCHYARD_UNROLL _Pragma("unroll")  // where a run-time index would move registers to memory
#endif

// Memory of a block: SWITCHYARD_SHARED(float, partial, [8]) is __shared__ float partial[8]. The emulation has several
// blocks in flight, each with memory of its own, which a plain variable can't give it.
#ifdef SWITCHYARD_CUDA_SHIM
#define SWITCHYARD_SHARED(type, name, ...) \
  static const char name##Place = 0;       \
  auto& name = sharedOf<type __VA_ARGS__>(&name##Place)
#else
#define SWITCHYARD_SHARED(type, name, ...) __shared__ type name __VA_ARGS__
#endif

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kWarp = 32;
constexpr uint32_t kAllLanes = 0xFFFFFFFFu;

// The block's place in the launch; the queue folds long launches into two grid dimensions.
__device__ inline uint64_t linearBlock() { return uint64_t(blockIdx.y) * gridDim.x + blockIdx.x; }
__device__ inline uint64_t linearThread() { return linearBlock() * blockDim.x + threadIdx.x; }

__device__ inline bool aligned16(const void* p) { return (reinterpret_cast<uintptr_t>(p) & 15) == 0; }
__device__ inline float infinity() { return __int_as_float(0x7F800000); }
__device__ inline float quietNan() { return __int_as_float(0x7FC00000); }

__device__ inline bool isFinite(float x) { return (__float_as_int(x) & 0x7F800000) != 0x7F800000; }
// Of `count` elements, `step` apart.
__device__ inline bool allFinite(const float* from, uint64_t step, uint64_t count) {
  bool finite = true;
  for (uint64_t i = 0; i < count; ++i) finite = isFinite(from[i * step]) && finite;
  return finite;
}
// False where a sum of squares may have over- or underflowed, or is NaN: it is then made again from scaled elements.
__device__ inline bool trustedSquares(float sum) { return sum >= 1e-30f && sum <= 1e38f; }
__device__ inline int exponentBits(float x) { return (__float_as_int(x) >> 23) & 0xFF; }
// 2^exponent for -126 .. 127.
__device__ inline float powerOfTwo(int exponent) { return __int_as_float((exponent + 127) << 23); }
// The power of two that brings a magnitude near 1 (at most to 4, a denormal at least to 2^-23).
__device__ inline float towardsOne(float magnitude) {
  const int exponent = 127 - exponentBits(magnitude);
  return powerOfTwo(exponent < -126 ? -126 : exponent > 126 ? 126 : exponent);
}
// a * b + c; where the product alone overflows, a quarter as large.
__device__ inline float wideMulAdd(float a, float b, float c) {
  const float y = a * b + c;
  return isFinite(y) ? y : (a * 0.25f * b + c * 0.25f) * 4.0f;
}

// A uint that orders floats "best first" ascending (kernels.def, sort keys).
__device__ inline uint32_t sortKey(float value, bool largest) {
  if (value != value) return 0xFFFFFFFFu;
  const uint32_t bits = value == 0.0f ? 0u : uint32_t(__float_as_int(value));
  const uint32_t ascending = (bits & 0x80000000u) ? ~bits : bits | 0x80000000u;
  return largest ? ~ascending : ascending;
}
constexpr uint32_t kMissingKey = 0xFFFFFFFFu;
constexpr uint32_t kMissingIndex = 0x7FFFFFFFu;

#ifdef SWITCHYARD_CUDA_SHIM
template <class... A, size_t... I>
void callWith(const void* function, void** arguments, std::index_sequence<I...>) {
  reinterpret_cast<void (*)(A...)>(const_cast<void*>(function))(*static_cast<std::remove_const_t<A>*>(arguments[I])...);
}
template <class... A>
CudaVariant makeVariant(void (*function)(A...), uint32_t threads, uint32_t unitsPerBlock) {
  const auto call = [](const void* f, void** arguments) {
    callWith<A...>(f, arguments, std::index_sequence_for<A...>());
  };
  noteKernel(reinterpret_cast<const void*>(function), call, {sizeof(A)...});
  return {reinterpret_cast<const void*>(function), call, threads, unitsPerBlock};
}
#else
template <class... A>
CudaVariant makeVariant(void (*function)(A...), uint32_t threads, uint32_t unitsPerBlock) {
  return {reinterpret_cast<const void*>(function), nullptr, threads, unitsPerBlock};
}
#endif

// Whether a function takes the contract's buffers and then its params by value.
template <class Params, uint32_t kBuffers, class... A>
constexpr bool fitsContract(void (*)(A...)) {
  constexpr bool pointer[] = {std::is_pointer<A>::value...};
  uint32_t pointers = 0;
  for (bool p : pointer) pointers += p;
  constexpr bool last[] = {std::is_same<std::remove_const_t<A>, Params>::value...};
  return sizeof...(A) == kBuffers + 1 && pointers == kBuffers && last[sizeof...(A) - 1];
}
#define SWITCHYARD_CHECK_CONTRACT(name, function)                                                              \
  static_assert(fitsContract<name##Contract::Params, name##Contract::kBuffers>(decltype (&function)(nullptr)), \
                "arguments differ from kernels.def")

// One function for all sizes. `unitsPerBlock` is `threads` for one item a thread.
#define SWITCHYARD_KERNEL(name, function, threads, unitsPerBlock)                                           \
  SWITCHYARD_CHECK_CONTRACT(name, function);                                                                \
  static_assert(name##Contract::kUnit == Unit::Groups || (unitsPerBlock) % (threads) == 0, "uneven items"); \
  static const CudaVariant& name##Choose(const void*) {                                                     \
    static const CudaVariant variant = makeVariant(&function, threads, unitsPerBlock);                      \
    return variant;                                                                                         \
  }                                                                                                         \
  const CudaKernel cudaKernel_##name = {name##Contract::kBuffers, uint32_t(sizeof(name##Contract::Params)), \
                                        name##Choose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
