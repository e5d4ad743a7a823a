// The families of models: a table of steps for each, and what one of them is with the sizes of a model.
'use strict';
const { bert } = require('./bert');
const { distilbert } = require('./distilbert');
const { mpnet } = require('./mpnet');
const { roberta } = require('./roberta');

/** @typedef {import('../plan').Step} Step */
/** @typedef {import('../plan').TensorSpec} TensorSpec */
/**
 * An encoder: its family with the sizes that config.json says. `head`: of a cross-encoder, where the family has one.
 * @typedef {object} Encoder
 * @property {string} family
 * @property {number} width of a token
 * @property {number} maxTokens of a text
 * @property {RegExp[]} unused
 * @property {{ first: number, skipped: number }} positions
 * @property {((longest: number) => Int32Array)|undefined} pairs
 * @property {TensorSpec[]} tensors
 * @property {Step[]} steps
 * @property {{ tensors: TensorSpec[], steps: Step[] }|undefined} head
 */

/** @type {import('../plan').Family<any>[]} */
const kFamilies = [bert, roberta, distilbert, mpnet];

/**
 * @template {{ width: number }} Sizes
 * @param {import('../plan').Family<Sizes>} family
 * @param {Sizes} sizes
 * @returns {Encoder}
 */
function encoderOf({ name, unused, maxTokens, positions, pairs, tensors, steps, head }, sizes) {
  return {
    family: name,
    width: sizes.width,
    maxTokens: maxTokens(sizes),
    unused,
    positions: positions ? positions(sizes) : { first: 0, skipped: -1 },
    pairs,
    tensors: tensors(sizes),
    steps: steps(sizes),
    head: head && { tensors: head.tensors(sizes), steps: head.steps(sizes) },
  };
}

module.exports = { kFamilies, encoderOf };
