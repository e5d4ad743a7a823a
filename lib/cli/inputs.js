// Random inputs of a sensible shape for each built-in workload: what `switchyard run <workload> --shape 1000x384`
// sends.
'use strict';
const { GPUError, invalid, suggestion } = require('../core');

/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {{ inputs: Record<string, Tensor>, params?: Record<string, unknown> }} Job */
/** @typedef {{ shape: string, letters: string[], make: (...extents: number[]) => Job }} Recipe */

let state = 1;

/** Between 0 and 1, the same in every run. */
function next() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

/** @param {readonly number[]} shape */
function sizeOf(shape) {
  return shape.reduce((product, extent) => product * extent, 1);
}

/**
 * @param {...number} shape
 * @returns {Tensor}
 */
function floats(...shape) {
  return { data: new Float32Array(sizeOf(shape)).map(() => 2 * next() - 1), shape, dtype: 'float32' };
}

/**
 * @param {number} nodes
 * @param {number} edges
 * @returns {Job}
 */
function makeGraph(nodes, edges) {
  const sources = new Int32Array(edges).map(() => Math.floor(next() * nodes)).sort();
  const rowOffsets = new Int32Array(nodes + 1);
  for (const source of sources) ++rowOffsets[source + 1];
  for (let i = 0; i < nodes; ++i) rowOffsets[i + 1] += rowOffsets[i];
  const columns = new Int32Array(edges).map(() => Math.floor(next() * nodes));
  return {
    inputs: {
      rowOffsets: { data: rowOffsets, shape: [nodes + 1], dtype: 'int32' },
      columns: { data: columns, shape: [edges], dtype: 'int32' },
    },
  };
}

/**
 * @param {number} n
 * @param {number} d
 * @returns {Job}
 */
function makeQuantized(n, d) {
  const scales = floats(n);
  scales.data = scales.data.map((value) => Math.abs(value) / 127);
  return {
    inputs: {
      input: {
        data: new Int8Array(n * d).map(() => Math.round(254 * next() - 127)),
        shape: [n, d],
        dtype: 'int8',
      },
      scales,
    },
  };
}

const any = (/** @type {(...shape: number[]) => Job} */ make) => ({ shape: '1000x384', letters: [], make });
const binary = any((...shape) => ({ inputs: { a: floats(...shape), b: floats(...shape) } }));
const unary = any((...shape) => ({ inputs: { input: floats(...shape) } }));

/**
 * @param {number} n
 * @param {(i: number) => number} valueOf
 * @returns {Tensor}
 */
const whole = (n, valueOf) => ({
  data: Int32Array.from({ length: n }, (_, i) => valueOf(i)),
  shape: [n],
  dtype: 'int32',
});

