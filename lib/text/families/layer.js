// What the families here have in common: embeddings that are added and normalized, and layers of attention and a
// feed-forward part, each with its sum and its norm behind it ("post-norm"). All of it on packed tokens [t, d].
'use strict';

/** @typedef {import('../plan').Step} Step */
/** @typedef {import('../plan').TensorSpec} TensorSpec */
/**
 * @typedef {object} LayerSizes
 * @property {number} width of a token
 * @property {number} heads
 * @property {number} hidden of the feed-forward part
 * @property {number} layers
 * @property {number} epsilon of norms
 * @property {string} activation of the feed-forward part
 */
/**
 * What a layer's tensors are called in the file, without '.weight' and '.bias'.
 * @typedef {object} LayerNames
 * @property {string} query
 * @property {string} key
 * @property {string} value
 * @property {string} attended behind the heads
 * @property {string} attendedNorm
 * @property {string} hidden
 * @property {string} output
 * @property {string} outputNorm
 */

const kFeedForward = new Set(['hidden', 'output']); // names of layers' weights

/**
 * @param {readonly string[]} prefixes under which a file may have the encoder
 * @param {string} name
 * @returns {string[]}
 */
function under(prefixes, name) {
  return prefixes.map((prefix) => prefix + name);
}

/**
 * @param {string} name
 * @param {readonly string[]} from
 * @param {number} outputs
 * @param {number} inputs
 * @param {boolean} [careful] whether the weight has 8 bits at least
 * @returns {TensorSpec[]}
 */
function linearTensors(name, from, outputs, inputs, careful = true) {
  const shape = [outputs, inputs];
  return [
    { name: `${name}.weight`, from: from.map((each) => `${each}.weight`), shape, kind: 'weight', careful },
    { name: `${name}.bias`, from: from.map((each) => `${each}.bias`), shape: [outputs], kind: 'vector' },
  ];
}

/**
 * Checkpoints made from TensorFlow's call them gamma and beta.
 * @param {string} name
 * @param {readonly string[]} from
 * @param {number} width
 * @returns {TensorSpec[]}
 */
function normTensors(name, from, width) {
  const named = (/** @type {string[]} */ ...ends) => from.flatMap((each) => ends.map((end) => `${each}.${end}`));
  return [
    { name: `${name}.gamma`, from: named('weight', 'gamma'), shape: [width], kind: 'vector' },
    { name: `${name}.beta`, from: named('bias', 'beta'), shape: [width], kind: 'vector' },
  ];
}

/**
 * Weights of the feed-forward part, two thirds of a layer, may have 4 bits. Those of the attention then keep 8: in 4 as
 * well, the smallest cosine of MiniLM's shape with generated weights is 0.968 in place of 0.988, and where the mean of
 * the sentences is subtracted 0.79 in place of 0.92.
 * @param {LayerSizes} sizes
 * @param {readonly string[]} prefixes
 * @param {(layer: number) => LayerNames} namesOf
 * @returns {TensorSpec[]}
 */
function layerTensors({ width, hidden, layers }, prefixes, namesOf) {
  return Array.from({ length: layers }, (_, i) => {
    const names = namesOf(i);
    const project = (/** @type {keyof LayerNames} */ part, /** @type {number} */ rows, /** @type {number} */ columns) =>
      linearTensors(`${i}.${part}`, under(prefixes, names[part]), rows, columns, !kFeedForward.has(part));
    return [
      ...project('query', width, width),
      ...project('key', width, width),
      ...project('value', width, width),
      ...project('attended', width, width),
      ...normTensors(`${i}.attendedNorm`, under(prefixes, names.attendedNorm), width),
      ...project('hidden', hidden, width),
      ...project('output', width, hidden),
      ...normTensors(`${i}.outputNorm`, under(prefixes, names.outputNorm), width),
    ];
  }).flat();
}

