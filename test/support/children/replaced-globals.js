// A life among globals that a test has replaced: node replaced-globals.js lone|cluster.
'use strict';
const assert = require('node:assert/strict');
const cluster = require('node:cluster');
const fs = require('node:fs');
const timers = require('node:timers');
const timersPromises = require('node:timers/promises');
const { performance } = require('node:perf_hooks');
const gpu = require('../../..');
const { slowJob, scale } = require('../jobs');

const { setTimeout } = timers;

/** As sinon does, in node:timers too. Those of the process stay in a cluster, where Node's own code needs them. */
function replace(isCluster) {
  const never = () => ({ ref() {}, unref() {}, hasRef: () => false });
  const forbidden = () => {
    throw new Error('a replaced global was called');
  };
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate']) {
    globalThis[name] = never;
    timers[name] = never;
    if (name in timersPromises) timersPromises[name] = forbidden;
  }
  globalThis.queueMicrotask = never;
  globalThis.structuredClone = forbidden;
  performance.now = forbidden;
  Object.defineProperty(globalThis, 'performance', { value: { now: forbidden }, configurable: true });
  Date.now = forbidden;
  globalThis.Date = forbidden;
  Math.random = forbidden;
  for (const name of ['AbortController', 'TextEncoder', 'TextDecoder', 'URL'])
    Object.defineProperty(globalThis, name, { value: forbidden, configurable: true });
  if (isCluster) return;
  process.nextTick = never;
  process.hrtime = Object.assign(forbidden, { bigint: forbidden });
}

async function main(isCluster) {
  setTimeout(() => process.exit(3), 15000);
  const manager = gpu.createGPUClusterManager({
    contextTypes: ['cpu'],
    logLevel: 'error',
    ...(isCluster ? { workers: 2 } : {}),
  });
  const early = manager.executeWorkload(scale(new Float32Array([1, 2])));
  if (isCluster) await manager.ready; // Node starts its own processes as it likes
  const events = [];
  for (const name of ['context-switch', 'workload-completed', 'workload-failed'])
    manager.on(name, () => events.push(name));
  replace(isCluster);
  await manager.ready;
  await early;
  const many = await Promise.all(Array.from({ length: 8 }, () => manager.executeWorkload(slowJob(2))));
  assert.equal(many.length, 8);
  await assert.rejects(manager.executeWorkload(slowJob(400), { timeout: 50 }), { code: 'ERR_TIMEOUT' });
  await assert.rejects(manager.executeWorkload({ type: 'none' }), { code: 'ERR_UNKNOWN_WORKLOAD' });
  for (let i = 0; i < 2000; ++i) await manager.executeWorkload(scale(new Float32Array([1, 2])));
  assert.ok(manager.contexts().every(({ lastUsed }) => lastUsed === 0 || lastUsed > 1e12));
  await manager.health();
  await manager.getMetrics();
  await manager.close();
  assert.ok(events.includes('workload-completed') && events.includes('workload-failed'));
  fs.writeSync(1, 'done\n');
  process.exit(0);
}

if (cluster.isPrimary) main(process.argv[2] === 'cluster');
