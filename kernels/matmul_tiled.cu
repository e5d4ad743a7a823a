// The matrix product for where cuBLASLt is not installed, or refuses a shape. Also gives the zeros of an empty depth.
#include "tile.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

static_assert(kTile == kMatmulTile, "the launch counts tiles");
constexpr uint32_t kSumBlock = 256;

// alpha times a sum that overflowed on the way, made again from factors that are each 2^80 smaller: what is then too
// small for float32 does not count.
__device__ inline float rescued(const float* a, uint64_t stepA, const float* b, uint64_t stepB, uint64_t k,
                                float alpha) {
  const float down = powerOfTwo(-80), back = powerOfTwo(80);
  float sum = 0.0f;
  for (uint64_t i = 0; i < k; ++i) sum += a[i * stepA] * down * (b[i * stepB] * down);
  // Back by 2^160 in an order in which neither alpha nor the powers overflow before the result does.
  if (fabsf(sum) < 1e12f) return sum * back * alpha * back;
  return sum * alpha * back * back;
}

__global__ void __launch_bounds__(kTileThreads, 2)
    matmulTiledKernel(const float* a, const float* b, float* out, MatmulTiledParams p) {
  __shared__ Slice sliceA;
  __shared__ Slice sliceB;
  __shared__ uint32_t anyLost;
  __shared__ bool isFiniteFactor[2 * kTile];  // of a's rows and b's columns
  const uint64_t columns = (uint64_t(p.n) + kTile - 1) / kTile, rows = (uint64_t(p.m) + kTile - 1) / kTile;
  const uint64_t tile = linearBlock(), batch = tile / (rows * columns);
  if (batch >= p.batch) return;
  const uint64_t firstRow = tile / columns % rows * kTile, firstColumn = tile % columns * kTile;
  const float* matrixA = a + batch * p.strideA;
  const float* matrixB = b + batch * p.strideB;
  // In blocks, so that the error of long sums of like terms grows with their number.
  float results[kPerThread][kPerThread] = {}, part[kPerThread][kPerThread] = {};
  const auto addPart = [&] {
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < kPerThread * kPerThread; ++i) {
      results[i / kPerThread][i % kPerThread] += part[i / kPerThread][i % kPerThread];
      part[i / kPerThread][i % kPerThread] = 0.0f;
    }
  };
  for (uint64_t depth = 0; depth < p.k; depth += kSlice) {
    loadSlice(sliceA, matrixA, firstRow, p.m, depth, p.k, p.lda, p.transposeA != 0);
    // b [k, n] is stored depth after depth
    loadSlice(sliceB, matrixB, firstColumn, p.n, depth, p.k, p.ldb, p.transposeB == 0);
    __syncthreads();
    accumulate(part, sliceA, sliceB, [](float sum, float x, float y) { return sum + x * y; });
    if (depth % kSumBlock == kSumBlock - kSlice) addPart();
    __syncthreads();
  }
  addPart();
  float* to = out + batch * p.strideOut + firstRow * p.ldOut + firstColumn;
  uint32_t lost = 0;  // a bit for each sum that overflowed
  eachResult(results, firstRow, p.m, firstColumn, p.n, [&](uint32_t row, uint32_t column, float sum) {
    if (!isFinite(sum)) lost |= bitOfResult(row, column);
    to[uint64_t(row) * p.ldOut + column] = p.alpha * sum;
  });
  if (!anyInBlock(lost, anyLost)) return;
  const uint64_t stepA = p.transposeA ? p.lda : 1, stepB = p.transposeB ? 1 : p.ldb;
  const auto rowOfA = [&](uint32_t row) { return matrixA + (firstRow + row) * (p.transposeA ? 1 : uint64_t(p.lda)); };
  const auto columnOfB = [&](uint32_t column) {
    return matrixB + (firstColumn + column) * (p.transposeB ? uint64_t(p.ldb) : 1);
  };
  if (threadIdx.x < 2 * kTile) {
    const uint32_t i = threadIdx.x % kTile;
    isFiniteFactor[threadIdx.x] = threadIdx.x < kTile ? firstRow + i >= p.m || allFinite(rowOfA(i), stepA, p.k)
                                                      : firstColumn + i >= p.n || allFinite(columnOfB(i), stepB, p.k);
  }
  __syncthreads();
  eachBit(lost, [&](uint32_t row, uint32_t column) {
    if (isFiniteFactor[row] && isFiniteFactor[kTile + column])  // else the sum is what it is
      to[uint64_t(row) * p.ldOut + column] = rescued(rowOfA(row), stepA, columnOfB(column), stepB, p.k, p.alpha);
  });
}

static const CudaVariant& matmulTiledChoose(const void*) {
  static const CudaVariant variant = makeVariant(&matmulTiledKernel, kTileThreads, 1);
  return variant;
}
const CudaKernel cudaKernel_matmul_tiled = {3, uint32_t(sizeof(MatmulTiledParams)), matmulTiledChoose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
