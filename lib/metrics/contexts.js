// What the metrics need to know of contexts, and sums over them.
'use strict';

/**
 * @typedef {object} ContextState
 * @property {string} id
 * @property {number} workerId
 * @property {string} contextType
 * @property {string} device
 * @property {'idle'|'busy'|'lost'|'starting'} state
 * @property {boolean} [isActive] whether jobs may be given to it; by its state when left out
 * @property {number} [slot] its place in the worker's status page; the number at the end of its id when left out
 * @property {number} memoryUsage bytes
 * @property {number} memoryLimit
 * @property {number} [resident] bytes of sealed tensors that stay there between jobs
 * @property {number} [reserved] bytes it holds of the device, used or pooled
 * @property {number} [pending] jobs that it has
 */

/** @param {ContextState} context */
function slotOf(context) {
  return context.slot ?? Number(context.id.slice(context.id.lastIndexOf('-') + 1));
}

/** @param {ContextState} context */
function isActive(context) {
  return context.isActive ?? (context.state === 'idle' || context.state === 'busy');
}

/** @param {ContextState} context */
function usedBy(context) {
  return context.memoryUsage;
}

/** @param {ContextState} context */
function reservedBy(context) {
  return context.reserved ?? context.memoryUsage;
}

/** @param {ContextState} context */
function residentIn(context) {
  return context.resident ?? 0;
}

/**
 * @template T
 * @param {readonly T[]} list
 * @param {(item: T) => number} of
 */
function sumOf(list, of) {
  return list.reduce((sum, item) => sum + of(item), 0);
}

/**
 * @param {readonly ContextState[]} contexts
 * @param {(context: ContextState) => number} of
 * @returns {Map<string, number>}
 */
function sumByDevice(contexts, of) {
  const sums = new Map();
  for (const context of contexts) sums.set(context.device, (sums.get(context.device) ?? 0) + of(context));
  return sums;
}

/** @param {number} bytes */
function megabytes(bytes) {
  return bytes / 2 ** 20;
}

module.exports = { slotOf, isActive, usedBy, reservedBy, residentIn, sumOf, sumByDevice, megabytes };
