// fused_attention: tiles of 64 queries of a head against blocks of 64 of their keys, with a running softmax; the scores
// of a block are in registers and, as weights, in shared memory.
#include "attention.h"
#include "attention_halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// slice.at[depth][row] = element (row, firstDepth + depth) of rows that are `stride` elements apart; zero outside.
__device__ inline void loadRows(Slice& slice, const In& matrix, uint32_t rows, uint64_t stride, uint32_t firstDepth,
                                uint32_t depths) {
  for (uint32_t i = threadIdx.x; i < kTile * kSlice; i += kTileThreads) {
    const uint32_t row = i / kSlice, depth = i % kSlice;
    const bool inside = row < rows && firstDepth + depth < depths;
    slice.at[depth][row] = inside ? matrix[row * stride + firstDepth + depth] : 0.0f;
  }
}
// The same of a matrix that is stored depth after depth.
__device__ inline void loadColumns(Slice& slice, const In& matrix, uint32_t depths, uint64_t stride,
                                   uint32_t firstColumn, uint32_t columns) {
  for (uint32_t i = threadIdx.x; i < kTile * kSlice; i += kTileThreads) {
    const uint32_t depth = i / kTile, column = i % kTile;
    const bool inside = depth < depths && firstColumn + column < columns;
    slice.at[depth][column] = inside ? matrix[depth * stride + firstColumn + column] : 0.0f;
  }
}

// kChunks: how many times 64 columns of the values a pass takes.
template <uint32_t kChunks>
__device__ inline void tileByProducts(const void* queries, const void* keys, const void* values, const void* biases,
                                      const Places& at, void* out, const FusedAttentionParams& p) {
  SWITCHYARD_SHARED(Slice, left);
  SWITCHYARD_SHARED(Slice, right);
  SWITCHYARD_SHARED(Slice, weights, [kTile / kSlice]);  // [key][query]
  SWITCHYARD_SHARED(uint32_t, anyLost);
  const AttentionTile& tile = at.tile;
  const uint64_t queryStride = at.queryStride, keyStride = at.keyStride, valueStride = at.valueStride,
                 outStride = at.outStride;
  const In query = In(queries, p.formats, 0).from(at.query), key = In(keys, p.formats, 1).from(at.key);
  const In value = In(values, p.formats, 2).from(at.value), bias = In(biases, p.formats, 3).from(at.bias);
  const Out output = Out(out, p.formats, 5).from(at.out);
  const Sight sight{tile, p};
  const uint32_t row = threadIdx.x / kAcross * kPerThread, column = threadIdx.x % kAcross * kPerThread;
  const int64_t end = sight.to(tile.rows - 1);

  for (uint32_t e0 = 0; e0 < p.e; e0 += kChunks * kTile) {
    // Sums that overflow are made again from weights that are each 2^40 smaller.
    for (uint32_t again = 0; again < 2; ++again) {
      const float by = again ? powerOfTwo(-40) : 1.0f, back = again ? powerOfTwo(40) : 1.0f;
      float sums[kChunks][kPerThread][kPerThread] = {};
      float most[kPerThread], totals[kPerThread];
      SWITCHYARD_UNROLL
      for (uint32_t i = 0; i < kPerThread; ++i) most[i] = -infinity(), totals[i] = 0.0f;
      for (int64_t first = sight.from(0); first < end; first += kTile) {
        const uint32_t count = end - first < kTile ? uint32_t(end - first) : kTile;
        const bool hides = first < sight.from(tile.rows - 1) || first + count > sight.to(0);
        float scores[kPerThread][kPerThread] = {};
        for (uint32_t depth = 0; depth < p.d; depth += kSlice) {
          loadRows(left, query, tile.rows, queryStride, depth, p.d);
          loadRows(right, key.from(first * keyStride), count, keyStride, depth, p.d);
          __syncthreads();
          accumulate(scores, left, right, [](float sum, float x, float y) { return sum + x * y; });
          __syncthreads();
        }
        SWITCHYARD_UNROLL
        for (uint32_t i = 0; i < kPerThread; ++i) {
          const uint32_t r = row + i < tile.rows ? row + i : tile.rows - 1;
          const int64_t from = sight.from(r), to = sight.to(r);
          float best = -infinity();
          SWITCHYARD_UNROLL
          for (uint32_t j = 0; j < kPerThread; ++j) {
            const int64_t c = first + column + j;
            float x = scores[i][j] * p.scale;
            if (p.hasBias && c < tile.keys) x += bias[uint64_t(r) * p.biasRow + c];
            if (c < from || c >= to) x = -infinity();
            scores[i][j] = x;
            best = x > best ? x : best;  // keeps it where x is NaN
          }
          best = acrossRow<kAcross>(best, Larger());
          best = most[i] > best ? most[i] : best;
          // Where all is -infinity so far, weights are 0 and not NaN: what is hidden does not count.
          const float top = best == -infinity() ? 0.0f : best;
          const float factor = expf(most[i] - top);
          most[i] = best;
          totals[i] *= factor;
          SWITCHYARD_UNROLL
          for (uint32_t j = 0; j < kPerThread; ++j) {
            const int64_t c = first + column + j;
            const float weight = expf(scores[i][j] - top);
            totals[i] += weight;
            weights[(column + j) / kSlice].at[(column + j) % kSlice][row + i] =
                c < from || c >= to ? kHidden : weight * by;
          }
          SWITCHYARD_UNROLL
          for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
            SWITCHYARD_UNROLL
            for (uint32_t j = 0; j < kPerThread; ++j) sums[chunk][i][j] *= factor;
          }
        }
        for (uint32_t slice = 0; slice * kSlice < count; ++slice) {
          const uint32_t depths = count - slice * kSlice < kSlice ? count - slice * kSlice : kSlice;
          const In from = value.from((first + slice * kSlice) * valueStride);
          SWITCHYARD_UNROLL
          for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
            __syncthreads();  // the last use of `right`
            loadColumns(right, from, depths, valueStride, e0 + chunk * kTile, p.e);
            __syncthreads();
            if (hides || depths < kSlice)
              accumulate(sums[chunk], weights[slice], right,
                         [](float sum, float x, float y) { return x < 0.0f ? sum : sum + x * y; });
            else
              accumulate(sums[chunk], weights[slice], right, [](float sum, float x, float y) { return sum + x * y; });
          }
        }
        __syncthreads();
      }
      uint32_t lost = 0;
      SWITCHYARD_UNROLL
      for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
        SWITCHYARD_UNROLL
        for (uint32_t i = 0; i < kPerThread * kPerThread; ++i)
          if (!isFinite(sums[chunk][i / kPerThread][i % kPerThread])) lost = 1;
      }
      if (anyInBlock(lost, anyLost) && !again) continue;
      SWITCHYARD_UNROLL
      for (uint32_t i = 0; i < kPerThread; ++i) {
        const float total = acrossRow<kAcross>(totals[i], Plus());
        if (row + i >= tile.rows) continue;
        const bool none = sight.to(row + i) <= sight.from(row + i);
        SWITCHYARD_UNROLL
        for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
          SWITCHYARD_UNROLL
          for (uint32_t j = 0; j < kPerThread; ++j) {
            const uint32_t c = e0 + chunk * kTile + column + j;
            if (c < p.e) output.put((row + i) * outStride + c, none ? 0.0f : sums[chunk][i][j] / total * back);
          }
        }
      }
      break;
    }
  }
}