/**
 * input weight^T + bias, with what linear does behind it.
 * @param {string} input
 * @param {string} name of its tensors
 * @param {string} output
 * @param {{ residual?: string, activation?: string }} [more]
 * @returns {Step}
 */
function linear(input, name, output, { residual, activation } = {}) {
  const inputs = { input, weight: `${name}.weight`, bias: `${name}.bias` };
  return {
    type: 'linear',
    inputs: residual === undefined ? inputs : { ...inputs, residual },
    output,
    params: activation === undefined ? {} : { activation },
  };
}

/**
 * @param {string} input
 * @param {string} name of its tensors
 * @param {string} output
 * @param {number} epsilon
 * @param {string} [residual] added first
 * @returns {Step}
 */
function norm(input, name, output, epsilon, residual) {
  const inputs = { input, gamma: `${name}.gamma`, beta: `${name}.beta` };
  return {
    type: 'layer-norm',
    inputs: residual === undefined ? inputs : { ...inputs, residual },
    output,
    params: { epsilon },
  };
}

/**
 * @param {number} i which layer
 * @param {string} input
 * @param {LayerSizes} sizes
 * @param {string} [bias] added to the scores, [heads, s, s]
 * @returns {Step[]}
 */
function layerSteps(i, input, { width, heads, epsilon, activation }, bias) {
  const depth = width / heads;
  const at = (/** @type {string} */ name) => `${i}.${name}`;
  // A projection, and its vectors head by head.
  const project = (/** @type {string} */ name) => [
    linear(input, at(name), at(`${name}Rows`)),
    { type: 'reshape', inputs: { input: at(`${name}Rows`) }, output: at(name), params: { shape: [-1, heads, depth] } },
  ];
  const seen = { query: at('query'), key: at('key'), value: at('value'), offsets: 'offsets' };
  return [
    ...project('query'),
    ...project('key'),
    ...project('value'),
    { type: 'attention', inputs: bias === undefined ? seen : { ...seen, bias }, output: at('seen'), params: {} },
    { type: 'reshape', inputs: { input: at('seen') }, output: at('seenRows'), params: { shape: [-1, width] } },
    linear(at('seenRows'), at('attended'), at('attendedSum'), { residual: input }),
    norm(at('attendedSum'), at('attendedNorm'), at('attended'), epsilon),
    linear(at('attended'), at('hidden'), at('hidden'), { activation }),
    linear(at('hidden'), at('output'), at('outputSum'), { residual: at('attended') }),
    norm(at('outputSum'), at('outputNorm'), at('output'), epsilon),
  ];
}

/**
 * All layers, and what the last one gives as 'hidden'.
 * @param {string} input
 * @param {LayerSizes} sizes
 * @param {string} [bias]
 * @returns {Step[]}
 */
function encoderSteps(input, sizes, bias) {
  const steps = [];
  let last = input;
  for (let i = 0; i < sizes.layers; ++i) {
    steps.push(...layerSteps(i, last, sizes, bias));
    last = `${i}.output`;
  }
  steps[steps.length - 1].output = 'hidden';
  return steps;
}

/**
 * @param {string} table
 * @param {string} indices
 * @param {string} output
 * @returns {Step}
 */
function gather(table, indices, output) {
  return { type: 'gather', inputs: { table, indices }, output, params: {} };
}

/**
 * The first token's vector of each sequence.
 * @param {string} output
 * @returns {Step}
 */
function firstTokens(output) {
  return { type: 'pool', inputs: { input: 'hidden', offsets: 'offsets' }, output, params: { kind: 'first' } };
}

/**
 * @param {import('../config').ConfigReader} reader
 * @param {{ width: number, heads: number }} sizes
 * @param {string} key of the number of heads
 */
function checkHeads(reader, { width, heads }, key) {
  if (width % heads) throw reader.refuse(key, `a divisor of the width, ${width}`);
}

module.exports = {
  under,
  linearTensors,
  normTensors,
  layerTensors,
  linear,
  norm,
  gather,
  encoderSteps,
  firstTokens,
  checkHeads,
};
