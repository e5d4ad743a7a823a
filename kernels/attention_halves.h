// Fused attention of halves on tensor cores, after FlashAttention-2: a warp has 16 queries of a tile, whose scores and
// sums stay in its registers; keys and values come by cp.async, one block ahead of the one that is multiplied, and are
// read as fragments by ldmatrix. What a row of 16-byte pieces holds at piece c lies at c ^ (row % 8), so neither way
// meets a bank twice.
#pragma once
#include "attention.h"
#include "mma.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kHalvesThreads = 128, kWarpRows = 16;
static_assert(kTile == kHalvesThreads / kWarp * kWarpRows, "a warp's queries");

#ifdef SWITCHYARD_HAS_MMA
// kSteps: of 16 elements of d, and twice that of 8 columns of the values. A block of keys is 8 KiB of them.
template <uint32_t kSteps>
struct alignas(16) HalfBlock {
  static constexpr uint32_t kRow = 16 * kSteps, kKeys = kSteps == 4 ? 64 : 32;
  unsigned short keys[kKeys * kRow], values[kKeys * kRow];

  static __device__ uint32_t placeOf(uint32_t row, uint32_t piece) { return row * kRow + (piece ^ (row & 7)) * 8; }
};

// Rows of `columns` as they are, zeros around them. Rows of whole pieces go past the registers. A sequence may have
// more than 2^32 elements, and so may a block's rows with all the heads between them.
template <class Block>
__device__ inline void fetchRows(unsigned short* to, const unsigned short* from, uint32_t stride, uint32_t rows,
                                 uint32_t columns, AsyncCopies& copies) {
  constexpr uint32_t kPieces = Block::kRow / 8;
  for (uint32_t i = threadIdx.x; i < Block::kKeys * kPieces; i += kHalvesThreads) {
    const uint32_t row = i / kPieces, first = i % kPieces * 8;
    unsigned short* const place = to + Block::placeOf(row, first / 8);
    if (columns % 8 == 0) {
      const bool isInside = row < rows && first < columns;
      copies.copy(place, isInside ? from + (uint64_t(row) * stride + first) : from, isInside);
      continue;
    }
    for (uint32_t j = 0; j < 8; ++j)
      place[j] =
          row < rows && first + j < columns ? from[uint64_t(row) * stride + first + j] : static_cast<unsigned short>(0);
  }
}

// e^x of an x that is not above 0, or NaN. The result's last two bits may differ from expf's; below 2^-126 it is 0.
__device__ inline float weightOf(float x) {
  const float by2 = x * 1.44269504f;
#ifdef SWITCHYARD_CUDA_SHIM
  return exp2f(by2);
#else
  float weight;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(weight) : "f"(by2));
  return weight;
#endif
}

// The four words of a fragment of weights, out of the scores of 16 keys: as halves, and of the weights what is left.
template <bool kBfloat>
__device__ inline void takeFragment(uint32_t (&fragment)[4], float (&left)[4], float (&right)[4]) {
  fragment[0] = takePair<kBfloat>(left[0], left[1]), fragment[1] = takePair<kBfloat>(left[2], left[3]);
  fragment[2] = takePair<kBfloat>(right[0], right[1]), fragment[3] = takePair<kBfloat>(right[2], right[3]);
}

// Two neighbours of an output, the second of which may lie past the row's end; as one where they are halves at an even
// place.
__device__ inline void putTwo(void* out, uint32_t format, uint64_t at, float first, float second, bool both) {
  if (format == kFormatFloat32) {
    auto* const to = static_cast<float*>(out) + at;
    to[0] = first;
    if (both) to[1] = second;
    return;
  }
  auto* const to = static_cast<unsigned short*>(out) + at;
  const uint32_t pair = narrowed(first, format) | narrowed(second, format) << 16;
  if (both && at % 2 == 0) {
    *reinterpret_cast<uint32_t*>(to) = pair;
    return;
  }
  to[0] = static_cast<unsigned short>(pair);
  if (both) to[1] = static_cast<unsigned short>(pair >> 16);
}

// Which of a block's keys a row sees: from `low` to below `high`.
struct Visible {
  int32_t low, high;
  __device__ bool has(uint32_t key) const { return int32_t(key) >= low && int32_t(key) < high; }
};
__device__ inline Visible visibleOf(const Sight& sight, uint32_t row, uint32_t first) {
  return {int32_t(sight.from(row) - first), int32_t(sight.to(row) - first)};  // there are fewer than 2^31 keys
}

