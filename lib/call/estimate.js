// What a workload would take and give, before it is run; and outputs whose memory goes back before they are collected.
'use strict';
const { isArrayBuffer } = require('node:util').types;
const { native } = require('../addon');
const { asGpuError } = require('../core');
const { describe } = require('./describe');
const { scratch, layout } = require('./pending');

/** @typedef {import('../index').Tensor} Tensor */
/**
 * @typedef {object} Estimate
 * @property {number} ms of the reference core, which every cost is told in
 * @property {number} outputBytes
 */

/** The reference core: 100 GFLOP/s, 20 GB/s. */
const kFlopsPerMs = 1e8,
  kBytesPerMs = 2e7;

const kWorthBytes = 64 * 1024; // less is collected soon enough

/**
 * The longer of what computing and what memory takes is not known: so it is their sum.
 * @param {number} flops
 * @param {number} bytes read and written
 * @returns {number} ms of the reference core
 */
function costMs(flops, bytes) {
  return flops / kFlopsPerMs + bytes / kBytesPerMs;
}

/**
 * What the job is estimated at that a context of this process was given last and did not run inside the call.
 * @returns {number} ms of the reference core
 */
function lastCostMs() {
  return costMs(scratch[layout.startedFlops], scratch[layout.startedBytes]);
}

/**
 * @param {unknown} workload as its user wrote it
 * @returns {Estimate}
 * @throws {import('../core').GPUError} what running it would be refused with, before a device has a part in it
 * @example const { outputBytes } = estimate({ type: 'normalize', inputs: { input } });
 */
function estimate(workload) {
  const call = describe(workload, undefined);
  try {
    const { flops, bytes, outputBytes } = call.estimate();
    return { ms: costMs(flops, bytes), outputBytes };
  } catch (error) {
    throw asGpuError(error);
  } finally {
    call.clear();
  }
}

/**
 * Gives memory back now, and not when it is collected; views of it are empty from then on. Nothing may read it any
 * more: no job, no write under way. Of less than 64 KB nothing happens. Idempotent.
 * @param {ArrayBufferLike} buffer
 * @example releaseMemory(bytes.buffer);
 */
function releaseMemory(buffer) {
  if (buffer.byteLength >= kWorthBytes && isArrayBuffer(buffer)) native.release(buffer);
}

/**
 * Gives the memory of outputs back, whose data is empty from then on. Nothing may read it any more: no job, no write
 * under way.
 * @param {Record<string, Tensor>} outputs
 * @example releaseOutputs(result.outputs);
 */
function releaseOutputs(outputs) {
  for (const { data } of Object.values(outputs)) {
    // Memory that something else has a part in is somebody else's.
    if (data.byteLength === data.buffer.byteLength) releaseMemory(data.buffer);
  }
}

module.exports = { estimate, costMs, lastCostMs, releaseMemory, releaseOutputs };
