// A TensorFlow.js graph model in a folder: model.json, the files of its weights, vocab.json. Everything is checked
// before anything is used; no other graph is taken than the one that the family stands for.
'use strict';
const { createHash } = require('node:crypto');
const { open } = require('node:fs/promises');
const path = require('node:path');
const { GPUError, invalid, show, asGpuError } = require('../../core');
const { useLite } = require('../families/use-lite');
const { checkGraph } = require('./tfjs-graph');
const { tokenizerJson } = require('./use-vocabulary');

/**
 * A tensor as a file has it.
 * @typedef {{ dtype: 'float32'|'int32', shape: number[], data: Float32Array|Int32Array }} StoredTensor
 */
/** @typedef {{ paths: string[], weights: { name: string, dtype: 'float32'|'int32', shape: number[] }[] }} Group */
/** `digest`: over all that decides results. */
/** @typedef {{ description: Description, tensors: Map<string, StoredTensor>, digest: string }} StoredModel */
/** @typedef {import('../folder').Description} Description */
/** @typedef {import('../content').Loading} Loading */

const kMostJson = 16 << 20;
const kMostWeights = 2 ** 31;
const kReadAtATime = 1 << 20; // and hashed: half a millisecond of a turn, where a job of the pool would copy it first
const kArrays = { float32: Float32Array, int32: Int32Array };
const kElementBytes = 4; // of both

/** @param {AbortSignal|undefined} signal */
function checkSignal(signal) {
  if (signal?.aborted) throw new GPUError('ERR_CANCELED', 'the model was no longer wanted while it was read');
}

/**
 * @template T
 * @param {string} file
 * @param {(handle: import('node:fs/promises').FileHandle, bytes: number) => Promise<T>} use
 * @returns {Promise<T>}
 */
async function withFile(file, use) {
  let handle;
  try {
    handle = await open(file);
    const status = await handle.stat();
    if (!status.isFile()) throw invalid(`${file} is not a file`);
    return await use(handle, status.size);
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    if (error instanceof GPUError) throw error;
    if (code === 'ENOENT') throw new GPUError('ERR_NOT_FOUND', `there is no file ${file}`, { cause: error });
    throw asGpuError(new Error(`${file} can't be read: ${message}`, { cause: error }));
  } finally {
    await handle?.close();
  }
}

/**
 * Fills `into` from the file, which has that many bytes, in pieces.
 * @param {string} file
 * @param {Uint8Array} into
 * @param {import('node:fs/promises').FileHandle} handle
 * @param {(piece: Uint8Array) => void} onPiece
 */
async function fill(file, into, handle, onPiece) {
  for (let at = 0; at < into.length;) {
    const { bytesRead } = await handle.read(into, at, Math.min(kReadAtATime, into.length - at), at);
    if (bytesRead === 0)
      throw invalid(`${file} ended after ${at} bytes while it was read, but it had ${into.length} just before`);
    onPiece(into.subarray(at, at + bytesRead));
    at += bytesRead;
  }
}

/**
 * @param {string} file
 * @returns {Promise<{ bytes: Uint8Array, value: unknown }>}
 */
function readJson(file) {
  return withFile(file, async (handle, size) => {
    if (size > kMostJson) throw invalid(`${file} has ${size} bytes, but can have at most ${kMostJson}`);
    const bytes = new Uint8Array(size);
    await fill(file, bytes, handle, () => {});
    try {
      return { bytes, value: JSON.parse(Buffer.from(bytes.buffer).toString('utf8')) };
    } catch (error) {
      throw invalid(`${file} is not JSON: ${/** @type {Error} */ (error).message}`);
    }
  });
}

/**
 * @param {unknown} manifest
 * @param {string} where
 * @returns {Group[]}
 */
function checkManifest(manifest, where) {
  if (!Array.isArray(manifest) || manifest.length === 0)
    throw invalid(`${where}: weightsManifest is ${show(manifest)}, but must be an array of groups of weights`);
  const names = new Set();
  for (const group of manifest) {
    if (!Array.isArray(group?.paths) || !Array.isArray(group.weights))
      throw invalid(`${where}: a group of weightsManifest is ${show(group)}, but must have paths and weights`);
    for (const name of group.paths)
      if (typeof name !== 'string' || name !== path.basename(name) || name === '..' || name === '.' || name === '')
        throw invalid(`${where}: the path ${show(name)} of weightsManifest must be the name of a file beside it`);
    for (const weight of group.weights) {
      checkWeight(weight, where);
      if (names.has(weight.name)) throw invalid(`${where}: weightsManifest has '${weight.name}' twice`);
      names.add(weight.name);
    }
  }
  return manifest;
}

/**
 * @param {unknown} weight
 * @param {string} where
 */
