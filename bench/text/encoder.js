// An encoder of BERT's shape with generated weights, as a graph over packed tokens: what models cost, without a model.
'use strict';
const gpu = require('../..');

/** MiniLM's, with a small vocabulary: a row of the table costs the same whichever it is. */
const kSizes = { layers: 6, width: 384, heads: 12, hidden: 1536, vocabulary: 8192, positions: 512 };

/** Numbers around 0 that are the same in each run. */
function numbersFrom(seed) {
  let state = seed >>> 0;
  return () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5) * 2;
}

/**
 * @param {typeof kSizes} sizes
 * @param {(shape: number[]) => import('../..').InputTensor & { data: Float32Array }} [make] memory for a weight
 */
function makeWeights(sizes, make = (shape) => gpu.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)) {
  const { layers, width, hidden, vocabulary, positions } = sizes;
  const next = numbersFrom(7);
  const weights = {};
  const add = (name, shape, scale, middle = 0) => {
    const tensor = make(shape);
    for (let i = 0; i < tensor.data.length; ++i) tensor.data[i] = middle + scale * next();
    weights[name] = tensor;
  };
  const linear = (name, rows, columns) => {
    add(`${name}.weight`, [rows, columns], Math.sqrt(3 / columns));
    add(`${name}.bias`, [rows], 0.02);
  };
  const norm = (name) => {
    add(`${name}.gamma`, [width], 0.1, 1);
    add(`${name}.beta`, [width], 0.1);
  };
  add('words', [vocabulary, width], 1);
  add('places', [positions, width], 0.5);
  add('types', [2, width], 0.5);
  norm('embedded');
  for (let i = 0; i < layers; ++i) {
    for (const name of ['query', 'key', 'value', 'mixed']) linear(`${i}.${name}`, width, width);
    linear(`${i}.wide`, hidden, width);
    linear(`${i}.narrow`, width, hidden);
    norm(`${i}.attended`);
    norm(`${i}.output`);
  }
  return weights;
}

/** @param {typeof kSizes} sizes */
function makeNodes({ layers, width, heads }) {
  const nodes = [];
  const node = (type, inputs, output, params) => {
    nodes.push(Object.freeze({ type, inputs: Object.freeze(inputs), params, outputs: Object.freeze({ output }) }));
    return output;
  };
  const shape = (input, output, sizes) =>
    node('reshape', { input }, output, Object.freeze({ shape: Object.freeze([-1, ...sizes]) }));
  const linear = (input, name, output, params, residual) =>
    node('linear', { input, weight: `${name}.weight`, bias: `${name}.bias`, residual }, output, params);
  const norm = (input, name, output, residual) =>
    node('layer-norm', { input, gamma: `${name}.gamma`, beta: `${name}.beta`, residual }, output, kNorm);
  const kNorm = Object.freeze({ epsilon: 1e-12 });
  const kGelu = Object.freeze({ activation: 'gelu' });

  node('gather', { table: 'words', indices: 'ids' }, 'word');
  node('gather', { table: 'places', indices: 'positions' }, 'place');
  node('gather', { table: 'types', indices: 'typeIds' }, 'type');
  node('add', { a: 'word', b: 'place' }, 'placed');
  let x = norm('placed', 'embedded', 'x', 'type');
  for (let i = 0; i < layers; ++i) {
    const apart = (name) =>
      shape(linear(x, `${i}.${name}`, `${i}.${name}.rows`), `${i}.${name}.heads`, [heads, width / heads]);
    const [query, key, value] = ['query', 'key', 'value'].map(apart);
    node('attention', { query, key, value, offsets: 'offsets' }, `${i}.seen`);
    const seen = shape(`${i}.seen`, `${i}.seen.rows`, [width]);
    const attended = norm(linear(seen, `${i}.mixed`, `${i}.mixed`, undefined, x), `${i}.attended`, `${i}.attended`);
    const wide = linear(attended, `${i}.wide`, `${i}.wide`, kGelu);
    x = norm(linear(wide, `${i}.narrow`, `${i}.narrow`, undefined, attended), `${i}.output`, `${i}.x`);
  }
  node('pool', { input: x, offsets: 'offsets' }, 'pooled', Object.freeze({ kind: 'mean' }));
  node('normalize', { input: 'pooled' }, 'embeddings');
  return { nodes: Object.freeze(nodes), outputs: Object.freeze(['embeddings']) };
}

/**
 * Texts of these numbers of tokens, as an encoder's own inputs.
 * @param {number[]} lengths
 * @param {typeof kSizes} sizes
 */
function makeTexts(lengths, { vocabulary }, seed = 1) {
  const next = numbersFrom(seed);
  const offsets = Int32Array.from([0, ...lengths]);
  for (let i = 1; i < offsets.length; ++i) offsets[i] += offsets[i - 1];
  const tokens = offsets[lengths.length];
  const ids = Int32Array.from({ length: tokens }, () => Math.floor((next() + 1) * 0.5 * vocabulary));
  const positions = Int32Array.from(lengths.flatMap((length) => [...Array(length).keys()]));
  return { ids, typeIds: new Int32Array(tokens), positions, offsets };
}

module.exports = { kSizes, makeWeights, makeNodes, makeTexts };
