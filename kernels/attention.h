// What the two kernels of fused attention share: which keys a query sees, and the softmax's reductions.
#pragma once
#include "halves.h"
#include "tile.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

static_assert(kTile == kAttentionRows, "a block takes a tile");
constexpr uint32_t kParts = kAttentionRows / kAttentionPart;
constexpr uint32_t kAcross = kTile / kPerThread;  // threads that share a row: half a warp

// What the queries of a tile see of its keys.
struct Sight {
  const AttentionTile& tile;
  const FusedAttentionParams& p;

  __device__ int64_t from(uint32_t row) const {
    if (!(p.hides & kHidesOutside)) return 0;
    const int64_t first = int64_t(tile.position) + row - p.window + 1;
    return first < 0 ? 0 : first;
  }
  __device__ int64_t to(uint32_t row) const {
    const int64_t position = int64_t(tile.position) + row;
    int64_t end = tile.keys;
    if ((p.hides & kHidesOutside) && position + p.window < end) end = position + p.window;
    if ((p.hides & kHidesLater) && position + 1 < end) end = position + 1;
    return end;
  }
};

template <uint32_t kAcrossLanes, class Op>
__device__ inline float acrossRow(float value, Op op) {
  for (uint32_t offset = kAcrossLanes / 2; offset > 0; offset /= 2)
    value = op(value, __shfl_xor_sync(kAllLanes, value, offset));
  return value;
}
struct Larger {  // keeps `a` where b is NaN
  __device__ float operator()(float a, float b) const { return b > a ? b : a; }
};
struct Plus {
  __device__ float operator()(float a, float b) const { return a + b; }
};

constexpr float kHidden = -1.0f;  // in place of a weight: what is hidden does not count, even where it is NaN

// Of a block that is all of its buffers' places and strides.
struct Places {
  AttentionTile tile;
  uint64_t queryStride, keyStride, valueStride, outStride;
  uint64_t query, key, value, bias, out;  // the first elements of this head

  __device__ Places(const void* tiles, uint64_t block, const FusedAttentionParams& p)
      : tile(static_cast<const AttentionTile*>(tiles)[block / p.heads]) {
    const uint64_t head = block % p.heads, keyHead = head / (p.heads / p.keyHeads);
    queryStride = uint64_t(p.heads) * p.d, keyStride = uint64_t(p.keyHeads) * p.d;
    valueStride = uint64_t(p.keyHeads) * p.e, outStride = uint64_t(p.heads) * p.e;
    query = tile.query * queryStride + head * p.d, key = tile.key * keyStride + keyHead * p.d;
    value = tile.key * valueStride + keyHead * p.e, out = tile.query * outStride + head * p.e;
    bias = head * p.biasHead + uint64_t(tile.biasRow) * p.biasRow;
  }
};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
