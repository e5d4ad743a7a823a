// A tensor that stays on its device; made by context.upload().
'use strict';

/** @typedef {(tensor: any, options?: import('../index').ReadOptions) => Promise<import('../index').Tensor>} Read */

class DeviceTensor {
  /** @type {any} */
  #handle;
  #read;

  /**
   * @param {any} handle
   * @param {Read} read how its context brings it back
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
   * @param {any} value
   * @returns {any} the addon's object inside a DeviceTensor; undefined for anything else
   */
  static handleOf(value) {
    return value !== null && typeof value === 'object' && #handle in value ? value.#handle : undefined;
  }

  /**
   * @param {import('../index').ReadOptions} [options]
   * @returns {Promise<import('../index').Tensor>}
   */
  read(options) {
    return this.#read(this, options);
  }

  release() {
    this.#handle.release();
  }

  [Symbol.dispose ?? Symbol.for('nodejs.dispose')]() {
    this.release();
  }
}

module.exports = { DeviceTensor, handleOf: DeviceTensor.handleOf };
