#version 450
// A quarter of input minus the mean of its column.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 1) const uint kItemsPerThread = 4;
layout(constant_id = 17) const uint kRowsOfFours = 0;
layout(std430, set = 0, binding = 0) readonly buffer InpBuffer { float inp[]; };
layout(std430, set = 0, binding = 0) readonly buffer Inp4Buffer { vec4 inp4[]; };
layout(std430, set = 0, binding = 1) readonly buffer MeanBuffer { float mean[]; };
layout(std430, set = 0, binding = 1) readonly buffer Mean4Buffer { vec4 mean4[]; };
layout(std430, set = 0, binding = 2) writeonly buffer OutpBuffer { float outp[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Outp4Buffer { vec4 outp4[]; };
layout(push_constant) uniform Push { MeanParams p; };

void main() {
  const uint i = itemIndex() * kItemsPerThread;
  if (i >= p.rows * p.d) return;
  if (kItemsPerThread == 1u) {
    precise const float one = inp[i] * 0.25 - mean[i % p.d] * 0.25;
    outp[i] = one;
    return;
  }
  vec4 m;
  if (kRowsOfFours != 0u) m = mean4[i % p.d / 4u];
  else m = vec4(mean[i % p.d], mean[(i + 1u) % p.d], mean[(i + 2u) % p.d], mean[(i + 3u) % p.d]);
  precise const vec4 four = inp4[i / 4u] * 0.25 - m * 0.25;
  outp4[i / 4u] = four;
}
