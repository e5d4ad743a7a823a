// A worker thread that keeps a share of one core busy and touches nothing else: no libuv pool, no files.
'use strict';
const { workerData } = require('node:worker_threads');

const kPeriodMs = 5,
  cell = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  const start = performance.now();
  while (performance.now() - start < kPeriodMs * workerData.share);
  const rest = kPeriodMs * (1 - workerData.share);
  if (rest > 0.05) Atomics.wait(cell, 0, 0, rest);
}
