// fused_attention: tiles of 64 queries of a head against blocks of 64 of their keys, with a running softmax; the scores
// of a block are in registers and, as weights, in shared memory.
#include "attention.h"
#include "mma.h"

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

// ---- halves on tensor cores: a warp takes 16 queries and every other 32 keys

constexpr uint32_t kWarpRows = 16, kWarpKeys = 32, kPad = 8;  // a padded row begins at another bank

// kSteps: of 16 elements of d, and twice that of 8 columns of the values.
template <uint32_t kSteps>
struct alignas(16) HalfTiles {
  static constexpr uint32_t kRow = 16 * kSteps + kPad;
  unsigned short keys[kTile][kRow], values[kTile][kRow];
};
template <uint32_t kSteps>
struct Halfway {  // what the warps of the other keys have found
  float sums[kTile][16 * kSteps], most[kTile], totals[kTile];
};

// Rows as they are, zeros around them. Whether any is not finite, of those that this thread has loaded.
template <uint32_t kRow>
__device__ inline bool loadHalves(unsigned short (&to)[kTile][kRow], const unsigned short* from, uint64_t stride,
                                  uint32_t rows, uint32_t columns, uint32_t exponent) {
  bool finite = true;
  for (uint32_t i = threadIdx.x; i < kTile * (kRow - kPad); i += kTileThreads) {
    const uint32_t row = i / (kRow - kPad), column = i % (kRow - kPad);
    const bool inside = row < rows && column < columns;
    const unsigned short bits = inside ? from[row * stride + column] : static_cast<unsigned short>(0);
    finite = finite && (bits & exponent) != exponent;
    to[row][column] = bits;
  }
  return !finite;
}
__device__ inline uint32_t pairAt(const unsigned short* at) { return *reinterpret_cast<const uint32_t*>(at); }

