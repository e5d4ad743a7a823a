#version 450
// input minus the mean of its column.
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
  if (kItemsPerThread == 1u) outp[i] = inp[i] - mean[i % p.d];
  else if (kRowsOfFours != 0u) outp4[i / 4u] = inp4[i / 4u] - mean4[i % p.d / 4u];
  else outp4[i / 4u] = inp4[i / 4u] - vec4(mean[i % p.d], mean[(i + 1u) % p.d],
                                           mean[(i + 2u) % p.d], mean[(i + 3u) % p.d]);
}
