// The graphs that were described last: who runs one graph again and again, with other tensors, has it checked and put
// in order once. A graph is known by all that its description was made of, however its objects came to be.
'use strict';
const { specs } = require('./encode');

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {{ rows: unknown[], offsets: string, most: number }} Packed names of inputs, and tokens of a launch */
/**
 * Of a graph, once these were checked.
 * @typedef {{ inputs: Fields, nodes: unknown[], outputs: unknown[], packed: Packed|undefined }} Given
 */
/**
 * What a plain object holds: its keys, and their values. `absent`: other names that are looked for in it; none of them
 * may turn up later, hidden or inherited, where its keys alone would not tell.
 * @typedef {{ keys: string[], values: unknown[], absent: string[] }} Snapshot
 */
/**
 * `keys`: of the node itself.
 * @typedef {{ keys: string[], type: string, inputs: Snapshot, outputs: Snapshot, params: Snapshot|undefined }} NodeCopy
 */
/**
 * `setting`: what decides how nodes are described beside the graph. `frozen`: the nodes themselves, where nothing of
 * them can change: who gives the same again is not asked what is in them.
 * @template Plan
 * @typedef {object} Known
 * @property {unknown} setting
 * @property {string[]} inputs
 * @property {unknown[]} outputs
 * @property {NodeCopy[]} nodes
 * @property {unknown[]|undefined} frozen
 * @property {Packed|undefined} packed
 * @property {Plan} plan
 */

const kMostPlans = 8,
  kMostNodes = 1024; // of a graph that is kept

/**
 * Whether all that can be read of an object are its own enumerable values: no prototype, nothing hidden.
 * @param {object} object
 * @param {number} count of keys that for...in has found
 */
function isPlain(object, count) {
  const prototype = Object.getPrototypeOf(object);
  return (prototype === Object.prototype || prototype === null) && Object.getOwnPropertyNames(object).length === count;
}

/**
 * Of numbers, as a parameter may be one: it is copied, for its owner may change it.
 * @param {unknown} value
 * @returns {value is number[]}
 */
function isList(value) {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'number');
}

/**
 * @param {unknown} value
 * @param {unknown} kept
 */
function isEqual(value, kept) {
  if (Object.is(value, kept)) return true;
  if (!Array.isArray(kept) || !Array.isArray(value) || value.length !== kept.length) return false;
  for (let i = 0; i < kept.length; ++i) if (!Object.is(value[i], kept[i])) return false;
  return true;
}

/**
 * @param {unknown} object
 * @param {Iterable<string>} names all that are looked for in it
 * @returns {Snapshot|undefined} undefined where it can't be known again
 */
function snapshotOf(object, names) {
  if (object === null || typeof object !== 'object') return undefined;
  /** @type {string[]} */
  const keys = [];
  const values = [];
  for (const key in object) {
    const value = /** @type {Fields} */ (object)[key];
    if (isList(value)) values.push([...value]);
    else if (value !== null && (typeof value === 'object' || typeof value === 'function')) return undefined;
    else values.push(value);
    keys.push(key);
  }
  const absent = [...names].filter((name) => !keys.includes(name));
  return isPlain(object, keys.length) ? { keys, values, absent } : undefined;
}

/**
 * @param {Snapshot} snapshot
 * @param {unknown} object
 */
function isSame({ keys, values, absent }, object) {
  if (object === null || typeof object !== 'object') return false;
  const fields = /** @type {Fields} */ (object);
  let count = 0;
  for (const key in fields) {
    if (key !== keys[count]) return false; // in the same order, too, as a program writes it every time
    if (!isEqual(fields[key], values[count])) return false;
    ++count;
  }
  for (let i = 0; i < absent.length; ++i) if (fields[absent[i]] !== undefined) return false;
  return count === keys.length;
}

/**
 * @param {unknown} value a node that was checked
 * @returns {NodeCopy|undefined}
 */
function copyNode(value) {
  const node = /** @type {Fields} */ (value);
  const type = /** @type {string} */ (node.type);
  const spec = /** @type {import('./encode').Spec} */ (specs.get(type));
  const keys = [];
  for (const key in node) keys.push(key);
  const inputs = snapshotOf(node.inputs, spec.inputNames);
  const outputs = snapshotOf(node.outputs, spec.outputNames);
  const params = node.params === undefined ? undefined : snapshotOf(node.params, spec.paramNames);
  if (!isPlain(node, keys.length) || !inputs || !outputs || (node.params !== undefined && !params)) return undefined;
  return { keys, type, inputs, outputs, params };
}

/**
 * @param {NodeCopy} copy
 * @param {unknown} value
 */
function isSameNode(copy, value) {
  if (value === null || typeof value !== 'object') return false;
  const node = /** @type {Fields} */ (value);
  const { keys } = copy;
  let count = 0;
  for (const key in node) if (key !== keys[count++]) return false;
  const { params } = node;
  return (
    count === keys.length &&
    node.type === copy.type &&
    isSame(copy.inputs, node.inputs) &&
    isSame(copy.outputs, node.outputs) &&
    (copy.params ? isSame(copy.params, params) : params === undefined)
  );
}

/**
 * Whether a value can never be read as another: one that is no object, or a frozen one without accessors.
 * @param {unknown} value
 */
function isFixed(value) {
  if (value === null || typeof value !== 'object') return true;
  const properties = Object.values(Object.getOwnPropertyDescriptors(value));
  return Object.isFrozen(value) && properties.every((property) => 'value' in property);
}

/**
 * Whether nothing of nodes can change. Their objects are plain: they were copied.
 * @param {unknown[]} nodes
 */
function areFixed(nodes) {
  if (!isFixed(nodes)) return false;
  return nodes.every((value) => {
    const { inputs, outputs, params } = /** @type {Record<string, object|undefined>} */ (value);
    // A parameter may be a list.
    return [value, inputs, outputs, params, ...Object.values(params ?? {})].every(isFixed);
  });
}

/**
 * @param {Packed|undefined} packed
 * @param {Packed|undefined} known
 */
function isSamePacked(packed, known) {
  if (!packed || !known) return packed === known;
  return packed.offsets === known.offsets && packed.most === known.most && isEqual(packed.rows, known.rows);
}

/**
 * @template Plan
 * @param {Known<Plan>} known
 * @param {Given} given
 */
function isOf(known, { inputs, nodes, outputs, packed }) {
  if (nodes.length !== known.nodes.length || outputs.length !== known.outputs.length) return false;
  if (nodes !== known.frozen)
    for (let i = 0; i < nodes.length; ++i) if (!isSameNode(known.nodes[i], nodes[i])) return false;
  if (!isSamePacked(packed, known.packed)) return false;
  for (let i = 0; i < outputs.length; ++i) if (outputs[i] !== known.outputs[i]) return false;
  let count = 0;
  for (const name in inputs) if (inputs[name] !== undefined) ++count;
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
  add({ nodes, outputs, packed }, setting, plan) {
    if (nodes.length > kMostNodes) return plan;
    const copies = nodes.map(copyNode);
    if (copies.includes(undefined)) return plan;
    this.#known.unshift({
      setting,
      inputs: plan.inputs,
      outputs: outputs.slice(),
      nodes: /** @type {NodeCopy[]} */ (copies),
      frozen: areFixed(nodes) ? nodes : undefined,
      packed: packed && { ...packed, rows: packed.rows.slice() },
      plan,
    });
    if (this.#known.length > kMostPlans) this.#known.pop();
    return plan;
  }
}

module.exports = { GraphPlans };
