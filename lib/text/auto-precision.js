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
/**
 * `isPartial`: a precision was left out for want of memory, which there may be the next time.
 * @typedef {{ precision: Precision, why: string, figures: Figure[], isPartial?: boolean }} Choice
 */
/** @typedef {{ precision: Precision, error: import('../core').GPUError }} LeftOut */

// The fastest of many measurements is not worth an error that a slightly slower one doesn't have.
const kWorth = 0.95;
const kRuns = 5; // at most
/** What says that a device can't run a precision, and nothing of the others. */
const kNotHere = new Set(['ERR_OUT_OF_MEMORY', 'ERR_UNSUPPORTED']);
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
 * A device that can't run one precision may run another. Where float32 is the one that it can't, there is nothing to
 * compare with: the most exact one that it can run is taken.
 * @param {(precision: Precision) => Promise<Measured>} measure packs the model and runs it on the sentences
 * @returns {Promise<Choice>}
 * @throws {import('../core').GPUError} what measuring fails with; of what no precision can be run for, the last one's
 */
async function measureAndChoose(measure) {
  /** @type {Figure[]} */
  const figures = [];
  /** @type {LeftOut[]} */
  const left = [];
  /** @type {Measured|undefined} */
  let expected;
  for (const precision of /** @type {Precision[]} */ (Object.keys(kPrecisions))) {
    const measured = await orLeftOut(measure, precision, left);
    if (!measured) continue;
    if (precision === 'float32') expected = measured;
    if (!expected) return { precision, why: `the most exact one that runs here${whyNot(left)}`, ...partly(left, []) };
    const cosine = precision === 'float32' ? 1 : smallestCosine(measured.rows, expected.rows, expected.dimensions);
    figures.push({ precision, ms: measured.ms, cosine, bound: kPrecisions[precision].bound });
  }
  if (!figures.length) throw left[left.length - 1].error;
  const choice = chooseBy(figures);
  return { ...choice, why: choice.why + whyNot(left), ...partly(left, figures) };
}

/**
 * @param {(precision: Precision) => Promise<Measured>} measure
 * @param {Precision} precision
 * @param {LeftOut[]} left to which it is added where the device can't run it
 */
async function orLeftOut(measure, precision, left) {
  try {
    return await measure(precision);
  } catch (error) {
    if (!kNotHere.has(error.code)) throw error;
    left.push({ precision, error });
    return undefined;
  }
}

/** @param {readonly LeftOut[]} left */
function whyNot(left) {
  return left.map(({ precision, error }) => `; ${precision} was left out: ${error.message}`).join('');
}

/**
 * @param {readonly LeftOut[]} left
 * @param {Figure[]} figures
 */
function partly(left, figures) {
  return left.some(({ error }) => error.code === 'ERR_OUT_OF_MEMORY') ? { figures, isPartial: true } : { figures };
}

/**
 * Runs something that has just been made: once, since the first time is no measure (it uploads the weights, and
 * compiles), and then at least once more.
 * @template Result
 * @param {() => Promise<Result>} run
 * @returns {Promise<{ result: Result, ms: number }>} the shortest time of those that count
 */
async function timed(run) {
  let result = await run();
  const begun = nowMs();
  let ms = Infinity;
  for (let i = 0; i < kRuns && (i === 0 || nowMs() - begun < kLongMs); ++i) {
    const start = nowMs();
    result = await run();
    ms = Math.min(ms, nowMs() - start);
  }
  return { result, ms };
}

/**
 * @param {Record<string, unknown>} of
 * @returns {unknown} what a choice is kept under
 */
function keyOf(of) {
  return { what: 'precision', sentences: kVersion, engine: version, ...of };
}

/**
 * @param {import('./packed-cache').PackedCache} cache
 * @param {Record<string, unknown>} of as for choiceFor()
 * @returns {Promise<Choice|undefined>}
 */
async function keptChoice(cache, of) {
  return /** @type {Choice|undefined} */ (await cache.readJson(keyOf(of)));
}

/**
 * The choice that was made before, on this device with this model; or one that is made now, and kept.
 * @param {import('./packed-cache').PackedCache} cache
 * @param {Record<string, unknown>} of the model's digest, the device with its driver, and how many threads it has
 * @param {(precision: Precision) => Promise<Measured>} measure
 * @returns {Promise<Choice>}
 */
async function choiceFor(cache, of, measure) {
  const kept = await keptChoice(cache, of);
  if (kept !== undefined) return kept;
  const choice = await measureAndChoose(measure);
  if (choice.isPartial) return choice;
  // Of processes that measured at the same time the first is right for all.
  const other = await keptChoice(cache, of);
  if (other !== undefined) return other;
  await cache.writeJson(keyOf(of), choice);
  return choice;
}

module.exports = { choiceFor, keptChoice, measureAndChoose, chooseBy, smallestCosine, timed };
