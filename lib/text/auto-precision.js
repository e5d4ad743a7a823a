// Which precision a model is run in where its user leaves that open: the fastest one on this device that is as near to
// float32 as its bound says, both measured with the model itself, at the first load, and kept.
'use strict';
const { version } = require('../../package.json');
const { nowMs } = require('../core');
const { kPrecisions } = require('./precision');
const { kVersion } = require('./sentences');

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
const kRuns = 5; // at most
const kLongMs = 150;

/**
 * @param {Float64Array} a
 * @param {Float64Array} b
 */
function cosineOf(a, b) {
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
    const one = cosineOf(a, b);
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
 * @returns {Promise<Choice>}
 */
async function measureAndChoose(measure) {
  const expected = await measure('float32');
  /** @type {Figure[]} */
  const figures = [{ precision: 'float32', ms: expected.ms, cosine: 1, bound: kPrecisions.float32.bound }];
  for (const precision of /** @type {Precision[]} */ (Object.keys(kPrecisions))) {
    if (precision === 'float32') continue;
    const { rows, ms } = await measure(precision);
    const cosine = smallestCosine(rows, expected.rows, expected.dimensions);
    figures.push({ precision, ms, cosine, bound: kPrecisions[precision].bound });
  }
  return chooseBy(figures);
}

/**
 * Runs something that has just been made: once, since the first time is no measure, and then a few times more.
 * @template Result
 * @param {() => Promise<Result>} run
 * @returns {Promise<{ result: Result, ms: number }>} the shortest time of those that count
 */
async function timed(run) {
  let start = nowMs(),
    result = await run(),
    last = nowMs() - start;
  const begun = nowMs();
  let ms = Infinity;
  // Where one takes long, nothing that is done only the first time is much of it.
  if (last > kLongMs) return { result, ms: last };
  for (let i = 0; i < kRuns && (i === 0 || nowMs() - begun < kLongMs); ++i) {
    start = nowMs();
    result = await run();
    last = nowMs() - start;
    ms = Math.min(ms, last);
  }
  return { result, ms };
}

/**
 * The choice that was made before, on this device with this model; or one that is made now, and kept.
 * @param {import('./packed-cache').PackedCache} cache
 * @param {Record<string, unknown>} of the model's digest, the device with its driver, and how many threads it has
 * @param {(precision: Precision) => Promise<Measured>} measure
 * @returns {Promise<Choice>}
 */
async function choiceFor(cache, of, measure) {
  const key = { what: 'precision', sentences: kVersion, engine: version, ...of };
  const kept = /** @type {Choice|undefined} */ (await cache.readJson(key));
  if (kept !== undefined) return kept;
  const choice = await measureAndChoose(measure);
  await cache.writeJson(key, choice);
  return choice;
}

module.exports = { choiceFor, measureAndChoose, chooseBy, smallestCosine, timed };