/** @type {Record<string, Recipe>} `letters`: what each extent means; none: any shape */
const kRecipes = {
  add: binary,
  subtract: binary,
  multiply: binary,
  divide: binary,
  scale: unary,
  softmax: unary,
  'layer-norm': unary,
  activation: any((...shape) => ({ inputs: { input: floats(...shape) }, params: { kind: 'gelu' } })),
  reduce: any((...shape) => ({ inputs: { input: floats(...shape) }, params: { kind: 'sum' } })),
  normalize: { shape: '1000x384', letters: ['N', 'D'], make: (n, d) => ({ inputs: { input: floats(n, d) } }) },
  matmul: {
    shape: '512x384x256',
    letters: ['M', 'K', 'N'],
    make: (m, k, n) => ({ inputs: { a: floats(m, k), b: floats(k, n) } }),
  },
  linear: {
    shape: '512x384x1536',
    letters: ['N', 'K', 'M'],
    make: (n, k, m) => ({
      inputs: { input: floats(n, k), weight: floats(m, k), bias: floats(m) },
      params: { activation: 'gelu' },
    }),
  },
  attention: {
    shape: '8x128x64',
    letters: ['H', 'S', 'D'],
    make: (h, s, d) => ({ inputs: { query: floats(h, s, d), key: floats(h, s, d), value: floats(h, s, d) } }),
  },
  'top-k': {
    shape: '1000x384',
    letters: ['N', 'D'],
    make: (n, d) => ({ inputs: { input: floats(n, d) }, params: { k: Math.min(10, d) } }),
  },
  'similarity-search': {
    shape: '16x10000x384',
    letters: ['Q', 'N', 'D'],
    make: (q, n, d) => ({ inputs: { queries: floats(q, d), base: floats(n, d) }, params: { k: Math.min(10, n) } }),
  },
  quantize: { shape: '1000x384', letters: ['N', 'D'], make: (n, d) => ({ inputs: { input: floats(n, d) } }) },
  dequantize: { shape: '1000x384', letters: ['N', 'D'], make: makeQuantized },
  'pca-fit': {
    shape: '1000x64',
    letters: ['N', 'D'],
    make: (n, d) => ({ inputs: { input: floats(n, d) }, params: { components: Math.min(8, n, d) } }),
  },
  'pca-transform': {
    shape: '1000x64x8',
    letters: ['N', 'D', 'C'],
    make: (n, d, c) => ({ inputs: { input: floats(n, d), mean: floats(d), components: floats(c, d) } }),
  },
  gather: {
    shape: '1000x30000x384',
    letters: ['INDICES', 'N', 'D'],
    make: (m, n, d) => ({ inputs: { table: floats(n, d), indices: whole(m, (i) => (i * 7919) % n) } }),
  },
  pool: {
    shape: '64x64x384',
    letters: ['SEQUENCES', 'LENGTH', 'D'],
    make: (n, length, d) => ({
      inputs: { input: floats(n * length, d), offsets: whole(n + 1, (i) => i * length) },
      params: { kind: 'mean' },
    }),
  },
  rope: {
    shape: '512x12x64',
    letters: ['TOKENS', 'H', 'D'],
    make: (t, h, d) => ({ inputs: { input: floats(t, h, d), positions: whole(t, (i) => i) } }),
  },
  concat: binary,
  pagerank: { shape: '1000x8000', letters: ['NODES', 'EDGES'], make: makeGraph },
  'force-layout': { shape: '1000x5000', letters: ['NODES', 'EDGES'], make: makeGraph },
  'evidence-timeline': { shape: '1000', letters: ['N'], make: (n) => ({ inputs: { evidence: floats(n, 4) } }) },
};

/**
 * A workload that has no row above: each input that it needs has the shape given.
 * @param {import('../addon/native').WorkloadEntry} workload
 * @returns {Recipe}
 */
function inputsOf({ inputs }) {
  const needed = inputs.filter(({ optional }) => !optional);
  return any((...shape) => ({ inputs: Object.fromEntries(needed.map(({ name }) => [name, floats(...shape)])) }));
}

/** @param {string} type */
function recipeOf(type) {
  if (Object.hasOwn(kRecipes, type)) return kRecipes[type];
  if (type === 'graph') throw invalid(`a graph has no shape: write it into a file, and give it with --file`);
  if (type === 'render' || type.startsWith('render/'))
    throw invalid(`a scene has no shape: write it into a file, and give it with --file`);
  // Only now, so that a job for a server needs no addon.
  const all = require('../addon').native.workloads();
  const known = all.find((it) => it.type === type);
  if (known) return inputsOf(known);
  throw new GPUError(
    'ERR_UNKNOWN_WORKLOAD',
    `unknown workload '${type}'${suggestion(
      type,
      all.map((it) => it.type),
    )}`,
  );
}

/**
 * @param {string} type
 * @param {readonly number[]} [shape]
 * @returns {{ type: string, shape: string } & Job}
 */
function makeJob(type, shape) {
  const recipe = recipeOf(type);
  const extents = shape ?? recipe.shape.split('x').map(Number);
  const { letters } = recipe;
  if (letters.length && letters.length !== extents.length)
    throw invalid(
      `the shape of ${type} is ${extents.join('x')}, but must be ${letters.join('x')}, ${recipe.shape} for example`,
    );
  state = 1;
  return { type, shape: extents.join('x'), ...recipe.make(...extents) };
}

/** For --help. */
function describeShapes() {
  return Object.entries(kRecipes)
    .filter(([, { letters }]) => letters.length)
    .map(([type, { letters, shape }]) => `  ${type.padEnd(18)} ${letters.join('x').padEnd(12)} ${shape}`)
    .join('\n');
}

module.exports = { makeJob, describeShapes };
