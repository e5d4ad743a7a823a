// Compiling in this process, off its event loop.
'use strict';
const { readSettings } = require('../config');
const { native } = require('../addon');
const { nextId, track } = require('../call');

const kOldestCapability = 75; // the oldest cards there is support for

/** @typedef {import('./source').Sources} Sources */
/** @typedef {import('../addon/native').ProgramHandle} ProgramHandle */
/** @typedef {{ handle: ProgramHandle, fromDisk: boolean, ms: number, problems: string[] }} Compiled */

const kMaxCompiling = 4; // each on a thread of its own

/**
 * @param {{ shaderCacheDir?: string }} config
 * @returns {string} where programs are kept between runs; '' for nowhere
 */
function cacheFolder({ shaderCacheDir }) {
  return shaderCacheDir ?? native.cacheFolder();
}

let compiling = 0;
/** @type {(() => void)[]} */
const turns = [];

/**
 * @param {Sources} sources
 * @param {string} folder
 * @returns {Promise<Compiled>}
 */
async function compileHere(sources, folder) {
  if (compiling === kMaxCompiling)
    await new Promise((resolve) => {
      turns.push(() => resolve(undefined));
    });
  else ++compiling;
  try {
    return await compileNow(sources, folder);
  } finally {
    const next = turns.shift(); // which takes the place
    if (next) next();
    else --compiling;
  }
}

/**
 * @param {Sources} sources
 * @param {string} folder
 * @returns {Promise<Compiled>}
 */
function compileNow(sources, folder) {
  const number = nextId();
  // CUDA C++ for the lowest of this machine's cards, which runs on all of them; where CUDA is turned off none is looked
  // at.
  const cudaArch = readSettings().cuda ? 0 : kOldestCapability;
  native.compileProgram(number, sources.kind === 'kernel' ? { ...sources, cudaArch, folder } : { ...sources, folder });
  return track(number, undefined, sources, (value) => value);
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
  return (device.backend === 'vulkan' && info.vulkan) || (device.backend === 'cuda' && info.cuda);
}

module.exports = { compileHere, prepareOn, fits, cacheFolder };
