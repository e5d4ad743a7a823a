// Where a model's weights lie: once a machine. In a cluster in one sealed shared tensor, which the first process that
// loads the model publishes by its digest and the others look up; in one process in memory that jobs of the CPU use
// where it is, on a GPU on the device. Files are copied out of, and never mapped: src/text/safetensors.h says why.
'use strict';
const { kArrays, kDTypes, kOwnNames, createSharedTensor } = require('../call');
const { GPUError } = require('../core');

/** @typedef {import('../index').DType} DType */
/** @typedef {import('../index').InputTensor} InputTensor */
/** @typedef {import('../call/shared-tensor').SharedTensor} SharedTensor */
/** @typedef {import('./content').Content} Content */
/** @typedef {import('./content').Part} Part */
/** @typedef {import('./content').Loading} Loading */
/**
 * @typedef {object} Placed
 * @property {Record<string, InputTensor>} inputs of graphs, by name
 * @property {number} bytes of all
 * @property {() => void|Promise<void>} release
 */
/**
 * Publishing in a cluster.
 * @typedef {object} Names
 * @property {(name: string, tensor: SharedTensor|Uint8Array) => Promise<boolean>} publishFirst false: the name has one
 *   already
 * @property {(name: string) => Promise<SharedTensor>} lookup
 * @property {(name: string) => Promise<boolean>} withdraw
 * @property {(name: string, onGone: () => void) => () => void} watch until what it gives is called
 */

/**
 * The name of a model's weights in a cluster.
 * @param {string} digest
 * @param {string} precision
 */
const nameOf = (digest, precision) => `${kOwnNames}text:${digest}:${precision}`;

const kAlignment = 256; // of a tensor in the shared one: what devices want of a view, and a vector of any width
const kTries = 100; // a name may go between publishing it and looking it up

/**
 * @param {readonly Part[]} parts
 * @returns {{ offsets: number[], bytes: number }}
 */
function layOut(parts) {
  let bytes = 0;
  const offsets = parts.map((part) => {
    const offset = bytes;
    bytes += Math.ceil(part.bytes / kAlignment) * kAlignment;
    return offset;
  });
  return { offsets, bytes };
}

/**
 * @param {DType} dtype
 * @param {ArrayBufferLike} buffer
 * @param {number} offset
 * @param {number} bytes
 */
function arrayOver(dtype, buffer, offset, bytes) {
  const Data = kArrays[kDTypes.indexOf(dtype)];
  // @ts-ignore: of all typed arrays the same
  return new Data(buffer, offset, bytes / Data.BYTES_PER_ELEMENT);
}

/**
 * For a context of this process.
 * @param {import('../context/context').GPUContext} context
 * @param {Content} content
 * @param {Loading} loading
 * @returns {Promise<Placed>}
 */
async function placeOn(context, { parts, read }, loading) {
  /** @type {Record<string, InputTensor>} */
  const inputs = {};
  /** @type {import('../call/device-tensor').DeviceTensor[]} */
  const held = [];
  const release = () => {
    for (const tensor of held) tensor.release();
    for (const name of Object.keys(inputs)) delete inputs[name];
  };
  const take = async (/** @type {number} */ place, /** @type {import('../index').TensorData} */ data) => {
    const { name, dtype, shape } = parts[place];
    const tensor = { data, shape, dtype };
    if (context.contextType === 'cpu') {
      inputs[name] = tensor;
      return;
    }
    const uploaded = await context.upload(tensor, { signal: loading.signal });
    held.push(uploaded);
    inputs[name] = /** @type {InputTensor} */ (/** @type {unknown} */ (uploaded));
  };
  try {
    await read(() => undefined, take, loading);
  } catch (error) {
    release();
    throw error;
  }
  return { inputs, bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0), release };
}

/**
 * Views of the parts in the one tensor that holds them all.
 * @param {readonly Part[]} parts
 * @param {SharedTensor} shared
 */
function viewsOf(parts, shared) {
  const { offsets } = layOut(parts);
  const { buffer, byteOffset } = shared.data;
  return parts.map(({ dtype, shape, bytes }, i) => ({
    data: arrayOver(dtype, buffer, byteOffset + offsets[i], bytes),
    shape,
    dtype,
  }));
}

/**
 * For a cluster. Where two processes load at once, the first that has published it wins, and the other lets go of its
 * own.
 * @param {Names} names
 * @param {string} name
 * @param {Content} content
 * @param {Loading} loading
 * @returns {Promise<Placed>}
 */
async function placeShared(names, name, content, loading) {
  const { parts } = content;
  const shared = await obtain(names, name, content, loading);
  const views = viewsOf(parts, shared);
  // Whoever closes a model takes its name away: who still has it gives it back, so that it is there for the next one.
  const unwatch = names.watch(name, () => void names.publishFirst(name, shared).catch(() => {}));
  return {
    inputs: Object.fromEntries(parts.map((part, i) => [part.name, views[i]])),
    bytes: layOut(parts).bytes,
    async release() {
      unwatch();
      shared.release();
      await names.withdraw(name).catch(() => false); // the cluster may have ended
    },
  };
}

/**
 * @param {Names} names
 * @param {string} name
 * @param {Content} content
 * @param {Loading} loading
 * @returns {Promise<SharedTensor>}
 */
async function obtain(names, name, { parts, read }, loading) {
  const { bytes } = layOut(parts);
  const there = await find(names, name, bytes);
  if (there) return there;
  const own = createSharedTensor([bytes], 'uint8', false);
  try {
    const views = viewsOf(parts, own);
    await read(
      (place) => views[place].data,
      () => {},
      loading,
    );
    own.seal();
    for (let tries = 0; tries < kTries; ++tries) {
      if (await names.publishFirst(name, own)) return own;
      const other = await find(names, name, bytes);
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
 * @param {number} bytes that it has
 * @returns {Promise<SharedTensor|undefined>}
 */
async function find(names, name, bytes) {
  /** @type {SharedTensor} */
  let found;
  try {
    found = await names.lookup(name);
  } catch (error) {
    if (error.code === 'ERR_NOT_FOUND') return undefined;
    throw error;
  }
  const { dtype, shape } = found;
  if (dtype === 'uint8' && shape.length === 1 && shape[0] === bytes) return found;
  found.release();
  throw new GPUError('ERR_INTERNAL', `'${name}' is ${dtype} [${shape.join(', ')}], but must be uint8 [${bytes}]`);
}

module.exports = { placeOn, placeShared, nameOf };
