#version 450
// One row for each sequence of rows: their mean or largest elements, the first or the last. kPoolColumns columns a
// group.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 10) const uint kKind = 0;
layout(constant_id = 11) const uint kFormats = 0;
#include "halves.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 1) readonly buffer OffsetsBuffer { int offsets[]; };
WRITES(put, 2)
layout(push_constant) uniform Push { PoolParams p; };

// Threads side by side take the columns, and what is left of the group every slices-th block of kBlock rows, so that
// no thread's loop is long (see rows.glsl).
#define kBlock 16u
shared float found[gl_WorkGroupSize.x];
const float kDown = 5.421010862427522e-20, kUp = 18446744073709551616.0;  // 2^-64, 2^64

float join_(float a, float b) {
  if (kKind == kPoolMean) return a + b;
  return isNan(a) ? a : isNan(b) || b > a ? b : a;
}
float none() { return kKind == kPoolMean ? 0.0 : -INFINITY; }

// Of this thread's column over the rows begin .. end, each times `by`; every thread calls it.
float ofColumn(uint begin, uint end, uint first, uint columns, float by) {
  const uint lane = gl_LocalInvocationID.x, slices = gl_WorkGroupSize.x / columns;
  const uint own = lane % columns, column = first + own, slice = lane / columns;
  float total = none();
  if (slice < slices)
    for (uint row = begin + slice * kBlock; row < end; row += slices * kBlock) {
      float block = none();
      [[unroll]] for (uint i = 0; i < kBlock; ++i)
        if (row + i < end) {
          precise const float x = take((row + i) * p.d + column) * by;  // not the sum times `by`
          precise const float joined = join_(block, x);
          block = joined;
        }
      total = join_(total, block);
    }
  barrier();  // what stood there has been read
  found[lane] = total;
  barrier();
  float all = none();
  for (uint i = 0; i < slices; ++i) all = join_(all, found[i * columns + own]);
  return all;
}

float pooled(uint begin, uint end, uint first, uint columns) {
  const uint column = first + gl_LocalInvocationID.x % columns;
  if (begin == end) return 0.0;
  if (kKind == kPoolFirst) return take(begin * p.d + column);
  if (kKind == kPoolLast) return take((end - 1u) * p.d + column);
  float all = ofColumn(begin, end, first, columns, 1.0);
  if (kKind == kPoolMax) return all;
  const float count = float(end - begin);
  precise float mean = all / count;
  barrier();
  found[gl_LocalInvocationID.x] = isFinite(all) ? 0.0 : 1.0;
  barrier();
  float overflowed = 0.0;
  for (uint i = 0; i < columns; ++i) overflowed += found[i];
  if (overflowed > 0.0) {  // maybe only on the way
    const float small = ofColumn(begin, end, first, columns, kDown);
    precise const float large = small / count * kUp;
    if (!isFinite(all)) mean = large;
  }
  return mean;
}

void main() {
  const uint blocks = (p.d + kPoolColumns - 1u) / kPoolColumns, sequence = groupIndex() / blocks;
  if (sequence >= p.n) return;
  const uint first = groupIndex() % blocks * kPoolColumns, columns = min(uint(kPoolColumns), p.d - first);
  const uint lane = gl_LocalInvocationID.x, to = sequence * p.d + first;
  const float mine = pooled(uint(offsets[sequence]), uint(offsets[sequence + 1u]), first, columns);
  if (isFloat(2u)) {
    if (lane < columns) put1(to + lane, mine);
    return;
  }
  barrier();
  found[lane] = mine;
  barrier();
  if (2u * lane < columns) put2(to / 2u + lane, vec2(found[2u * lane], found[2u * lane + 1u]));
}
