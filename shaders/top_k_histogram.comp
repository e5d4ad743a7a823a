#version 450
// How many candidates of a segment have each value of one digit, of those whose higher digits are the state's.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 15) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
const uint kFromValues = 1;
#include "halves.glsl"
#include "sort.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 1) readonly buffer B1 { TopKState state[]; };
layout(std430, set = 0, binding = 2) buffer B2 { uint bins[]; };
layout(push_constant) uniform Push { TopKDigitParams p; };
#define W gl_WorkGroupSize.x
#define LANE gl_LocalInvocationID.x
#include "top_k.glsl"
#include "top_k_digit.glsl"

shared uint own[kTopKBins];

void synchronize() {
  if (W > gl_SubgroupSize) barrier();
  else subgroupBarrier();
}

void main() {
  if (groupIndex() >= p.rows * p.segments) return;
  const uint row = groupIndex() / p.segments;
  if (p.digit > 0u && state[row].done != 0u) return;
  setSegment();
  for (uint i = LANE; i < kTopKBins; i += W) own[i] = 0u;
  synchronize();
  const uint key = state[row].key, index = state[row].index;
  for (uint quad = LANE; quad < (count + 3u) / 4u; quad += W) {
    const uvec4 four = keysAt(quad);
    [[unroll]] for (uint c = 0u; c < 4u; ++c) {
      const uint at = first + 4u * quad + c;
      const bool same = isOfKey(p.digit) ? above(four[c], p.digit) == above(key, p.digit)
                                         : four[c] == key && above(at, p.digit) == above(index, p.digit);
      if (4u * quad + c < count && same) atomicAdd(own[digitOf(isOfKey(p.digit) ? four[c] : at, p.digit)], 1u);
    }
  }
  synchronize();
  for (uint i = LANE; i < kTopKBins; i += W) {
    const uint n = own[i];
    if (n > 0u) atomicAdd(bins[row * kTopKBins + i], n);
  }
}
