// How a manager gets a program: from the coordinator, which has it compiled once for all.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { native } = require('../../addon');
const { openSharedTensor } = require('../../call');
const { GPUError, asGpuError } = require('../../core');
const { keyOf, toWire } = require('../../program');

/** @typedef {import('./coordinator-connection').CoordinatorConnection} CoordinatorConnection */

/**
 * The program's bytes lie in shared memory, which is let go of once they are read.
 * @param {import('../wire/messages').TensorHandle} handle
 * @returns {import('../../addon/native').ProgramHandle}
 */
function openProgram(handle) {
  const tensor = openSharedTensor(handle);
  try {
    return native.openProgram(/** @type {Uint8Array} */ (tensor.data));
  } finally {
    tensor.release();
  }
}

/**
 * @template Value
 * @param {Promise<Value>} promise
 * @param {number} ms
 * @param {string} what
 * @returns {Promise<Value>}
 */
function within(promise, ms, what) {
  if (ms === Infinity) return promise;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new GPUError('ERR_TIMEOUT', `${what}: there was no coordinator within ${ms} ms`)),
      ms,
    );
    timer.unref();
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * @param {CoordinatorConnection} connection
 * @param {import('../../program/source').Sources} sources
 * @param {number} timeout ms
 * @returns {Promise<import('../../call/program').Version>}
 */
async function obtainFrom(connection, sources, timeout) {
  await within(connection.connected(), timeout, `${sources.kind} '${sources.name}'`);
  const message = { type: /** @type {const} */ ('program'), key: keyOf(sources), request: toWire(sources) };
  for (let again = false; ; again = true) {
    /** @type {import('../wire/messages').ProgramAnswer} */
    const { tensor, ms, cached, problems, cache } = await connection.request(message);
    try {
      return { handle: openProgram(tensor), ms, cached, problems, cache };
    } catch (error) {
      // once it may have left the coordinator's table while the answer was on its way
      if (again) throw asGpuError(error);
    }
  }
}

module.exports = { obtainFrom };
