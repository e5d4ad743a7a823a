// One function for each kernel of kernels.def that runs on the CPU.
#pragma once
#include <cstring>
#include <span>

#include "cpu/team.h"
#include "device.h"
#include "params.h"

namespace switchyard::cpu {

struct Call {
  uint64_t count;
  std::span<const BufferView> views;
  const void* params;
  Budget budget;

  template <class T>
  T as() const {
    T params_;
    std::memcpy(&params_, params, sizeof(T));
    return params_;
  }
  template <class T = float>
  T* view(size_t index) const {
    return views[index].host<T>();
  }
};

// Outputs of at least this many bytes bypass the caches: reading a line before overwriting it would cost half as much
// again.
constexpr uint64_t kStreamBytes = uint64_t{2} << 20;

namespace kernels {
#define SWITCHYARD_CPU_All(name) void name(const Call& call);
#define SWITCHYARD_CPU_Cpu(name) void name(const Call& call);
#define SWITCHYARD_CPU_Gpu(name)
#define KERNEL(name, unit, buffers, outputs, params, where) SWITCHYARD_CPU_##where(name)
#include "kernels.def"
#undef KERNEL
#undef SWITCHYARD_CPU_All
#undef SWITCHYARD_CPU_Cpu
#undef SWITCHYARD_CPU_Gpu
}  // namespace kernels

// Copies with several threads and streaming stores where that pays. The ranges don't overlap.
void copyBytes(const Budget& budget, void* dst, const void* src, size_t bytes);
void fillWords(const Budget& budget, uint32_t* dst, uint32_t word, size_t words);

// The instruction set that run-time dispatch chose, for DeviceInfo: "AVX-512", "AVX2", "baseline".
const char* simdName() noexcept;

}  // namespace switchyard::cpu