template <uint32_t kSteps>
__device__ inline void tileByTensorCores(const void* queries, const void* keys, const void* values, const void* biases,
                                         const Places& at, void* out, const FusedAttentionParams& p) {
  static_assert(sizeof(Halfway<kSteps>) <= sizeof(HalfTiles<kSteps>), "one memory for both");
  constexpr uint32_t kColumns = 2 * kSteps, kKeyTiles = kWarpKeys / 8;
  SWITCHYARD_SHARED(HalfTiles<kSteps>, tiles);
  SWITCHYARD_SHARED(uint32_t, anyLost);
  SWITCHYARD_SHARED(uint32_t, blemished, [2]);  // of this block of keys, and of the next
  Halfway<kSteps>& halfway = *reinterpret_cast<Halfway<kSteps>*>(&tiles);
  const AttentionTile& tile = at.tile;
  const Sight sight{tile, p};
  const uint32_t format = formatAt(p.formats, 0);
  const bool isBfloat = format == kFormatBfloat16;
  const auto* query = static_cast<const unsigned short*>(queries) + at.query;
  const auto* key = static_cast<const unsigned short*>(keys) + at.key;
  const auto* value = static_cast<const unsigned short*>(values) + at.value;
  const In bias = In(biases, p.formats, 3).from(at.bias);
  const Out output = Out(out, p.formats, 5).from(at.out);
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, group = lane / 4, pair = lane % 4 * 2;
  const uint32_t half_ = warp / 4 * kWarpKeys;  // where its keys are in a block of 64
  const uint32_t rows[2] = {warp % 4 * kWarpRows + group, warp % 4 * kWarpRows + group + 8};
  const uint32_t safe[2] = {rows[0] < tile.rows ? rows[0] : tile.rows - 1,
                            rows[1] < tile.rows ? rows[1] : tile.rows - 1};

  uint32_t fragments[kSteps][4];
  SWITCHYARD_UNROLL
  for (uint32_t step = 0; step < kSteps; ++step) {
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t k = step * 16 + i / 2 * 8 + pair;
      fragments[step][i] = k < p.d ? pairAt(query + safe[i % 2] * at.queryStride + k) : 0;  // d is even
    }
  }
  const int64_t end = sight.to(tile.rows - 1);
  const uint32_t exponent = isBfloat ? 0x7F80u : 0x7C00u;
  if (threadIdx.x < 2) blemished[threadIdx.x] = 0;
  uint32_t parity = 0;
  // float16 has few small numbers: weights are larger there. bfloat16 sums that overflow are made again from smaller.
  for (uint32_t again = 0; again < 2; ++again) {
    const float by = !isBfloat ? 1024.0f
                     : again   ? powerOfTwo(-40)
                               : 1.0f,
                back = !isBfloat ? 1.0f / 1024.0f
                       : again   ? powerOfTwo(40)
                                 : 1.0f;
    float sums[kColumns][4] = {};
    float most[2] = {-infinity(), -infinity()}, totals[2] = {};
    for (int64_t first = sight.from(0); first < end; first += kTile) {
      const uint32_t count = end - first < kTile ? uint32_t(end - first) : kTile;
      __syncthreads();
      parity ^= 1;
      if (threadIdx.x == 0) blemished[parity ^ 1] = 0;
      loadHalves(tiles.keys, key + first * at.keyStride, at.keyStride, count, p.d, exponent);
      if (loadHalves(tiles.values, value + first * at.valueStride, at.valueStride, count, p.e, exponent))
        blemished[parity] = 1;
      __syncthreads();
      float scores[kKeyTiles][4] = {};
      SWITCHYARD_UNROLL
      for (uint32_t n = 0; n < kKeyTiles; ++n) {
        const unsigned short* const row = tiles.keys[half_ + n * 8 + group];
        SWITCHYARD_UNROLL
        for (uint32_t step = 0; step < kSteps; ++step) {
          const uint32_t right[2] = {pairAt(row + step * 16 + pair), pairAt(row + step * 16 + 8 + pair)};
          multiplyAdd(scores[n], fragments[step], right, isBfloat);
        }
      }
      SWITCHYARD_UNROLL
      for (uint32_t i = 0; i < 2; ++i) {
        const int64_t from = sight.from(safe[i]), to = sight.to(safe[i]);
        float best = -infinity();
        SWITCHYARD_UNROLL
        for (uint32_t e = 0; e < 2 * kKeyTiles; ++e) {
          const int64_t c = first + half_ + e / 2 * 8 + pair + e % 2;
          float x = scores[e / 2][2 * i + e % 2] * p.scale;
          if (p.hasBias && c < tile.keys) x += bias[uint64_t(safe[i]) * p.biasRow + c];
          if (c < from || c >= to) x = -infinity();
          scores[e / 2][2 * i + e % 2] = x;
          best = Larger()(best, x);
        }
        best = Larger()(acrossRow<4>(best, Larger()), most[i]);
        // Where all is -infinity so far, weights are 0 and not NaN: what is hidden does not count.
        const float top = best == -infinity() ? 0.0f : best;
        const float factor = expf(most[i] - top);
        most[i] = best;
        totals[i] *= factor;
        SWITCHYARD_UNROLL
        for (uint32_t e = 0; e < 2 * kKeyTiles; ++e) {
          const int64_t c = first + half_ + e / 2 * 8 + pair + e % 2;
          const float weight = expf(scores[e / 2][2 * i + e % 2] - top);
          totals[i] += weight;
          scores[e / 2][2 * i + e % 2] = c < from || c >= to ? kHidden : weight * by;
        }
        SWITCHYARD_UNROLL
        for (uint32_t t = 0; t < kColumns; ++t) sums[t][2 * i] *= factor, sums[t][2 * i + 1] *= factor;
      }
      // No product of 0 may make NaN of what is not finite: of what is hidden, or of the lower half of a weight.
      if (blemished[parity]) {
        for (uint32_t k = 0; k < kWarpKeys; ++k) {
          SWITCHYARD_UNROLL
          for (uint32_t i = 0; i < 2; ++i) {
            float own = 0.0f;  // the one that holds key k hands it to the other three
            SWITCHYARD_UNROLL
            for (uint32_t e = 0; e < 2 * kKeyTiles; ++e)
              if (e / 2 == k / 8 && e % 2 == k % 2) own = scores[e / 2][2 * i + e % 2];
            const float weight = __shfl_sync(kAllLanes, own, int((lane & ~3u) | (k % 8 / 2)));
            if (weight < 0.0f) continue;
            SWITCHYARD_UNROLL
            for (uint32_t t = 0; t < 2 * kColumns; ++t)
              sums[t / 2][2 * i + t % 2] += weight * widened(tiles.values[half_ + k][t / 2 * 8 + pair + t % 2], format);
          }
        }
        continue;
      }
      SWITCHYARD_UNROLL
      for (uint32_t step = 0; step < kWarpKeys / 16; ++step) {
        uint32_t high[4], low[4];  // a weight is the sum of two halves
        SWITCHYARD_UNROLL
        for (uint32_t i = 0; i < 4; ++i) {
          uint32_t h[2], l[2];
          SWITCHYARD_UNROLL
          for (uint32_t j = 0; j < 2; ++j) {
            const float weight = scores[2 * step + i / 2][i % 2 * 2 + j], seen = weight < 0.0f ? 0.0f : weight;
            h[j] = narrowed(seen, format);
            l[j] = narrowed(seen - widened(h[j], format), format);
          }
          high[i] = h[0] | h[1] << 16, low[i] = l[0] | l[1] << 16;
        }
        const uint32_t from = half_ + step * 16 + pair;
        SWITCHYARD_UNROLL
        for (uint32_t t = 0; t < kColumns; ++t) {
          const uint32_t column = t * 8 + group;
          const uint32_t right[2] = {
              uint32_t(tiles.values[from][column]) | uint32_t(tiles.values[from + 1][column]) << 16,
              uint32_t(tiles.values[from + 8][column]) | uint32_t(tiles.values[from + 9][column]) << 16};
          multiplyAdd(sums[t], high, right, isBfloat);
          multiplyAdd(sums[t], low, right, isBfloat);
        }
      }
    }
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < 2; ++i) totals[i] = acrossRow<4>(totals[i], Plus());
    // The warps of the second keys hand over what they have.
    __syncthreads();
    if (half_ != 0) {
      SWITCHYARD_UNROLL
      for (uint32_t i = 0; i < 2; ++i) {
        halfway.most[rows[i]] = most[i], halfway.totals[rows[i]] = totals[i];
        SWITCHYARD_UNROLL
        for (uint32_t t = 0; t < 2 * kColumns; ++t)
          halfway.sums[rows[i]][t / 2 * 8 + pair + t % 2] = sums[t / 2][2 * i + t % 2];
      }
    }
    __syncthreads();
    uint32_t lost = 0;
    if (half_ == 0) {
      SWITCHYARD_UNROLL
      for (uint32_t i = 0; i < 2; ++i) {
        const float best = Larger()(most[i], halfway.most[rows[i]]), top = best == -infinity() ? 0.0f : best;
        const float own = expf(most[i] - top), other = expf(halfway.most[rows[i]] - top);
        totals[i] = totals[i] * own + halfway.totals[rows[i]] * other;
        SWITCHYARD_UNROLL
        for (uint32_t t = 0; t < 2 * kColumns; ++t) {
          float& sum = sums[t / 2][2 * i + t % 2];
          sum = sum * own + halfway.sums[rows[i]][t / 2 * 8 + pair + t % 2] * other;
          if (!isFinite(sum)) lost = 1;
        }
      }
    }
    if (anyInBlock(lost, anyLost) && isBfloat && !again) continue;
    if (half_ != 0) return;
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < 2; ++i) {
      if (rows[i] >= tile.rows) continue;
      const bool none = sight.to(rows[i]) <= sight.from(rows[i]);
      SWITCHYARD_UNROLL
      for (uint32_t t = 0; t < 2 * kColumns; ++t) {
        const uint32_t column = t / 2 * 8 + pair + t % 2;
        if (column < p.e)
          output.put(rows[i] * at.outStride + column, none ? 0.0f : sums[t / 2][2 * i + t % 2] / totals[i] * back);
      }
    }
    return;
  }
}

