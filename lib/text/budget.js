// How many tokens a job of texts should have: few enough that callers don't wait for each other's, as many as a device
// needs to be as fast as it gets. Measured when a model is loaded, and kept on disk.
'use strict';
const { createHash } = require('node:crypto');
const path = require('node:path');
const { bestSize, keptSize } = require('./best-size');

/** @typedef {import('./equal-texts').Texts} Texts */
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
const kFirst = 128; // tokens, like the next two
const kLast = 1 << 15;
const kText = 32;
const kEnoughMs = 1500;

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
 * @param {BudgetOptions} options
 * @returns {import('./best-size').SizeOptions}
 */
function sizesOf(options) {
  const { run, device, digest } = options;
  /** @type {Map<number, Texts>} */
  const made = new Map();
  const textsOf = (/** @type {number} */ tokens) => {
    const texts = made.get(tokens) ?? someTexts(tokens, options);
    made.set(tokens, texts);
    return texts;
  };
  return {
    run: (tokens) => run(textsOf(tokens)),
    first: kFirst,
    last: kLast,
    enoughMs: kEnoughMs,
    file: fileOf(options),
    unit: 'tokens',
    about: { device, digest },
  };
}

/**
 * @param {BudgetOptions} options
 * @returns {Promise<number|undefined>} what was measured before
 */
async function keptBudget(options) {
  return keptSize(sizesOf(options));
}

/**
 * @param {BudgetOptions} options
 * @returns {Promise<Budget>}
 * @throws {import('../core').GPUError} what a job fails with
 */
async function tokenBudget(options) {
  const { size, ...rest } = await bestSize(sizesOf(options));
  return { tokens: size, ...rest };
}

module.exports = { keptBudget, tokenBudget };
