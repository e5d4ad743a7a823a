// Opening a context: the options, checked, and the device they name.
'use strict';
const { native, drawRank } = require('../addon');
const { nextId, track, setPrecision } = require('../call');
const { invalid, show, suggestion, kBackends, isSoftware } = require('../core');
const { readSettings, sizeOf } = require('../config');
const { findDevices } = require('./capabilities');
const { GPUContext, checkOptions } = require('./context');

/** @typedef {import('../addon/native').NativeContext} NativeContext */
/** @typedef {import('../config/config').Config} Config */
/** @typedef {Pick<Config, 'cuda'|'vulkan'|'memoryLimit'|'shaderCacheSize'|'execution'>} Settings */

const kContextOptions = new Set(['device', 'memoryLimit', 'threads']);
const kChoices = ['auto', ...kBackends];

/** @param {unknown} device */
function checkDevice(device) {
  if (typeof device !== 'string')
    throw invalid(`device is ${show(device)}, but must be a string: 'auto', 'cuda', 'vulkan:0', 'cpu'`, 'device');
  const [, backend, index] = /^([^:]*)(:.*)?$/s.exec(device) ?? [];
  if (backend === 'gpu')
    throw invalid(
      `device is ${show(device)}, which is no backend: 'auto' takes a GPU where there is one, 'cuda' and 'vulkan' ` +
        'name its kind',
      'device',
    );
  if (!kChoices.includes(backend))
    throw invalid(
      `device is ${show(device)}, but must be 'auto', a backend or a device like 'vulkan:0'` +
        suggestion(backend, kChoices),
      'device',
    );
  if (index !== undefined && (backend === 'auto' || !/^:\d{1,4}$/.test(index)))
    throw invalid(`device is ${show(device)}, but must be a backend with a number, 'vulkan:0' for example`, 'device');
}

/**
 * Opens a context: a lane of execution on a device, with memory of its own.
 * @param {import('../index').ContextOptions} [options] device ('auto'), memoryLimit (bytes), threads (of the CPU)
 * @returns {Promise<GPUContext>}
 * @throws {import('../core/errors').GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_UNSUPPORTED: there is no such
 *   device, or its driver can't be used; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST
 * @example
 * const context = await createContext({ device: 'cpu', threads: 2 });
 * try {
 *   const { outputs } = await context.run({ type: 'softmax', inputs: { input } });
 * } finally {
 *   await context.close();
 * }
 */
async function createContext(options = {}) {
  const settings = readSettings();
  setPrecision(settings.precision);
  return openContext(options, undefined, settings);
}

/**
 * @param {Settings} settings
 * @returns {import('../index').ContextOptions['device']} the best for pictures; undefined where none can
 */
function deviceThatDraws(settings) {
  const rank = (/** @type {import('../index').DeviceInfo} */ device) => drawRank(device.backend, isSoftware(device));
  const [best] = findDevices(settings)
    .filter(({ features }) => features.graphics)
    .sort((a, b) => rank(a) - rank(b));
  return /** @type {import('../index').ContextOptions['device']} */ (best?.id);
}

/**
 * The same with a name of its own.
 * @param {import('../index').ContextOptions} options
 * @param {string|undefined} id what it is called
 * @param {Settings} settings
 * @returns {Promise<GPUContext>}
 */
async function openContext(options, id, settings) {
  checkOptions(options, kContextOptions, 'createContext()');
  const { device = 'auto', threads = 0 } = options;
  const memoryLimit = Number(sizeOf(options.memoryLimit ?? settings.memoryLimit));
  checkDevice(device);
  if (!Number.isSafeInteger(memoryLimit) || memoryLimit < 2 ** 20)
    throw invalid(
      `memoryLimit is ${show(options.memoryLimit)}, but must be a whole number of bytes, at least 1048576, ` +
        `or a size like '512 MB'`,
      'memoryLimit',
    );
  if (options.threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 1024))
    throw invalid(`threads is ${show(threads)}, but must be a whole number from 1 to 1024`, 'threads');
  const openBeside = () => {
    const drawing = deviceThatDraws(settings);
    return drawing && openContext({ device: drawing, memoryLimit }, undefined, settings);
  };
  const number = nextId();
  const { cuda, vulkan, shaderCacheSize, execution } = settings;
  native.openContext(number, device, cuda, vulkan, memoryLimit, threads, shaderCacheSize, execution === 'libuv');
  return track(number, undefined, undefined, (/** @type {NativeContext} */ handle) =>
    device === 'auto' && !handle.device().features.graphics
      ? new GPUContext(handle, id, openBeside)
      : new GPUContext(handle, id),
  );
}

module.exports = { createContext, openContext };