template <uint32_t kSteps>
__global__ void __launch_bounds__(kTileThreads, kSteps == 4 ? 2 : 1)
    fusedHalvesKernel(const void* query, const void* key, const void* value, const void* bias, const void* tiles,
                      void* out, FusedAttentionParams p) {
  const uint64_t block = linearBlock();
  if (block >= p.parts / kParts) return;
#ifdef SWITCHYARD_HAS_MMA
  tileByTensorCores<kSteps>(query, key, value, bias, Places(tiles, block, p), out, p);
#else
  tileByProducts<kSteps / 4>(query, key, value, bias, Places(tiles, block, p), out, p);
#endif
}

static bool suitsTensorCores(const FusedAttentionParams& p) {
  const uint32_t format = p.formats & 3;
  return format != kFormatFloat32 && (p.formats >> 2 & 3) == format && (p.formats >> 4 & 3) == format &&
         (p.formats >> 10 & 3) == format && p.d % 2 == 0 && p.d <= 128 && p.e <= 128;
}

SWITCHYARD_CHECK_CONTRACT(fused_attention, fusedAttentionKernel<1>);
static const CudaVariant& fusedAttentionChoose(const void* params) {
  static const CudaVariant narrow = makeVariant(&fusedAttentionKernel<1>, kTileThreads, kParts),
                           middle = makeVariant(&fusedAttentionKernel<2>, kTileThreads, kParts),
                           wide = makeVariant(&fusedAttentionKernel<4>, kTileThreads, kParts),
                           halves = makeVariant(&fusedHalvesKernel<4>, kTileThreads, kParts),
                           wideHalves = makeVariant(&fusedHalvesKernel<8>, kTileThreads, kParts);
  const auto& p = *static_cast<const FusedAttentionParams*>(params);
  if (suitsTensorCores(p)) return p.d <= kTile && p.e <= kTile ? halves : wideHalves;
  return p.e <= kTile ? narrow : p.e <= 2 * kTile ? middle : wide;
}
const CudaKernel cudaKernel_fused_attention = {6, uint32_t(sizeof(FusedAttentionParams)), fusedAttentionChoose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
