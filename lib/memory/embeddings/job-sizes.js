// How many rows a job of the pipeline should have. A call that is one small job asks nobody; for the first large one it
// is measured, and kept.
'use strict';
const { createHash } = require('node:crypto');
const path = require('node:path');
const { readSettings } = require('../../config');
const { cacheFolder } = require('../../program');
const { bestSize } = require('../../text');
const { arrayOf } = require('./steps');
const { orGivenUp } = require('./waiting');

/** @typedef {import('../../index').Tensor} Tensor */
/** @typedef {import('../../index').WaitOptions} WaitOptions */
/** @typedef {import('../../text/owners').Owner} Owner */
/** @typedef {import('./steps').Steps} Steps */

const kVersion = 1; // of what is measured, and of the file
const kUsual = 1024; // rows that are a job without being measured
const kFirst = 256; // rows, like the next one
const kLast = 1 << 15;
const kMostBytes = 1 << 27; // of a job's rows
const kEnoughMs = 500;

/** @type {Map<string, Promise<number>>} by devices and steps, for the life of the process */
const found = new Map();

class JobSizes {
  #owner;
  #run;
  /** @type {Promise<string[]>|undefined} */
  #devices;

  /**
   * @param {Owner} owner
   * @param {(steps: Steps, rows: Tensor) => Promise<unknown>} run one job
   */
  constructor(owner, run) {
    this.#owner = owner;
    this.#run = run;
  }

  /**
   * @param {Steps} steps
   * @param {number} count of rows that there are
   * @param {() => WaitOptions} rest
   * @returns {Promise<number>}
   */
  async of(steps, count, rest) {
    if (count <= kUsual) return kUsual;
    if (!this.#devices) {
      this.#devices = this.#owner.devices();
      this.#devices.catch(() => (this.#devices = undefined));
    }
    const device = (await orGivenUp(this.#devices, rest())).join('; ');
    const key = JSON.stringify([kVersion, device, steps.shape]);
    for (;;) {
      const others = found.get(key);
      if (!others) return orGivenUp(this.#begin(steps, device, key), rest());
      // What fails on another context, or because that is closed, says nothing of this one, which measures next.
      const size = await orGivenUp(
        others.catch(() => 0),
        rest(),
      );
      if (size) return size;
    }
  }

  /**
   * @param {Steps} steps
   * @param {string} device
   * @param {string} key
   */
  #begin(steps, device, key) {
    const size = this.#measure(steps, device, key);
    found.set(key, size);
    size.catch(() => found.delete(key));
    return size;
  }

  /**
   * @param {Steps} steps
   * @param {string} device
   * @param {string} key
   */
  async #measure(steps, device, key) {
    const folder = cacheFolder(readSettings());
    const name = createHash('sha256').update(key).digest('hex');
    const rowBytes = steps.width * (steps.dtype === 'float32' ? 4 : 2);
    const most = Math.max(kFirst, Math.min(kLast, 2 ** Math.floor(Math.log2(kMostBytes / rowBytes))));
    let rows = someRows(steps, kFirst);
    const options = {
      run: (/** @type {number} */ size) => {
        if (rows.shape[0] !== size) rows = someRows(steps, size);
        return this.#run(steps, rows);
      },
      first: kFirst,
      last: most,
      enoughMs: kEnoughMs,
      file: folder && path.join(folder, 'embeddings', `${name}.size.json`),
      unit: 'rows',
      about: { device, steps: steps.shape },
    };
    const { size, problem } = await this.#owner.once({ what: 'embeddings', key }, () => bestSize(options));
    if (problem !== undefined)
      process.emitWarning(`what was measured of the embedding pipeline can't be kept: ${problem}`, {
        code: 'SWITCHYARD_CACHE',
      });
    return size;
  }
}

/**
 * Rows of any numbers, the same in each run. Of halves the bits of numbers near 1.
 * @param {Steps} steps
 * @param {number} count
 * @returns {Tensor}
 */
function someRows({ width, dtype }, count) {
  const data = arrayOf(dtype, count * width);
  let state = 1;
  for (let i = 0; i < data.length; ++i) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = dtype === 'float32' ? state / 2 ** 31 - 1 : 0x3c00 | (state >>> 25);
  }
  return { data, shape: [count, width], dtype };
}

module.exports = { JobSizes };
