// What processEmbeddings() is asked for, checked: rows or texts, and what is to be done with them.
'use strict';
const { checkWaiting, isTensorName, kArrays, kDTypes, tensor, typedArrayTag } = require('../../call');
const { checkOptions } = require('../../cluster');
const { invalid, show, refuseUnknownKeys } = require('../../core');
const { Basis } = require('./basis');

/** @typedef {import('../../index').Tensor} Tensor */
/** @typedef {import('../../index').TensorData} TensorData */
/** @typedef {import('../../index').JobOptions} JobOptions */
/** @typedef {{ get: (key: string) => Promise<Uint8Array|undefined>, put: Function }} KeyedStore */
/**
 * @typedef {object} Wanted
 * @property {Tensor} [rows] [n, d], or the texts:
 * @property {string[]} [texts]
 * @property {boolean} isOne whether one vector or one text was given
 * @property {boolean} normalize
 * @property {boolean} reduces
 * @property {number} [dimensions] to reduce to
 * @property {Basis|string} [basis] or its name
 * @property {0|4|8} bits 0: no codes
 * @property {number} [batchSize] rows
 * @property {unknown} [model]
 * @property {KeyedStore} [store]
 */

const kRequest = new Set(['embeddings', 'texts', 'options']);
/** Options under both their spellings, and what they are called here. */
const kOptions = /** @type {const} */ ({
  normalize: 'normalize',
  reduce_dimensions: 'reduces',
  reduceDimensions: 'reduces',
  dimension_reduction: 'dimensions',
  dimensionReduction: 'dimensions',
  quantization: 'quantization',
  batch_size: 'batchSize',
  batchSize: 'batchSize',
  basis: 'basis',
  model: 'model',
  store: 'store',
});
const kKnown = new Set(Object.keys(kOptions));
const kFloats = ['float32', 'float16', 'bfloat16'];
/** Of jobs: rows are not read again from a stored result, and lie where they are made. */
const kInCluster = new Set(['signal', 'timeout', 'priority', 'contextType', 'affinity', 'retries', 'account']);
const kOnContext = new Set(['signal', 'timeout', 'priority']);
const kMostRows = 2 ** 31 - 1;

/**
 * @param {unknown} given
 * @returns {Wanted}
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT
 */
function checkRequest(given) {
  if (given === null || typeof given !== 'object')
    throw invalid(
      `processEmbeddings() is given ${show(given)}, but wants an object: { embeddings, options } or { texts, options }`,
      'request',
    );
  refuseUnknownKeys(given, kRequest, 'field of processEmbeddings()');
  const { embeddings, texts, options } = /** @type {Record<string, unknown>} */ (given);
  if ((embeddings === undefined) === (texts === undefined))
    throw invalid(
      `embeddings and texts are ${embeddings === undefined ? 'both left out' : 'both given'}: give one of them`,
      'embeddings',
    );
  const wanted = checkWishes(options);
  if (texts !== undefined) return { ...wanted, ...checkTexts(texts) };
  if (wanted.model !== undefined)
    throw invalid('model is given, but embeddings need none: it is for texts', 'options.model');
  return { ...wanted, ...rowsOf(embeddings) };
}

/** @param {unknown} texts */
function checkTexts(texts) {
  const isOne = typeof texts === 'string';
  if (!isOne && !Array.isArray(texts))
    throw invalid(`texts is ${show(texts)}, but must be a string or an array of strings`, 'texts');
  const list = /** @type {unknown[]} */ (isOne ? [texts] : texts);
  for (let i = 0; i < list.length; ++i)
    if (typeof list[i] !== 'string')
      throw invalid(`texts[${i}] is ${show(list[i])}, but must be a string`, `texts[${i}]`);
  return { texts: /** @type {string[]} */ (list), isOne };
}

/**
 * Under their names here; one that is given under both its spellings has to say the same.
 * @param {unknown} given
 */
function spelled(given) {
  if (given === undefined) return {};
  if (given === null || typeof given !== 'object')
    throw invalid(`options is ${show(given)}, but must be an object`, 'options');
  refuseUnknownKeys(given, kKnown, 'option of processEmbeddings()', 'options.');
  /** @type {Record<string, unknown>} */
  const found = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const own = kOptions[/** @type {keyof typeof kOptions} */ (name)];
    if (own in found && found[own] !== value)
      throw invalid(
        `${name} is ${show(value)}, but under its other spelling ${show(found[own])}: give one`,
        `options.${name}`,
      );
    found[own] = value;
  }
  return found;
}

/**
 * @param {unknown} value
 * @param {string} name
 */
function flagOf(value, name) {
  if (value !== undefined && typeof value !== 'boolean')
    throw invalid(`${name} is ${show(value)}, but must be true or false`, `options.${name}`);
  return value;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {string} of what is counted
 */
function countOf(value, name, of) {
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || Number(value) < 1 || Number(value) > kMostRows)
    throw invalid(`${name} is ${show(value)}, but must be a number of ${of} from 1 on`, `options.${name}`);
  return Number(value);
}

/**
 * @param {unknown} value
 * @returns {0|4|8}
 */
function bitsOf(value) {
  if (value === undefined || value === false) return 0;
  if (value === true || value === 8) return 8;
  if (value === 4) return 4;
  throw invalid(`quantization is ${show(value)}, but must be true (8 bits), 8, 4 or false`, 'options.quantization');
}

/**
 * @param {unknown} options
 * @returns {Omit<Wanted, 'rows'|'texts'|'isOne'>}
 */
