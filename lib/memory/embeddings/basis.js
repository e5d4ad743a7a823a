// A basis of principal components: what pca-fit has found of some rows, under a name, with a digest that says which it
// is, and as bytes for a store.
'use strict';
const { createHash } = require('node:crypto');
const { typedArrayTag } = require('../../call');
const { invalid, show } = require('../../core');

/** @typedef {import('../../core').GPUError} GPUError */
/** @typedef {import('../../index').EmbeddingBasis} EmbeddingBasis */
/** @typedef {import('../../index').Tensor<Float32Array>} Floats */

const kMagic = Buffer.from('SYBASIS1'); // the last character is the format's version
const kHeader = 16; // the magic, and two uint32: d and c
const kDigest = 32;

class Basis {
  /** What a user is given, once: they may write to it, and what is computed with must not change by that. */
  /** @type {EmbeddingBasis|undefined} */
  #given;

  /**
   * @param {string} name
   * @param {Float32Array} mean
   * @param {Float32Array} components one behind the other
   * @param {Float32Array} explainedVariance
   */
  constructor(name, mean, components, explainedVariance) {
    this.name = name;
    this.mean = mean;
    this.components = components;
    this.explainedVariance = explainedVariance;
    /** Of a row before it is reduced. */
    this.width = mean.length;
    /** Of a row after that. */
    this.dimensions = explainedVariance.length;
    this.digest = this.#digest();
    /** Tells one basis from another, whatever they are called. */
    this.version = this.digest.toString('hex').slice(0, 32);
  }

  /**
   * One that an earlier call gave.
   * @param {unknown} given
   * @returns {Basis}
   * @throws {GPUError} ERR_INVALID_ARGUMENT
   */
  static of(given) {
    if (given === null || typeof given !== 'object')
      throw invalid(
        `basis is ${show(given)}, but must be a name, or a basis that an earlier call gave`,
        'options.basis',
      );
    const {
      name = 'given',
      version,
      mean,
      components,
      explainedVariance,
    } = /** @type {Partial<EmbeddingBasis>} */ (given);
    if (typeof name !== 'string')
      throw invalid(`the basis has the name ${show(name)}, but a name is a string`, 'options.basis');
    const [d] = shapeOf(mean, 'mean', 1);
    const [c, width] = shapeOf(components, 'components', 2);
    if (width !== d || c < 1 || c > d)
      throw invalid(
        `the basis '${name}' has components of the shape [${c}, ${width}], but its mean has ${d} elements`,
        'options.basis',
      );
    const variance = explainedVariance ?? { data: new Float32Array(c), shape: [c], dtype: 'float32' };
    if (shapeOf(variance, 'explainedVariance', 1)[0] !== c)
      throw invalid(`the basis '${name}' has ${variance.shape[0]} variances, but ${c} components`, 'options.basis');
    const copies = [mean, components, variance].map((part) => Float32Array.from(/** @type {Floats} */ (part).data));
    if (!copies.every((part) => part.every(Number.isFinite)))
      throw invalid(`the basis '${name}' holds NaN or infinities`, 'options.basis');
    const basis = new Basis(name, copies[0], copies[1], copies[2]);
    if (version !== undefined && version !== basis.version)
      throw invalid(
        `the basis '${name}' says that it is version ${show(version)}, but its numbers are those of ` +
          `'${basis.version}': they were changed, or give it without a version`,
        'options.basis',
      );
    return basis;
  }

  /**
   * @param {string} name
   * @param {Uint8Array} bytes of encode()
   * @returns {Basis}
   * @throws {GPUError} ERR_INVALID_ARGUMENT: they are no basis, or damaged
   */
  static decode(name, bytes) {
    const refuse = (/** @type {string} */ why) =>
      invalid(`the basis '${name}' in the store ${why}: delete it there, and it is fitted anew`, 'options.basis');
    const all = Buffer.from(bytes); // a copy: aligned, and not a view of somebody else's memory
    if (all.length < kHeader + kDigest || all.compare(kMagic, 0, kMagic.length, 0, kMagic.length) !== 0)
      throw refuse('is not one, or one of another version');
    const [d, c] = [all.readUInt32LE(8), all.readUInt32LE(12)];
    if (all.length !== kHeader + 4 * (d + c * d + c) + kDigest) throw refuse('is cut off');
    const numbers = new Float32Array(d + c * d + c);
    all.copy(new Uint8Array(numbers.buffer), 0, kHeader, all.length - kDigest);
    const basis = new Basis(name, numbers.subarray(0, d), numbers.subarray(d, d + c * d), numbers.subarray(d + c * d));
    if (basis.digest.compare(all, all.length - kDigest) !== 0) throw refuse('is damaged');
    return basis;
  }

  /** As bytes, for a store. */
  encode() {
    const header = Buffer.alloc(kHeader);
    kMagic.copy(header);
    header.writeUInt32LE(this.width, 8);
    header.writeUInt32LE(this.dimensions, 12);
    return Buffer.concat([header, ...this.#parts(), this.digest]);
  }

  /** @returns {EmbeddingBasis} for a user: the same each time */
  get given() {
    const { name, version, width: d, dimensions: c } = this;
    this.#given ??= Object.freeze({
      name,
      version,
      mean: floats(this.mean.slice(), [d]),
      components: floats(this.components.slice(), [c, d]),
      explainedVariance: floats(this.explainedVariance.slice(), [c]),
    });
    return this.#given;
  }

  #parts() {
    return [this.mean, this.components, this.explainedVariance].map(
      ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
    );
  }

  #digest() {
    const hash = createHash('sha256').update(`${this.width} ${this.dimensions} `);
    for (const part of this.#parts()) hash.update(part);
    return hash.digest();
  }
}

/**
 * @param {Float32Array} data
 * @param {number[]} shape
 * @returns {Floats}
 */
function floats(data, shape) {
  return { data, shape, dtype: 'float32' };
}

/**
 * @param {unknown} part
 * @param {string} name
 * @param {number} rank
 * @returns {number[]}
 */
function shapeOf(part, name, rank) {
  const { data, shape, dtype = 'float32' } = /** @type {Partial<Floats>} */ (part ?? {});
  const fits =
    typedArrayTag.call(data) === 'Float32Array' &&
    dtype === 'float32' &&
    Array.isArray(shape) &&
    shape.length === rank &&
    shape.reduce((product, extent) => product * extent, 1) === /** @type {Float32Array} */ (data).length;
  if (!fits)
    throw invalid(
      `the basis has ${show(part)} as ${name}, but it must be a float32 tensor of ` +
        `${rank === 1 ? 'one axis' : 'two axes'}`,
      'options.basis',
    );
  return /** @type {number[]} */ (shape);
}

module.exports = { Basis };
