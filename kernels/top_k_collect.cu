// top_k_collect: the keys and indices of the candidates of a segment that are among its row's best k. One block a
// segment.
#include "top_k.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    topKCollectKernel(const void* input, TopKState* state, uint32_t* outKeys, uint32_t* outIndices, TopKDigitParams p) {
  SWITCHYARD_SHARED(uint32_t, found);
  SWITCHYARD_SHARED(uint32_t, place);
  const uint64_t block = linearBlock(), row = block / p.segments;
  if (row >= p.rows) return;
  const uint32_t first = uint32_t(block % p.segments) * p.segment;
  const Segment segment(input, static_cast<const uint32_t*>(input), true, p.largest != 0, p.formats, row * p.d, first,
                        p.segment, p.d);
  const uint32_t key = state[row].key, index = state[row].index;
  const auto each = [&](auto take) {
    for (uint32_t quad = threadIdx.x; quad < (segment.count + 3) / 4; quad += kThreads) {
      const Keys four = segment.four(quad);
      SWITCHYARD_UNROLL
      for (uint32_t c = 0; c < 4; ++c) {
        const uint32_t at = 4 * quad + c;
        if (at < segment.count && (four.of[c] < key || (four.of[c] == key && first + at <= index)))
          take(four.of[c], first + at);
      }
    }
  };
  if (threadIdx.x == 0) found = 0;
  __syncthreads();
  // Counted first, so that a block asks for room once.
  uint32_t n = 0;
  each([&](uint32_t, uint32_t) { ++n; });
  if (n) atomicAdd(&found, n);
  __syncthreads();
  if (found == 0) return;
  if (threadIdx.x == 0) place = atomicAdd(&state[row].taken, found);
  __syncthreads();
  const uint64_t from = row * p.padded;
  each([&](uint32_t taken, uint32_t column) {
    const uint32_t to = atomicAdd(&place, 1u);
    if (to >= p.padded) return;  // k are below: the guard keeps a fault from writing into another row
    outKeys[from + to] = taken;
    outIndices[from + to] = column;
  });
}

SWITCHYARD_KERNEL(top_k_collect, topKCollectKernel, kThreads, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
