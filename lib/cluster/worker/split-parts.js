// The parts of one job: each asked for as an ordinary job, on views of the job's inputs and into views of its outputs.
// All of them end well, or none is of use.
'use strict';
const { describe, digestOfPart, giveUp, inputsOfPart, kDTypes, rowsOf } = require('../../call');
const { GPUError } = require('../../core');
const { kNoDigest } = require('./asks');

/** @typedef {import('../../addon/native').NativeSplit} NativeSplit */
/** @typedef {import('../../call/built-in-call').BuiltInCall} BuiltInCall */
/** @typedef {import('../../call/split').SplitInput} SplitInput */
/** @typedef {import('../../index').GPUResult} GPUResult */
/** @typedef {import('../../index').TensorData} TensorData */
/** @typedef {import('./job-options').JobOptions} JobOptions */
/** @typedef {import('./split-plan').PlannedPart} PlannedPart */
/**
 * What the parts of a job have in common.
 * @typedef {object} Whole
 * @property {string} type
 * @property {import('./asks').Asks} asks
 * @property {import('./needs').Need} need
 * @property {JobOptions} options
 * @property {number[]} digest of the job that they are parts of
 * @property {NativeSplit} split
 * @property {readonly SplitInput[]} inputs
 * @property {Record<string, unknown>} params
 * @property {readonly { name: string, data: TensorData }[]} outputs
 */

class SplitPart {
  #whole;
  /** Of the job that it is; 0: not asked for. */
  #number = 0;

  /**
   * @param {Whole} whole
   * @param {PlannedPart} planned
   * @param {string} id
   */
  constructor(whole, planned, id) {
    this.#whole = whole;
    this.planned = planned;
    this.id = id;
  }

  /** @returns {Promise<GPUResult>} */
  start() {
    const { asks, options, need } = this.#whole;
    /** @type {import('../../call/describe').AnyCall|undefined} */
    let call;
    try {
      const workload = this.#workload();
      call = describe(workload, undefined);
      const into = this.#into(/** @type {BuiltInCall} */ (call));
      if (into) call = describe(workload, into);
      call.number = 0; // of a call that is not asked for
      const asked = asks.ask(call, undefined, { ...options, home: this.planned.target.home }, need, this.#digest(), 0);
      this.#number = call.number;
      return asked;
    } catch (error) {
      return Promise.reject(error);
    } finally {
      call?.clear();
    }
  }

  #workload() {
    const { type, split, inputs, params } = this.#whole;
    const { first, count } = this.planned;
    const isBest = split.merge !== 'rows';
    return {
      type,
      id: this.id,
      inputs: inputsOfPart(inputs, split, first, count),
      params: isBest ? { ...params, k: Math.min(/** @type {number} */ (params.k), count) } : params,
    };
  }

  /**
   * Rows of the job's outputs. A view of them alone does not say of which dtype they are.
   * @param {BuiltInCall} call
   */
  #into(call) {
    const { split, outputs } = this.#whole;
    if (split.merge !== 'rows') return undefined;
    const { first, count } = this.planned;
    const targets = call.splits().outputs.map(({ dtype, shape }, i) => {
      const { name, data } = outputs[i];
      return [name, { data: rowsOf(data, split.units, first, count), shape, dtype: kDTypes[dtype] }];
    });
    return Object.fromEntries(targets);
  }

  /** What makes it equal to another's. */
  #digest() {
    const { digest, split } = this.#whole;
    const { first, count } = this.planned;
    return digest === kNoDigest ? digest : digestOfPart(digest, [...split.axes, first, count]);
  }

  /** Another part has failed. */
  giveUp() {
    giveUp(this.#number, new GPUError('ERR_CANCELED', 'another part of the job has failed'));
  }
}

/**
 * Runs all parts of a job side by side.
 * @param {readonly SplitPart[]} parts
 * @param {(error: import('../../core').GPUError, i: number) => import('../../core').GPUError} tell which part it was
 * @param {(all: Promise<unknown>, failed: import('../../core').GPUError) => Promise<unknown>} wait for the others of
 *   one that has failed; rejected where that takes too long
 * @returns {Promise<{ results: GPUResult[], last: GPUResult }>} `last`: of the part that ended last. Rejected with the
 *   first error, when nothing of the job's memory is in use any more, or with that of `wait`; at once with ERR_TIMEOUT
 *   and ERR_CANCELED, whose `released` tells of that
 */
async function runParts(parts, tell, wait) {
  /** @type {GPUResult[]} */
  const results = [];
  /** @type {GPUResult|undefined} */
  let last;
  /** @type {import('../../core').GPUError|undefined} */
  let failed;
  /** @type {(error: unknown) => void} */
  let reject = () => {};
  const givenUp = new Promise((_, no) => {
    reject = no;
  });
  const ends = parts.map((part, i) =>
    part.start().then(
      (result) => {
        results[i] = last = result;
      },
      (error) => {
        const { released } = error;
        if (failed) return released;
        failed = tell(error, i);
        for (const other of parts) other.giveUp();
        if (failed.code === 'ERR_TIMEOUT' || failed.code === 'ERR_CANCELED') {
          failed.released = all.then(() => undefined);
          reject(failed);
        } else {
          wait(all, failed).catch(reject);
        }
        return released;
      },
    ),
  );
  const all = Promise.all(ends);
  await Promise.race([all, givenUp]);
  if (failed) throw failed;
  return { results, last: /** @type {GPUResult} */ (/** @type {unknown} */ (last)) };
}

module.exports = { SplitPart, runParts };
