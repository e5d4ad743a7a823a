// What the launcher knows of a compiled kernel, and the table of all of them. Needs no CUDA header, so that host code
// and the emulation of the tests read it alike.
#pragma once
#include <cstdint>

#include "../src/params.h"

// The emulation compiles the same sources into its own namespace: one program may hold both.
#ifdef SWITCHYARD_CUDA_SHIM
#define SWITCHYARD_KERNEL_SPACE cuda_shim
#else
#define SWITCHYARD_KERNEL_SPACE cuda
#endif

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// One __global__ function with the launch shape that it is written for.
struct CudaVariant {
  const void* function;                                  // for cudaLaunchKernel
  void (*call)(const void* function, void** arguments);  // a plain call of the same, for the emulation; null on CUDA
  uint32_t threads;                                      // in a block
  uint32_t unitsPerBlock;                                // items or groups (kernels.def) that one block covers
};

// Arguments: `buffers` pointers, then the params struct by value.
struct CudaKernel {
  uint32_t buffers;
  uint32_t paramsBytes;
  const CudaVariant& (*choose)(const void* params);
};

// The contract of each kernel, from kernels.def.
enum class Unit { Items, Groups };
#define KERNEL(name, unit_, buffers_, outputs_, params_, where_) \
  struct name##Contract {                                        \
    static constexpr Unit kUnit = Unit::unit_;                   \
    static constexpr uint32_t kBuffers = buffers_;               \
    using Params = params_;                                      \
  };
#include "../src/kernels.def"
#undef KERNEL

// One symbol a kernel: one that is missing does not link.
#define SWITCHYARD_DECLARE_All(name) extern const CudaKernel cudaKernel_##name;
#define SWITCHYARD_DECLARE_Gpu(name) extern const CudaKernel cudaKernel_##name;
#define SWITCHYARD_DECLARE_Cpu(name)
#define KERNEL(name, unit, buffers, outputs, params, where) SWITCHYARD_DECLARE_##where(name)
#include "../src/kernels.def"
#undef KERNEL

#define SWITCHYARD_ENTRY_All(name) &cudaKernel_##name,
#define SWITCHYARD_ENTRY_Gpu(name) &cudaKernel_##name,
#define SWITCHYARD_ENTRY_Cpu(name) nullptr,
// In the order of enum Kernel; null where only the CPU has the kernel.
inline const CudaKernel* const kKernelTable[] = {
#define KERNEL(name, unit, buffers, outputs, params, where) SWITCHYARD_ENTRY_##where(name)
#include "../src/kernels.def"
#undef KERNEL
};

// Kernels that only the queue itself launches.
struct FillParams {
  uint64_t words;
  uint32_t word;
};
extern const CudaKernel cudaKernel_fill;  // dst

// `bytes` from one place to another, several of them, which don't overlap: from the card's memory, or from page-locked
// memory of the host's.
constexpr uint32_t kScatterPieces = 32, kScatterParts = 4;
struct ScatterParams {
  uint64_t from[kScatterPieces], to[kScatterPieces];
  uint32_t bytes[kScatterPieces];
  uint32_t count;
};
extern const CudaKernel cudaKernel_scatter;  // no buffers; one unit is a part of a piece: count * kScatterParts

// Mirrors Matmul of device.h: out = activation(alpha * op(a) * op(b) + bias) + residual, row-major, strides in
// elements.
struct MatmulTiledParams {
  uint32_t m, n, k, lda, ldb, ldOut, transposeA, transposeB, batch;
  float alpha;
  uint64_t strideA, strideB, strideOut;
  uint32_t formatA, formatB, formatOut, formatBias, formatResidual;
  uint32_t bits, group;  // of b's codes; 0: b is floating, its rows have one scale
  uint32_t integerA;     // a is codes of 8 bits, with a scale for each row
  uint32_t activation, hasBias, hasResidual;
};
template <class Op>  // Matmul
MatmulTiledParams matmulTiledParams(const Op& op) {
  return {op.m,
          op.n,
          op.k,
          op.lda,
          op.ldb,
          op.ldOut,
          op.transposeA,
          op.transposeB,
          op.batch,
          op.alpha,
          op.strideA,
          op.strideB,
          op.strideOut,
          op.formatA,
          op.formatB,
          op.formatOut,
          op.formatBias,
          op.formatResidual,
          op.k ? op.bits : 0,
          op.group,
          op.k && op.rowScales,
          op.activation,
          bool(op.bias),
          bool(op.residual)};
}
// a, b, scales, row scales, bias, residual, out, those that there are; one unit is a tile of kMatmulTile x
// kMatmulTile of one batch
extern const CudaKernel cudaKernel_matmul_tiled;
constexpr uint32_t kMatmulTile = 64;
inline uint64_t matmulTiles(const MatmulTiledParams& p) {
  return uint64_t((p.m + uint64_t(kMatmulTile) - 1) / kMatmulTile) * ((p.n + uint64_t(kMatmulTile) - 1) / kMatmulTile) *
         p.batch;
}

// What follows a product that another made: out [m, ldOut] = activation(sums + bias) + residual, in one pass over the
// sums [m, ldSums], of which out may be the memory. Of codes the sums are int32, and times alpha and the scales.
struct MatmulFinishParams {
  uint32_t m, n, ldSums, ldOut;
  uint32_t formatOut, formatBias, formatResidual, activation, hasBias, hasResidual;
  uint32_t areIntegers;
  float alpha;
};
template <class Op>
MatmulFinishParams matmulFinishParams(const Op& op, uint32_t ldSums) {
  return {op.m,
          op.n,
          ldSums,
          op.ldOut,
          op.formatOut,
          op.formatBias,
          op.formatResidual,
          op.activation,
          bool(op.bias),
          bool(op.residual),
          bool(op.rowScales),
          op.alpha};
}
// sums, scales, row scales, bias, residual, out; one item an element
extern const CudaKernel cudaKernel_matmul_finish;

// A linear block count folded into two grid dimensions where it passes `maxX`.
struct Grid {
  uint32_t x, y;
};
inline Grid foldGrid(uint64_t blocks, uint64_t maxX) {
  if (blocks <= maxX) return {uint32_t(blocks), 1};
  const uint64_t y = (blocks + maxX - 1) / maxX;
  return {uint32_t((blocks + y - 1) / y), uint32_t(y)};
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
