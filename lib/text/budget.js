// How many tokens a job of texts should have: few enough that callers don't wait for each other's, as many as a device
// needs to be as fast as it gets. Measured when a model is loaded, and kept on disk.
'use strict';
const { createHash } = require('node:crypto');
const { mkdir, readFile, rename, rm, writeFile } = require('node:fs/promises');
const path = require('node:path');
const { nowMs } = require('../core');

/** @typedef {import('./equal-texts').Texts} Texts */
/** @typedef {{ tokens: number, ms: number }} Sample */
/**
 * @typedef {object} BudgetOptions
 * @property {(texts: Texts) => Promise<unknown>} run one job
 * @property {number} vocabulary ids there are
 * @property {number} longest tokens that a text may have
 * @property {string} device what it is measured on: its name, and whatever else decides how fast it is
 * @property {string} digest the model's
 * @property {string} folder where budgets are kept; '': nowhere
 */
/** @typedef {{ tokens: number, isMeasured: boolean, problem?: string }} Budget `problem`: why it could not be kept */

const kVersion = 1; // of what is measured, and of the file
const kFirst = 128; // tokens, like the next three
const kLast = 1 << 15;
const kText = 32;
const kNear = 0.95; // of the best throughput: near enough
const kFlat = 2; // sizes in a row that were hardly faster than the best before them
const kRuns = 3;
const kEnoughMs = 1500; // for all of it

/** @param {Sample} sample */
const rateOf = ({ tokens, ms }) => tokens / Math.max(ms, 1e-3);

/**
 * The smallest size that is nearly as fast as the fastest.
 * @param {Sample[]} samples of growing sizes, at least one
 */
function chooseBudget(samples) {
  const best = Math.max(...samples.map(rateOf));
  return /** @type {Sample} */ (samples.find((sample) => rateOf(sample) >= kNear * best)).tokens;
}

/**
 * Whether larger sizes will hardly be faster.
 * @param {Sample[]} samples of growing sizes
 */
function isFlat(samples) {
  if (samples.length <= kFlat) return false;
  const before = Math.max(...samples.slice(0, -kFlat).map(rateOf));
  return samples.slice(-kFlat).every((sample) => kNear * rateOf(sample) <= before);
}

/**
 * Texts of any ids, the same in each run.
 * @param {number} tokens
 * @param {BudgetOptions} options
 * @returns {Texts}
 */
function someTexts(tokens, { vocabulary, longest }) {
  const length = Math.min(kText, longest);
  let state = 1;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  const ids = Int32Array.from({ length: tokens }, () => next() % vocabulary);
  const offsets = Int32Array.from({ length: Math.ceil(tokens / length) + 1 }, (_, i) => Math.min(tokens, i * length));
  return { ids, typeIds: new Int32Array(tokens), offsets };
}

/**
 * @param {() => Promise<unknown>} run the first time it may make something, so it is run twice at least
 * @param {number} end when it is not run any more
 * @returns {Promise<number>} ms
 */
async function shortest(run, end) {
  let ms = Infinity;
  for (let i = 0; i < kRuns; ++i) {
    const from = nowMs();
    await run();
    ms = Math.min(ms, nowMs() - from);
    if (i > 0 && nowMs() > end) break;
  }
  return ms;
}

/**
 * @param {BudgetOptions} options
 * @returns {Promise<Sample[]>}
 */
async function measure(options) {
  const { run } = options;
  await run(someTexts(kFirst, options)); // uploads the weights, and makes whatever is made once: it does not count
  const began = nowMs();
  const samples = [];
  for (let tokens = kFirst; tokens <= kLast; tokens *= 2) {
    const texts = someTexts(tokens, options);
    const ms = await shortest(() => run(texts), began + kEnoughMs).catch((error) => {
      if (samples.length && error.code === 'ERR_OUT_OF_MEMORY') return undefined; // those before it ran
      throw error;
    });
    if (ms === undefined) break;
    samples.push({ tokens, ms });
    // The next size would take twice as long.
    if (isFlat(samples) || nowMs() - began + 2 * ms > kEnoughMs) break;
  }
  return samples;
}

/**
 * @param {BudgetOptions} options
 * @returns {string} '': nowhere
 */
function fileOf({ device, digest, folder }) {
  if (!folder) return '';
  const name = createHash('sha256')
    .update(JSON.stringify([kVersion, device, digest]))
    .digest('hex');
  return path.join(folder, 'text', `${name}.budget.json`);
}

/**
 * @param {string} file
 * @returns {Promise<number|undefined>} undefined: there is none, or none that can be right
 */
async function readKept(file) {
  try {
    const { tokens } = JSON.parse(await readFile(file, 'utf8'));
    return Number.isInteger(tokens) && tokens >= kFirst && tokens <= kLast ? tokens : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} file
 * @param {object} what
 */
async function keep(file, what) {
  const part = `${file}.${process.pid}.part`;
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(part, JSON.stringify(what), { mode: 0o600 });
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/**
 * @param {BudgetOptions} options
 * @returns {Promise<number|undefined>} what was measured before
 */
async function keptBudget(options) {
  const file = fileOf(options);
  return file ? readKept(file) : undefined;
}

/**
 * @param {BudgetOptions} options
 * @returns {Promise<Budget>}
 * @throws {import('../core').GPUError} what a job fails with
 */
async function tokenBudget(options) {
  const file = fileOf(options);
  const kept = await keptBudget(options);
  if (kept !== undefined) return { tokens: kept, isMeasured: false };
  const samples = await measure(options);
  const tokens = chooseBudget(samples);
  if (!file) return { tokens, isMeasured: true };
  // Of processes that measured at the same time the first is right for all: jobs of one size are joined.
  const other = await readKept(file);
  if (other !== undefined) return { tokens: other, isMeasured: false };
  try {
    const { device, digest } = options;
    await keep(file, { tokens, device, digest, samples });
  } catch (error) {
    return { tokens, isMeasured: true, problem: /** @type {Error} */ (error).message };
  }
  return { tokens, isMeasured: true };
}

module.exports = { keptBudget, tokenBudget, chooseBudget, isFlat };
