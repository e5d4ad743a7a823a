// A tensor whose memory every process of the cluster can see. Made by manager.sharedTensor(), opened by
// manager.openTensor().
'use strict';
const { native } = require('../addon');
const { GPUError, invalid, asGpuError, show, refuseUnknownKeys } = require('../core');
const { kDTypes, kArrays, checkShape } = require('./tensor');

/** @typedef {import('../index').DType} DType */
/** @typedef {import('../index').SharedTensorHandle} Handle */

const kHandleKeys = new Set(['region', 'block', 'generation', 'bytes', 'shape', 'dtype']);
// A handle may arrive before the memory's descriptor, which takes another way: so long it is waited for.
const kTimeoutMs = 2000;

class SharedTensor {
  /** @type {import('../addon/native').NativeShared} */
  #handle;
  /** @type {import('../index').TensorData} */
  #data;
  #released = false;
  #holders;

  /**
   * @param {import('../addon/native').NativeShared} handle
   * @param {readonly number[]} shape
   * @param {DType} dtype
   * @param {{ count: number }} [holders] how many hold this handle, this one not counted yet
   */
  constructor(handle, shape, dtype, holders = { count: 0 }) {
    this.#handle = handle;
    this.#holders = holders;
    ++holders.count;
    /** @readonly */
    this.shape = Object.freeze([...shape]);
    /** @readonly */
    this.dtype = dtype;
    const Data = kArrays[kDTypes.indexOf(dtype)];
    const length = shape.reduce((product, extent) => product * extent, 1);
    this.#data = length ? new Data(handle.buffer(), 0, length) : new Data(0);
  }

  /**
   * The elements, in memory that other processes may change; views of it are empty once it is released.
   * @throws {GPUError} ERR_CLOSED: it was released
   * @example shared.data.set(vectors);
   */
  get data() {
    this.#check();
    return this.#data;
  }

  /**
   * JSON that another process of the cluster gives to openTensor(); it is to be kept until that has.
   * @returns {Handle}
   * @throws {GPUError} ERR_CLOSED: it was released
   * @example process.send({ base: shared.handle });
   */
  get handle() {
    this.#check();
    const [region, block, generation, bytes] = this.#handle.place();
    return { region, block, generation, bytes, shape: [...this.shape], dtype: this.dtype };
  }

