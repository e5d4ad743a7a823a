// Which precision a model is run in where its user leaves that open: the fastest one on this device that is as near to
// float32 as its bound says, both measured with the model itself. Pure but for what it is given to measure with.
'use strict';
const { kPrecisions } = require('./precision');

/** @typedef {import('./precision').Precision} Precision */
/**
 * What a model gives for the sentences: n rows, or of a cross-encoder one score for each; and how long that took.
 * @typedef {{ rows: Float32Array, dimensions: number, ms: number }} Measured
 */
/**
 * `cosine`: the smallest of all sentences, or of a cross-encoder that of its scores together.
 * @typedef {{ precision: Precision, ms: number, cosine: number, bound: number }} Figure
 */
/** @typedef {{ precision: Precision, why: string, figures: Figure[] }} Choice */

// The fastest of many measurements is not worth an error that a slightly slower one doesn't have.
const kWorth = 0.95;

/**
 * @param {Float64Array} a
 * @param {Float64Array} b
 */
function cosine(a, b) {
  let dot = 0,
    aa = 0,
    bb = 0;
  for (let i = 0; i < a.length; ++i) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return aa === 0 && bb === 0 ? 1 : dot / Math.sqrt(aa * bb);
}

/**
 * The smallest cosine between rows and those they should be, with the mean of the latter taken from both: what all
 * sentences have in common tells nothing of whether they can still be told apart.
 * @param {Float32Array} rows
 * @param {Float32Array} expected
 * @param {number} dimensions of a row; 1: of scores, which are compared as one row
 * @returns {number} NaN where a row holds one
 */
function smallestCosine(rows, expected, dimensions) {
  const n = expected.length / dimensions;
  const mean = new Float64Array(dimensions);
  for (let i = 0; i < expected.length; ++i) mean[i % dimensions] += expected[i] / n;
  const length = dimensions === 1 ? n : dimensions;
  const a = new Float64Array(length),
    b = new Float64Array(length);
  let smallest = 1;
  for (let begin = 0; begin < expected.length; begin += length) {
    for (let i = 0; i < length; ++i) {
      a[i] = rows[begin + i] - mean[i % dimensions];
      b[i] = expected[begin + i] - mean[i % dimensions];
    }
    const one = cosine(a, b);
    if (!(one >= smallest)) smallest = one;
    if (Number.isNaN(smallest)) return smallest;
  }
  return smallest;
}

/**
 * @param {Figure[]} figures float32's among them
 * @returns {Choice}
 */
function chooseBy(figures) {
  const allowed = figures.filter(({ precision, cosine, bound }) => precision === 'float32' || cosine >= bound);
  const fastest = Math.min(...allowed.map(({ ms }) => ms));
  // In the order of kPrecisions, which is that of exactness.
  const chosen = /** @type {Figure} */ (allowed.find(({ ms }) => ms * kWorth <= fastest));
  const text = (/** @type {Figure} */ { precision, ms, cosine }) =>
    `${precision} ${ms.toFixed(2)} ms${precision === 'float32' ? '' : `, cosine ${cosine.toFixed(5)}`}`;
  const refused = figures.filter((figure) => !allowed.includes(figure));
  const why =
    `the fastest on this device that is near enough to float32: ${figures.map(text).join('; ')}` +
    refused.map(({ precision, bound }) => `; ${precision} is below its bound of ${bound}`).join('');
  return { precision: chosen.precision, why, figures };
}

/**
 * @param {(precision: Precision) => Promise<Measured>} measure packs the model and runs it on the sentences
 * @param {readonly Precision[]} [candidates]
 * @returns {Promise<Choice>}
 */
async function measureAndChoose(measure, candidates = /** @type {Precision[]} */ (Object.keys(kPrecisions))) {
  const expected = await measure('float32');
  /** @type {Figure[]} */
  const figures = [{ precision: 'float32', ms: expected.ms, cosine: 1, bound: kPrecisions.float32.bound }];
  for (const precision of candidates) {
    if (precision === 'float32') continue;
    const { rows, ms } = await measure(precision);
    const cosine = smallestCosine(rows, expected.rows, expected.dimensions);
    figures.push({ precision, ms, cosine, bound: kPrecisions[precision].bound });
  }
  return chooseBy(figures);
}

module.exports = { measureAndChoose, chooseBy, smallestCosine };