function checkWishes(options) {
  const given = spelled(options);
  const normalize = flagOf(given.normalize, 'normalize') ?? true;
  const dimensions = countOf(given.dimensions, 'dimension_reduction', 'dimensions');
  const basis = basisOf(given.basis);
  const reduces = flagOf(given.reduces, 'reduce_dimensions') ?? (dimensions !== undefined || basis !== undefined);
  if (reduces && dimensions === undefined && basis === undefined)
    throw invalid(
      'reduce_dimensions is true, but nothing says to how many: give dimension_reduction, 256 for example, or a basis',
      'options.dimension_reduction',
    );
  if (reduces && basis instanceof Basis && dimensions !== undefined && dimensions !== basis.dimensions)
    throw invalid(
      `dimension_reduction is ${dimensions}, but the basis '${basis.name}' has ${basis.dimensions} dimensions`,
      'options.dimension_reduction',
    );
  return {
    normalize: Boolean(normalize),
    reduces: Boolean(reduces),
    dimensions,
    basis,
    bits: bitsOf(given.quantization),
    batchSize: countOf(given.batchSize, 'batch_size', 'rows'),
    model: given.model,
    store: storeOf(given.store),
  };
}

/** @param {unknown} given a basis that an earlier call gave, or a name */
function basisOf(given) {
  if (given === undefined) return undefined;
  if (typeof given !== 'string') return Basis.of(given);
  if (!isTensorName(given))
    throw invalid(`basis is ${show(given)}, but a name has 1 to 200 bytes and no control characters`, 'options.basis');
  return given;
}

/**
 * @param {unknown} store
 * @returns {KeyedStore|undefined}
 */
function storeOf(store) {
  if (store === undefined) return undefined;
  const { get, put } = /** @type {Partial<KeyedStore>} */ (store ?? {});
  if (typeof get !== 'function' || typeof put !== 'function')
    throw invalid(`store is ${show(store)}, but must be a Store: openStore() gives one`, 'options.store');
  return /** @type {KeyedStore} */ (store);
}

/**
 * Vectors in whatever form JavaScript has them in, as rows.
 * @param {unknown} given a tensor, a typed array, (nested) arrays of numbers, or an array of typed arrays
 * @returns {{ rows: Tensor, isOne: boolean }}
 */
function rowsOf(given) {
  const made = named(() => tensorOf(given));
  const { data, shape, dtype } = made;
  if (!kFloats.includes(dtype))
    throw invalid(`embeddings are ${dtype}, but must be ${kFloats.join(', ')}`, 'embeddings');
  if (shape.length !== 1 && shape.length !== 2)
    throw invalid(
      `embeddings have the shape [${shape.join(', ')}], but must be rows [n, d], or one vector [d]`,
      'embeddings',
    );
  const isOne = shape.length === 1;
  const [n, d] = isOne ? [1, shape[0]] : shape;
  if (d === 0 && n > 0) throw invalid('embeddings have no dimensions: their rows are empty', 'embeddings');
  return { rows: { data, shape: [n, d], dtype }, isOne };
}

/**
 * @template T
 * @param {() => T} make
 */
function named(make) {
  try {
    return make();
  } catch (error) {
    if (error.code === 'ERR_INVALID_ARGUMENT') {
      error.message = `embeddings: ${error.message}`;
      error.argument = 'embeddings';
    }
    throw error;
  }
}

/**
 * @param {unknown} given
 * @returns {Tensor}
 */
function tensorOf(given) {
  if (Array.isArray(given) && typedArrayTag.call(given[0]) !== undefined) return stacked(given);
  const { data, shape, dtype } = /** @type {Partial<Tensor>} */ (given ?? {});
  if (typedArrayTag.call(given) === undefined && data !== undefined) return tensor(data, shape, dtype);
  return tensor(given);
}

/**
 * Vectors of their own, one behind the other.
 * @param {unknown[]} vectors
 * @returns {Tensor}
 */
function stacked(vectors) {
  const [first] = vectors.map((vector, i) => {
    const { data, dtype } = tensor(vector);
    if (!kFloats.includes(dtype)) throw invalid(`vector ${i} is ${dtype}, but must be float32`);
    return { d: data.length, dtype };
  });
  const Data = kArrays[kDTypes.indexOf(first.dtype)];
  const data = new Data(vectors.length * first.d);
  for (const [i, vector] of vectors.entries()) {
    const own = /** @type {Float32Array} */ (vector);
    if (own.length !== first.d || own.constructor.name !== Data.name)
      throw invalid(
        `vector ${i} is a ${own.constructor.name} of ${own.length}, but vector 0 a ${Data.name} of ${first.d}`,
      );
    data.set(own, i * first.d);
  }
  return { data, shape: [vectors.length, first.d], dtype: first.dtype };
}

/**
 * The options of jobs.
 * @param {unknown} given
 * @param {boolean} isContext whether it runs on one context, where there is nothing to choose
 * @param {string} what is called
 * @returns {JobOptions}
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT; ERR_CANCELED: its signal is aborted already
 */
function checkJob(given, isContext, what) {
  if (given === undefined) return {};
  if (given === null || typeof given !== 'object')
    throw invalid(`${what}'s options are ${show(given)}, but must be an object`, 'options');
  refuseUnknownKeys(given, isContext ? kOnContext : kInCluster, `option of ${what}`, 'options.');
  const options = /** @type {JobOptions} */ (given);
  checkWaiting(options);
  checkOptions(options);
  return options;
}

module.exports = { checkRequest, checkJob, storeOf, kInCluster, kOnContext };
