// The matrix product for where cuBLASLt is not installed, or refuses a shape. Also for integer weights,
// and the zeros of an empty depth.
#include "activation.h"
#include "halves.h"
#include "tile.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

static_assert(kTile == kMatmulTile, "the launch counts tiles");
constexpr uint32_t kSumBlock = 256;

// alpha times a sum that overflowed on the way, made again from factors that are each 2^80 smaller: what is then too
// small for float32 does not count. a(i) and b(i) are the factors.
template <class A, class B>
__device__ inline float rescued(uint64_t k, float alpha, A a, B b) {
  const float down = powerOfTwo(-80), back = powerOfTwo(80);
  float sum = 0.0f;
  for (uint64_t i = 0; i < k; ++i) sum += a(i) * down * (b(i) * down);
  // Back by 2^160 in an order in which neither alpha nor the powers overflow before the result does.
  if (fabsf(sum) < 1e12f) return sum * back * alpha * back;
  return sum * alpha * back * back;
}

// Of `count` factors.
template <class F>
__device__ inline bool allFiniteFactors(uint64_t count, F at) {
  bool finite = true;
  for (uint64_t i = 0; i < count; ++i) finite = isFinite(at(i)) && finite;
  return finite;
}

__device__ inline int32_t signedCode(uint32_t byte, uint32_t bits) {
  return static_cast<int32_t>(byte << (32 - bits)) >> (32 - bits);
}

struct TiledBuffers {
  const void *a, *b;
  const float *scales, *rowScales;
  const void *bias, *residual;
  void* out;
};

// What is read and written where all is float32 and nothing follows the product.
struct PlainTile {
  const float *a, *b;
  float* out;
  const MatmulTiledParams& p;
  __device__ PlainTile(const TiledBuffers& buffers, const MatmulTiledParams& params, uint64_t batch)
      : a(static_cast<const float*>(buffers.a) + batch * params.strideA),
        b(static_cast<const float*>(buffers.b) + batch * params.strideB),
        out(static_cast<float*>(buffers.out) + batch * params.strideOut),
        p(params) {}
  __device__ float factorA(uint64_t row, uint64_t k) const {
    return a[p.transposeA ? k * p.lda + row : row * p.lda + k];
  }
  __device__ float factorB(uint64_t column, uint64_t k) const {
    return b[p.transposeB ? column * p.ldb + k : k * p.ldb + column];
  }
  __device__ float inTile(uint64_t column, uint64_t k) const { return factorB(column, k); }
  __device__ float scaleOf(uint64_t) const { return 1.0f; }
  __device__ void put(uint64_t row, uint64_t column, float product) const { out[row * p.ldOut + column] = product; }
};

// ... and of any formats, with what follows.
struct AnyTile {
  In a, b;
  const unsigned char *codesA, *codesB;
  TiledBuffers buffers;
  Out out;
  const MatmulTiledParams& p;
  __device__ AnyTile(const TiledBuffers& all, const MatmulTiledParams& params, uint64_t batch)
      : a(In(all.a, params.formatA, 0).from(batch * params.strideA)),
        b(In(all.b, params.formatB, 0).from(batch * params.strideB)),
        codesA(static_cast<const unsigned char*>(all.a)),
        codesB(static_cast<const unsigned char*>(all.b)),
        buffers(all),
        out(Out(all.out, params.formatOut, 0).from(batch * params.strideOut)),
        p(params) {}
  __device__ float factorA(uint64_t row, uint64_t k) const {
    const uint64_t at = p.transposeA ? k * p.lda + row : row * p.lda + k;
    return p.integerA ? float(signedCode(codesA[at], 8)) : a[at];
  }
  __device__ float unscaledB(uint64_t column, uint64_t k) const {
    if (p.bits == 8) return float(signedCode(codesB[column * p.ldb + k], 8));
    if (p.bits == 4) {  // rows begin at a byte
      const uint32_t byte = codesB[column * ((uint64_t(p.ldb) + 1) / 2) + k / 2];
      return float(signedCode(k % 2 ? byte >> 4 : byte, 4));
    }
    return b[p.transposeB ? column * p.ldb + k : k * p.ldb + column];
  }
  __device__ float scaleAt(uint64_t column, uint64_t k) const {
    return p.group ? buffers.scales[column * (p.k / p.group) + k / p.group] : buffers.scales[column];
  }
  __device__ float factorB(uint64_t column, uint64_t k) const {
    return p.bits ? unscaledB(column, k) * scaleAt(column, k) : unscaledB(column, k);
  }
  // The scale of a whole row is left to its sums: products of codes are then whole numbers, and exact.
  __device__ float inTile(uint64_t column, uint64_t k) const {
    return p.bits && p.group ? factorB(column, k) : unscaledB(column, k);
  }
  __device__ float scaleOf(uint64_t column) const { return p.bits && !p.group ? buffers.scales[column] : 1.0f; }
  __device__ void put(uint64_t row, uint64_t column, float product) const {
    float v = p.integerA ? product * buffers.rowScales[row] : product;
    if (p.hasBias) v += In(buffers.bias, p.formatBias, 0)[column];
    if (p.activation != kActivationNone) v = activate(p.activation, v);
    if (p.hasResidual) v += In(buffers.residual, p.formatResidual, 0)[row * p.n + column];
    out.put(row * p.ldOut + column, v);
  }
};

