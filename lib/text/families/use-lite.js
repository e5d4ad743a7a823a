// The Universal Sentence Encoder Lite: two layers of a transformer whose norms come first, over tokens to which their
// positions are added as sines and cosines; the mean of a text's tokens, a dense layer with tanh, length 1.
// As its TensorFlow.js graph has it; kParts is what that graph is known by.
'use strict';

/** @typedef {import('../plan').TensorSpec} TensorSpec */
/** @typedef {import('../plan').Step} Step */
/** @typedef {typeof kSizes} Sizes */

/** `layers`: what comes in, and what goes on from there. */
const kSizes = Object.freeze({
  vocabulary: 8002,
  width: 256,
  maxLength: 128,
  heads: 4,
  hidden: 1536,
  dimensions: 512,
  layers: Object.freeze([
    { input: 256, output: 512 },
    { input: 512, output: 512 },
  ]),
});

const kRoot = 'module_apply_default/Encoder_en/';
const kEncode = `${kRoot}KonaTransformer/Encode/`;
const kStack = `${kEncode}TransformerStack/`;
const kOutput = `${kRoot}hidden_layers/l2_normalize`;

/**
 * What the graph is known by: places in it, in the order in which they are computed, with a digest of all that leads
 * there: what each node does, with which numbers, of what (readers/tfjs-graph.js). `part` ends at that node.
 */
const kParts = Object.freeze([
  { part: 'tokens and their positions', node: `${kStack}Layer_0/add`, digest: 'a5ec545c7db7c24f' },
  {
    part: 'attention of the first layer',
    node: `${kStack}Layer_0/TransformerLayer/layer_postprocess/add`,
    digest: 'ae3a6bffc789fd3f',
  },
  {
    part: 'feed-forward part of the first layer',
    node: `${kStack}Layer_0/TransformerLayer/FFN/layer_postprocess/add`,
    digest: 'badef70df4f8ec00',
  },
  {
    part: 'attention of the second layer',
    node: `${kStack}Layer_1/TransformerLayer/layer_postprocess/add`,
    digest: '8e3a5938c5859fca',
  },
  {
    part: 'feed-forward part of the second layer',
    node: `${kStack}Layer_1/TransformerLayer/FFN/layer_postprocess/add`,
    digest: '57257cf87bc906c6',
  },
  { part: 'mean of the tokens', node: `${kRoot}KonaTransformer/div`, digest: 'e1ac6e990cfd5839' },
  { part: 'dense layer', node: `${kRoot}hidden_layers/tanh_layer_0/Tanh`, digest: 'd966a28c9ef47268' },
  { part: 'length', node: kOutput, digest: '571bf3ca71a32d0d' },
]);

/**
 * Weights that keep 8 bits where others have 4. With only skip, value and heads of the first layer and dense among them
 * the smallest cosine over 1,000 sentences of licences is 0.90; with those of the first layer's feed-forward part, too,
 * 0.94; with the second layer's heads and value 0.96.
 */
const kCareful = new Set(
  ['0.skip', '0.value', '0.heads', '0.hidden', '0.output', '1.value', '1.heads', 'dense'].map(
    (name) => `${name}.weight`,
  ),
);

/**
 * @param {string} name
 * @param {string} from
 * @param {number[]} shape
 * @returns {TensorSpec}
 */
function vector(name, from, shape) {
  return { name, from: [from], shape, kind: 'vector' };
}

/**
 * A weight that the file has with a column for each output.
 * @param {string} name
 * @param {string} from
 * @param {number[]} shape of ours, [outputs, inputs]
 * @param {number[]} [stored] the file's, where there is more in it
 * @param {number} [first] the first of its columns that are ours
 * @returns {TensorSpec}
 */
function weight(name, from, shape, stored = [shape[1], shape[0]], first = 0) {
  const careful = kCareful.has(name);
  return { name, from: [from], shape, kind: 'weight', careful, stored: { shape: stored, first, columns: true } };
}

/**
 * @param {number} i
 * @param {Sizes} sizes
 * @returns {TensorSpec[]}
 */
