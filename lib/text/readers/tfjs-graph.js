// A TensorFlow.js graph, known again: a digest of all that leads to a node. Two graphs have one digest there exactly if
// they compute it by the same steps, with the same numbers, from weights of the same names and shapes; what the
// weights are is not in it.
'use strict';
const { createHash } = require('node:crypto');
const { GPUError, show } = require('../../core');

/** @typedef {import('./tfjs').StoredTensor} StoredTensor */
/** @typedef {{ op: string, name: string, input?: string[], attr?: Record<string, unknown> }} GraphNode */
/** @typedef {{ part: string, node: string, digest: string }} Part of a known graph, which ends at `node` */
/**
 * @typedef {object} KnownGraph
 * @property {readonly Part[]} parts
 * @property {readonly string[]} inputs
 * @property {string} output
 */

const kMostNodes = 1000; // far more than the known one has: the way through them is a recursion
const kMostNumbers = 4; // of a constant that is a parameter and not a weight

/** @param {string} text */
const digestOf = (text) => createHash('sha256').update(text).digest('hex').slice(0, 16);

/**
 * JSON that doesn't depend on the order in which keys were written.
 * @param {unknown} value
 * @returns {string}
 */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonical(entry)}`).join()}}`;
}

/**
 * @param {string} message
 * @returns {GPUError}
 */
function unsupported(message) {
  return new GPUError('ERR_UNSUPPORTED', message);
}

/**
 * @param {unknown} nodes as the file has them
 * @param {string} where it is
 * @returns {Map<string, GraphNode>}
 */
function nodesByName(nodes, where) {
  if (!Array.isArray(nodes) || nodes.length > kMostNodes)
    throw unsupported(`${where}: modelTopology.node must be an array of at most ${kMostNodes} nodes`);
  const byName = new Map();
  for (const [i, node] of nodes.entries()) {
    const isNode =
      typeof node?.name === 'string' &&
      typeof node.op === 'string' &&
      (node.input === undefined ||
        (Array.isArray(node.input) && node.input.every((/** @type {unknown} */ name) => typeof name === 'string')));
    if (!isNode) throw unsupported(`${where}: node ${i} is ${show(node)}, but must have a name, an op and its inputs`);
    if (byName.has(node.name)) throw unsupported(`${where}: two nodes are called '${node.name}'`);
    byName.set(node.name, node);
  }
  return byName;
}

/**
 * The digests of nodes, each by those of its inputs.
 * @param {Map<string, GraphNode>} nodes
 * @param {Map<string, StoredTensor>} tensors
 * @param {string} where
 * @returns {(name: string) => string}
 */
function digester(nodes, tensors, where) {
  /** @type {Map<string, string>} '' while it is being worked out */
  const digests = new Map();
  /** @param {string} name @returns {string} */
  const visit = (name) => {
    const known = digests.get(name);
    if (known === '') throw unsupported(`${where}: node '${name}' depends on itself`);
    if (known !== undefined) return known;
    const node = nodes.get(name);
    if (!node) throw unsupported(`${where}: there is no node '${name}', which another one reads`);
    digests.set(name, '');
    const inputs = (node.input ?? []).map((input) => {
      const [from, output = '0'] = input.split(':');
      return `${visit(from)}:${output}`;
    });
    const own = node.op === 'Placeholder' ? name : '';
    const text = node.op === 'Const' ? constantText(name) : `${node.op} ${own}${canonical(node.attr ?? {})}`;
    const digest = digestOf(`${text}<-${inputs.join()}`);
    digests.set(name, digest);
    return digest;
  };
  /** @param {string} name */
  const constantText = (name) => {
    const tensor = tensors.get(name);
    if (!tensor) throw unsupported(`${where}: weightsManifest has no weights for the node '${name}'`);
    const { dtype, shape, data } = tensor;
    return `Const ${dtype}[${shape}] ${data.length > kMostNumbers ? name : Array.from(data).join()}`;
  };
  return visit;
}

/**
 * Refuses any other graph than the one that is known, and says by which part it differs.
 * @param {unknown} topology of the file
 * @param {Map<string, StoredTensor>} tensors
 * @param {KnownGraph} known
 * @param {string} where the file is
 * @throws {GPUError} ERR_UNSUPPORTED
 */
function checkGraph(topology, tensors, known, where) {
  const nodes = nodesByName(/** @type {{ node?: unknown }|null|undefined} */ (topology)?.node, where);
  const read = new Set([...nodes.values()].flatMap(({ input = [] }) => input.map((name) => name.split(':')[0])));
  const ends = [...nodes.keys()].filter((name) => !read.has(name));
  const inputs = [...nodes.values()].filter(({ op }) => op === 'Placeholder').map(({ name }) => name);
  const digest = digester(nodes, tensors, where);
  for (const { part, node, digest: expected } of known.parts)
    if (!nodes.has(node) || digest(node) !== expected)
      throw unsupported(
        `${where}: its graph is not the one that is known: the part '${part}' is computed otherwise ` +
          (nodes.has(node) ? `(up to the node '${node}')` : `(there is no node '${node}')`),
      );
  if (ends.length !== 1 || ends[0] !== known.output || inputs.sort().join() !== [...known.inputs].sort().join())
    throw unsupported(
      `${where}: its graph is not the one that is known: it makes ${ends.join(', ')} of ${inputs.join(', ')}, ` +
        `but should make ${known.output} of ${known.inputs.join(', ')}`,
    );
}

module.exports = { checkGraph, digester, nodesByName };
