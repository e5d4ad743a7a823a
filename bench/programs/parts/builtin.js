// Built-in workloads against kernels of users with the same source, on one context, with inputs on the device and
// outputs in memory that is used again: in turns, by the time the context computed.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const gpu = require('../../..');
const { median } = require('../../stats');

const root = path.join(__dirname, '..', '..', '..');

// A shader of the engine as one text, with the files it includes.
function inlined(name, seen = new Set()) {
  const file = [path.join(root, 'shaders', name), path.join(root, 'src', name)].find((each) => fs.existsSync(each));
  return fs
    .readFileSync(file, 'utf8')
    .replace(/^#pragma once$|^#include <.*>$/gm, '')
    .replace(/^#include "(.*)"$/gm, (_, other) => {
      if (seen.has(other)) return '';
      seen.add(other);
      return inlined(other, seen);
    });
}

// Users give their parameters by name: a plain block instead of the structure that C++ shares.
function withParams(text, block) {
  const made = text
    .replace(/^#version .*$/m, '$&\n#define SWITCHYARD_GLSL 1')
    .replace(/layout\(push_constant\) uniform Push \{[^}]*\};/, `layout(push_constant) uniform Push { ${block} } p;`);
  if (!made.includes(block)) throw new Error('the shader has no parameter block of the known form');
  return made;
}

const kScale = `#version 450
layout(local_size_x = 256) in;
layout(binding = 0) readonly buffer InputBuffer { vec4 inp4[]; };
layout(binding = 1) writeonly buffer OutputBuffer { vec4 outp4[]; };
layout(push_constant) uniform Push { uint count; float factor; float offset; } p;

void main() {
  const uint i = gl_GlobalInvocationID.x;
  if (i * 4u >= p.count) return;
  outp4[i] = inp4[i] * p.factor + p.offset;
}`;

const pairs = {
  timeline(rows) {
    const evidence = {
      data: Float32Array.from({ length: rows * 4 }, (_, i) => ((i * 7919) % 1000) / 1000),
      shape: [rows, 4],
      dtype: 'float32',
    };
    const glsl = () => withParams(inlined('evidence_timeline.comp'), 'uint rows; float currentTime; float decay;');
    return {
      input: evidence,
      glsl,
      shape: [rows, 4],
      outputs: ['timeline', 'B1'],
      builtin: (input) => ({
        type: 'evidence-timeline',
        inputs: { evidence: input },
        params: { currentTime: 1, decay: 2 },
      }),
      own: (kernel, input, [from, to]) => ({
        type: 'kernel',
        kernel,
        inputs: { [from]: input },
        outputs: { [to]: { shape: [rows, 4], dtype: 'float32' } },
        params: { rows, currentTime: 1, decay: 2 },
        threads: rows,
      }),
    };
  },
  scale(rows) {
    const count = rows * 4,
      input = {
        data: Float32Array.from({ length: count }, (_, i) => (i % 1000) - 500),
        shape: [count],
        dtype: 'float32',
      };
    return {
      input,
      glsl: () => kScale,
      shape: [count],
      outputs: ['output'],
      builtin: (value) => ({ type: 'scale', inputs: { input: value }, params: { factor: 2, offset: 1 } }),
      own: (kernel, value, [from, to]) => ({
        type: 'kernel',
        kernel,
        inputs: { [from]: value },
        outputs: { [to]: { shape: [count], dtype: 'float32' } },
        params: { count, factor: 2, offset: 1 },
        threads: count / 4,
      }),
    };
  },
};

// Resolves to the medians of compute ms: { builtin, own, ratio, runs }.
async function measure({ pair, rows, runs }) {
  const { input, glsl, shape, builtin, own } = pairs[pair](rows),
    context = await gpu.createContext({ device: 'vulkan', memoryLimit: 2 ** 30 });
  const kernel = await context.compileKernel({ name: pair, glsl: glsl() }),
    names = kernel.bindings.map(({ name }) => name);
  const device = await context.upload(input),
    length = shape.reduce((a, b) => a * b, 1);
  const targets = [new Float32Array(length), new Float32Array(length)];
  const [builtinOutput] = Object.keys((await context.run(builtin(device))).outputs);
  const run = [
    () => context.run(builtin(device), { into: { [builtinOutput]: { data: targets[0], shape } } }),
    () => context.run(own(kernel, device, names), { into: { [names[1]]: { data: targets[1], shape } } }),
  ];
  const times = [[], []];
  for (let i = 0; i < runs + 3; ++i) {
    for (const turn of i % 2 ? [1, 0] : [0, 1]) {
      const { timings } = await run[turn]();
      if (i >= 3) times[turn].push(timings.compute);
    }
  }
  const wrong = targets[0].findIndex(
    (value, i) => Math.abs(value - targets[1][i]) > 1e-6 * Math.max(1, Math.abs(value)),
  );
  if (wrong >= 0)
    throw new Error(`element ${wrong} is ${targets[1][wrong]}, but the built-in workload gives ${targets[0][wrong]}`);
  await context.close();
  const [a, b] = times.map(median);
  return { builtin: a, own: b, ratio: b / a, least: Math.min(...times[1]) / Math.min(...times[0]), runs };
}

module.exports = { measure };
