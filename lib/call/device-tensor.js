// A tensor that stays on its device; made by context.upload().
'use strict';

/** @typedef {import('../addon/native').DeviceMemory} Handle */
/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {import('../index').ReadOptions} ReadOptions */

class DeviceTensor {
  /** @type {Handle} */
  #handle;
  #read;

  /**
   * @param {Handle} handle
   * @param {(tensor: DeviceTensor, options?: ReadOptions) => Promise<Tensor>} read how its context brings it back
   * @param {import('../index').TensorInfo & { device: string }} info
   */
  constructor(handle, read, { shape, dtype, device }) {
    this.#handle = handle;
    this.#read = read;
    this.shape = Object.freeze([...shape]);
    this.dtype = dtype;
    this.device = device;
    Object.freeze(this);
  }

  /**
   * @param {unknown} value
   * @returns {Handle|undefined} undefined for anything but a DeviceTensor
   */
  static handleOf(value) {
    return value !== null && typeof value === 'object' && #handle in value ? value.#handle : undefined;
  }

  /**
   * Copies it into memory of the host.
   * @param {ReadOptions} [options] signal, timeout, and memory to copy it into
   * @returns {Promise<Tensor>}
   * @throws {import('../core/errors').GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_CLOSED: it was released, or
   *   its context was closed; ERR_CANCELED; ERR_TIMEOUT; ERR_DEVICE_LOST
   * @example
   * const held = await context.upload(matrix);
   * const { data } = await held.read();
   */
  read(options) {
    return this.#read(this, options);
  }

  /**
   * Gives its memory back, once no job uses it any more. Idempotent.
   * @example held.release();
   */
  release() {
    this.#handle.release();
  }

  /**
   * As release(), for `using`.
   * @example using held = await context.upload(matrix);
   */
  [Symbol.dispose ?? Symbol.for('nodejs.dispose')]() {
    this.release();
  }
}

module.exports = { DeviceTensor, handleOf: DeviceTensor.handleOf };
