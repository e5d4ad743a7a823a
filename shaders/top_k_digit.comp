#version 450
// Takes the digit in which the last of a row's best k lies into the row's state.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(std430, set = 0, binding = 0) buffer B0 { uint bins[]; };
layout(std430, set = 0, binding = 1) buffer B1 { TopKState state[]; };
layout(push_constant) uniform Push { TopKDigitParams p; };
#define W gl_WorkGroupSize.x
#define LANE gl_LocalInvocationID.x
uint first, base, count;
#include "sort.glsl"
#include "top_k_digit.glsl"

shared uint sums[256];
const uint kRun = kTopKBins / 256u;  // bins that are one sum

void synchronize() {
  if (W > gl_SubgroupSize) barrier();
  else subgroupBarrier();
}

// Of the row's candidates `left` are still to be had; all lower bits of what they have are ones where that is all.
TopKState withDigit(TopKState s, uint value, uint left, bool all) {
  const uint shift = shiftOf(p.digit), rest = all ? (1u << shift) - 1u : 0u;
  if (isOfKey(p.digit)) {
    s.key |= value << shift | rest;
    if (all) s.index = kNoIndex;
  } else {
    s.index |= value << shift | rest;
  }
  s.left = left;
  s.done = all ? 1u : 0u;
  return s;
}

void main() {
  const uint row = groupIndex();
  if (row >= p.rows) return;
  TopKState s = state[row];
  if (p.digit == 0u) s = TopKState(0u, 0u, p.k, 0u, 0u);
  if (s.done != 0u) return;
  const uint from = row * kTopKBins;
  for (uint i = LANE; i < 256u; i += W) {
    uint sum = 0u;
    for (uint j = 0u; j < kRun; ++j) sum += bins[from + i * kRun + j];
    sums[i] = sum;
  }
  synchronize();
  // By all threads alike, so that nothing has to be handed around.
  uint before = 0u, run = 0u;
  while (run < 255u && before + sums[run] < s.left) before += sums[run++];
  uint bin = run * kRun;
  while (bin < run * kRun + kRun - 1u && before + bins[from + bin] < s.left) before += bins[from + bin++];
  const uint left = s.left - before;
  const bool all = bins[from + bin] == left;
  synchronize();
  for (uint i = LANE; i < kTopKBins; i += W) bins[from + i] = 0u;
  if (LANE == 0u) state[row] = withDigit(s, bin, left, all);
}
