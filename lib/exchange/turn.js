// A client's job in its turn: once there is room for it and for its answer.
'use strict';
const { timeoutOf, wishOf } = require('./caps');
const { nowMs } = require('../core');

/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {{ outputs: Record<string, Tensor> } & Partial<Omit<import('../index').GPUResult, 'outputs'>>} Result */
/**
 * What runs jobs.
 * @typedef {object} Runner
 * @property {(workload: any, options?: object) => Promise<Result>} executeWorkload checks them itself
 * @property {() => { state: string }[]} contexts
 */

/**
 * Whose job it is.
 * @typedef {object} Owner
 * @property {string} client
 * @property {(ms: number) => void} [used] hears what it took of a device, however it ends
 */

/** @param {{ state: string }} context */
function canRunJobs({ state }) {
  return state === 'idle' || state === 'busy';
}

/**
 * Runs a job once there is room for it and for its answer.
 * @param {{ manager: Runner, config: import('./caps').Config, gate: import('./gate').Gate }} parts
 * @param {{ workload: import('./workload').RequestedWorkload, options: Record<string, unknown> }} job
 * @param {Owner} owner
 * @param {AbortSignal} signal
 * @returns {Promise<{ result: Result, pass: import('./gate').Pass|undefined }>} the pass is to be left once the answer
 *   has gone
 * @throws {import('./http-error').HttpError|import('../core').GPUError} (rejects with) there is no room; what the job
 *   ended with
 */
async function runInTurn({ manager, config, gate }, { workload, options }, owner, signal) {
  const timeout = timeoutOf(options, config);
  const wish = wishOf(workload, timeout, owner.client, config, () => manager.contexts().filter(canRunJobs).length);
  const run = (/** @type {object} */ left) =>
    counted(owner, () => manager.executeWorkload(workload, { ...options, ...left, signal }));
  if (!wish) return { result: await run({}), pass: undefined };
  const began = nowMs();
  const pass = await gate.enter(wish, signal);
  const waited = Math.round(nowMs() - began);
  const left = timeout === Infinity ? {} : { timeout: Math.max(1, timeout - waited) };
  try {
    const result = await run(left);
    pass.endJob();
    return { result, pass };
  } catch (error) {
    // It was told what was left of the time.
    if (error.code === 'ERR_TIMEOUT' && waited > 0)
      error.message += `; ${waited} of its ${timeout} ms had gone by before, with other requests`;
    const leave = () => pass.leave();
    if (error.released) error.released.then(leave, leave);
    else leave();
    throw error;
  }
}

/**
 * Counts what a job took of a device: where it ended well what it says, else all the time that it was there, so that
 * one that is canceled, refused late or fails is not free.
 * @param {Owner} owner
 * @param {() => Promise<Result>} run
 */
async function counted(owner, run) {
  const began = nowMs();
  try {
    const result = await run();
    owner.used?.(result.timings?.compute ?? 0);
    return result;
  } catch (error) {
    owner.used?.(nowMs() - began);
    throw error;
  }
}

module.exports = { runInTurn };
