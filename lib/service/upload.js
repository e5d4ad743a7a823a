// The body of PUT /v1/tensors/<name>: a frame with one tensor, whose bytes go straight into shared memory as they
// arrive.
'use strict';
const {
  kPrefix,
  kMaxHeader,
  aligned,
  readPrefix,
  readHeader,
  tooShort,
  badRequest,
  isObject,
  checkPlaced,
} = require('../exchange');
const { Body, refuseCrumbs, tooLarge } = require('./body');
const { createSharedTensor, bytesOf } = require('../call');
const { invalid, show, refuseUnknownKeys } = require('../core');

/** @typedef {import('../call/shared-tensor').SharedTensor} SharedTensor */
/** @typedef {import('./body').BodyOptions} BodyOptions */

const kKeys = new Set(['tensor']);

class Upload {
  /** The prefix and the header. */
  #head;
  /** @type {{ length: number, end: number }|undefined} what the prefix says */
  #prefix;
  /** @type {SharedTensor|undefined} */
  #tensor;
  /** @type {Uint8Array} of the tensor */
  #bytes = new Uint8Array(0);
  #at = 0;
  #chunks = 0;
  #length = 0;
  #taken = 0;
  #options;

  /** @param {BodyOptions} options */
  constructor(options) {
    this.#options = options;
    this.#head = new Body(kPrefix + kMaxHeader + 8, undefined, options.budget);
  }

  /** @param {Buffer} chunk */
  append(chunk) {
    this.#length += chunk.length;
    if (this.#length > this.#options.limit) throw tooLarge(this.#options.limit);
    refuseCrumbs(++this.#chunks, this.#length);
    let rest = chunk;
    while (rest.length && !this.#tensor) {
      const missing = (this.#prefix?.end ?? kPrefix) - this.#head.length;
      this.#head.append(rest.subarray(0, missing));
      rest = rest.subarray(missing);
      this.#lookAtHead(this.#prefix?.end ?? kPrefix);
    }
    this.#fill(rest);
  }

  /** @param {number} needed bytes of the head */
  #lookAtHead(needed) {
    if (this.#head.length < needed) return;
    if (this.#prefix) {
      this.#begin(this.#prefix);
      return;
    }
    this.#prefix = readPrefix(this.#head.content());
    this.#lookAtHead(this.#prefix.end); // there may be no header
  }

  /**
   * The header is there.
   * @param {{ length: number, end: number }} prefix
   */
  #begin({ length, end }) {
    const header = readHeader(this.#head.content(), length);
    if (!isObject(header)) throw invalid(`the header is ${show(header)}, but must be { tensor: { shape, dtype } }`);
    refuseUnknownKeys(header, kKeys, 'key of the header');
    const { bytes, shape, dtype } = checkPlaced(header.tensor, 'the tensor');
    const { limit, declared, budget } = this.#options;
    if (end + bytes > limit) throw tooLarge(limit);
    if (declared !== undefined && declared !== end + bytes && declared !== end + aligned(bytes))
      throw badRequest(
        `the tensor has shape ${show(shape)}, which takes ${bytes} bytes, but ${declared - end} follow the header`,
      );
    budget.take(bytes);
    this.#taken = bytes;
    this.#tensor = createSharedTensor(shape, dtype, false); // every byte of it is written, or it is let go of
    this.#bytes = bytesOf(this.#tensor.data);
    this.#head.release();
  }

  /** @param {Buffer} chunk */
  #fill(chunk) {
    const most = this.#bytes.length - this.#at;
    this.#bytes.set(most < chunk.length ? chunk.subarray(0, most) : chunk, this.#at);
    this.#at += chunk.length;
    if (this.#tensor && this.#at > aligned(this.#bytes.length))
      throw badRequest(`more than the ${this.#bytes.length} bytes of the tensor follow the header`);
  }

  /** Nothing more comes: it must be whole. */
  end() {
    if (!this.#prefix) throw tooShort(this.#head.length);
    const { length } = this.#prefix;
    if (!this.#tensor && this.#head.length >= kPrefix + length) this.#begin(this.#prefix); // its zeros are not needed
    if (!this.#tensor)
      throw badRequest(`the header's length is ${length}, but only ${this.#head.length - kPrefix} bytes follow`);
    if (this.#at < this.#bytes.length)
      throw badRequest(`the tensor takes ${this.#bytes.length} bytes, but only ${this.#at} follow the header`);
  }

  /** Once it has ended. @returns {SharedTensor} */
  get tensor() {
    return /** @type {SharedTensor} */ (this.#tensor);
  }

  /** Lets go of everything; what was published stays. Idempotent. */
  release() {
    this.#head.release();
    this.#tensor?.release();
    this.#options.budget.give(this.#taken);
    this.#taken = 0;
  }
}

module.exports = { Upload };
