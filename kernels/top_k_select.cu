// top_k_select: the best k of one segment of a row's candidates, a block each. One that is long beside k is not sorted:
// the best of each of a thousand parts of it bound what can be among the best k, and only parts that have such are
// looked at again. Where that leaves too many (many equal keys, a large k), the bound is found by counting.
#include "sort.h"
#include "top_k.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;
constexpr uint32_t kPartQuads = kTopKChunk / 4;
static_assert(kThreads == kPartQuads, "a thread has four neighbouring parts");

// Part 4 * j + c has component c of quadOf(j, 0), quadOf(j, 1), ... Each turn goes some way round, or parts of sorted
// runs whose length divides a turn would have one rank of each, and rule out little.
__device__ inline uint32_t quadOf(uint32_t j, uint32_t turn) {
  return turn * kPartQuads + (j + 79 * turn) % kPartQuads;
}

struct Counts {
  uint32_t of[3];
};

struct Selected {
  uint64_t best[kTopKChunk];   // key above index in one word: one comparison orders by key, then by the lower index
  uint32_t parts[kTopKChunk];  // the best key of each part of the segment; later the parts to look at
  uint32_t totals[3 * (kThreads / kWarp)];
  uint32_t found, partsFound;

  __device__ void keep(uint32_t key, uint32_t index) {
    const uint32_t at = atomicAdd(&found, 1u);
    if (at < kTopKChunk) best[at] = uint64_t(key) << 32 | index;
  }
};

// Of all threads of the block.
__device__ inline Counts blockSum(Counts n, Selected& shared) {
  constexpr uint32_t kWarps = kThreads / kWarp;
  for (uint32_t i = 0; i < 3; ++i)
    for (uint32_t offset = kWarp / 2; offset > 0; offset /= 2) n.of[i] += __shfl_xor_sync(kAllLanes, n.of[i], offset);
  __syncthreads();  // the last use of `totals` has been read by all
  if (threadIdx.x % kWarp == 0)
    for (uint32_t i = 0; i < 3; ++i) shared.totals[3 * (threadIdx.x / kWarp) + i] = n.of[i];
  __syncthreads();
  Counts all = {};
  for (uint32_t w = 0; w < kWarps; ++w)
    for (uint32_t i = 0; i < 3; ++i) all.of[i] += shared.totals[3 * w + i];
  return all;
}
__device__ inline uint32_t blockMin(uint32_t value, Selected& shared) {
  for (uint32_t offset = kWarp / 2; offset > 0; offset /= 2) {
    const uint32_t other = __shfl_xor_sync(kAllLanes, value, offset);
    value = other < value ? other : value;
  }
  __syncthreads();
  if (threadIdx.x % kWarp == 0) shared.totals[threadIdx.x / kWarp] = value;
  __syncthreads();
  for (uint32_t w = 0; w < kThreads / kWarp; ++w) value = shared.totals[w] < value ? shared.totals[w] : value;
  return value;
}

// Narrows the range down until at most `most` are at or below its high end, or nothing is left to narrow. At least k
// are at or below that, if it was so before. `each` calls what it is given with every number that counts.
template <class Each>
__device__ inline Range narrow(Range range, uint32_t k, uint32_t most, Selected& shared, const Each& each) {
  uint32_t counted = 0xFFFFFFFFu;
  while (range.low < range.high && counted > most) {
    const uint32_t width = range.high - range.low;
    const uint32_t pivots[3] = {range.low + width / 4, range.low + width / 2, range.low + width / 2 + width / 4};
    Counts n = {};
    each([&](uint32_t value) {
      for (uint32_t i = 0; i < 3; ++i) n.of[i] += value <= pivots[i];
    });
    n = blockSum(n, shared);
    if (n.of[2] < k) {
      range.low = pivots[2] + 1;
      continue;
    }
    const uint32_t at = n.of[0] >= k ? 0 : n.of[1] >= k ? 1 : 2;
    if (at > 0) range.low = (at == 1 ? pivots[0] : pivots[1]) + 1;
    range.high = at == 0 ? pivots[0] : at == 1 ? pivots[1] : pivots[2];
    counted = at == 0 ? n.of[0] : at == 1 ? n.of[1] : n.of[2];
  }
  return range;
}

