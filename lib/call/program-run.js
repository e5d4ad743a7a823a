// A call of a user's program: a run of a kernel, or a picture by a shader.
'use strict';
const { native } = require('../addon');
const { scratch, layout, nextId, mayRunNow } = require('./pending');
const { encodeInto, kernelIndex, renderIndex } = require('./encode');
const { describeProgramCall, encodeProgramCall } = require('./program-call');
const { DeviceTensor } = require('./device-tensor');
const { Call, inputNumbers } = require('./call');

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {import('./encode').Memory} Memory */
/** @typedef {import('../addon/native').NativeContext} NativeContext */
/** @typedef {import('../addon/native').NativeChannel} NativeChannel */

const { callWorkload, callInline, callInto, resultId } = layout;

/**
 * @param {import('../addon/native').ProgramInfo} info
 * @returns {import('./call').ContextType}
 */
function typeOf({ vulkan, cuda }) {
  if (vulkan && cuda) return 'gpu';
  return cuda ? 'cuda' : 'vulkan';
}

/** A run of a kernel, or a picture by a shader. */
class ProgramRun extends Call {
  /** @type {import('./call-block').ProgramCall} */
  call;
  /** @type {Memory[]} */
  arrays;
  /** What stood in the scratch array. @type {Float64Array|undefined} */
  kept = undefined;

  /**
   * @param {Fields} workload
   * @param {unknown} into
   */
  constructor(workload, into) {
    super();
    const call = describeProgramCall(workload);
    const { info } = call.handle;
    this.call = call;
    this.into = into;
    this.id = /** @type {string|undefined} */ (workload.id);
    this.workload = call.workload;
    this.type = info.kind === 'kernel' ? 'kernel' : 'render';
    this.counted = info.kind === 'kernel' ? kernelIndex : renderIndex;
    this.outputs = call.outputs;
    this.owner = call.owner;
    if (info.kind === 'kernel') this.contextType = typeOf(info);
    else this.kind = /** @type {const} */ ('render');
    this.arrays = encodeProgramCall(call);
    this.targets = this.#encodeInto();
  }

  #encodeInto() {
    const { outputs, owner } = this.call;
    return this.into === undefined ? undefined : encodeInto(this.into, outputs, scratch, callInto, owner);
  }

  /** @param {NativeContext} context */
  run(context) {
    if (this.kept) scratch.set(this.kept, callWorkload);
    scratch[callInline] = mayRunNow() ? 1 : 0;
    this.number = nextId();
    return context.run(this.arrays, this.call.handle, undefined, undefined, this.targets);
  }

  /** @param {NativeChannel} channel */
  ask(channel) {
    if (this.kept) scratch.set(this.kept, callWorkload);
    native.ask(channel, this.arrays, this.call.handle, undefined, undefined, this.targets);
  }

  /** @param {unknown} where */
  holds(where) {
    return [this.arrays, this.targets, where];
  }

  /** From now on other calls don't overwrite it. */
  keep() {
    this.kept ??= scratch.slice(callWorkload, resultId);
    return this;
  }

  /**
   * Its program's version and its call are those that it was described with.
   * @returns {import('./call').Identity} of one that was kept
   */
  identity() {
    const { handle, inputs } = this.call;
    return {
      what: ['program', handle.id, ...inputs.map(({ kind, name }) => [kind, name])],
      numbers: Float64Array.from(inputNumbers(/** @type {Float64Array} */ (this.kept), 1 + inputs.length)),
      inputs: [{ value: undefined }, ...inputs].map(({ value }, i) => ({ value, memory: this.arrays[i] })),
    };
  }

  refuseDeviceTensors() {
    for (const { kind, name, value } of this.call.inputs)
      if (value instanceof DeviceTensor) throw this.refuseDeviceTensor(kind, name);
  }

  /** The program and its call stay: only the tensors are written again. */
  again() {
    if (this.kept) return this;
    this.arrays = encodeProgramCall(this.call);
    this.targets = this.#encodeInto();
    return this;
  }
}

module.exports = { ProgramRun };