// What is not finite in the sums may come of values that no product of 0 may meet: of keys that are hidden, or of the
// second half of a weight. Or bfloat16 has overflown. False then, and the tile is made again: kAgain, whose sums are
// plain products of smaller weights with what is seen.
template <uint32_t kSteps, bool kBfloat, bool kAgain>
__device__ inline bool attendTile(HalfBlock<kSteps> (&blocks)[2], uint32_t& anyLost, const void* queries,
                                  const void* keys, const void* values, const void* biases, const void* tiles,
                                  void* out, const FusedAttentionParams& p) {
  using Block = HalfBlock<kSteps>;
  constexpr uint32_t kColumns = 2 * kSteps, kKeys = Block::kKeys, kKeyTiles = kKeys / 8;
  constexpr uint32_t kFormat = kBfloat ? kFormatBfloat16 : kFormatFloat16;
  const Places at(tiles, linearBlock(), p);
  const AttentionTile& tile = at.tile;
  const Sight sight{tile, p};
  const auto* query = static_cast<const unsigned short*>(queries) + at.query;
  const auto* key = static_cast<const unsigned short*>(keys) + at.key;
  const auto* value = static_cast<const unsigned short*>(values) + at.value;
  const In bias = In(biases, p.formats, 3).from(at.bias);
  const uint32_t lane = threadIdx.x % kWarp, group = lane / 4, pair = lane % 4 * 2;
  const uint32_t rows[2] = {threadIdx.x / kWarp * kWarpRows + group, threadIdx.x / kWarp * kWarpRows + group + 8};
  const bool isIdle = threadIdx.x / kWarp * kWarpRows >= tile.rows;  // a whole warp
  const uint32_t safe[2] = {rows[0] < tile.rows ? rows[0] : tile.rows - 1,
                            rows[1] < tile.rows ? rows[1] : tile.rows - 1};
  // A weight is a sum of so many halves: one has too few digits, and float32 has more than two bfloat16.
  const uint32_t format = formatAt(p.formats, 5);
  const uint32_t terms = p.hides & kAttentionFast ? 1 : kBfloat && format == kFormatFloat32 ? 3 : 2;

  uint32_t fragments[kSteps][4];
  SWITCHYARD_UNROLL
  for (uint32_t step = 0; step < kSteps; ++step) {
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t k = step * 16 + i / 2 * 8 + pair;
      const unsigned short* const from = query + safe[i % 2] * at.queryStride + k;
      fragments[step][i] = k < p.d ? *reinterpret_cast<const uint32_t*>(from) : 0;  // d is even
    }
  }
  const int32_t begin = int32_t(sight.from(0)), end = int32_t(sight.to(tile.rows - 1));
  const int32_t wholeFrom = int32_t(sight.from(tile.rows - 1)), wholeTo = int32_t(sight.to(0));
  const uint32_t keyStride = uint32_t(at.keyStride), valueStride = uint32_t(at.valueStride);
  AsyncCopies copies;
  const auto fetch = [&](Block& to, int32_t first) {
    const uint32_t left = uint32_t(end - first), count = left < kKeys ? left : kKeys;
    fetchRows<Block>(to.keys, key + uint64_t(first) * keyStride, keyStride, count, p.d, copies);
    fetchRows<Block>(to.values, value + uint64_t(first) * valueStride, valueStride, count, p.e, copies);
  };
  // float16 has few small numbers: weights are larger there.
  const float by = kAgain ? powerOfTwo(-40) : kBfloat ? 1.0f : 1024.0f;
  float sums[kColumns][4] = {};
  float most[2] = {-infinity(), -infinity()}, totals[2] = {};
  uint32_t turn = 0;
  if (begin < end) fetch(blocks[0], begin);
  for (int32_t first = begin; first < end; first += kKeys) {
    copies.wait();
    __syncthreads();  // the block is there, and nobody looks at the one before it any more
    const Block& block = blocks[turn];
    turn ^= 1;
    if (end - first > int32_t(kKeys)) fetch(blocks[turn], first + kKeys);
    if (isIdle) continue;
    float scores[kKeyTiles][4] = {};
    SWITCHYARD_UNROLL
    for (uint32_t step = 0; step < kSteps; step += 2) {
      if (step * 16 >= p.d) continue;
      SWITCHYARD_UNROLL
      for (uint32_t n = 0; n < kKeyTiles; ++n) {
        uint32_t right[4];  // 8 keys, two steps
        loadMatrices<false>(right, &block.keys[Block::placeOf(n * 8 + lane % 8, step * 2 + lane / 8)]);
        multiplyAdd<kBfloat>(scores[n], fragments[step], right[0], right[1]);
        multiplyAdd<kBfloat>(scores[n], fragments[step + 1], right[2], right[3]);
      }
    }
    const bool isWhole = first >= wholeFrom && wholeTo - first >= int32_t(kKeys);
    Visible visible[2] = {{0, int32_t(kKeys)}, {0, int32_t(kKeys)}};
    float factors[2];
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < 2; ++i) {
      if (!isWhole) visible[i] = visibleOf(sight, safe[i], uint32_t(first));
      float best = most[i];
      SWITCHYARD_UNROLL
      for (uint32_t e = 0; e < 2 * kKeyTiles; ++e) {
        const uint32_t c = e / 2 * 8 + pair + e % 2;
        float x = scores[e / 2][2 * i + e % 2] * p.scale;
        if (p.hasBias && uint32_t(first) + c < tile.keys)
          x += bias[uint64_t(safe[i]) * p.biasRow + uint32_t(first) + c];
        if (!isWhole && !visible[i].has(c)) x = -infinity();
        scores[e / 2][2 * i + e % 2] = x;
        best = fmaxf(best, x);  // which keeps it where x is NaN
      }
      best = acrossRow<4>(best, Larger());
      // Where all is -infinity so far, weights are 0 and not NaN: what is hidden does not count.
      const float top = best == -infinity() ? 0.0f : best;
      factors[i] = weightOf(most[i] - top);
      most[i] = best;
      totals[i] *= factors[i];
      SWITCHYARD_UNROLL
      for (uint32_t e = 0; e < 2 * kKeyTiles; ++e) {
        float& x = scores[e / 2][2 * i + e % 2];
        const float weight = weightOf(x - top);
        totals[i] += weight;
        x = weight * by;
      }
    }
    if (factors[0] != 1.0f || factors[1] != 1.0f) {  // later blocks seldom have a new best
      SWITCHYARD_UNROLL
      for (uint32_t t = 0; t < kColumns; ++t)
        sums[t][0] *= factors[0], sums[t][1] *= factors[0], sums[t][2] *= factors[1], sums[t][3] *= factors[1];
    }
    __syncwarp();
    if (kAgain) {
      SWITCHYARD_UNROLL
      for (uint32_t e = 0; e < 2 * kKeyTiles; ++e)
        for (uint32_t from = 0; from < 4; ++from) {  // the lane that has the key's weight hands it to the other three
          const uint32_t k = e / 2 * 8 + from * 2 + e % 2;
          SWITCHYARD_UNROLL
          for (uint32_t i = 0; i < 2; ++i) {
            const float weight = __shfl_sync(kAllLanes, scores[e / 2][2 * i + e % 2], int((lane & ~3u) | from));
            if (!visible[i].has(k)) continue;
            SWITCHYARD_UNROLL
            for (uint32_t t = 0; t < kColumns; ++t) {
              const unsigned short* const element = &block.values[Block::placeOf(k, t) + pair];
              sums[t][2 * i] += weight * widened(element[0], kFormat);
              sums[t][2 * i + 1] += weight * widened(element[1], kFormat);
            }
          }
        }
      continue;
    }
    constexpr uint32_t kAtOnce = 2;  // of 16 keys, whose weights are halves meanwhile
    SWITCHYARD_UNROLL
    for (uint32_t from = 0; from < kKeys / 16; from += kAtOnce) {
      uint32_t high[kAtOnce][4], middle[kAtOnce][4], low[kAtOnce][4];
      SWITCHYARD_UNROLL
      for (uint32_t step = 0; step < kAtOnce; ++step) {
        float(&left)[4] = scores[2 * (from + step)], (&right)[4] = scores[2 * (from + step) + 1];
        takeFragment<kBfloat>(high[step], left, right);
        if (terms > 1) takeFragment<kBfloat>(middle[step], left, right);
        if (kBfloat && terms > 2) takeFragment<kBfloat>(low[step], left, right);
      }
      SWITCHYARD_UNROLL
      for (uint32_t t = 0; t < kColumns; t += 2) {
        if (t * 8 >= p.e) continue;
        // Tensor cores round towards zero. What they add to the sums of all keys would lose a little each time, always
        // on one side, so they add up no more than some keys; sums of those are rounded to nearest.
        float part[2][4] = {};
        SWITCHYARD_UNROLL
        for (uint32_t step = 0; step < kAtOnce; ++step) {
          uint32_t columns[4];  // 16 keys, twice 8 columns
          const uint32_t row = (from + step) * 16 + lane % 16;
          loadMatrices<true>(columns, &block.values[Block::placeOf(row, t + lane / 16)]);
          SWITCHYARD_UNROLL
          for (uint32_t half_ = 0; half_ < 2; ++half_) {
            const uint32_t upper = columns[2 * half_], lower = columns[2 * half_ + 1];
            multiplyAdd<kBfloat>(part[half_], high[step], upper, lower);
            if (terms > 1) multiplyAdd<kBfloat>(part[half_], middle[step], upper, lower);
            if (kBfloat && terms > 2) multiplyAdd<kBfloat>(part[half_], low[step], upper, lower);
          }
        }
        SWITCHYARD_UNROLL
        for (uint32_t i = 0; i < 4; ++i) sums[t][i] += part[0][i], sums[t + 1][i] += part[1][i];
      }
    }
  }
  uint32_t lost = 0;
  SWITCHYARD_UNROLL
  for (uint32_t t = 0; t < 4 * kColumns; ++t)
    if (!isFinite(sums[t / 4][t % 4])) lost = 1;
  // Its barriers part this pass from the next one's first block, too.
  if (anyInBlock(lost, anyLost) && !kAgain) return false;
  const Places to(tiles, linearBlock(), p);  // once more, rather than kept in registers
  const float back = kAgain ? powerOfTwo(40) : kBfloat ? 1.0f : 1.0f / 1024.0f;
  SWITCHYARD_UNROLL
  for (uint32_t i = 0; i < 2; ++i) {
    const float total = acrossRow<4>(totals[i], Plus());
    if (rows[i] >= tile.rows) continue;
    const bool none = sight.to(rows[i]) <= sight.from(rows[i]);
    const uint64_t place = to.out + rows[i] * to.outStride;
    SWITCHYARD_UNROLL
    for (uint32_t t = 0; t < kColumns; ++t) {
      const uint32_t column = t * 8 + pair;
      if (column >= p.e) continue;
      putTwo(out, format, place + column, none ? 0.0f : sums[t][2 * i] / total * back,
             none ? 0.0f : sums[t][2 * i + 1] / total * back, column + 1 < p.e);
    }
  }
  return true;
}

// Seldom asked for, and not to take the others' registers.
template <uint32_t kSteps, bool kBfloat>
__attribute__((noinline)) __device__ void attendAgain(HalfBlock<kSteps>* blocks, uint32_t* anyLost, const void* queries,
                                                      const void* keys, const void* values, const void* biases,
                                                      const void* tiles, void* out, FusedAttentionParams p) {
  attendTile<kSteps, kBfloat, true>(*reinterpret_cast<HalfBlock<kSteps>(*)[2]>(blocks), *anyLost, queries, keys, values,
                                    biases, tiles, out, p);
}

// The tile and head of this block of threads.
template <uint32_t kSteps, bool kBfloat>
__device__ inline void tileByTensorCores(const void* queries, const void* keys, const void* values, const void* biases,
                                         const void* tiles, void* out, const FusedAttentionParams& p) {
  SWITCHYARD_SHARED(HalfBlock<kSteps>, blocks, [2]);
  SWITCHYARD_SHARED(uint32_t, anyLost);
  if (!attendTile<kSteps, kBfloat, false>(blocks, anyLost, queries, keys, values, biases, tiles, out, p))
    attendAgain<kSteps, kBfloat>(blocks, &anyLost, queries, keys, values, biases, tiles, out, p);
}

#endif

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
