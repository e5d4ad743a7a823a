// Where a model's weights lie: once a machine. In a cluster in one sealed shared tensor, which the first process that
// loads the model publishes by its digest and the others look up; in one process in memory that jobs of the CPU use
// where it is, on a GPU on the device. Files are copied out of, and never mapped: src/text/safetensors.h says why.
'use strict';
const { setImmediate } = require('node:timers/promises');
const { kArrays, kDTypes, bytesOf, createSharedTensor } = require('../call');

/** @typedef {import('../index').InputTensor} InputTensor */
/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {import('../index').TensorData} TensorData */
/** @typedef {import('../call/shared-tensor').SharedTensor} SharedTensor */
/** @typedef {import('./precision').Part} Part a tensor as it is given to the graph */
/** @typedef {{ signal?: AbortSignal, onBytes?: (loaded: number, total: number) => void }} Loading */
/**
 * What weights come from: `all` makes them; `into`, where they are taken as a file has them, copies them out of it.
 * @typedef {object} Weights
 * @property {Part[]} parts
 * @property {(loading: Loading) => Promise<ReadonlyMap<string, Tensor>>} all
 * @property {(targets: ReadonlyMap<string, TensorData>, loading: Loading) => Promise<void>} [into]
 */
/**
 * @typedef {object} Placed
 * @property {Record<string, InputTensor>} inputs of graphs, by name
 * @property {number} bytes of all
 * @property {() => void|Promise<void>} release
 */
/**
 * Publishing in a cluster.
 * @typedef {object} Names
 * @property {(name: string, tensor: SharedTensor) => Promise<boolean>} publishFirst false: the name has one already
 * @property {(name: string) => Promise<SharedTensor>} lookup
 * @property {(name: string) => Promise<boolean>} unpublish
 * @property {(listener: (event: { name: string, version: number }) => void) => void} on
 * @property {(listener: (event: { name: string, version: number }) => void) => void} off
 */

const kAlignment = 256; // of a tensor in the shared one: what devices want of a view, and a vector of any width
const kTurnBytes = 1 << 20; // copied in a turn of the event loop
const kTries = 100; // a name may go between publishing it and looking it up

/** @param {Part} part */
function sizeOf({ dtype, shape }) {
  return shape.reduce((product, extent) => product * extent, kArrays[kDTypes.indexOf(dtype)].BYTES_PER_ELEMENT);
}

/** @param {readonly Part[]} parts */
function totalOf(parts) {
  return parts.reduce((sum, part) => sum + sizeOf(part), 0);
}

/**
 * @param {readonly Part[]} parts
 * @returns {{ offsets: number[], bytes: number }}
 */
function layOut(parts) {
  let bytes = 0;
  const offsets = parts.map((part) => {
    const offset = bytes;
    bytes += Math.ceil(sizeOf(part) / kAlignment) * kAlignment;
    return offset;
  });
  return { offsets, bytes };
}

/**
 * For a context of this process.
 * @param {import('../context').GPUContext} context
 * @param {Weights} weights
 * @param {Loading} loading
 * @returns {Promise<Placed>}
 */
async function placeOn(context, { parts, all }, loading) {
  const tensors = await all(loading);
  const bytes = totalOf(parts);
  if (context.contextType === 'cpu') return { inputs: Object.fromEntries(tensors), bytes, release() {} };
  /** @type {Record<string, InputTensor>} */
  const inputs = {};
  /** @type {{ release: () => void }[]} */
  const held = [];
  const release = () => {
    for (const tensor of held) tensor.release();
  };
  try {
    for (const [name, tensor] of tensors) {
      const uploaded = await context.upload(tensor, { signal: loading.signal });
      held.push(uploaded);
      inputs[name] = /** @type {InputTensor} */ (/** @type {unknown} */ (uploaded));
    }
  } catch (error) {
    release();
    throw error;
  }
  return { inputs, bytes, release };
}

/**
 * Views of the parts in the one tensor that holds them all.
 * @param {readonly Part[]} parts
 * @param {SharedTensor} shared
 * @returns {Map<string, Tensor>}
 */
