#version 450
// The best k of one chunk of candidates of one row, sorted in shared memory.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
#include "sort.glsl"
layout(std430, set = 0, binding = 0) readonly buffer B0 { uint inKeys[]; };
layout(std430, set = 0, binding = 1) readonly buffer B1 { uint inIndices[]; };
layout(std430, set = 0, binding = 2) writeonly buffer B2 { uint outKeys[]; };
layout(std430, set = 0, binding = 3) writeonly buffer B3 { uint outIndices[]; };
layout(push_constant) uniform Push { TopKChunkParams p; };


shared uint keys[kTopKChunk];
shared uint indices[kTopKChunk];

void synchronize() {
  if (gl_WorkGroupSize.x > gl_SubgroupSize) barrier();
  else subgroupBarrier();
}

void main() {
  const uint unit = groupIndex();
  if (unit >= p.rows * p.chunks) return;
  const uint row = unit / p.chunks, first = unit % p.chunks * kTopKChunk;
  for (uint i = gl_LocalInvocationID.x; i < kTopKChunk; i += gl_WorkGroupSize.x) {
    const uint column = first + i, at = row * p.d + column;
    const bool real = column < p.d;
    keys[i] = !real ? kNoKey : p.fromValues != 0u ? sortKey(uintBitsToFloat(inKeys[at]), p.largest != 0u) : inKeys[at];
    indices[i] = !real ? kNoIndex : p.fromValues != 0u ? column : inIndices[at];
  }
  synchronize();
  for (uint size = 2u; size <= kTopKChunk; size *= 2u)
    for (uint stride = size / 2u; stride > 0u; stride /= 2u) {
      for (uint pair = gl_LocalInvocationID.x; pair < kTopKChunk / 2u; pair += gl_WorkGroupSize.x) {
        const uint i = 2u * pair - (pair & (stride - 1u)), j = i + stride;
        const bool ascending = (i & size) == 0u;
        const uint keyI = keys[i], keyJ = keys[j], indexI = indices[i], indexJ = indices[j];
        if (sortsBefore(keyJ, indexJ, keyI, indexI) == ascending) {
          keys[i] = keyJ;
          keys[j] = keyI;
          indices[i] = indexJ;
          indices[j] = indexI;
        }
      }
      synchronize();
    }
  for (uint i = gl_LocalInvocationID.x; i < p.k; i += gl_WorkGroupSize.x) {
    outKeys[unit * p.k + i] = keys[i];
    outIndices[unit * p.k + i] = indices[i];
  }
}
