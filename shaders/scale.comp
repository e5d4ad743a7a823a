#version 450
// out[i] = input[i] * factor + offset.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 1) const uint kItemsPerThread = 4;
layout(std430, set = 0, binding = 0) readonly buffer InpBuffer { float inp[]; };
layout(std430, set = 0, binding = 0) readonly buffer Inp4Buffer { vec4 inp4[]; };
layout(std430, set = 0, binding = 1) writeonly buffer OutpBuffer { float outp[]; };
layout(std430, set = 0, binding = 1) writeonly buffer Outp4Buffer { vec4 outp4[]; };
layout(push_constant) uniform Push { ScaleParams p; };

float apply(float x) { return wideMulAdd(x, p.factor, p.offset); }

void main() {
  const uint i = itemIndex() * kItemsPerThread;
  if (i >= p.count) return;
  if (kItemsPerThread == 1u) {
    outp[i] = apply(inp[i]);
    return;
  }
  const vec4 x = inp4[i / 4u];
  outp4[i / 4u] = vec4(apply(x.x), apply(x.y), apply(x.z), apply(x.w));
}
