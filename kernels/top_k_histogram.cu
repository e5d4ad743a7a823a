// top_k_histogram: how many candidates of a segment have each value of one digit, of those whose higher digits are the
// state's. One block a segment.
#include "top_k.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    topKHistogramKernel(const void* input, const TopKState* state, uint32_t* bins, TopKDigitParams p) {
  SWITCHYARD_SHARED(uint32_t, own, [kTopKBins]);
  const uint64_t block = linearBlock(), row = block / p.segments;
  if (row >= p.rows || (p.digit > 0 && state[row].done)) return;
  for (uint32_t i = threadIdx.x; i < kTopKBins; i += kThreads) own[i] = 0;
  __syncthreads();
  const uint32_t first = uint32_t(block % p.segments) * p.segment;
  const Segment segment(input, static_cast<const uint32_t*>(input), true, p.largest != 0, p.formats, row * p.d, first,
                        p.segment, p.d);
  const Digit digit(p.digit);
  const uint32_t key = state[row].key, index = state[row].index;
  for (uint32_t quad = threadIdx.x; quad < (segment.count + 3) / 4; quad += kThreads) {
    const Keys four = segment.four(quad);
    SWITCHYARD_UNROLL
    for (uint32_t c = 0; c < 4; ++c) {
      const uint32_t at = first + 4 * quad + c;
      const bool same = digit.ofKey ? digit.above(four.of[c]) == digit.above(key)
                                    : four.of[c] == key && digit.above(at) == digit.above(index);
      if (4 * quad + c < segment.count && same) atomicAdd(&own[digit.of(digit.ofKey ? four.of[c] : at)], 1u);
    }
  }
  __syncthreads();
  for (uint32_t i = threadIdx.x; i < kTopKBins; i += kThreads)
    if (own[i]) atomicAdd(&bins[row * kTopKBins + i], own[i]);
}

SWITCHYARD_KERNEL(top_k_histogram, topKHistogramKernel, kThreads, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
