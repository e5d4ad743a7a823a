// What a graph over packed sequences says of its inputs, so that jobs of it may be joined (src/join_packed.h). Not
// public: lib/text describes its models so.
'use strict';
const { layouts } = require('../addon');
const { invalid, show, refuseUnknownKeys } = require('../core');

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {import('./graph-plans').Packed} Packed */

const kPackedKeys = new Set(['rows', 'offsets', 'most']);
const { inputs: kMaxPackedInputs } = layouts.packing;
const { packedOffsets: kOffsetsAt, packedMost: kMostAt, packedRows: kRowsAt } = layouts.graph;
const { none: kNoValue } = layouts.graphValue;

/**
 * Of a graph over packed sequences: which inputs have a row for each token, which says where each sequence begins, and
 * how many tokens of several jobs may go in one launch. Each output has a row for each sequence or each token.
 * @param {unknown} packed
 * @returns {Packed|undefined}
 */
function checkPacked(packed) {
  if (packed === undefined) return undefined;
  if (packed === null || typeof packed !== 'object')
    throw invalid(`graph: packed is ${show(packed)}, but must be an object { rows, offsets, most }`, 'packed');
  refuseUnknownKeys(packed, kPackedKeys, `key of a graph's packed`, 'packed.');
  const { rows, offsets, most } = /** @type {Fields} */ (packed);
  if (!Array.isArray(rows) || rows.length === 0 || rows.length > kMaxPackedInputs)
    throw invalid(
      `graph: packed.rows is ${show(rows)}, but must be an array of 1 to ${kMaxPackedInputs} names of inputs`,
      'packed.rows',
    );
  if (!(typeof most === 'number' && Number.isInteger(most) && most > 0 && most < 2 ** 31))
    throw invalid(`graph: packed.most is ${show(most)}, but must be a number of tokens from 1 on`, 'packed.most');
  return { rows, offsets: /** @type {string} */ (offsets), most };
}

/**
 * @param {Packed|undefined} packed
 * @param {string[]} inputs
 * @param {Float64Array} numbers
 */
function encodePacked(packed, inputs, numbers) {
  numbers.fill(kNoValue, kRowsAt, kRowsAt + kMaxPackedInputs);
  numbers[kOffsetsAt] = kNoValue;
  if (!packed) return;
  const seen = new Set();
  const placeOf = (/** @type {unknown} */ name, /** @type {string} */ argument) => {
    const place = inputs.indexOf(/** @type {string} */ (name));
    if (place < 0 || seen.has(place))
      throw invalid(
        `graph: ${argument} is ${show(name)}, but must be ${place < 0 ? 'an input' : 'another input than the rest'}`,
        argument,
      );
    seen.add(place);
    return place;
  };
  numbers[kOffsetsAt] = placeOf(packed.offsets, 'packed.offsets');
  numbers[kMostAt] = packed.most;
  packed.rows.forEach((name, i) => (numbers[kRowsAt + i] = placeOf(name, `packed.rows[${i}]`)));
}

module.exports = { checkPacked, encodePacked };
