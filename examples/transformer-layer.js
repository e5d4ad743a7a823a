// One layer of a language model as a graph, on packed sequences of different lengths: RMS norms, rotary positions,
// grouped-query attention that looks back only, a gated feed-forward part. One job, whose intermediates never leave the
// device. Each device's result is compared with the same layer in double precision. npm run example:layer
'use strict';
const gpu = require('..');
const { layer: reference } = require('./transformer-reference');

const sizes = { width: 64, heads: 8, groups: 2, depth: 16, hidden: 176 };
const lengths = [7, 1, 0, 31, 12]; // tokens of each sequence; one has none

/** Numbers around 0 that are the same in each run. */
function someNumbers(seed, shape, scale) {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5;
  return gpu.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * scale * next()),
    shape,
  );
}

/** What the layer is given: the tokens' vectors, where each sequence begins, and the weights, a row for each output. */
function makeInputs({ width, heads, groups, depth, hidden }) {
  const offsets = lengths.reduce((all, length) => [...all, all.at(-1) + length], [0]);
  const weight = (seed, rows, columns) => someNumbers(seed, [rows, columns], Math.sqrt(3 / columns));
  return {
    x: someNumbers(1, [offsets.at(-1), width], 1),
    offsets: gpu.tensor(Int32Array.from(offsets), [offsets.length]),
    positions: gpu.tensor(Int32Array.from(lengths.flatMap((length) => [...Array(length).keys()])), [offsets.at(-1)]),
    gammaAttention: someNumbers(2, [width], 1),
    gammaHidden: someNumbers(3, [width], 1),
    toQuery: weight(4, heads * depth, width),
    toKey: weight(5, groups * depth, width),
    toValue: weight(6, groups * depth, width),
    fromHeads: weight(7, width, heads * depth),
    toGate: weight(8, hidden, width),
    toHidden: weight(9, hidden, width),
    fromHidden: weight(10, width, hidden),
  };
}

/** The layer: `inputs` are as above, `sizes` its widths. */
function makeLayer(inputs, { heads, groups, depth }) {
  const tokens = inputs.x.shape[0];
  const node = (type, from, output, params) => ({ type, inputs: from, params, outputs: { output } });
  /** A projection, and its vectors head by head. */
  const project = (weight, name, count) => [
    node('linear', { input: 'normed', weight }, `${name}Rows`),
    node('reshape', { input: `${name}Rows` }, name, { shape: [tokens, count, depth] }),
  ];
  return {
    type: 'graph',
    inputs,
    nodes: [
      node('rms-norm', { input: 'x', gamma: 'gammaAttention' }, 'normed'),
      ...project('toQuery', 'query', heads),
      ...project('toKey', 'key', groups),
      ...project('toValue', 'value', groups),
      node('rope', { input: 'query', positions: 'positions' }, 'turnedQuery'),
      node('rope', { input: 'key', positions: 'positions' }, 'turnedKey'),
      node('attention', { query: 'turnedQuery', key: 'turnedKey', value: 'value', offsets: 'offsets' }, 'seen', {
        causal: true,
      }),
      node('reshape', { input: 'seen' }, 'seenRows', { shape: [tokens, heads * depth] }),
      node('linear', { input: 'seenRows', weight: 'fromHeads', residual: 'x' }, 'attended'),
      node('rms-norm', { input: 'attended', gamma: 'gammaHidden' }, 'normedAgain'),
      node('linear', { input: 'normedAgain', weight: 'toGate' }, 'gate', { activation: 'silu' }),
      node('linear', { input: 'normedAgain', weight: 'toHidden' }, 'hidden'),
      node('multiply', { a: 'gate', b: 'hidden' }, 'gated'),
      node('linear', { input: 'gated', weight: 'fromHidden', residual: 'attended' }, 'y'),
    ],
    outputs: ['y'],
  };
}

async function main() {
  const inputs = makeInputs(sizes);
  const graph = makeLayer(inputs, sizes);
  const expected = reference(inputs, sizes, lengths);
  for (const { id, name } of gpu.devices()) {
    const ctx = await gpu.createContext({ device: id });
    const { outputs, timings } = await ctx.run(graph);
    const difference = Math.max(...expected.map((value, i) => Math.abs(value - outputs.y.data[i])));
    console.log(
      `${id} (${name}): ${lengths.length} sequences, ${inputs.x.shape[0]} tokens, ${graph.nodes.length} nodes in ` +
        `${timings.compute.toFixed(2)} ms; at most ${difference.toExponential(1)} from double precision`,
    );
    await ctx.close();
  }
}

main();