function layerTensors(i, { layers, hidden }) {
  const { input, output } = layers[i];
  const at = `${kEncode}Layer_${i}/TransformerLayer/`;
  const heads = `MultiheadAttention/`;
  const kernels = `module/Encoder_en/KonaTransformer/Encode/Layer_${i}/TransformerLayer/${heads}`;
  const dense = `${kStack}Layer_${i}/TransformerLayer/FFN/`;
  const concat = 'ConcatPartitions/concat';
  /**
   * @param {string} name
   * @param {number} first of the columns
   */
  const projection = (name, first) => [
    weight(
      `${i}.${name}.weight`,
      `${kernels}qkv_transform_single/kernel/part_0`,
      [input, input],
      [1, 1, input, 3 * input],
      first,
    ),
    {
      ...vector(`${i}.${name}.bias`, `${at}${heads}qkv_transform_single/bias/${concat}`, [input]),
      stored: { shape: [3 * input], first, columns: false },
    },
  ];
  /**
   * @param {string} name
   * @param {string} where
   * @param {number} width
   */
  const norm = (name, where, width) => [
    vector(`${i}.${name}.gamma`, `${where}layer_prepostprocess/layer_norm/layer_norm_scale/${concat}`, [width]),
    vector(`${i}.${name}.beta`, `${where}layer_prepostprocess/layer_norm/layer_norm_bias/${concat}`, [width]),
  ];
  return [
    ...norm('attention.norm', at, input),
    ...projection('query', 0),
    ...projection('key', input),
    ...projection('value', 2 * input),
    weight(
      `${i}.heads.weight`,
      `${kernels}output_transform_single/kernel/part_0`,
      [output, input],
      [1, 1, input, output],
    ),
    vector(`${i}.heads.bias`, `${at}${heads}output_transform_single/bias/${concat}`, [output]),
    ...(input === output
      ? []
      : [
          weight(`${i}.skip.weight`, `${at}dense/kernel/${concat}`, [output, input]),
          vector(`${i}.skip.bias`, `${at}dense/bias/${concat}`, [output]),
        ]),
    ...norm('hidden.norm', `${at}FFN/`, output),
    weight(`${i}.hidden.weight`, `${dense}conv1/Tensordot/Reshape_1`, [hidden, output]),
    vector(`${i}.hidden.bias`, `${at}FFN/conv1/bias/${concat}`, [hidden]),
    weight(`${i}.output.weight`, `${dense}conv2/Tensordot/Reshape_1`, [output, hidden]),
    vector(`${i}.output.bias`, `${at}FFN/conv2/bias/${concat}`, [output]),
  ];
}

/**
 * What is added to a token at each position: sines, then cosines, of the position times each of the file's factors, in
 * float32 as the graph has them.
 * @param {Float32Array} factors
 * @param {readonly number[]} shape [positions, 2 * factors]
 */
function makePositions(factors, [positions, width]) {
  const rows = new Float32Array(positions * width);
  for (let p = 0; p < positions; ++p)
    for (let i = 0; i < factors.length; ++i) {
      const angle = Math.fround(p * factors[i]);
      rows[p * width + i] = Math.sin(angle);
      rows[p * width + factors.length + i] = Math.cos(angle);
    }
  return rows;
}

/**
 * @param {Sizes} sizes
 * @returns {TensorSpec[]}
 */
function tensors(sizes) {
  const { vocabulary, width, maxLength } = sizes;
  return [
    { name: 'tokens', from: ['module/Embeddings_en'], shape: [vocabulary, width], kind: 'table' },
    {
      ...vector('signal', `${kStack}Layer_0/AddTimingSignal/TimingSignal/ExpandDims_1`, [maxLength, width]),
      stored: { shape: [1, width / 2], make: makePositions },
    },
    ...sizes.layers.flatMap((_, i) => layerTensors(i, sizes)),
  ];
}

/**
 * @param {string} type
 * @param {Record<string, string>} inputs
 * @param {string} output
 * @param {Record<string, unknown>} [params]
 * @returns {Step}
 */
function step(type, inputs, output, params = {}) {
  return { type, inputs, output, params };
}

/**
 * @param {string} input
 * @param {string} name of the layer's tensors
 * @param {string} output
 * @param {Record<string, unknown>} [params]
 * @param {string} [residual]
 */
