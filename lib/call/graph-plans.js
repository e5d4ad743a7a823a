// The graphs that were described last: who runs one graph again and again, with other tensors, has it checked and put
// in order once. A graph is known by all that its description was made of, however its objects came to be.
'use strict';

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {{ inputs: Fields, nodes: unknown[], outputs: unknown[] }} Given of a graph, once these were checked */
/**
 * What an object of primitive values holds.
 * @typedef {{ keys: string[], values: unknown[] }} Snapshot
 */
/**
 * @typedef {{ type: unknown, keys: number, inputs: Snapshot, outputs: Snapshot, params: Snapshot|undefined }} NodeCopy
 */
/**
 * @template Plan
 * @typedef {{ inputs: string[], outputs: unknown[], nodes: NodeCopy[], plan: Plan }} Known
 */

const kMostPlans = 8,
  kMostNodes = 64; // of a graph that is kept

/** @param {unknown} value */
function isPrimitive(value) {
  return value === null || (typeof value !== 'object' && typeof value !== 'function');
}

/**
 * @param {unknown} object
 * @returns {Snapshot|undefined} undefined where it holds more than primitive values
 */
function snapshotOf(object) {
  if (object === null || typeof object !== 'object') return undefined;
  const keys = [],
    values = [];
  for (const key in object) {
    const value = /** @type {Fields} */ (object)[key];
    if (!isPrimitive(value)) return undefined;
    keys.push(key);
    values.push(value);
  }
  return { keys, values };
}

/**
 * @param {Snapshot} snapshot
 * @param {unknown} object
 */
function isSame({ keys, values }, object) {
  if (object === null || typeof object !== 'object') return false;
  let count = 0;
  for (const _ in object) ++count;
  if (count !== keys.length) return false;
  for (let i = 0; i < keys.length; ++i)
    if (!Object.is(/** @type {Fields} */ (object)[keys[i]], values[i])) return false;
  return true;
}

/** @param {object} object */
function countKeys(object) {
  let count = 0;
  for (const _ in object) ++count;
  return count;
}

/**
 * @param {unknown} value a node that was checked
 * @returns {NodeCopy|undefined}
 */
function copyNode(value) {
  const node = /** @type {Fields} */ (value);
  const inputs = snapshotOf(node.inputs),
    outputs = snapshotOf(node.outputs),
    params = node.params === undefined ? undefined : snapshotOf(node.params);
  if (!inputs || !outputs || (node.params !== undefined && !params)) return undefined;
  return { type: node.type, keys: countKeys(node), inputs, outputs, params };
}

/**
 * @param {NodeCopy} copy
 * @param {unknown} value
 */
function isSameNode(copy, value) {
  if (value === null || typeof value !== 'object') return false;
  const { type, inputs, outputs, params } = /** @type {Fields} */ (value);
  return (
    type === copy.type &&
    isSame(copy.inputs, inputs) &&
    isSame(copy.outputs, outputs) &&
    (copy.params ? isSame(copy.params, params) : params === undefined) &&
    countKeys(value) === copy.keys
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
   * @returns {Plan|undefined}
   */
  find(given) {
    const all = this.#known;
    for (let i = 0; i < all.length; ++i) {
      const known = all[i];
      if (!isOf(known, given)) continue;
      if (i) all.unshift(...all.splice(i, 1));
      return known.plan;
    }
    return undefined;
  }

  /**
   * Keeps a plan, where it can be known again.
   * @param {Given} given
   * @param {Plan} plan
   */
  add({ nodes, outputs }, plan) {
    if (nodes.length > kMostNodes) return plan;
    const copies = nodes.map(copyNode);
    if (copies.includes(undefined)) return plan;
    this.#known.unshift({
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
