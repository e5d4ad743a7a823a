// Compiling for this process, in compile processes that the addon starts.
'use strict';
const { setInterval, clearInterval } = require('node:timers');
const { readSettings } = require('../config');
const { native } = require('../addon');
const { nextId, track } = require('../call');
const { GPUError } = require('../core');

const kOldestCapability = 75; // the oldest cards there is support for

/** @typedef {import('./source').Sources} Sources */
/** @typedef {import('../addon/native').ProgramHandle} ProgramHandle */
/** @typedef {{ handle: ProgramHandle, fromDisk: boolean, ms: number, problems: string[] }} Compiled */

/**
 * How many programs a process compiles at a time, each in a compile process; those that have taken `longMs` make way
 * for others, their processes having a low priority by then, and are beside them.
 */
const kCompiling = Object.freeze({ most: 4, mostLong: 12, longMs: 500 });

/**
 * @param {{ shaderCacheDir?: string }} config
 * @returns {string} where programs are kept between runs; '' for nowhere
 */
function cacheFolder({ shaderCacheDir }) {
  return shaderCacheDir ?? native.cacheFolder();
}

let compiling = 0,
  long = 0;
/** @type {(() => void)[]} */
const turns = [];

function leavePlace() {
  const next = turns.shift(); // which takes the place
  if (next) next();
  else --compiling;
}

/**
 * @param {Sources} sources
 * @param {string} folder
 * @param {AbortSignal} [signal] ends the compilation: ERR_CANCELED
 * @param {readonly string[]} [devices] that may run it, as the setting `devices` has them; left out: all
 * @returns {Promise<Compiled>}
 */
async function compileHere(sources, folder, signal, devices) {
  if (compiling === kCompiling.most)
    await new Promise((resolve) => {
      turns.push(() => resolve(undefined));
    });
  else ++compiling;
  let isLong = false;
  const timer = setInterval(() => {
    if (long === kCompiling.mostLong) return; // until one of those has ended
    clearInterval(timer);
    isLong = true;
    ++long;
    leavePlace();
  }, kCompiling.longMs);
  timer.unref();
  try {
    return await compileNow(sources, folder, signal, devices);
  } finally {
    clearInterval(timer);
    if (isLong) --long;
    else leavePlace();
  }
}

/**
 * @param {Sources} sources
 * @param {string} folder
 * @param {AbortSignal} [signal]
 * @param {readonly string[]} [devices]
 * @returns {Promise<Compiled>}
 */
function compileNow(sources, folder, signal, devices) {
  if (signal?.aborted) throw new GPUError('ERR_CANCELED', `${sources.kind} '${sources.name}': nobody waits for it`);
  const number = nextId();
  // CUDA C++ for the lowest of the cards, which runs on all of them, or for each kind of them; where CUDA is turned off
  // none is looked at.
  const { cuda, vulkan } = readSettings();
  const cudaArch = cuda ? 0 : kOldestCapability;
  native.compileProgram(
    number,
    sources.kind === 'kernel'
      ? { ...sources, cudaArch, cudaDevices: devices, folder, vulkan }
      : { ...sources, folder, vulkan },
  );
  const stop = () => native.cancel(number);
  signal?.addEventListener('abort', stop);
  return track(number, undefined, sources, (value) => value).finally(() => signal?.removeEventListener('abort', stop));
}

/**
 * @param {import('../addon/native').NativeContext} context
 * @param {ProgramHandle} program
 * @returns {Promise<{ ms: number }>}
 */
function prepareOn(context, program) {
  const number = nextId();
  native.prepareProgram(number, context, program);
  return track(number, undefined, [context, program], (value) => value);
}

/**
 * Whether a device has the kind of code that a program has.
 * @param {import('../index').DeviceInfo} device
 * @param {import('../addon/native').ProgramInfo} info
 */
function fits(device, info) {
  if (info.kind === 'shader') return device.features.graphics;
  if (device.backend === 'vulkan') return info.vulkan;
  if (device.backend !== 'cuda' || !info.cuda) return false;
  return !info.cudaOnly || info.cudaOnly.includes(device.computeCapability ?? '');
}

module.exports = { compileHere, prepareOn, fits, cacheFolder, kCompiling };