// Keeps what the parts' bests do not rule out; shared.found tells how many those were: fewer than k, or more than there
// is room for, where nothing is to be had this way. Gives what the key of the last of the best k lies between.
__device__ inline Range selectByParts(const Segment& segment, uint32_t k, Selected& shared) {
  const uint32_t turns = (segment.count + kTopKChunk - 1) / kTopKChunk;
  Keys best = {{kMissingKey, kMissingKey, kMissingKey, kMissingKey}};
  constexpr uint32_t kAtOnce = 4;  // loads that are under way together
  for (uint32_t turn = 0; turn < turns; turn += kAtOnce) {
    Keys keys[kAtOnce];
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < kAtOnce; ++i) keys[i] = segment.four(quadOf(threadIdx.x, turn + i));
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < kAtOnce; ++i)
      for (uint32_t c = 0; c < 4; ++c) best.of[c] = keys[i].of[c] < best.of[c] ? keys[i].of[c] : best.of[c];
  }
  uint32_t least = kMissingKey, most = 0;
  SWITCHYARD_UNROLL
  for (uint32_t c = 0; c < 4; ++c) {
    least = best.of[c] < least ? best.of[c] : least;
    most = best.of[c] > most ? best.of[c] : most;
  }
  const Range all = {blockMin(least, shared), ~blockMin(~most, shared)};
  const uint32_t bound = narrow(all, k, k + k / 4 + 4, shared, [&](auto take) {
                           for (uint32_t c = 0; c < 4; ++c) take(best.of[c]);
                         }).high;
  for (uint32_t c = 0; c < 4; ++c)
    if (best.of[c] <= bound) shared.parts[atomicAdd(&shared.partsFound, 1u)] = 4 * threadIdx.x + c;
  __syncthreads();
  for (uint32_t i = threadIdx.x; i < shared.partsFound * turns; i += kThreads) {
    const uint32_t part = shared.parts[i / turns], at = 4 * quadOf(part / 4, i % turns) + part % 4;
    if (at >= segment.count) continue;
    const uint32_t key = segment.key(at);
    if (key <= bound) shared.keep(key, segment.index(at));
  }
  __syncthreads();
  return {all.low, shared.found >= k ? bound : kMissingKey};
}

__device__ inline void selectByCounting(const Segment& segment, Range between, uint32_t k, Selected& shared) {
  const auto eachFour = [&](auto take) {
    for (uint32_t quad = threadIdx.x; quad < (segment.count + 3) / 4; quad += kThreads) take(quad, segment.four(quad));
  };
  const Range keys = narrow(between, k, kTopKChunk, shared, [&](auto take) {
    eachFour([&](uint32_t, const Keys& four) {
      for (uint32_t c = 0; c < 4; ++c) take(four.of[c]);
    });
  });
  // Perhaps more have this key than there is room for: the first of them.
  const bool tied = keys.low == keys.high;
  uint32_t last = kMissingIndex;
  if (tied)
    last = narrow(segment.indices(), k, kTopKChunk, shared, [&](auto take) {
             eachFour([&](uint32_t quad, const Keys& four) {
               for (uint32_t c = 0; c < 4; ++c)
                 if (4 * quad + c < segment.count && four.of[c] <= keys.high)
                   take(four.of[c] < keys.high ? 0 : segment.index(4 * quad + c));
             });
           }).high;
  eachFour([&](uint32_t quad, const Keys& four) {
    for (uint32_t c = 0; c < 4; ++c) {
      if (4 * quad + c >= segment.count || four.of[c] > keys.high) continue;
      const uint32_t index = segment.index(4 * quad + c);
      if (!tied || four.of[c] < keys.high || index <= last) shared.keep(four.of[c], index);
    }
  });
  __syncthreads();
}

__global__ void __launch_bounds__(kThreads)
    topKSelectKernel(const void* candidates, const uint32_t* inIndices, uint32_t* outKeys, uint32_t* outIndices,
                     TopKSelectParams p) {
  SWITCHYARD_SHARED(Selected, shared);
  const uint64_t block = linearBlock();
  if (block >= uint64_t(p.rows) * p.segments) return;
  const Segment segment(candidates, inIndices, p.fromValues != 0, p.largest != 0, p.formats, block / p.segments * p.d,
                        uint32_t(block % p.segments) * p.segment, p.segment, p.d);
  if (threadIdx.x == 0) shared.found = 0, shared.partsFound = 0;
  __syncthreads();
  uint32_t kept = segment.count;
  if (kept <= kTopKChunk && kept <= 4 * p.k + 64) {  // quicker sorted as it is
    for (uint32_t i = threadIdx.x; i < kept; i += kThreads)
      shared.best[i] = uint64_t(segment.key(i)) << 32 | segment.index(i);
  } else {
    Range between = {0, kMissingKey};
    if (p.k <= kTopKByParts) between = selectByParts(segment, p.k, shared);
    kept = shared.found;
    if (kept < p.k || kept > kTopKChunk) {
      __syncthreads();
      if (threadIdx.x == 0) shared.found = 0;
      __syncthreads();
      selectByCounting(segment, between, p.k, shared);
      kept = shared.found;
    }
  }
  uint32_t size = 1;
  while (size < kept) size *= 2;
  constexpr uint64_t kMissing = uint64_t(kMissingKey) << 32 | kMissingIndex;
  for (uint32_t i = kept + threadIdx.x; i < size; i += kThreads) shared.best[i] = kMissing;
  __syncthreads();
  for (uint32_t sorted = 2; sorted <= size; sorted *= 2)
    for (uint32_t stride = sorted / 2; stride > 0; stride /= 2)
      sortStepShared<kThreads>(shared.best, size, sorted, stride, 0);
  for (uint32_t i = threadIdx.x; i < p.k; i += kThreads) {
    const uint64_t one = i < size ? shared.best[i] : kMissing;
    outKeys[block * p.k + i] = uint32_t(one >> 32);
    outIndices[block * p.k + i] = uint32_t(one);
  }
}

SWITCHYARD_KERNEL(top_k_select, topKSelectKernel, kThreads, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
