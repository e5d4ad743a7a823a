#version 450
// Sums of every column of a slice of the rows, over a number: kMeanColumns columns a group.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(std430, set = 0, binding = 0) readonly buffer InpBuffer { float inp[]; };
layout(std430, set = 0, binding = 1) writeonly buffer MeanBuffer { float means[]; };
layout(push_constant) uniform Push { ColumnMeanParams p; };

// Threads side by side take the columns, and what is left of the group takes every slices-th block of kBlock rows:
// narrow matrices have many slices, so that no thread's loop is long (see rows.glsl).
#define kBlock 16u
shared float sums[gl_WorkGroupSize.x];

void main() {
  const uint groups = (p.d + kMeanColumns - 1u) / kMeanColumns, part = groupIndex() / groups;
  const uint first = groupIndex() % groups * kMeanColumns, lane = gl_LocalInvocationID.x;
  const uint begin = part * p.slice, end = min(begin + p.slice, p.rows);
  if (begin >= p.rows) return;
  const uint columns = min(uint(kMeanColumns), p.d - first), slices = gl_WorkGroupSize.x / columns;
  const uint column = first + lane % columns, slice = lane / columns;
  float total = 0.0, sum = 0.0;
  uint turn = 0u;
  if (slice < slices)
    for (uint row = begin + slice * kBlock; row < end; row += slices * kBlock) {
      float block = 0.0;
      [[unroll]] for (uint i = 0; i < kBlock; ++i)
        if (row + i < end) block += inp[(row + i) * p.d + column];
      sum += block;
      if ((++turn & 31u) == 0u) {
        total += sum;
        sum = 0.0;
      }
    }
  sums[lane] = total + sum;
  barrier();
  if (lane >= columns) return;
  float all = 0.0;
  for (uint i = 0; i < slices; ++i) all += sums[i * columns + lane];
  means[part * p.d + column] = all / p.over;
}
