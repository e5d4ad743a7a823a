// The steps of the pipeline as one graph: normalize, reduce, normalize again, quantize. Nothing is read back in
// between.
'use strict';
const { kArrays, kDTypes } = require('../../call');

/** @typedef {import('../../index').DType} DType */
/** @typedef {import('../../index').GraphNode} GraphNode */
/** @typedef {import('../../index').InputTensor} InputTensor */
/** @typedef {import('../../index').Tensor} Tensor */
/** @typedef {import('./basis').Basis} Basis */
/**
 * What is done with rows of one kind.
 * @typedef {object} Steps
 * @property {string} key what rows of several calls have in common that one job may have
 * @property {string} shape the same without the basis's numbers: how long it takes
 * @property {number} width of a row
 * @property {DType} dtype of a row
 * @property {number} dimensions of an embedding
 * @property {Basis} [basis]
 * @property {GraphNode[]} nodes
 * @property {Output[]} outputs the first one are the embeddings
 */
/** @typedef {{ name: string, width: number, dtype: DType }} Output `width`: elements of a row; 0: a number each */

/**
 * @param {Tensor} rows
 * @param {{ normalize: boolean, basis?: Basis, bits: 0|4|8 }} wanted
 * @returns {Steps}
 */
function stepsOf({ shape: [, width], dtype }, { normalize, basis, bits }) {
  const dimensions = basis?.dimensions ?? width;
  /** @type {GraphNode[]} */
  const nodes = [];
  let value = 'rows';
  const float32 = { dtype: /** @type {const} */ ('float32') };
  const unit = (/** @type {string} */ output) => {
    nodes.push({ type: 'normalize', inputs: { input: value }, params: float32, outputs: { output } });
    value = output;
  };
  if (normalize) unit('unit');
  if (basis) {
    const inputs = { input: value, mean: 'mean', components: 'components' };
    nodes.push({ type: 'pca-transform', inputs, params: float32, outputs: { output: 'reduced' } });
    value = 'reduced';
    // Of a row of length 1 what lies in fewer directions is shorter, each row by another amount: without this a product
    // of two would not be their cosine.
    if (normalize) unit('reducedUnit');
  }
  if (bits)
    nodes.push({
      type: 'quantize',
      inputs: { input: value },
      params: { bits },
      outputs: { output: 'codes', scales: 'scales' },
    });
  else if (!nodes.length) {
    nodes.push({ type: 'cast', inputs: { input: value }, params: float32, outputs: { output: 'numbers' } });
    value = 'numbers';
  }
  return {
    key: [dtype, width, normalize, basis?.version, bits].join(' '),
    shape: [dtype, width, normalize, basis?.dimensions, bits].join(' '),
    width,
    dtype,
    dimensions,
    basis,
    nodes,
    outputs: outputsOf(value, dimensions, bits),
  };
}

/**
 * @param {string} value
 * @param {number} dimensions
 * @param {0|4|8} bits
 * @returns {Output[]}
 */
function outputsOf(value, dimensions, bits) {
  if (!bits) return [{ name: value, width: dimensions, dtype: 'float32' }];
  const codes = bits === 8 ? dimensions : Math.ceil(dimensions / 2);
  return [
    { name: 'codes', width: codes, dtype: bits === 8 ? 'int8' : 'uint8' },
    { name: 'scales', width: 0, dtype: 'float32' },
  ];
}

/**
 * What pca-fit finds, of rows as they are when they come to be reduced.
 * @param {Tensor} rows
 * @param {boolean} normalize
 * @param {number} components
 */
function fitGraph(rows, normalize, components) {
  /** @type {GraphNode[]} */
  const nodes = [];
  if (normalize) {
    const params = { dtype: /** @type {const} */ ('float32') };
    nodes.push({ type: 'normalize', inputs: { input: 'rows' }, params, outputs: { output: 'unit' } });
  }
  const outputs = ['mean', 'components', 'explainedVariance'];
  nodes.push({
    type: 'pca-fit',
    inputs: { input: normalize ? 'unit' : 'rows' },
    params: { components },
    outputs: Object.fromEntries(outputs.map((name) => [name, name])),
  });
  return { type: 'graph', inputs: { rows }, nodes, outputs };
}

/**
 * @param {DType} dtype
 * @param {number} length
 */
function arrayOf(dtype, length) {
  return new kArrays[kDTypes.indexOf(dtype)](length);
}

/**
 * An output of `n` rows.
 * @param {Output} output
 * @param {number} n
 */
const shapeOf = ({ width }, n) => (width ? [n, width] : [n]);

module.exports = { stepsOf, fitGraph, arrayOf, shapeOf };
