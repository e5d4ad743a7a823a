#version 450
// One number for every part of a long row, sum, min, max or L2 norm; or, where `part` is 0, for what all parts make.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 10) const uint kKind = 0;
layout(constant_id = 11) const uint kFormats = 0;
layout(constant_id = 12) const uint kPart = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "reduce.glsl"
#include "halves.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 0) readonly buffer PairsBuffer { vec2 pairs[]; };
layout(std430, set = 0, binding = 1) writeonly buffer NumbersBuffer { float numbers[]; };
layout(std430, set = 0, binding = 1) writeonly buffer WritesBuffer { vec2 wide[]; };
layout(push_constant) uniform Push { ReducePartsParams p; };
#include "rows.glsl"
ROW_READ(loadElements, take)

const float kWide = 1.8446744073709552e19, kNarrow = 5.421010862427522e-20;  // 2^64 and its inverse
bool anyWide = false;  // of the parts, one is: then all are taken so
float pairOf(uint i) {
  const vec2 pair = pairs[i];
  return anyWide && pair.y == 1.0 ? pair.x * kNarrow : pair.x;
}
vec4 load(uint from, uint turn, uint d, float neutral) {
  if (kPart != 0u) return loadElements(from, turn, d, neutral);
  const uvec4 c = columnsOf(turn);
  vec4 x = vec4(neutral);
  if (c.x < d) x.x = pairOf(from + c.x);
  if (c.y < d) x.y = pairOf(from + c.y);
  if (c.z < d) x.z = pairOf(from + c.z);
  if (c.w < d) x.w = pairOf(from + c.w);
  return x;
}

#include "reduce_row.glsl"
#include "parts.glsl"

void main() {
  const uint group = groupIndex();
  Part part = Part(group, group * p.d, p.d);
  if (kPart != 0u) part = partOf(group);
  if (part.row >= p.rows) return;
  if (kPart == 0u) {
    bool any = false;
    for (uint i = LANE; i < part.count; i += W) any = any || pairs[part.from + i].y != 1.0;
    anyWide = groupAny(any);
  }
  vec2 result = reducedRow(part.from, part.count);
  // Sums and norms of narrowed parts are far from float32's end, unless they are infinite.
  if (anyWide) result = vec2(result.x * result.y, kWide);
  if (LANE != 0u) return;
  if (p.over == 0.0)
    wide[group] = result;
  else
    numbers[group] = result.x / p.over * result.y;
}
