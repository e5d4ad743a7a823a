#version 450
// The steps of a bitonic sort that stay in one chunk, of several sizes at once.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
#include "sort.glsl"
layout(std430, set = 0, binding = 0) buffer B0 { uint allKeys[]; };
layout(std430, set = 0, binding = 1) buffer B1 { uint allIndices[]; };
layout(push_constant) uniform Push { SortChunkParams p; };
#define W gl_WorkGroupSize.x
#define LANE gl_LocalInvocationID.x

shared uint keys[kTopKChunk];
shared uint indices[kTopKChunk];
#include "sort_shared.glsl"

void main() {
  const uint chunks = p.padded / kTopKChunk, unit = groupIndex();
  if (unit >= p.rows * chunks) return;
  const uint from = unit * kTopKChunk, inRow = unit % chunks * kTopKChunk;
  for (uint i = LANE; i < kTopKChunk; i += W) {
    keys[i] = allKeys[from + i];
    indices[i] = allIndices[from + i];
  }
  synchronize();
  if (p.size == 2u) sortEights(kTopKChunk, inRow);
  for (uint size = max(p.size, 16u); size <= p.last; size *= 2u)
    sortSize(kTopKChunk, size, min(size, kTopKChunk) / 2u, inRow);
  for (uint i = LANE; i < kTopKChunk; i += W) {
    allKeys[from + i] = keys[i];
    allIndices[from + i] = indices[i];
  }
}
