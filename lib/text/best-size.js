// How large a job should be: as small as it can be and still nearly as fast as larger ones are. Measured, and kept on
// disk.
'use strict';
const { mkdir, readFile, rename, rm, writeFile } = require('node:fs/promises');
const path = require('node:path');
const { nowMs } = require('../core');

/** @typedef {{ size: number, ms: number }} Sample */
/**
 * @typedef {object} SizeOptions
 * @property {(size: number) => Promise<unknown>} run one job of that size
 * @property {number} first size, the next ones are twice as large each
 * @property {number} last
 * @property {number} enoughMs for all of it
 * @property {string} file where it is kept; '': nowhere
 * @property {string} unit what sizes count: 'tokens'
 * @property {object} about what is kept with it, for whoever reads the file
 */
/** @typedef {{ size: number, isMeasured: boolean, problem?: string }} BestSize `problem`: why it could not be kept */

const kNear = 0.95; // of the best throughput: near enough
const kFlat = 2; // sizes in a row that were hardly faster than the best before them
const kRuns = 3;

/** @param {Sample} sample */
const rateOf = ({ size, ms }) => size / Math.max(ms, 1e-3);

/**
 * The smallest size that is nearly as fast as the fastest.
 * @param {Sample[]} samples of growing sizes, at least one
 */
function chooseSize(samples) {
  const best = Math.max(...samples.map(rateOf));
  return /** @type {Sample} */ (samples.find((sample) => rateOf(sample) >= kNear * best)).size;
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
 * @param {SizeOptions} options
 * @returns {Promise<Sample[]>}
 */
async function measure({ run, first, last, enoughMs }) {
  await run(first); // uploads what is read by all jobs, and makes whatever is made once: it does not count
  const began = nowMs();
  const samples = [];
  for (let size = first; size <= last; size *= 2) {
    const ms = await shortest(() => run(size), began + enoughMs).catch((error) => {
      if (samples.length && error.code === 'ERR_OUT_OF_MEMORY') return undefined; // those before it ran
      throw error;
    });
    if (ms === undefined) break;
    samples.push({ size, ms });
    // The next size would take twice as long.
    if (isFlat(samples) || nowMs() - began + 2 * ms > enoughMs) break;
  }
  return samples;
}

/**
 * @param {SizeOptions} options
 * @returns {Promise<number|undefined>} undefined: there is none, or none that can be right
 */
async function keptSize({ file, unit, first, last }) {
  if (!file) return undefined;
  try {
    const { [unit]: size } = JSON.parse(await readFile(file, 'utf8'));
    return Number.isInteger(size) && size >= first && size <= last ? size : undefined;
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
 * @param {SizeOptions} options
 * @returns {Promise<BestSize>}
 * @throws {import('../core').GPUError} what a job fails with
 */
async function bestSize(options) {
  const { file, unit, about } = options;
  const kept = await keptSize(options);
  if (kept !== undefined) return { size: kept, isMeasured: false };
  const samples = await measure(options);
  const size = chooseSize(samples);
  if (!file) return { size, isMeasured: true };
  // Of processes that measured at the same time the first is right for all: jobs of one size are joined.
  const other = await keptSize(options);
  if (other !== undefined) return { size: other, isMeasured: false };
  try {
    await keep(file, { [unit]: size, ...about, samples });
  } catch (error) {
    return { size, isMeasured: true, problem: /** @type {Error} */ (error).message };
  }
  return { size, isMeasured: true };
}

module.exports = { keptSize, bestSize, chooseSize, isFlat };
