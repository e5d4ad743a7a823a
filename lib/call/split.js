// `split: true` of a workload: which can be cut by rows, and a job's parts as views of its memory.
'use strict';
const { native } = require('../addon');
const { invalid, show } = require('../core');

/** @typedef {import('../addon/native').NativeSplit} NativeSplit */
/** @typedef {import('../index').TensorData} TensorData */
/** @typedef {import('../index').DType} DType */
/**
 * An input of a job, as it was described.
 * @typedef {object} SplitInput
 * @property {string} name
 * @property {number} place of it among all that its workload takes
 * @property {TensorData} data
 * @property {number[]} shape
 * @property {DType} dtype
 */

const kSplit = Object.freeze(
  native
    .workloads()
    .filter(({ splits }) => splits.length)
    .map(({ type }) => type),
);

/**
 * @param {unknown} split as a workload has it
 * @param {unknown} type of the workload
 * @returns {boolean}
 * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT: it is no boolean, or such a workload can't be split
 */
function checkSplit(split, type) {
  if (typeof split !== 'boolean') throw invalid(`split is ${show(split)}, but must be true or false`, 'split');
  if (split && !kSplit.includes(/** @type {string} */ (type)))
    throw invalid(`${show(type)} can't be split over devices: that can ${kSplit.join(', ')}`, 'split');
  return split;
}

/** @param {readonly number[]} extents */
function product(extents) {
  return extents.reduce((all, extent) => all * extent, 1);
}

/**
 * Rows `first` .. `first + count` of an array of `units`, as a view.
 * @param {TensorData} data
 * @param {number} units
 * @param {number} first
 * @param {number} count
 */
function rowsOf(data, units, first, count) {
  const each = data.length / units;
  return data.subarray(first * each, (first + count) * each);
}

/**
 * The inputs of a part: views of what is cut, and what every part has whole.
 * @param {readonly SplitInput[]} inputs
 * @param {NativeSplit} split
 * @param {number} first
 * @param {number} count
 * @returns {Record<string, { data: TensorData, shape: number[], dtype: DType }>}
 */
function inputsOfPart(inputs, { units, axes }, first, count) {
  return Object.fromEntries(
    inputs.map(({ name, place, data, shape, dtype }) => {
      const cut = axes[place];
      if (!cut) return [name, { data, shape, dtype }];
      return [name, { data: rowsOf(data, units, first, count), shape: [count, ...shape.slice(cut)], dtype }];
    }),
  );
}

/**
 * The best of all parts, row by row. Each has sorted its own; of equal scores that of the earlier part goes first,
 * whose rows have the lower indices, and NaN comes last.
 * @param {readonly { scores: TensorData, indices: TensorData, first: number, k: number }[]} parts in the order of rows
 * @param {boolean} largest
 * @param {number} k how many of each row
 * @param {TensorData} scores to be filled
 * @param {TensorData} indices to be filled
 */
function mergeBest(parts, largest, k, scores, indices) {
  const heads = new Uint32Array(parts.length);
  for (let at = 0, row = 0; at < scores.length; at += k, ++row) {
    heads.fill(0);
    for (let i = 0; i < k; ++i) {
      let best = -1;
      let most = NaN;
      for (let p = 0; p < parts.length; ++p) {
        const part = parts[p];
        if (heads[p] === part.k) continue;
        const score = part.scores[row * part.k + heads[p]];
        if (best >= 0 && !isBetter(score, most, largest)) continue;
        best = p;
        most = score;
      }
      const { indices: from, first, k: each } = parts[best];
      scores[at + i] = most;
      indices[at + i] = from[row * each + heads[best]++] + first;
    }
  }
}

/**
 * @param {number} a
 * @param {number} b
 * @param {boolean} largest
 */
function isBetter(a, b, largest) {
  if (b !== b) return a === a;
  return largest ? a > b : a < b;
}

module.exports = { checkSplit, product, rowsOf, inputsOfPart, mergeBest };
