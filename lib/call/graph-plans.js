// The graphs that were described last: who runs one graph again and again, with other tensors, has it checked and put
// in order once. A graph is known by all that its description was made of, however its objects came to be.
'use strict';

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {{ inputs: Fields, nodes: unknown[], outputs: unknown[] }} Given of a graph, once these were checked */
/**
 * What a plain object holds: its keys, and their values.
 * @typedef {{ keys: string[], values: unknown[] }} Snapshot
 */
/**
 * `node`: its keys, with the values undefined of those that are snapshots of their own.
 * @typedef {{ node: Snapshot, inputs: Snapshot, outputs: Snapshot, params: Snapshot|undefined }} NodeCopy
 */
/**
 * `setting`: what decides how nodes are described beside the graph.
 * @template Plan
 * @typedef {{ setting: unknown, inputs: string[], outputs: unknown[], nodes: NodeCopy[], plan: Plan }} Known
 */

const kMostPlans = 8,
  kMostNodes = 64; // of a graph that is kept
const kOwnSnapshots = new Set(['inputs', 'outputs', 'params']);

/**
 * Whether all that can be read of an object are its own enumerable values: no getter, no prototype, nothing hidden.
 * @param {object} object
 * @param {number} count of keys that for...in has found
 */
function isPlain(object, count) {
  const prototype = Object.getPrototypeOf(object);
  return (prototype === Object.prototype || prototype === null) && Object.getOwnPropertyNames(object).length === count;
}

/**
 * @param {unknown} object
 * @param {ReadonlySet<string>} [skipped] keys whose values are not looked at
 * @returns {Snapshot|undefined} undefined where it can't be known again
 */
function snapshotOf(object, skipped) {
  if (object === null || typeof object !== 'object') return undefined;
  const keys = [],
    values = [];
  for (const key in object) {
    const value = skipped?.has(key) ? undefined : /** @type {Fields} */ (object)[key];
    if (value !== null && (typeof value === 'object' || typeof value === 'function')) return undefined;
    keys.push(key);
    values.push(value);
  }
  return isPlain(object, keys.length) ? { keys, values } : undefined;
}

/**
 * @param {Snapshot} snapshot
 * @param {unknown} object
 * @param {ReadonlySet<string>} [skipped]
 */
function isSame({ keys, values }, object, skipped) {
  if (object === null || typeof object !== 'object') return false;
  let count = 0;
  for (const key in object) {
    if (key !== keys[count]) return false; // in the same order, too, as a program writes it every time
    if (!skipped?.has(key) && !Object.is(/** @type {Fields} */ (object)[key], values[count])) return false;
    ++count;
  }
  return count === keys.length && isPlain(object, count);
}

/**
 * @param {unknown} value a node that was checked
 * @returns {NodeCopy|undefined}
 */
function copyNode(value) {
  const { inputs, outputs, params } = /** @type {Fields} */ (value);
  const copy = {
    node: snapshotOf(value, kOwnSnapshots),
    inputs: snapshotOf(inputs),
    outputs: snapshotOf(outputs),
    params: params === undefined ? undefined : snapshotOf(params),
  };
  const isWhole = copy.node && copy.inputs && copy.outputs && (params === undefined || copy.params);
  return isWhole ? /** @type {NodeCopy} */ (copy) : undefined;
}

/**
 * @param {NodeCopy} copy
 * @param {unknown} value
 */
function isSameNode(copy, value) {
  if (!isSame(copy.node, value, kOwnSnapshots)) return false;
  const { inputs, outputs, params } = /** @type {Fields} */ (value);
  return (
    isSame(copy.inputs, inputs) &&
    isSame(copy.outputs, outputs) &&
    (copy.params ? isSame(copy.params, params) : params === undefined)
  );
}

/**
 * @template Plan
 * @param {Known<Plan>} known
 * @param {Given} given
 */
function isOf(known, { inputs, nodes, outputs }) {
  if (nodes.length !== known.nodes.length || outputs.length !== known.outputs.length) return false;
  for (let i = 0; i < nodes.length; ++i) if (!isSameNode(known.nodes[i], nodes[i])) return false;
  for (let i = 0; i < outputs.length; ++i) if (outputs[i] !== known.outputs[i]) return false;
  let count = 0;
  for (const name of Object.keys(inputs)) if (inputs[name] !== undefined) ++count;
  if (count !== known.inputs.length) return false;
  for (const name of known.inputs) if (inputs[name] === undefined || !Object.hasOwn(inputs, name)) return false;
  return true;
}

/** @template {{ inputs: string[] }} Plan */
class GraphPlans {
  /** The one that was used last comes first. @type {Known<Plan>[]} */
  #known = [];

  /**
   * @param {Given} given
   * @param {unknown} setting
   * @returns {Plan|undefined}
   */
  find(given, setting) {
    const all = this.#known;
    for (let i = 0; i < all.length; ++i) {
      const known = all[i];
      if (known.setting !== setting || !isOf(known, given)) continue;
      if (i) all.unshift(...all.splice(i, 1));
      return known.plan;
    }
    return undefined;
  }

  /**
   * Keeps a plan, where it can be known again.
   * @param {Given} given
   * @param {unknown} setting
   * @param {Plan} plan
   */
  add({ nodes, outputs }, setting, plan) {
    if (nodes.length > kMostNodes) return plan;
    const copies = nodes.map(copyNode);
    if (copies.includes(undefined)) return plan;
    this.#known.unshift({
      setting,
      inputs: plan.inputs,
      outputs: outputs.slice(),
      nodes: /** @type {NodeCopy[]} */ (copies),
      plan,
    });
    if (this.#known.length > kMostPlans) this.#known.pop();
    return plan;
  }
}

module.exports = { GraphPlans };
