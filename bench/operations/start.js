// What the figures of operations share: a manager for a while, jobs from a seed, a folder that goes.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const gpu = require('../..');

/**
 * @template T
 * @param {object} options of createGPUClusterManager()
 * @param {(manager: import('../..').GPUClusterManager) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function withManager(options, work) {
  const manager = gpu.createGPUClusterManager({
    contextTypes: ['cpu'],
    contextsPerWorker: 1,
    logLevel: 'silent',
    ...options,
  });
  try {
    await manager.ready;
    return await work(manager);
  } finally {
    await manager.close();
  }
}

/**
 * @template T
 * @param {(folder: string) => Promise<T>} work
 */
async function withFolder(work) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-bench-'));
  try {
    return await work(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Numbers from 0 to 1, the same for the same seed: Park and Miller's. @param {number} seed */
function randomFrom(seed) {
  let state = (seed % 2147483646) + 1;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

/** @param {number} seed @param {number} rows @param {number} columns */
function tensorOf(seed, rows, columns) {
  const random = randomFrom(seed);
  const data = Float32Array.from({ length: rows * columns }, () => random() - 0.5);
  return { data, shape: [rows, columns], dtype: 'float32' };
}

module.exports = { withManager, withFolder, randomFrom, tensorOf };
