#version 450
// The keys and indices of the candidates of a segment that are among its row's best k.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 15) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
const uint kFromValues = 1;
#include "halves.glsl"
#include "sort.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 1) buffer B1 { TopKState state[]; };
layout(std430, set = 0, binding = 2) writeonly buffer B2 { uint outKeys[]; };
layout(std430, set = 0, binding = 3) writeonly buffer B3 { uint outIndices[]; };
layout(push_constant) uniform Push { TopKDigitParams p; };
#define W gl_WorkGroupSize.x
#define LANE gl_LocalInvocationID.x
#include "top_k.glsl"
#include "top_k_digit.glsl"

shared uint found, place;  // place: the next in the row

void synchronize() {
  if (W > gl_SubgroupSize) barrier();
  else subgroupBarrier();
}

void main() {
  if (groupIndex() >= p.rows * p.segments) return;
  const uint row = groupIndex() / p.segments;
  setSegment();
  const uint key = state[row].key, index = state[row].index;
  if (LANE == 0u) found = 0u;
  synchronize();
  // Counted first, so that a group asks for room once.
  uint n = 0u;
  for (uint quad = LANE; quad < (count + 3u) / 4u; quad += W) {
    const uvec4 four = keysAt(quad);
    [[unroll]] for (uint c = 0u; c < 4u; ++c) {
      const uint at = 4u * quad + c;
      if (at < count && (four[c] < key || (four[c] == key && first + at <= index))) ++n;
    }
  }
  atomicAdd(found, n);
  synchronize();
  if (found == 0u) return;
  if (LANE == 0u) place = atomicAdd(state[row].taken, found);
  synchronize();
  for (uint quad = LANE; quad < (count + 3u) / 4u; quad += W) {
    const uvec4 four = keysAt(quad);
    [[unroll]] for (uint c = 0u; c < 4u; ++c) {
      const uint at = 4u * quad + c;
      if (at < count && (four[c] < key || (four[c] == key && first + at <= index))) {
        const uint to = atomicAdd(place, 1u);
        if (to < p.padded) {  // as k are: the guard keeps a fault from writing into another row
          outKeys[row * p.padded + to] = four[c];
          outIndices[row * p.padded + to] = first + at;
        }
      }
    }
  }
}