function linear(input, name, output, params, residual) {
  const inputs = { input, weight: `${name}.weight`, bias: `${name}.bias` };
  return step('linear', residual === undefined ? inputs : { ...inputs, residual }, output, params);
}

/**
 * @param {number} i
 * @param {Sizes} sizes
 * @returns {Step[]}
 */
function layerSteps(i, { layers, heads }) {
  const { input, output } = layers[i];
  const epsilon = 1e-6;
  /**
   * @param {string} name
   * @param {string} from
   * @param {string} to
   */
  const norm = (name, from, to) =>
    step('layer-norm', { input: from, gamma: `${i}.${name}.gamma`, beta: `${i}.${name}.beta` }, to, { epsilon });
  /** @param {string} name */
  const project = (name) => [
    linear(`${i}.normed`, `${i}.${name}`, `${i}.${name}Rows`),
    step('reshape', { input: `${i}.${name}Rows` }, `${i}.${name}`, { shape: [-1, heads, input / heads] }),
  ];
  const isProjected = input !== output;
  const packed = { query: `${i}.query`, key: `${i}.key`, value: `${i}.value`, offsets: 'offsets' };
  return [
    norm('attention.norm', `${i}.x`, `${i}.normed`),
    ...project('query'),
    ...project('key'),
    ...project('value'),
    step('attention', packed, `${i}.seen`),
    step('reshape', { input: `${i}.seen` }, `${i}.seenRows`, { shape: [-1, input] }),
    ...(isProjected ? [linear(`${i}.x`, `${i}.skip`, `${i}.skipped`)] : []),
    linear(`${i}.seenRows`, `${i}.heads`, `${i}.attended`, undefined, isProjected ? `${i}.skipped` : `${i}.x`),
    norm('hidden.norm', `${i}.attended`, `${i}.normedAgain`),
    linear(`${i}.normedAgain`, `${i}.hidden`, `${i}.hiddenRows`, { activation: 'relu' }),
    linear(`${i}.hiddenRows`, `${i}.output`, `${i + 1}.x`, undefined, `${i}.attended`),
  ];
}

/**
 * @param {Sizes} sizes
 * @returns {Step[]}
 */
function steps(sizes) {
  const all = [
    step('gather', { table: 'tokens', indices: 'ids' }, 'token'),
    step('gather', { table: 'signal', indices: 'positions' }, 'position'),
    // The graph adds a token to itself with its position.
    step('scale', { input: 'token' }, 'twice', { factor: 2 }),
    step('add', { a: 'twice', b: 'position' }, '0.x'),
    ...sizes.layers.flatMap((_, i) => layerSteps(i, sizes)),
  ];
  all[all.length - 1].output = 'hidden';
  return all;
}

/**
 * From the tokens of the last layer to a text's row.
 * @param {Sizes} sizes
 */
function tail({ dimensions }) {
  return {
    tensors: [
      weight('dense.weight', 'module/Encoder_en/hidden_layers/tanh_layer_0/weights', [dimensions, dimensions]),
      vector('dense.bias', 'module/Encoder_en/hidden_layers/tanh_layer_0/bias', [dimensions]),
    ],
    steps: [
      step('pool', { input: 'hidden', offsets: 'offsets' }, 'mean', { kind: 'mean' }),
      linear('mean', 'dense', 'rows', { activation: 'tanh' }),
    ],
    normalize: true,
    dimensions,
  };
}

/** @param {Sizes} sizes */
function maxTokens({ maxLength }) {
  return maxLength;
}

/** @returns {never[]} */
function nothing() {
  return [];
}

/** @typedef {import('../readers/tfjs-graph').KnownGraph} KnownGraph */
/** @type {import('../plan').Family<Sizes> & { graph: KnownGraph, tail: typeof tail }} */
const useLite = {
  name: 'use-lite',
  architectures: ['UniversalSentenceEncoderLite'],
  classifiers: [],
  unused: [],
  /** The graph is known by its parts, and they have these sizes. */
  read: () => kSizes,
  maxTokens,
  tensors,
  steps,
  tail,
  head: { tensors: nothing, steps: nothing }, // no cross-encoder is made of it
  graph: { parts: kParts, inputs: ['indices', 'values'], output: kOutput },
};

module.exports = { useLite };
