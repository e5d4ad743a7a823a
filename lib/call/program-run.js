// A call of a user's program: a run of a kernel, or a picture by a shader.
'use strict';
const { native } = require('../addon');
const { scratch, layout, nextIdHere } = require('./pending');
const { encodeInto, kernelIndex, renderIndex } = require('./encode');
const { describeProgramCall, encodeProgramCall } = require('./program-call');
const { DeviceTensor } = require('./device-tensor');
const { Call, decisiveNumbers } = require('./call');

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {import('./encode').Memory} Memory */
/** @typedef {import('../addon/native').NativeContext} NativeContext */
/** @typedef {import('../addon/native').NativeChannel} NativeChannel */

const { callWorkload, callInto, resultId } = layout;

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
    const { info, workload: number, contextType } = call.program;
    this.call = call;
    this.into = into;
    this.id = /** @type {string|undefined} */ (workload.id);
    this.workload = number;
    this.contextType = contextType;
    if (info.kind === 'kernel') {
      this.type = 'kernel';
      this.counted = kernelIndex;
    } else {
      this.type = 'render';
      this.kind = /** @type {const} */ ('render');
      this.counted = renderIndex;
    }
    this.outputs = call.outputs;
    this.owner = call.owner;
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
    this.number = nextIdHere();
    return context.run(this.arrays, this.call.program.handle, undefined, undefined, this.targets);
  }

  /** @param {NativeChannel} channel */
  ask(channel) {
    if (this.kept) scratch.set(this.kept, callWorkload);
    return native.ask(channel, this.arrays, this.call.program.handle, undefined, undefined, this.targets);
  }

  /** @returns {import('../addon/native').NativeEstimate} */
  estimate() {
    if (this.kept) scratch.set(this.kept, callWorkload);
    return native.estimate(this.arrays, this.call.program.handle);
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
   * @returns {import('./call').Identity}
   */
  identity() {
    const { program, inputs } = this.call;
    return {
      what: ['program', program.handle.id, ...inputs.map(({ kind, name }) => [kind, name])],
      numbers: decisiveNumbers([], this.kept, 1 + inputs.length),
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
