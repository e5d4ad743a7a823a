// A run of a kernel, checked, as a block of numbers: how many threads, which tensor is which binding, its parameters.
'use strict';
const { layouts } = require('../addon');
const { invalid, show, suggestion, refuseUnknownKeys } = require('../core');
const { kDTypes, checkShape } = require('./tensor');
const { checkParamNames } = require('./param-block');
const { Program } = require('./program');
const { kMaxInputs, programOf, checkWhole, namesOf, byBinding, blockOf } = require('./call-block');

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {import('../addon/native').ProgramInfo} ProgramInfo */
/** @typedef {import('./program').Usable} Usable */

const kKernelKeys = new Set(['type', 'kernel', 'inputs', 'outputs', 'params', 'threads', 'id', 'split']);
const kOutputKeys = new Set(['shape', 'dtype']);
const kMaxOutputs = 8;
const { kernel: kKernelCall } = layouts.blockKind;
const { kind: kKindAt, threads: kThreadsAt, inputs: kInputsAt } = layouts.kernelBlock;
const { binding: kBindingAt, dtype: kDTypeAt, rank: kRankAt } = layouts.kernelOutput;

/**
 * Writes how often the kernel runs, along each axis.
 * @param {number[]} numbers
 * @param {unknown} threads
 * @param {string} owner
 */
function writeThreads(numbers, threads, owner) {
  if (threads === undefined)
    throw invalid(
      `${owner}: threads is missing: how many times the kernel is to run, as a number or [x, y, z]`,
      'threads',
    );
  const list = /** @type {number[]} */ (Array.isArray(threads) ? threads : [threads]);
  const { length } = list;
  if (length < 1 || length > 3)
    throw invalid(`${owner}: threads has ${length} numbers, but must have one to three: x, y, z`, 'threads');
  for (let axis = 0; axis < 3; ++axis) {
    const count = axis < length ? list[axis] : 1;
    if (!Number.isSafeInteger(count) || count < 0)
      checkWhole(count, length > 1 ? `threads along ${'xyz'[axis]}` : 'threads', owner);
    numbers[kThreadsAt + axis] = count;
  }
}

/**
 * @param {unknown} outputs
 * @param {Usable} program
 * @param {string} owner
 */
function checkOutputs(outputs, program, owner) {
  const results = byBinding(outputs, program, 'output', owner);
  if (!results.length) {
    const writable = namesOf(program.info, ({ readOnly }) => !readOnly).join(', ') || 'none';
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
 * Writes an output's binding, dtype and shape.
 * @param {number[]} numbers
 * @param {[name: string, index: number, value: unknown]} result
 * @param {ProgramInfo} info
 * @param {string} owner
 */
function pushOutput(numbers, [name, index, value], info, owner) {
  const where = `${owner}: output '${name}'`;
  if (value === null || typeof value !== 'object')
    throw invalid(`${where} is ${show(value)}, but must be { shape, dtype }`, `outputs.${name}`);
  for (const key in value)
    if (!kOutputKeys.has(key)) refuseUnknownKeys(value, kOutputKeys, `key of ${where}`, `outputs.${name}.`);
  const { element } = info.bindings[index];
  const { shape, dtype = element === 'other' ? 'float32' : element } = /** @type {Fields} */ (value);
  try {
    checkShape(shape, -1, where);
  } catch (error) {
    error.argument = `outputs.${name}.shape`;
    throw error;
  }
  const at = kDTypes.indexOf(/** @type {import('../index').DType} */ (dtype));
  if (at < 0)
    throw invalid(`${where} has dtype ${show(dtype)}${suggestion(String(dtype), kDTypes)}`, `outputs.${name}.dtype`);
  const extents = /** @type {number[]} */ (shape);
  const from = numbers.length;
  numbers[from + kBindingAt] = index;
  numbers[from + kDTypeAt] = at;
  numbers[from + kRankAt] = extents.length;
  numbers.push(...extents);
}

/**
 * @param {Fields} workload
 * @returns {import('./call-block').ProgramCall}
 */
function kernelCall(workload) {
  const program = Program.use(programOf(workload));
  const { info } = program;
  const owner = `kernel '${info.name}'`;
  refuseUnknownKeys(workload, kKernelKeys, `key of the workload 'kernel'`);
  /** @type {number[]} */
  const numbers = [];
  numbers[kKindAt] = kKernelCall;
  writeThreads(numbers, workload.threads, owner);
  const given = byBinding(workload.inputs, program, 'input', owner);
  if (given.length > kMaxInputs)
    throw invalid(`${owner}: it is given ${given.length} inputs, but can have at most ${kMaxInputs}`, 'inputs');
  numbers[kInputsAt] = given.length;
  /** @type {import('./call-block').ProgramCall['inputs']} */
  const inputs = [];
  for (const [name, index, value] of given) {
    numbers.push(index);
    inputs.push({ name, kind: 'input', value });
  }
  const results = checkOutputs(workload.outputs, program, owner);
  numbers.push(results.length);
  const outputs = [];
  for (const result of results) {
    pushOutput(numbers, result, info, owner);
    outputs.push(result[0]);
  }
  checkParamNames(info.params, workload.params, owner);
  const block = blockOf(numbers, info, workload.params, owner, 'params');
  return { program, owner, block, inputs, outputs };
}

module.exports = { kernelCall };
