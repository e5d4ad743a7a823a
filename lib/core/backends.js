// The backends, for what has to know them without the addon: settings, and a doctor for an addon that does not load.
// Loading the addon compares them with src/backends.def, which says the rest of them.
'use strict';

/** @typedef {'cuda'|'vulkan'|'cpu'} BackendName */

/** @type {readonly BackendName[]} in the order of src/backends.def */
const kBackends = Object.freeze(['cuda', 'vulkan', 'cpu']);

/** Those that need a driver, and can be turned off. @type {readonly Exclude<BackendName, 'cpu'>[]} */
const kDriverBackends = Object.freeze(
  /** @type {Exclude<BackendName, 'cpu'>[]} */ (kBackends.filter((name) => name !== 'cpu')),
);

/**
 * Which context a job may need: '' for any, 'gpu' for one of a driver: programs with code for all of them. A message
 * has the place here. @typedef {''|BackendName|'gpu'} NeededType
 */
/** @type {readonly NeededType[]} */
const kContextTypes = Object.freeze(/** @type {NeededType[]} */ (['', ...kBackends, 'gpu']));

/**
 * Whether a driver computes on the processor.
 * @param {{ backend: string, type: string }|undefined} device
 */
function isSoftware(device) {
  return device !== undefined && device.type === 'cpu' && device.backend !== 'cpu';
}

module.exports = { kBackends, kDriverBackends, kContextTypes, isSoftware };
