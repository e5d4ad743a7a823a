// A run of a kernel, checked, as a block of numbers: how many threads, which tensor is which binding, its parameters.
'use strict';
const { invalid, show, suggestion, refuseUnknownKeys } = require('../core');
const { kDTypes, checkShape } = require('./tensor');
const { checkParamNames } = require('./param-block');
const { Program } = require('./program');
const { kMaxInputs, programOf, checkWhole, namesOf, byBinding, blockOf } = require('./call-block');

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {import('../addon/native').ProgramInfo} ProgramInfo */

const kKernelKeys = new Set(['type', 'kernel', 'inputs', 'outputs', 'params', 'threads', 'id']);
const kOutputKeys = new Set(['shape', 'dtype']);
const kMaxOutputs = 8;
const kKernelCall = 1; // what its block begins with

/**
 * @param {unknown} threads
 * @param {string} owner
 */
function checkThreads(threads, owner) {
  if (threads === undefined)
    throw invalid(
      `${owner}: threads is missing: how many times the kernel is to run, as a number or [x, y, z]`,
      'threads',
    );
  const list = Array.isArray(threads) ? threads : [threads];
  if (list.length < 1 || list.length > 3)
    throw invalid(`${owner}: threads has ${list.length} numbers, but must have one to three: x, y, z`, 'threads');
  list.forEach((count, axis) => checkWhole(count, list.length > 1 ? `threads along ${'xyz'[axis]}` : 'threads', owner));
  return [list[0], list[1] ?? 1, list[2] ?? 1];
}

/**
 * @param {unknown} outputs
 * @param {ProgramInfo} info
 * @param {string} owner
 */
function checkOutputs(outputs, info, owner) {
  const results = byBinding(outputs, info, 'output', owner);
  if (!results.length) {
    const writable = namesOf(info, ({ readOnly }) => !readOnly).join(', ') || 'none';
    throw invalid(
      `${owner}: outputs is ${show(outputs)}, but must name at least one binding to get back: ` +
        `{ name: { shape, dtype } } (it has: ${writable})`,
      'outputs',
    );
  }
  if (results.length > kMaxOutputs)
    throw invalid(`${owner}: it has ${results.length} outputs, but can have at most ${kMaxOutputs}`, 'outputs');
  return results;
}

/**
 * The numbers of one output: its binding, dtype and shape.
 * @param {[name: string, index: number, value: unknown]} result
 * @param {ProgramInfo} info
 * @param {string} owner
 */
function outputNumbers([name, index, value], info, owner) {
  const where = `${owner}: output '${name}'`;
  const path = `outputs.${name}`;
  if (value === null || typeof value !== 'object')
    throw invalid(`${where} is ${show(value)}, but must be { shape, dtype }`, path);
  refuseUnknownKeys(value, kOutputKeys, `key of ${where}`, `${path}.`);
  const { element } = info.bindings[index];
  const { shape, dtype = element === 'other' ? 'float32' : element } = /** @type {Fields} */ (value);
  try {
    checkShape(shape, -1, where);
  } catch (error) {
    error.argument = `${path}.shape`;
    throw error;
  }
  const at = kDTypes.indexOf(/** @type {import('../index').DType} */ (dtype));
  if (at < 0) throw invalid(`${where} has dtype ${show(dtype)}${suggestion(String(dtype), kDTypes)}`, `${path}.dtype`);
  const extents = /** @type {number[]} */ (shape);
  return [index, at, extents.length, ...extents];
}

/**
 * @param {Fields} workload
 * @returns {import('./call-block').ProgramCall}
 */
function kernelCall(workload) {
  const { handle, info, workload: number } = Program.use(programOf(workload));
  const owner = `kernel '${info.name}'`;
  refuseUnknownKeys(workload, kKernelKeys, `key of the workload 'kernel'`);
  const numbers = [kKernelCall, ...checkThreads(workload.threads, owner)];
  const given = byBinding(workload.inputs, info, 'input', owner);
  if (given.length > kMaxInputs)
    throw invalid(`${owner}: it is given ${given.length} inputs, but can have at most ${kMaxInputs}`, 'inputs');
  numbers.push(given.length, ...given.map(([, index]) => index));
  const results = checkOutputs(workload.outputs, info, owner);
  numbers.push(results.length);
  for (const result of results) numbers.push(...outputNumbers(result, info, owner));
  checkParamNames(info.params, workload.params, owner);
  return {
    handle,
    workload: number,
    owner,
    block: blockOf(numbers, info, workload.params, owner, 'params'),
    inputs: given.map(([name, , value]) => ({ name, kind: 'input', value })),
    outputs: results.map(([name]) => name),
  };
}

module.exports = { kernelCall };
