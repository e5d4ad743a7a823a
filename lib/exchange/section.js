// The bytes behind the header of a frame, and which of them tensors have claimed.
'use strict';
const { aligned } = require('./frame');
const { badRequest } = require('./http-error');
const { readTensor } = require('./tensors');

/** @typedef {import('../index').Tensor} Tensor */

class Section {
  #end = 0;
  #bytes;

  /** @param {Uint8Array|undefined} bytes undefined: the request was no frame, and no tensor can have an offset */
  constructor(bytes) {
    this.#bytes = bytes;
  }

  /**
   * @param {unknown} entry a tensor as JSON has it, or { shape, dtype, offset }
   * @param {string} where
   * @returns {Tensor}
   * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT
   */
  read(entry, where) {
    const tensor = readTensor(entry, this.#bytes, where);
    const { offset } = /** @type {{ offset?: number }} */ (entry);
    if (offset !== undefined) this.#end = Math.max(this.#end, offset + tensor.data.byteLength);
    return tensor;
  }

  /**
   * Refuses bytes that no tensor claims: the sender and we would not mean the same.
   * @throws {import('./http-error').HttpError} 400
   */
  refuseLeftovers() {
    const length = this.#bytes?.length ?? 0;
    if (length !== this.#end && length !== aligned(this.#end))
      throw badRequest(`${length} bytes follow the header, but its tensors take ${this.#end}`);
  }
}

module.exports = { Section };