template <class Tile>
__global__ void __launch_bounds__(kTileThreads, 2)
    matmulTiledKernel(const void* bufferA, const void* bufferB, const float* scales, const float* rowScales,
                      const void* bias, const void* residual, void* out, MatmulTiledParams p) {
  SWITCHYARD_SHARED(Slice, sliceA);
  SWITCHYARD_SHARED(Slice, sliceB);
  SWITCHYARD_SHARED(uint32_t, anyLost);
  SWITCHYARD_SHARED(bool, isFiniteFactor, [2 * kTile]);  // of a's rows and b's columns
  const uint64_t columns = (uint64_t(p.n) + kTile - 1) / kTile, rows = (uint64_t(p.m) + kTile - 1) / kTile;
  const uint64_t tile = linearBlock(), batch = tile / (rows * columns);
  if (batch >= p.batch) return;
  const uint64_t firstRow = tile / columns % rows * kTile, firstColumn = tile % columns * kTile;
  const Tile matrices({bufferA, bufferB, scales, rowScales, bias, residual, out}, p, batch);
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
    loadSlice(sliceA, firstRow, p.m, depth, p.k, p.transposeA != 0,
              [&](uint64_t row, uint64_t k) { return matrices.factorA(row, k); });
    // b [k, n] is stored depth after depth
    loadSlice(sliceB, firstColumn, p.n, depth, p.k, p.transposeB == 0,
              [&](uint64_t column, uint64_t k) { return matrices.inTile(column, k); });
    __syncthreads();
    accumulate(part, sliceA, sliceB, [](float sum, float x, float y) { return sum + x * y; });
    if (depth % kSumBlock == kSumBlock - kSlice) addPart();
    __syncthreads();
  }
  addPart();
  uint32_t lost = 0;  // a bit for each sum that overflowed
  eachResult(results, firstRow, p.m, firstColumn, p.n, [&](uint32_t row, uint32_t column, float sum) {
    sum *= matrices.scaleOf(firstColumn + column);
    if (!isFinite(sum)) lost |= bitOfResult(row, column);
    matrices.put(firstRow + row, firstColumn + column, p.alpha * sum);
  });
  if (!anyInBlock(lost, anyLost)) return;
  const auto factorsA = [&](uint32_t row) {
    return [&matrices, r = firstRow + row](uint64_t i) { return matrices.factorA(r, i); };
  };
  const auto factorsB = [&](uint32_t column) {
    return [&matrices, c = firstColumn + column](uint64_t i) { return matrices.factorB(c, i); };
  };
  if (threadIdx.x < 2 * kTile) {
    const uint32_t i = threadIdx.x % kTile;
    isFiniteFactor[threadIdx.x] = threadIdx.x < kTile ? firstRow + i >= p.m || allFiniteFactors(p.k, factorsA(i))
                                                      : firstColumn + i >= p.n || allFiniteFactors(p.k, factorsB(i));
  }
  __syncthreads();
  eachBit(lost, [&](uint32_t row, uint32_t column) {
    if (isFiniteFactor[row] && isFiniteFactor[kTile + column])  // else the sum is what it is
      matrices.put(firstRow + row, firstColumn + column, rescued(p.k, p.alpha, factorsA(row), factorsB(column)));
  });
}

static const CudaVariant& matmulTiledChoose(const void* params) {
  static const CudaVariant plain = makeVariant(&matmulTiledKernel<PlainTile>, kTileThreads, 1);
  static const CudaVariant any = makeVariant(&matmulTiledKernel<AnyTile>, kTileThreads, 1);
  const auto& p = *static_cast<const MatmulTiledParams*>(params);
  const bool isPlain =
      !(p.formatA | p.formatB | p.formatOut | p.bits | p.hasBias | p.hasResidual) && p.activation == kActivationNone;
  return isPlain ? plain : any;
}
const CudaKernel cudaKernel_matmul_tiled = {7, uint32_t(sizeof(MatmulTiledParams)), matmulTiledChoose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
