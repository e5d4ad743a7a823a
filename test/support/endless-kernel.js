// A kernel that would run for days: software drivers cut single loops short, so it is the number of threads that never
// ends. It asks how many groups there are, so it can't be cut into pieces, between which it would be heard that it is
// canceled (vulkan/pieces.h).
'use strict';
const endless = `#version 450
layout(local_size_x = 1) in;
layout(binding = 0) readonly buffer X { uint x[]; };
layout(binding = 1) buffer Y { uint y[]; };
void main() {
  uint value = 1u, count = x[0];
  for (uint i = 0u; i < count; ++i)
    for (uint j = 0u; j < count; ++j)
      for (uint k = 0u; k < count; ++k) value = value * 1664525u + (value >> 7u) + x[k & 1u];
  y[0] = value + gl_NumWorkGroups.x;
}`;

const jobOf = (kernel, count, threads) => ({
  type: 'kernel',
  kernel,
  inputs: { x: new Uint32Array([count, 1]) },
  outputs: { y: { shape: [1], dtype: 'uint32' } },
  threads,
});
const endlessJob = (kernel) => jobOf(kernel, 60000, [60000, 60000]);
const briefJob = (kernel) => jobOf(kernel, 3, 1);

module.exports = { endless, endlessJob, briefJob };
