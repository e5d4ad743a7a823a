#version 450
// The mean of every column, kMeanColumns columns a group.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(std430, set = 0, binding = 0) readonly buffer InpBuffer { float inp[]; };
layout(std430, set = 0, binding = 1) writeonly buffer MeanBuffer { float mean[]; };
layout(push_constant) uniform Push { MeanParams p; };

// Threads side by side take the columns, and what is left of the group takes every slices-th block of kBlock rows:
// narrow matrices have many slices, so that no thread's loop is long (see rows.glsl).
#define kBlock 16u
shared float sums[gl_WorkGroupSize.x];

void main() {
  const uint first = groupIndex() * kMeanColumns, lane = gl_LocalInvocationID.x;
  if (first >= p.d) return;
  const uint columns = min(uint(kMeanColumns), p.d - first), slices = gl_WorkGroupSize.x / columns;
  const uint column = first + lane % columns, slice = lane / columns;
  float total = 0.0, part = 0.0;
  uint turn = 0u;
  if (slice < slices)
    for (uint row = slice * kBlock; row < p.rows; row += slices * kBlock) {
      float block = 0.0;
      [[unroll]] for (uint i = 0; i < kBlock; ++i)
        if (row + i < p.rows) block += inp[(row + i) * p.d + column];
      part += block;
      if ((++turn & 31u) == 0u) {
        total += part;
        part = 0.0;
      }
    }
  sums[lane] = total + part;
  barrier();
  if (lane >= columns) return;
  float all = 0.0;
  for (uint i = 0; i < slices; ++i) all += sums[i * columns + lane];
  mean[column] = all / float(p.rows);
}
