// A call of a built-in workload.
'use strict';
const { native, layouts } = require('../addon');
const { scratch, layout, nextIdHere } = require('./pending');
const { specs, refuseType, encodeCall, encodeInto, kDirect, kOnDevice } = require('./encode');
const { Call, decisiveNumbers } = require('./call');
const { checkSplit } = require('./split');
const { kDTypes } = require('./tensor');

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {import('./encode').Memory} Memory */
/** @typedef {import('./encode').Spec} Spec */
/** @typedef {import('../addon/native').NativeContext} NativeContext */
/** @typedef {import('../addon/native').NativeChannel} NativeChannel */

const { dtype: kDTypeAt, rank: kRankAt, extents: kExtentsAt, numbers: slotSize } = layouts.slot;
const { tensors: maxTensors } = layouts.limits;
const { callWorkload, callParams, callInputs, callInto, resultId } = layout;

/** What an object that describes nothing yet is of. @type {Spec} */
const kNone = Object.freeze({ ...[...specs.values()][0] });

/** A built-in workload. There is one object of it, used again by each call, and copies that keep() makes. */
class BuiltInCall extends Call {
  /** @type {Spec} */
  spec = kNone;
  /** The inputs' memory in the workload's order. @type {Memory[]} */
  arrays = new Array(maxTensors).fill(undefined);
  /** The inputs as their owner wrote them. @type {Fields|null|undefined} */
  inputs = undefined;
  /** What stood in the scratch array, of a copy. @type {Float64Array|undefined} */
  kept = undefined;

  /**
   * @param {Fields} workload
   * @param {unknown} into
   */
  describe(workload, into) {
    const spec = specs.get(/** @type {string} */ (workload.type));
    if (spec === undefined) throw refuseType(workload.type);
    if (spec !== this.spec) this.#become(spec);
    encodeCall(spec, workload, this.arrays);
    this.split = workload.split === undefined ? false : checkSplit(workload.split, workload.type);
    this.targets = into === undefined ? undefined : encodeInto(into, spec.outputs, scratch, callInto, spec.type);
    this.inputs = /** @type {Fields|null|undefined} */ (workload.inputs);
    this.id = /** @type {string|undefined} */ (workload.id);
    return this;
  }

  /** @param {Spec} spec what it is a call of */
  #become(spec) {
    this.spec = spec;
    this.workload = this.counted = spec.index;
    this.type = spec.publicType;
    this.kind = spec.kind;
    this.outputs = spec.outputs;
    this.owner = spec.type;
  }

  /**
   * Runs it.
   * @param {NativeContext} context
   * @returns {unknown} its outputs, or null: it has only begun, and the addon will tell of its end
   */
  run(context) {
    if (this.kept) scratch.set(this.kept, callWorkload);
    this.number = nextIdHere();
    const { arrays, targets } = this;
    return this.spec.inputs.length > kDirect
      ? context.run(arrays.slice(), undefined, undefined, undefined, targets)
      : context.run(arrays[0], arrays[1], arrays[2], arrays[3], targets);
  }

  /**
   * Asks the coordinator for it, as the rest of the scratch array says.
   * @param {NativeChannel} channel
   * @returns {number|undefined} see native.ask()
   */
  ask(channel) {
    if (this.kept) scratch.set(this.kept, callWorkload);
    const { arrays, targets } = this;
    return this.spec.inputs.length > kDirect
      ? native.ask(channel, arrays.slice(), undefined, undefined, undefined, targets)
      : native.ask(channel, arrays[0], arrays[1], arrays[2], arrays[3], targets);
  }

  /** @returns {import('../addon/native').NativeEstimate} */
  estimate() {
    if (this.kept) scratch.set(this.kept, callWorkload);
    const { arrays } = this;
    return this.spec.inputs.length > kDirect
      ? native.estimate(arrays.slice())
      : native.estimate(arrays[0], arrays[1], arrays[2], arrays[3]);
  }

  /**
   * How it may be cut; its targets are checked, too.
   * @returns {import('../addon/native').NativeSplits}
   */
  splits() {
    if (this.kept) scratch.set(this.kept, callWorkload);
    const { arrays, targets } = this;
    return this.spec.inputs.length > kDirect
      ? native.splits(arrays.slice(), undefined, undefined, undefined, targets)
      : native.splits(arrays[0], arrays[1], arrays[2], arrays[3], targets);
  }

  /**
   * The inputs that it has, as they were described.
   * @returns {import('./split').SplitInput[]}
   */
  tensors() {
    const numbers = this.kept ?? scratch.slice(callWorkload, resultId);
    return this.spec.inputs.flatMap(({ name }, place) => {
      const at = callInputs - callWorkload + place * slotSize;
      const extents = at + kExtentsAt;
      const data = /** @type {import('../index').TensorData|undefined} */ (this.arrays[place]);
      if (data === undefined) return [];
      const shape = Array.from(numbers.subarray(extents, extents + numbers[at + kRankAt]));
      return [{ name, place, data, shape, dtype: kDTypes[numbers[at + kDTypeAt]] }];
    });
  }

  /**
   * What must not be collected while the job runs.
   * @param {unknown} where it runs
   */
  holds(where) {
    return [this.arrays.slice(), this.targets, where];
  }

  clear() {
    if (this.kept) return;
    const { arrays } = this;
    for (let i = 0; i < this.spec.inputs.length; ++i) arrays[i] = undefined;
    this.targets = this.inputs = this.id = undefined;
  }

  /** A copy that other calls don't overwrite. */
  keep() {
    if (this.kept) return this;
    const copy = Object.assign(new BuiltInCall(), this);
    copy.arrays = this.arrays.slice();
    copy.kept = scratch.slice(callWorkload, resultId);
    return copy;
  }

  /** @returns {import('./call').Identity} */
  identity() {
    const { spec, arrays, kept } = this;
    const params = [];
    for (let i = 0; i < spec.paramPlaces; ++i)
      params.push(kept ? kept[callParams - callWorkload + i] : scratch[callParams + i]);
    const inputs = [];
    for (let i = 0; i < spec.inputs.length; ++i)
      if (arrays[i] !== undefined) inputs.push({ value: this.inputs?.[spec.inputs[i].name], memory: arrays[i] });
    return { what: spec.type, numbers: decisiveNumbers(params, kept, spec.inputs.length), inputs };
  }

  refuseDeviceTensors() {
    const { inputs } = this.spec;
    for (let i = 0; i < inputs.length; ++i)
      if (scratch[callInputs + i * slotSize] === kOnDevice) throw this.refuseDeviceTensor('input', inputs[i].name);
  }

  /** @returns {this|undefined} for the same job again; undefined: it has to be described anew */
  again() {
    return this.kept ? this : undefined;
  }
}

module.exports = { BuiltInCall };
