// What the tests of operations share: managers and folders that go with the test, jobs with a known answer.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const gpu = require('../..');

const kOptions = { contextTypes: ['cpu'], contextsPerWorker: 1, logLevel: 'silent' };
/** A price at which a second costs 1. */
const kHourly = 3600;

/** Managers and folders, which are closed and removed after each test. */
function useManagers() {
  /** @type {(() => Promise<void>|void)[]} */
  const undo = [];
  afterEach(async () => {
    for (const each of undo.splice(0).reverse()) await each();
  });
  return {
    undo,
    /** @param {object} [options] */
    async managerOf(options = {}) {
      const manager = gpu.createGPUClusterManager({ ...kOptions, ...options });
      undo.push(() => manager.close());
      await manager.ready;
      return manager;
    },
    folderOf() {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-operations-'));
      undo.push(() => fs.rmSync(folder, { recursive: true, force: true }));
      return folder;
    },
  };
}

/** @param {number} seed @param {number[]} [shape] */
function normalize(seed, shape = [4, 64]) {
  const data = Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(seed + i));
  return { type: 'normalize', inputs: { input: { data, shape, dtype: 'float32' } } };
}

/** The rows over their norms, by hand. */
function normalized({ inputs: { input } }) {
  const [n, d] = input.shape;
  return Array.from({ length: n }, (_, row) => {
    const values = Array.from(input.data.subarray(row * d, (row + 1) * d));
    const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    return values.map((value) => value / norm);
  }).flat();
}

module.exports = { kOptions, kHourly, useManagers, normalize, normalized };
