// A basis of principal components: what pca-fit has found of some rows, under a name, with a digest that says which it
// is, and as bytes for a store.
'use strict';
const { createHash } = require('node:crypto');
const { typedArrayTag } = require('../../call');
const { invalid, show } = require('../../core');

/** @typedef {import('../../core').GPUError} GPUError */
/** @typedef {import('../../index').EmbeddingBasis} EmbeddingBasis */
/** @typedef {import('../../index').Tensor<Float32Array>} Floats */
/**
 * @typedef {object} Rows what a basis was fitted to
 * @property {boolean} [normalized] left out, of one that was given: not known
 * @property {string} [model] digest; left out: not known
 */

const kMagic = Buffer.from('SYBASIS2'); // the last character is the format's version
const kHeader = 24; // the magic, and four uint32: d, c, 1 where rows were normalized, bytes of the model's digest
const kDigest = 32;

class Basis {
  /**
   * @param {string} name
   * @param {Float32Array} mean
   * @param {Float32Array} components one behind the other
   * @param {Float32Array} explainedVariance
   * @param {Rows} rows
   */
  constructor(name, mean, components, explainedVariance, { normalized, model }) {
    this.name = name;
    this.normalized = normalized;
    this.model = model;
    this.mean = mean;
    this.components = components;
    this.explainedVariance = explainedVariance;
    /** Of a row before it is reduced. */
    this.width = mean.length;
    /** Of a row after that. */
    this.dimensions = explainedVariance.length;
    /** Tells one basis from another, whatever they are called. */
    this.version = this.#version().toString('hex').slice(0, 32);
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
      normalized,
      model,
    } = /** @type {Partial<EmbeddingBasis>} */ (given);
    if (typeof name !== 'string')
      throw invalid(`the basis has the name ${show(name)}, but a name is a string`, 'options.basis');
    if (normalized !== undefined && typeof normalized !== 'boolean')
      throw invalid(`the basis says normalized: ${show(normalized)}, but must say true or false`, 'options.basis');
    if (model !== undefined && typeof model !== 'string')
      throw invalid(`the basis has the model ${show(model)}, but that is a digest`, 'options.basis');
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
    const basis = new Basis(name, copies[0], copies[1], copies[2], { normalized, model });
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
    const [d, c, normalized, digest] = [8, 12, 16, 20].map((at) => all.readUInt32LE(at));
    const first = kHeader + digest;
    if (all.length !== first + 4 * (d + c * d + c) + kDigest) throw refuse('is cut off');
    const body = all.subarray(0, all.length - kDigest);
    if (digestOf([body]).compare(all, body.length) !== 0) throw refuse('is damaged');
    const numbers = new Float32Array(d + c * d + c);
    body.copy(new Uint8Array(numbers.buffer), 0, first);
    const [mean, components] = [numbers.subarray(0, d), numbers.subarray(d, d + c * d)];
    return new Basis(name, mean, components, numbers.subarray(d + c * d), {
      normalized: normalized === 1,
      model: digest ? body.toString('utf8', kHeader, first) : undefined,
    });
  }

  /**
   * Says no to rows that the basis was not fitted to: other directions count in those.
   * @param {{ width: number, normalized: boolean, model?: string }} rows
   * @throws {GPUError} ERR_INVALID_ARGUMENT
   */
  checkFits({ width, normalized, model }) {
    if (this.width !== width)
      throw invalid(
        `embeddings have ${width} dimensions, but the basis '${this.name}' is of ${this.width}`,
        'embeddings',
      );
    if (this.normalized !== undefined && this.normalized !== normalized)
      throw invalid(
        `normalize is ${normalized}, but the basis '${this.name}' was fitted to rows that were ` +
          `${this.normalized ? '' : 'not '}normalized: take it as there, or another basis`,
        'options.normalize',
      );
    if (model !== undefined && this.model !== undefined && this.model !== model)
      throw invalid(
        `the texts are embedded by the model ${model.slice(0, 12)}..., but the basis '${this.name}' was fitted to ` +
          `vectors of the model ${this.model.slice(0, 12)}...: give another name`,
        'options.basis',
      );
  }

  /** What its numbers take. */
  get bytes() {
    return this.#parts().reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** As bytes, for a store. */
  encode() {
    const header = Buffer.alloc(kHeader);
    kMagic.copy(header);
    header.writeUInt32LE(this.width, 8);
    header.writeUInt32LE(this.dimensions, 12);
    header.writeUInt32LE(Number(this.normalized), 16);
    const model = Buffer.from(this.model ?? '');
    header.writeUInt32LE(model.length, 20);
    const body = [header, model, ...this.#parts()];
    return Buffer.concat([...body, digestOf(body)]);
  }

  /** @returns {EmbeddingBasis} for a user, whose own it is: they may write to it. Copied where they look at it. */
  get given() {
    const { name, version, width: d, dimensions: c, normalized, model } = this;
    const mean = copyOf(this.mean, [d]);
    const components = copyOf(this.components, [c, d]);
    const explainedVariance = copyOf(this.explainedVariance, [c]);
    return Object.freeze({
      name,
      version,
      get mean() {
        return mean();
      },
      get components() {
        return components();
      },
      get explainedVariance() {
        return explainedVariance();
      },
      ...(normalized !== undefined && { normalized }),
      ...(model !== undefined && { model }),
    });
  }

  #parts() {
    return [this.mean, this.components, this.explainedVariance].map(
      ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
    );
  }

  #version() {
    return digestOf([Buffer.from(`${this.width} ${this.dimensions} `), ...this.#parts()]);
  }
}

/** @param {Uint8Array[]} parts */
function digestOf(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/**
 * @param {Float32Array} data
 * @param {number[]} shape
 * @returns {() => Floats} the same copy each time
 */
function copyOf(data, shape) {
  /** @type {Floats|undefined} */
  let copy;
  return () => (copy ??= { data: data.slice(), shape, dtype: 'float32' });
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