  /**
   * One that is released by itself, over the same handle and ArrayBuffer: to V8 each buffer is as much memory as it
   * shows, and a few large ones are a garbage collection.
   * @param {SharedTensor} tensor
   * @throws {GPUError} ERR_CLOSED: it was released
   */
  static again(tensor) {
    tensor.#check();
    return new SharedTensor(tensor.#handle, tensor.shape, tensor.dtype, tensor.#holders);
  }

  /** @param {unknown} value */
  static isShared(value) {
    return value !== null && typeof value === 'object' && #handle in value;
  }

  /** @param {unknown} value */
  static isSealed(value) {
    return (
      value !== null && typeof value === 'object' && #handle in value && !value.#released && value.#handle.sealed()
    );
  }

  /**
   * Whether seal() was called, here or in another process.
   * @throws {GPUError} ERR_CLOSED: it was released
   * @example if (!shared.sealed) shared.data.set(vectors);
   */
  get sealed() {
    this.#check();
    return this.#handle.sealed();
  }

  /**
   * Promises that the contents don't change any more: only then may a copy stay on a device between jobs. It is a
   * promise, and no lock: `data` can still be written to, and whoever does gets results of the old contents, the new
   * ones, or both.
   * @throws {GPUError} ERR_CLOSED: it was released
   * @example
   * const base = manager.sharedTensor([1000, 384]);
   * base.data.set(vectors);
   * base.seal();
   */
  seal() {
    this.#check();
    this.#handle.seal();
    return this;
  }

  /**
   * Lets go: the memory is free once every process has, and no job uses it. Idempotent.
   * @example shared.release();
   */
  release() {
    if (this.#released) return;
    this.#released = true;
    if (--this.#holders.count === 0) this.#handle.release();
  }

  /**
   * As release(), for `using`.
   * @example using shared = manager.sharedTensor([1000, 384]);
   */
  [Symbol.dispose ?? Symbol.for('nodejs.dispose')]() {
    this.release();
  }

  /**
   * The handle, so that JSON.stringify() carries it.
   * @throws {GPUError} ERR_CLOSED: it was released
   * @example process.send(JSON.stringify({ base: shared }));
   */
  toJSON() {
    return this.handle;
  }

  #check() {
    if (this.#released) throw new GPUError('ERR_CLOSED', 'the shared tensor was released');
  }
}

/**
 * @param {unknown} shape
 * @param {unknown} dtype
 * @param {string} where
 * @returns {{ bytes: number, extents: number[], type: DType }}
 * @throws {GPUError} ERR_INVALID_ARGUMENT
 */
function checkKind(shape, dtype, where) {
  const elements = checkShape(shape, -1, where);
  const type = /** @type {DType} */ (dtype);
  const index = kDTypes.indexOf(type);
  if (index < 0) throw invalid(`a shared tensor's dtype is ${show(dtype)}, but must be one of ${kDTypes.join(', ')}`);
  return { bytes: elements * kArrays[index].BYTES_PER_ELEMENT, extents: /** @type {number[]} */ (shape), type };
}

/**
 * Memory that every process of the cluster can see. For manager.sharedTensor().
 * @param {unknown} shape
 * @param {unknown} [dtype]
 * @param {boolean} [zeros] false: it has whatever was there before, and is to be written before anybody gets it
 * @returns {SharedTensor}
 * @throws {GPUError} ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY; ERR_UNSUPPORTED: Electron allows no such memory
 */
function createSharedTensor(shape, dtype = 'float32', zeros = true) {
  const { bytes, extents, type } = checkKind(shape, dtype, 'the shared tensor');
  try {
    return new SharedTensor(new native.SharedHandle(bytes, zeros ? 1 : 0), extents, type);
  } catch (error) {
    throw asGpuError(error);
  }
}

const kSharedBytes = 64 * 1024; // less is written elsewhere and copied

/**
 * Memory for an output, where every process of the cluster can write to it. It goes when nobody refers to it any more.
 * @param {number} dtype its place among all
 * @param {number} length
 * @returns {import('../index').TensorData}
 * @throws {GPUError} ERR_OUT_OF_MEMORY
 */
function sharedArray(dtype, length) {
  const Data = kArrays[dtype];
  const bytes = length * Data.BYTES_PER_ELEMENT;
  if (bytes < kSharedBytes) return new Data(length);
  try {
    return new Data(new native.SharedHandle(bytes, 0).buffer());
  } catch (error) {
    if (error.code === 'ERR_UNSUPPORTED') return new Data(length); // Electron, where all outputs are copied
    throw asGpuError(error);
  }
}

/**
 * @param {unknown} given a handle, or its JSON
 * @returns {Handle}
 * @throws {GPUError} ERR_INVALID_ARGUMENT: nothing that a handle can be; its shape and dtype are yet to be checked
 */
function readHandle(given) {
  let value = given;
  if (typeof given === 'string') {
    try {
      value = JSON.parse(given);
    } catch {
      value = undefined;
    }
  }
  if (value === null || typeof value !== 'object')
    throw invalid(`the handle of a shared tensor is ${show(given)}, but must be what its .handle was`);
  refuseUnknownKeys(value, kHandleKeys, "key of a shared tensor's handle");
  const handle = /** @type {Handle} */ (value);
  const { region, block, generation, bytes } = handle;
  for (const [name, number] of Object.entries({ region, block, generation, bytes }))
    if (!Number.isSafeInteger(number) || number < 0)
      throw invalid(`the handle of a shared tensor has ${name} ${show(number)}, but it must be what its .handle was`);
  return handle;
}

/**
 * Becomes a holder of a tensor's memory, without a look at what is in it.
 * @param {unknown} given a handle, or its JSON
 * @param {number} ms to wait for its region
 * @returns {{ held: import('../addon/native').NativeShared, bytes: number, shape: number[], dtype: DType }}
 * @throws {GPUError} ERR_INVALID_ARGUMENT: that is no handle; ERR_CLOSED: the tensor is gone; ERR_OUT_OF_MEMORY
 */
function holdShared(given, ms) {
  const { region, block, generation, shape, dtype } = readHandle(given);
  const { bytes: needed } = checkKind(shape, dtype, 'the handle of a shared tensor');
  let held;
  try {
    held = new native.SharedHandle(region, block, generation, ms);
  } catch (error) {
    throw asGpuError(error);
  }
  const [, , , size] = held.place();
  if (needed !== size && !(needed === 0 && size === 1)) {
    held.release();
    throw invalid(
      `the handle of a shared tensor has shape ${show(shape)}, which takes ${needed} bytes, but its memory has ${size}`,
    );
  }
  return { held, bytes: needed, shape, dtype };
}

/**
 * Opens a tensor that another process has made; waits for its memory to be known here, 2 s at most.
 * @param {unknown} handle what its .handle was, or the JSON of it
 * @returns {SharedTensor}
 * @throws {GPUError} ERR_INVALID_ARGUMENT: that is no handle; ERR_CLOSED: the tensor is gone; ERR_UNSUPPORTED
 */
function openSharedTensor(handle) {
  const { held, shape, dtype } = holdShared(handle, kTimeoutMs);
  return new SharedTensor(held, shape, dtype);
}

module.exports = {
  SharedTensor,
  holdAgain: SharedTensor.again,
  isShared: SharedTensor.isShared,
  isSealed: SharedTensor.isSealed,
  createSharedTensor,
  sharedArray,
  openSharedTensor,
  holdShared,
};
