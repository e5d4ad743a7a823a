// What is compiled: any number of small kernels that differ, one of middle size in GLSL and in WGSL, and a source of
// numbers.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const read = (name) => fs.readFileSync(path.join(__dirname, 'shaders', name), 'utf8');

// Kernel number i: no two have the same constants.
function smallKernel(i) {
  return {
    name: `curve${i}`,
    glsl: `#version 450
layout(local_size_x = 64) in;
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Params { uint count; float factor; };

float curve(float at) {
  float sum = 0.0;
  for (int k = 1; k <= ${2 + (i % 5)}; ++k) sum += at * float(k) / (${i}.5 + at * at);
  return sum;
}

void main() {
  uint i = gl_GlobalInvocationID.x;
  if (i >= count) return;
  y[i] = factor * curve(x[i]) + ${i}.25;
}
`,
  };
}

const kCount = 256;
const smallInput = Float32Array.from({ length: kCount }, (_, i) => i / 64);

function smallJob(kernel) {
  return {
    type: 'kernel',
    kernel,
    inputs: { x: smallInput },
    outputs: { y: { shape: [kCount], dtype: 'float32' } },
    params: { count: kCount, factor: 2 },
    threads: kCount,
  };
}

// What kernel number i gives for an x, in double precision.
function smallValue(i, x) {
  let sum = 0;
  for (let k = 1; k <= 2 + (i % 5); ++k) sum += (x * k) / (i + 0.5 + x * x);
  return 2 * sum + i + 0.25;
}

const kWidth = 64,
  kHeight = 64;
const middle = {
  glsl: () => read('terrain.comp'),
  wgsl: () => read('terrain.wgsl'),
  width: kWidth,
  height: kHeight,
  time: 0.5,
  water: 0.28,
  palette: Float32Array.from({ length: 16 }, (_, i) => 0.1 + 0.05 * i + 0.02 * (i % 3)),
};

// xorshift32: the same numbers in every process, from 0 to 1.
function random(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
}

module.exports = { smallKernel, smallJob, smallInput, smallValue, middle, random };
