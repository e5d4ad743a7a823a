// Of the parts of a job one result, or one error; and what is said of each.
'use strict';
const { mergeBest, timingsOf, resultOf, inCluster } = require('../../call');
const { nowMs } = require('../../core');
const { errorAnew } = require('./job-events');

/** @typedef {import('../../addon/native').NativeSplit} NativeSplit */
/** @typedef {import('../../index').GPUResult} GPUResult */
/** @typedef {import('../../index').TensorData} TensorData */
/** @typedef {import('../../core').GPUError} GPUError */
/** @typedef {import('./split-parts').SplitPart} SplitPart */
/** @typedef {import('./split-plan').PlannedPart} PlannedPart */
/** @typedef {{ name: string, data: TensorData, shape: number[], dtype: import('../../index').DType }} Output */

/**
 * @param {NativeSplit} split
 * @param {readonly PlannedPart[]} planned
 * @param {readonly GPUResult[]} results
 * @param {readonly Output[]} outputs scores, and indices
 */
function mergeInto({ merge: how }, planned, results, [scores, indices]) {
  const parts = results.map(({ outputs }, i) => ({
    scores: outputs[scores.name].data,
    indices: outputs[indices.name].data,
    first: planned[i].first,
    k: /** @type {number} */ (outputs[scores.name].shape.at(-1)),
  }));
  mergeBest(parts, how === 'largest', /** @type {number} */ (scores.shape.at(-1)), scores.data, indices.data);
}

/**
 * @param {number} i
 * @param {number} count
 * @param {readonly string[]} cut names of the inputs that are cut
 * @param {SplitPart} part
 */
function partText(i, count, cut, { id, planned }) {
  const rows =
    planned.count === 1 ? `row ${planned.first}` : `rows ${planned.first} to ${planned.first + planned.count - 1}`;
  return `part ${i + 1} of ${count}, '${id}' (${rows} of ${cut.map((name) => `'${name}'`).join(' and ')})`;
}

/**
 * The error of a part as that of the job; the part's own may be that of other jobs, too.
 * @param {GPUError} error
 * @param {string} text which part it is
 * @param {string} partLate how it says that its time is up
 * @param {string} late how the job does
 */
function inPart(error, text, partLate, late) {
  const { message } = error;
  const said = message.startsWith(partLate)
    ? `${late}: ${text}${message.slice(partLate.length)}`
    : `${text}: ${message}`;
  return errorAnew(error, said);
}

/**
 * A part of a result's `parts`.
 * @param {GPUResult} result of a job, or of its part
 * @param {import('../../index').JobPart['cut']} [cut] undefined: it is the job itself
 * @returns {import('../../index').JobPart}
 */
function partOf({ contextId, workerId, contextType, deviceName, cached, attempts, timings }, cut) {
  return { ...(cut ? { cut } : {}), contextId, workerId, contextType, deviceName, cached, attempts, timings };
}

/**
 * One result: where and how long the part ran that ended last is what the job's time was.
 * @param {{ id: string, started: number }} job
 * @param {readonly PlannedPart[]} planned
 * @param {string[]} cut names of the inputs that are cut
 * @param {readonly Output[]} outputs
 * @param {readonly GPUResult[]} results
 * @param {GPUResult} last
 * @param {number} asked when the parts were asked for
 */
function resultOfParts({ id, started }, planned, cut, outputs, results, last, asked) {
  const { contextId, contextType, deviceName, workerId, timings } = last;
  const queued = Math.min(...results.map((result) => result.timings.queued)) + asked - started;
  const { upload, compute, readback } = timings;
  const tensors = Object.fromEntries(outputs.map(({ name, ...tensor }) => [name, tensor]));
  const all = inCluster(
    resultOf(
      tensors,
      id,
      contextId,
      contextType,
      deviceName,
      timingsOf(queued, timings.switch, upload, compute, readback, nowMs() - started),
    ),
    workerId,
    results.some(({ cached }) => cached),
    1,
    Math.max(...results.map(({ attempts }) => attempts)),
    results.reduce((sum, { cost }) => sum + cost, 0),
  );
  all.parts = results.map((result, i) =>
    partOf(result, { inputs: cut, first: planned[i].first, rows: planned[i].count }),
  );
  return all;
}

module.exports = { mergeInto, partText, inPart, partOf, resultOfParts };
