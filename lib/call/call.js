// What every described call has, whatever kind of job it is.
'use strict';
const { scratch, layout } = require('./pending');
const { backendLabel, layouts } = require('../addon');
const { GPUError, invalid, kDriverBackends } = require('../core');

/** @typedef {import('./encode').Memory} Memory */
/** @typedef {import('../index').Backend} Backend */
/** @typedef {''|'cuda'|'vulkan'|'cpu'|'gpu'} ContextType '': whichever; 'gpu': cuda or vulkan */
/**
 * What decides a call's outputs: what it is in words, in numbers, and the contents of its inputs.
 * @typedef {object} Identity
 * @property {unknown} what as JSON
 * @property {Float64Array} numbers parameters, dtypes, shapes
 * @property {{ value: unknown, memory: Memory }[]} inputs as their owner wrote them, and where their elements are
 */

const { absent: kAbsent } = layouts.slotKind;
const { rank: kRankAt, extents: kExtentsAt, numbers: slotSize } = layouts.slot;
const { callWorkload, callInputs } = layout;
/** @type {ReadonlyArray<Backend>} */
const kVulkan = ['vulkan'];

/**
 * A call that was checked. What the addon reads of it stands in the scratch array (a built-in workload, a program)
 * until another call is described, or in numbers of its own (a graph): so it is begun at once, or kept with keep().
 */
class Call {
  /** The caller's own name for the job; without one it is called after its number. @type {string|undefined} */
  id = undefined;
  /** The number of its job, once it has begun. */
  number = 0;
  /** What stands for it in messages: a built-in's index, a program's number, -1 for a graph. */
  workload = -1;
  /** Where jobs like it are counted; -1: nowhere. */
  counted = -1;
  /** The type as its caller knows it. */
  type = '';
  /** @type {import('./encode').Kind} */
  kind = 'vector';
  /** @type {ContextType} what its code needs */
  contextType = '';
  /** The names of its outputs, in the order of the addon. @type {readonly string[]} */
  outputs = [];
  /** Memory for outputs that the caller has given. @type {Memory[]|undefined} */
  targets = undefined;
  /** Whether it may be cut into parts. */
  split = false;
  /** For messages. */
  owner = '';

  /**
   * The type of context it has to have: what its code needs, and what the caller asks for.
   * @param {Backend|undefined} asked
   * @returns {ContextType}
   * @throws {GPUError} ERR_UNSUPPORTED: the two exclude each other
   */
  contextTypeFor(asked) {
    if (asked === undefined) return this.contextType;
    const can = this.#contextTypes();
    if (!can || can.includes(asked)) return asked;
    const what =
      this.kind === 'render'
        ? 'pictures are drawn through Vulkan alone'
        : `${this.owner} has code for ${can.map(backendLabel).join(' and ')} only`;
    const error = new GPUError(
      'ERR_UNSUPPORTED',
      `contextType is '${asked}', but ${what}: leave contextType out, ` +
        `or make it ${can.map((type) => `'${type}'`).join(' or ')}`,
    );
    error.argument = 'options.contextType';
    throw error;
  }

  /** @returns {ReadonlyArray<Backend>|undefined} undefined: whichever will do */
  #contextTypes() {
    if (this.kind === 'render') return kVulkan;
    if (this.contextType === '') return undefined;
    return this.contextType === 'gpu' ? kDriverBackends : [this.contextType];
  }

  /** Lets go of what the next call of this kind would overwrite anyway. */
  clear() {}

  /**
   * Some context may have them, but which one a job gets is not the caller's business: wherever it would run, the
   * answer is the same.
   * @throws {GPUError} ERR_INVALID_ARGUMENT
   */
  refuseDeviceTensors() {}

  /**
   * @param {string} what kind of input
   * @param {string} name
   */
  refuseDeviceTensor(what, name) {
    return invalid(
      `${what} '${name}' is a DeviceTensor, which belongs to one context: ` +
        `give the cluster a tensor, or a shared tensor`,
      `${what}s.${name}`,
    );
  }
}

/**
 * Numbers that decide a call's outputs: those that are given, then the descriptions of its inputs, as much of each slot
 * as is used.
 * @param {readonly number[]} params
 * @param {Float64Array|undefined} kept undefined: it stands in the scratch array
 * @param {number} count of the inputs
 * @returns {Float64Array}
 */
function decisiveNumbers(params, kept, count) {
  const numbers = params.slice();
  const from = kept ?? scratch;
  let at = kept ? callInputs - callWorkload : callInputs;
  for (let i = 0; i < count; ++i, at += slotSize) {
    const used = from[at] === kAbsent ? 1 : kExtentsAt + from[at + kRankAt];
    for (let j = 0; j < used; ++j) numbers.push(from[at + j]);
  }
  return new Float64Array(numbers);
}

module.exports = { Call, decisiveNumbers };
