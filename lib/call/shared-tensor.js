// A tensor whose memory every process of the cluster can see. Made by manager.sharedTensor(), opened by
// manager.openTensor().
'use strict';
const { native } = require('../addon');
const { GPUError, invalid, asGpuError, show, refuseUnknownKeys } = require('../core');
const { kDTypes, kArrays, checkShape } = require('./tensor');

const kHandleKeys = new Set(['region', 'block', 'generation', 'bytes', 'shape', 'dtype']);
// A handle may arrive before the memory's descriptor, which takes another way: so long it is waited for.
const kTimeoutMs = 2000;

class SharedTensor {
  /** @type {import('../addon/native').NativeShared} */
  #handle;
  /** @type {any} */
  #data;
  #released = false;

  /**
   * @param {import('../addon/native').NativeShared} handle
   * @param {readonly number[]} shape
   * @param {import('../index').DType} dtype
   */
  constructor(handle, shape, dtype) {
    this.#handle = handle;
    /** @readonly */
    this.shape = Object.freeze([...shape]);
    /** @readonly */
    this.dtype = dtype;
    const Data = /** @type {any} */ (kArrays[kDTypes.indexOf(dtype)]);
    const length = shape.reduce((product, extent) => product * extent, 1);
    this.#data = length ? new Data(handle.buffer(), 0, length) : new Data(0);
  }

  /** The elements, in memory that other processes may change; views of it are empty once it is released. */
  get data() {
    this.#check();
    return this.#data;
  }

  /** JSON that another process of the cluster gives to openTensor(). */
  get handle() {
    this.#check();
    const [region, block, generation, bytes] = this.#handle.place();
    return { region, block, generation, bytes, shape: [...this.shape], dtype: this.dtype };
  }

  /** @param {any} value */
  static isSealed(value) {
    return (
      value !== null && typeof value === 'object' && #handle in value && !value.#released && value.#handle.sealed()
    );
  }

  get sealed() {
    this.#check();
    return this.#handle.sealed();
  }

  /** Promises that the contents don't change any more: only then may a copy stay on a device between jobs. */
  seal() {
    this.#check();
    this.#handle.seal();
    return this;
  }

  /** Lets go: the memory is free once every process has, and no job uses it. */
  release() {
    if (this.#released) return;
    this.#released = true;
    this.#handle.release();
  }

  [Symbol.dispose ?? Symbol.for('nodejs.dispose')]() {
    this.release();
  }

  toJSON() {
    return this.handle;
  }

  #check() {
    if (this.#released) throw new GPUError('ERR_CLOSED', 'the shared tensor was released');
  }
}

/** @param {any} dtype */
function checkDType(dtype) {
  if (!kDTypes.includes(dtype))
    throw invalid(`a shared tensor's dtype is ${show(dtype)}, but must be one of ${kDTypes.join(', ')}`);
}

/**
 * @param {any} shape
 * @param {any} dtype
 * @returns {SharedTensor}
 */
function createSharedTensor(shape, dtype = 'float32') {
  const elements = checkShape(shape, -1, 'the shared tensor');
  checkDType(dtype);
  try {
    const bytes = elements * kArrays[kDTypes.indexOf(dtype)].BYTES_PER_ELEMENT;
    return new SharedTensor(new native.SharedHandle(bytes), shape, dtype);
  } catch (error) {
    throw asGpuError(error);
  }
}

/**
 * @param {any} handle
 * @returns {SharedTensor}
 */
function openSharedTensor(handle) {
  if (typeof handle === 'string') {
    try {
      handle = JSON.parse(handle);
    } catch {
      throw invalid(`the handle of a shared tensor is ${show(handle)}, but must be what its .handle was`);
    }
  }
  if (handle === null || typeof handle !== 'object')
    throw invalid(`the handle of a shared tensor is ${show(handle)}, but must be what its .handle was`);
  refuseUnknownKeys(handle, kHandleKeys, "key of a shared tensor's handle");
  const { region, block, generation, bytes, shape, dtype } = handle;
  for (const [name, value] of Object.entries({ region, block, generation, bytes }))
    if (!Number.isSafeInteger(value) || value < 0)
      throw invalid(`the handle of a shared tensor has ${name} ${show(value)}, but it must be what its .handle was`);
  const elements = checkShape(shape, -1, 'the handle of a shared tensor');
  checkDType(dtype);
  const needed = elements * kArrays[kDTypes.indexOf(dtype)].BYTES_PER_ELEMENT;
  let opened;
  try {
    opened = new native.SharedHandle(region, block, generation, kTimeoutMs);
  } catch (error) {
    throw asGpuError(error);
  }
  const [, , , size] = opened.place();
  if (needed !== size && !(needed === 0 && size === 1)) {
    opened.release();
    throw invalid(
      `the handle of a shared tensor has shape ${show(shape)}, which takes ${needed} bytes, but its memory has ${size}`,
    );
  }
  return new SharedTensor(opened, shape, dtype);
}

module.exports = { SharedTensor, isSealed: SharedTensor.isSealed, createSharedTensor, openSharedTensor };
