// What a checkpoint says of an index in a store: docs/store-format.md.
'use strict';
const { GPUError, invalid } = require('../../core');

/** @typedef {import('./segment-files').Entry} Entry */
/**
 * `marks`: of the writes that it has, in format 2, as marks.js dumps them.
 * @typedef {{ format: number, dimensions: number, metric: string, alive: string|null,
 *   segments: Entry[], marks?: unknown }} State
 */

const kFormat = 3; // 1: no record has a mark; 1 and 2: no segment is used where it lies

/**
 * @param {State} state
 * @param {{ dimensions: number, metric: string }} what is asked for
 * @throws {GPUError} ERR_UNSUPPORTED; ERR_INVALID_ARGUMENT: the store has another
 */
function checkState(state, { dimensions, metric }) {
  if (state.format > kFormat)
    throw new GPUError('ERR_UNSUPPORTED', `the index has format ${state.format}, of a newer version of switchyard`);
  if (state.dimensions !== dimensions || state.metric !== metric)
    throw invalid(
      `the index in the store has ${state.dimensions} dimensions and the metric '${state.metric}', not ` +
        `${dimensions} and '${metric}'`,
      'options',
    );
}

module.exports = { kFormat, checkState };
