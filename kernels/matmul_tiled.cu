// The matrix product for where cuBLASLt is not installed, or refuses a shape. Also gives the zeros of an empty depth.
#include "tile.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

static_assert(kTile == kMatmulTile, "the launch counts tiles");

__global__ void __launch_bounds__(kTileThreads, 2)
    matmulTiledKernel(const float* a, const float* b, float* out, MatmulTiledParams p) {
  __shared__ Slice sliceA;
  __shared__ Slice sliceB;
  const uint64_t columns = (uint64_t(p.n) + kTile - 1) / kTile, rows = (uint64_t(p.m) + kTile - 1) / kTile;
  const uint64_t tile = linearBlock(), batch = tile / (rows * columns);
  if (batch >= p.batch) return;
  const uint64_t firstRow = tile / columns % rows * kTile, firstColumn = tile % columns * kTile;
  const float* matrixA = a + batch * p.strideA;
  const float* matrixB = b + batch * p.strideB;
  float results[kPerThread][kPerThread] = {};
  for (uint64_t depth = 0; depth < p.k; depth += kSlice) {
    loadSlice(sliceA, matrixA, firstRow, p.m, depth, p.k, p.lda, p.transposeA != 0);
    // b [k, n] is stored depth after depth
    loadSlice(sliceB, matrixB, firstColumn, p.n, depth, p.k, p.ldb, p.transposeB == 0);
    __syncthreads();
    accumulate(results, sliceA, sliceB, [](float sum, float x, float y) { return sum + x * y; });
    __syncthreads();
  }
  float* to = out + batch * p.strideOut + firstRow * p.ldOut + firstColumn;
  eachResult(results, firstRow, p.m, firstColumn, p.n,
             [&](uint32_t row, uint32_t column, float sum) { to[uint64_t(row) * p.ldOut + column] = p.alpha * sum; });
}

static const CudaVariant& matmulTiledChoose(const void*) {
  static const CudaVariant variant = makeVariant(&matmulTiledKernel, kTileThreads, 1);
  return variant;
}
const CudaKernel cudaKernel_matmul_tiled = {3, uint32_t(sizeof(MatmulTiledParams)), matmulTiledChoose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
