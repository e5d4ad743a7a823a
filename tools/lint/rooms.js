// The rooms of the C++ code: which folder may include which. Files of src/ itself are rooms of their own, which may not
// need each other in a circle.
'use strict';

const kProgram = ['src', 'src/program'];

// folder -> folders below it
const kMayInclude = new Map([
  [
    'binding',
    [
      'src',
      'src/cluster',
      'src/memory',
      'src/program',
      'src/program/compile',
      'src/program/run',
      'src/program/store',
      'src/store',
      'src/text',
      'src/vectors',
    ],
  ],
  ['src', ['src/memory', 'src/program']],
  ['src/blas', ['src']],
  ['src/cluster', ['src', 'src/memory', 'src/program', 'src/program/run']],
  ['src/compiler', ['src/program/compile']],
  ['src/cpu', ['src', 'src/blas']],
  ['src/cuda', ['src', 'src/program', 'kernels']],
  ['src/memory', ['src']],
  ['src/program', ['src']],
  [
    'src/program/compile',
    [...kProgram, 'src/program/glsl', 'src/program/nvrtc', 'src/program/spirv', 'src/program/webgl'],
  ],
  ['src/program/glsl', kProgram],
  ['src/program/nvrtc', [...kProgram, 'src/program/glsl']],
  ['src/program/run', [...kProgram, 'src/workloads']],
  ['src/program/spirv', [...kProgram, 'src/program/glsl']],
  ['src/program/store', kProgram],
  ['src/program/webgl', [...kProgram, 'src/program/glsl']],
  ['src/render', ['src', 'src/program', 'src/program/spirv', 'src/workloads']],
  ['src/store', ['src', 'src/memory']],
  ['src/text', ['src']],
  ['src/vectors', ['src', 'src/memory']],
  ['src/vulkan', ['src', 'src/program']],
  ['src/workloads', ['src', 'src/blas']],
]);

// Nobody else includes what is in these, but the file that knows which of them were built.
const kBackends = ['src/cpu', 'src/vulkan', 'src/cuda'];
const kOpensBackends = ['src/device.cpp'];

// Units that are one class in several files.
const kOneUnit = /** @type {{ units: string[], why: string }[]} */ ([
  {
    units: ['src/text/tokenizer', 'src/text/text_encoder'],
    why: 'a tokenizer makes the encoders that read it, and keeps what those need from text to text',
  },
]);

// Single includes against the rules.
const kExceptions = [
  {
    from: 'src/device.cpp',
    to: 'test/faults/injected_device.h',
    why: 'the fault build (SWITCHYARD_FAULTS) wraps each device',
  },
  {
    from: 'src/vectors/scores.cpp',
    to: 'src/cpu/simd.h',
    why: 'which instruction sets are built stands in one place; there is nothing of the backend in it',
  },
];

module.exports = { kMayInclude, kBackends, kOpensBackends, kOneUnit, kExceptions };