template <uint32_t kChunks>
__global__ void __launch_bounds__(kTileThreads, 1)
    fusedAttentionKernel(const void* query, const void* key, const void* value, const void* bias, const void* tiles,
                         void* out, FusedAttentionParams p) {
  const uint64_t block = linearBlock();
  if (block >= p.parts / kParts) return;
  tileByProducts<kChunks>(query, key, value, bias, Places(tiles, block, p), out, p);
}

// ---- halves on tensor cores, where the card has them (tensor_cores.h)

template <uint32_t kSteps, bool kBfloat>
__global__ void __launch_bounds__(kHalvesThreads, 2)  // for three the compiler puts registers into memory
    fusedHalvesKernel(const void* query, const void* key, const void* value, const void* bias, const void* tiles,
                      void* out, FusedAttentionParams p) {
#ifdef SWITCHYARD_HAS_MMA
  if (linearBlock() < p.parts / kParts) tileByTensorCores<kSteps, kBfloat>(query, key, value, bias, tiles, out, p);
#else
  __trap();  // a launch without what it is for (hasTensorCores) is to be heard of
#endif
}

static bool suitsTensorCores(const FusedAttentionParams& p) {
  const uint32_t format = p.formats & 3;
  return (p.hides & kAttentionTensorCores) != 0 && format != kFormatFloat32 && (p.formats >> 2 & 3) == format &&
         (p.formats >> 4 & 3) == format && p.d % 2 == 0 && p.d <= kAttentionHalves && p.e <= kAttentionHalves;
}

template <bool kBfloat>
static const CudaVariant& halvesVariant(const FusedAttentionParams& p) {
  static const CudaVariant narrow = makeVariant(&fusedHalvesKernel<4, kBfloat>, kHalvesThreads, kParts),
                           wide = makeVariant(&fusedHalvesKernel<8, kBfloat>, kHalvesThreads, kParts);
  return p.d <= kTile && p.e <= kTile ? narrow : wide;
}

SWITCHYARD_CHECK_CONTRACT(fused_attention, fusedAttentionKernel<1>);
static const CudaVariant& fusedAttentionChoose(const void* params) {
  static const CudaVariant narrow = makeVariant(&fusedAttentionKernel<1>, kTileThreads, kParts),
                           middle = makeVariant(&fusedAttentionKernel<2>, kTileThreads, kParts),
                           wide = makeVariant(&fusedAttentionKernel<4>, kTileThreads, kParts);
  const auto& p = *static_cast<const FusedAttentionParams*>(params);
  if (suitsTensorCores(p)) return (p.formats & 3) == kFormatBfloat16 ? halvesVariant<true>(p) : halvesVariant<false>(p);
  return p.e <= kTile ? narrow : p.e <= 2 * kTile ? middle : wide;
}
const CudaKernel cudaKernel_fused_attention = {6, uint32_t(sizeof(FusedAttentionParams)), fusedAttentionChoose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