function checkWeight(weight, where) {
  const { name, dtype, shape, quantization } = /** @type {Record<string, unknown>} */ (weight ?? {});
  if (typeof name !== 'string') throw invalid(`${where}: a weight of weightsManifest has the name ${show(name)}`);
  if (!Object.hasOwn(kArrays, String(dtype)))
    throw new GPUError('ERR_UNSUPPORTED', `${where}: '${name}' is ${show(dtype)}, but must be float32 or int32`);
  if (quantization !== undefined)
    throw new GPUError('ERR_UNSUPPORTED', `${where}: '${name}' is quantized, which is not known of such files`);
  if (!Array.isArray(shape) || !shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0))
    throw invalid(`${where}: the shape of '${name}' is ${show(shape)}, but must be whole numbers`);
}

/** @param {readonly number[]} shape */
const elementsOf = (shape) => shape.reduce((product, extent) => product * extent, 1);

/**
 * One group's files, one behind the other in one piece of memory, and their SHA-256s.
 * @param {string} folder
 * @param {Group} group
 * @param {string} where
 * @param {Loading} options
 */
async function readGroup(folder, { paths, weights }, where, { signal, onBytes }) {
  const total = weights.reduce((sum, { shape }) => sum + elementsOf(shape) * kElementBytes, 0);
  if (!(total <= kMostWeights))
    throw invalid(`${where}: its weights take ${total} bytes, but can take ${kMostWeights}`);
  const memory = new Uint8Array(total);
  let at = 0,
    loaded = 0;
  /** @type {Buffer[]} */
  const digests = [];
  for (const name of paths) {
    const file = path.join(folder, name);
    checkSignal(signal);
    const part = await withFile(file, async (handle, size) => {
      if (at + size > total) throw wrongSize(folder, paths, at + size, total, where);
      const piece = memory.subarray(at, at + size);
      const hash = createHash('sha256');
      await fill(file, piece, handle, (bytes) => {
        hash.update(bytes);
        onBytes?.((loaded += bytes.length), total);
      });
      digests.push(hash.digest());
      return piece;
    });
    at += part.length;
  }
  if (at !== total) throw wrongSize(folder, paths, at, total, where);
  return { memory, digests };
}

/**
 * @param {string} folder
 * @param {string[]} paths
 * @param {number} bytes
 * @param {number} total
 * @param {string} where
 */
function wrongSize(folder, paths, bytes, total, where) {
  const files = paths.length === 1 ? paths[0] : `${paths[0]} to ${paths.at(-1)}`;
  const have = bytes > total ? 'at least ' : '';
  return invalid(
    `${files} in ${folder} have ${have}${bytes} bytes, but the weights that ${where} lists take ${total}: ` +
      `a file is cut off, or of another model`,
  );
}

/**
 * @param {Group} group
 * @param {Uint8Array<ArrayBuffer>} memory
 * @param {Map<string, StoredTensor>} tensors to which its own are added
 */
function addTensors({ weights }, memory, tensors) {
  let at = 0;
  for (const { name, dtype, shape } of weights) {
    const elements = elementsOf(shape);
    tensors.set(name, { dtype, shape, data: new kArrays[dtype](memory.buffer, memory.byteOffset + at, elements) });
    at += elements * kElementBytes;
  }
}

/**
 * @param {string} folder
 * @param {Loading} [options]
 * @returns {Promise<StoredModel>}
 * @throws {GPUError} ERR_NOT_FOUND a file that is not there; ERR_INVALID_ARGUMENT one that is not whole, or not what it
 *   should be; ERR_UNSUPPORTED another graph than the one that is known; ERR_CANCELED
 */
async function readTfjs(folder, options = {}) {
  const where = path.join(folder, 'model.json');
  const [model, vocabulary] = await Promise.all([readJson(where), readJson(path.join(folder, 'vocab.json'))]);
  const { modelTopology, weightsManifest } = /** @type {Record<string, unknown>} */ (model.value ?? {});
  const groups = checkManifest(weightsManifest, where);
  /** @type {Map<string, StoredTensor>} */
  const tensors = new Map();
  const digest = createHash('sha256');
  for (const { bytes } of [model, vocabulary]) digest.update(createHash('sha256').update(bytes).digest());
  for (const group of groups) {
    const { memory, digests } = await readGroup(folder, group, where, options);
    addTensors(group, memory, tensors);
    for (const one of digests) digest.update(one);
  }
  checkGraph(modelTopology, tensors, useLite.graph, where);
  return { description: describe(folder, vocabulary.value), tensors, digest: digest.digest('hex') };
}

/**
 * @param {string} folder
 * @param {unknown} vocabulary
 * @returns {Description}
 */
function describe(folder, vocabulary) {
  const sizes = useLite.read({}, folder);
  return {
    where: folder,
    kind: 'encoder',
    family: useLite,
    sizes,
    tail: useLite.tail(sizes),
    maxLength: sizes.maxLength,
    lowercase: false,
    prompts: {},
    promptName: undefined,
    tokenizer: { json: tokenizerJson(vocabulary, sizes.vocabulary, path.join(folder, 'vocab.json')) },
    weights: folder,
    deciding: [],
  };
}

/**
 * The same without its graph and its weights.
 * @param {string} folder
 * @returns {Promise<Description>}
 */
async function describeTfjs(folder) {
  const { value } = await readJson(path.join(folder, 'vocab.json'));
  return describe(folder, value);
}

module.exports = { readTfjs, describeTfjs };
