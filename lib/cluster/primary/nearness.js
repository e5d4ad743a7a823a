// How near a context is to a job's data, and to the process that asks: pure, of what workers have said of their devices
// and of themselves.
'use strict';

/** @typedef {import('../../index').DeviceInfo} DeviceInfo */
/** @typedef {import('./scheduler').ContextView} ContextView */

// Steps of nearness to data, the nearest last.
const kFar = 0,
  kSameNode = 1,
  kLinked = 2,
  kSameDevice = 3;

/**
 * The NUMA node that a context on this device is near to: its card's; of the CPU and what runs on it, its process's.
 * @param {DeviceInfo} device
 * @param {number} processNode -1: its process is bound to none
 * @returns {number} -1: not known
 */
function nodeOf(device, processNode) {
  return device.type === 'cpu' ? processNode : (device.numaNode ?? -1);
}

/**
 * @param {DeviceInfo} device
 * @returns {string[]} those that NVLink joins to it
 */
function linkedTo({ links = [] }) {
  return links.filter(({ nvlink }) => nvlink).map(({ device }) => device);
}

/**
 * @param {ContextView} context
 * @param {ContextView} holder has the data already
 */
function step(context, holder) {
  // A device's memory is its process's alone: others get the data from the region it came from.
  if (context.member === holder.member) {
    if (context.deviceId !== undefined && context.deviceId === holder.deviceId) return kSameDevice;
    if (holder.deviceId !== undefined && context.linked?.includes(holder.deviceId)) return kLinked;
  }
  return nearnessToNode(context, holder.node) ? kSameNode : kFar;
}

/**
 * @param {ContextView} context
 * @param {readonly ContextView[]} holders
 */
function nearnessToData(context, holders) {
  let best = kFar;
  for (let i = 0; i < holders.length; ++i) best = Math.max(best, step(context, holders[i]));
  return best;
}

/**
 * @param {Pick<ContextView, 'node'>} context
 * @param {number|undefined} node -1 or none: it is not known, and nothing is near to it
 * @returns {number} 1: near to it
 */
function nearnessToNode(context, node) {
  return node !== undefined && node >= 0 && context.node === node ? 1 : 0;
}

module.exports = { nodeOf, linkedTo, nearnessToData, nearnessToNode };
