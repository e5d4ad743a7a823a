#version 450
// Of every part of a long row the largest element, and the sum of exponentials relative to it.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 11) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "math.glsl"
#include "reduce.glsl"
#include "halves.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 1) writeonly buffer PartialsBuffer { vec2 partials[]; };
layout(push_constant) uniform Push { SoftmaxPartsParams p; };
#include "rows.glsl"
#include "parts.glsl"
ROW_READ(load, take)

void main() {
  const Part part = partOf(groupIndex());
  if (part.row >= p.rows) return;
  vec4 best = vec4(-INFINITY);
  EACH_TURN(turn, part.count) best = larger(best, load(part.from, turn, part.count, -INFINITY));
  const float largest = largestOf(best);
  float total = 0.0;
  if (isInf(largest) && largest < 0.0) {  // nothing visible: no sum, unless there is a NaN
    bool bad = false;
    EACH_TURN(turn, part.count) bad = bad || anyNan(load(part.from, turn, part.count, -INFINITY));
    if (groupAny(bad)) total = NAN;
  } else {
    Sum s = sumOfNone();
    EACH_TURN(turn, part.count) {
      const vec4 e = exactExp4((load(part.from, turn, part.count, -INFINITY) - largest) * p.inverseTemperature);
      addTo(s, turn, mix(vec4(0.0), e, lessThan(columnsOf(turn), uvec4(part.count))));
    }
    total = sumOf(s);
  }
  if (LANE == 0) partials[groupIndex()] = vec2(largest, total);
}
