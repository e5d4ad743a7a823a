// One description of a call, whatever kind of job it is: what a context runs, a cluster is asked for, and a digest is
// made of. Nobody else looks at a workload's type.
'use strict';
const { invalid, show } = require('../core');
const { BuiltInCall } = require('./built-in-call');
const { ProgramRun } = require('./program-run');
const { GraphCall } = require('./graph-call');
const { sceneWorkload } = require('./scene');
const { checkSplit } = require('./split');

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {BuiltInCall|ProgramRun|GraphCall} AnyCall */

/** Small jobs make no object of their own: the one call that is being made. */
const current = new BuiltInCall();

/**
 * Checks a workload and describes it. What it gives is to be begun, kept, or cleared before anything else is
 * described.
 * @param {unknown} workload as its user wrote it
 * @param {unknown} into memory for outputs, by name
 * @returns {AnyCall}
 * @throws {import('../core/errors').GPUError} ERR_INVALID_ARGUMENT, with the `argument` that is wrong;
 *   ERR_UNKNOWN_WORKLOAD; ERR_CLOSED: its program's owner is closed
 */
function describe(workload, into) {
  if (workload === null || typeof workload !== 'object')
    throw invalid(`the workload is ${show(workload)}, but must be an object { type, inputs, params }`, 'workload');
  const fields = /** @type {Fields} */ (workload);
  const { id, type, split } = fields;
  if (id !== undefined && typeof id !== 'string')
    throw invalid(`the workload's id is ${show(id)}, but must be a string`, 'id');
  if (split !== undefined && (type === 'graph' || type === 'kernel' || type === 'render')) checkSplit(split, type);
  if (type === 'graph') return new GraphCall(fields, into);
  if (type === 'kernel' || (type === 'render' && fields.scene === undefined)) return new ProgramRun(fields, into);
  try {
    return current.describe(type === 'render' ? sceneWorkload(fields) : fields, into);
  } catch (error) {
    current.clear();
    throw error;
  }
}

module.exports = { describe };