function viewsOf(parts, shared) {
  const { offsets } = layOut(parts);
  const { buffer, byteOffset } = shared.data;
  return new Map(
    parts.map((part, i) => {
      const { name, dtype, shape } = part;
      const Data = kArrays[kDTypes.indexOf(dtype)];
      const length = sizeOf(part) / Data.BYTES_PER_ELEMENT;
      // @ts-ignore: of all typed arrays the same
      return [name, { data: new Data(buffer, byteOffset + offsets[i], length), shape, dtype }];
    }),
  );
}

/**
 * Copies in pieces, between which the event loop turns.
 * @param {TensorData} from
 * @param {TensorData} to
 */
async function copy(from, to) {
  const [source, target] = [bytesOf(from), bytesOf(to)];
  for (let at = 0; at < source.length; at += kTurnBytes) {
    target.set(source.subarray(at, at + kTurnBytes), at);
    if (source.length > kTurnBytes) await setImmediate();
  }
}

/**
 * The weights in a shared tensor of this process's own.
 * @param {Weights} weights
 * @param {Loading} loading
 * @returns {Promise<SharedTensor>} sealed
 */
async function makeShared({ parts, all, into }, loading) {
  const shared = createSharedTensor([layOut(parts).bytes], 'uint8', false);
  try {
    const views = viewsOf(parts, shared);
    if (into) await into(new Map([...views].map(([name, { data }]) => [name, data])), loading);
    else
      for (const [name, { data }] of await all(loading)) await copy(data, /** @type {Tensor} */ (views.get(name)).data);
    return shared.seal();
  } catch (error) {
    shared.release();
    throw error;
  }
}

/**
 * For a cluster, by no name: for a while.
 * @param {Weights} weights
 * @param {Loading} loading
 * @returns {Promise<Placed>}
 */
async function placeApart(weights, loading) {
  const shared = await makeShared(weights, loading);
  return placedIn(shared, weights.parts, () => shared.release());
}

/**
 * @param {SharedTensor} shared
 * @param {readonly Part[]} parts
 * @param {Placed['release']} release
 * @returns {Placed}
 */
function placedIn(shared, parts, release) {
  return { inputs: Object.fromEntries(viewsOf(parts, shared)), bytes: layOut(parts).bytes, release };
}

/**
 * For a cluster. Where two processes load at once, the first that has published it wins, and the other lets go of its
 * own.
 * @param {Names} names
 * @param {string} name
 * @param {Weights} weights
 * @param {Loading} loading
 * @returns {Promise<Placed>}
 */
async function placeShared(names, name, weights, loading) {
  const shared = await obtain(names, name, weights, loading);
  // Whoever closes a model takes its name away: who still has it gives it back, so that it is there for the next one.
  const onChange = (/** @type {{ name: string, version: number }} */ event) => {
    if (event.name === name && event.version === 0) names.publishFirst(name, shared).catch(() => {});
  };
  names.on(onChange);
  return placedIn(shared, weights.parts, async () => {
    names.off(onChange);
    shared.release();
    await names.unpublish(name).catch(() => false); // the cluster may have ended
  });
}

/**
 * @param {Names} names
 * @param {string} name
 * @param {Weights} weights
 * @param {Loading} loading
 * @returns {Promise<SharedTensor>}
 */
async function obtain(names, name, weights, loading) {
  const there = await find(names, name);
  if (there) return there;
  const own = await makeShared(weights, loading);
  try {
    for (let tries = 0; tries < kTries; ++tries) {
      if (await names.publishFirst(name, own)) return own;
      const other = await find(names, name);
      if (!other) continue; // it has gone again
      own.release();
      return other;
    }
    return own; // nobody else's lasts; this process has it
  } catch (error) {
    own.release();
    throw error;
  }
}

/**
 * @param {Names} names
 * @param {string} name
 * @returns {Promise<SharedTensor|undefined>}
 */
async function find(names, name) {
  try {
    return await names.lookup(name);
  } catch (error) {
    if (error.code === 'ERR_NOT_FOUND') return undefined;
    throw error;
  }
}

module.exports = { placeOn, placeApart, placeShared, sizeOf };
