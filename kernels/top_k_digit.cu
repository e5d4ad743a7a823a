// top_k_digit: takes the digit in which the last of a row's best k lies into the row's state. One block a row.
#include "top_k.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;
constexpr uint32_t kRun = kTopKBins / kThreads;  // bins that are one sum

__global__ void __launch_bounds__(kThreads) topKDigitKernel(uint32_t* bins, TopKState* state, TopKDigitParams p) {
  SWITCHYARD_SHARED(uint32_t, sums, [kThreads]);
  const uint64_t row = linearBlock();
  if (row >= p.rows) return;
  TopKState s = state[row];
  if (p.digit == 0) s = {0, 0, p.k, 0, 0};
  if (s.done) return;
  uint32_t* const own = bins + row * kTopKBins;
  uint32_t sum = 0;
  for (uint32_t j = 0; j < kRun; ++j) sum += own[threadIdx.x * kRun + j];
  sums[threadIdx.x] = sum;
  __syncthreads();
  // By all threads alike, so that nothing has to be handed around.
  uint32_t before = 0, run = 0;
  while (run < kThreads - 1 && before + sums[run] < s.left) before += sums[run++];
  uint32_t bin = run * kRun;
  while (bin < run * kRun + kRun - 1 && before + own[bin] < s.left) before += own[bin++];
  s.left -= before;
  s.done = own[bin] == s.left;
  __syncthreads();
  for (uint32_t i = threadIdx.x; i < kTopKBins; i += kThreads) own[i] = 0;
  if (threadIdx.x) return;
  const Digit digit(p.digit);
  const uint32_t bits = bin << digit.shift | (s.done ? (1u << digit.shift) - 1 : 0);
  if (digit.ofKey) {
    s.key |= bits;
    if (s.done) s.index = kMissingIndex;  // whichever index
  } else {
    s.index |= bits;
  }
  state[row] = s;
}

SWITCHYARD_KERNEL(top_k_digit, topKDigitKernel, kThreads, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
