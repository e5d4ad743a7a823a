// What the calls of kernels and of shaders are made of alike: the program, the names of its bindings, and the block of
// numbers that says what to do.
'use strict';
const { layouts } = require('../addon');
const { invalid, show, suggestion } = require('../core');
const { writeParams } = require('./param-block');
const { Program, Kernel, Shader } = require('./program');

/** @typedef {import('./encode').Fields} Fields */
/** @typedef {import('../addon/native').ProgramInfo} ProgramInfo */
/** @typedef {import('./program').Usable} Usable */
/**
 * @typedef {object} ProgramCall
 * @property {Usable} program
 * @property {string} owner for messages
 * @property {Uint8Array} block
 * @property {{ name: string, kind: 'input'|'attribute'|'uniform', value: unknown }[]} inputs in the order of the block
 * @property {readonly string[]} outputs
 */

const kMaxInputs = layouts.limits.tensors - 1; // the block itself takes a place

/**
 * @param {Fields} workload
 * @returns {Program}
 * @throws {import('../core/errors').GPUError} ERR_INVALID_ARGUMENT: it has none, or one of the other kind
 */
function programOf(workload) {
  const { type } = workload;
  const key = type === 'kernel' ? 'kernel' : 'shader';
  const value = workload[key];
  const Kind = key === 'kernel' ? Kernel : Shader;
  if (value instanceof Kind) return value;
  if (type === 'render' && value === undefined)
    throw invalid(
      `render: it has neither a scene nor a shader: give it scene: 'attention-heatmap' for example, ` +
        `or what compileShader() gave`,
      'shader',
    );
  const hint =
    value instanceof Program
      ? `it is a ${value.constructor.name}`
      : typeof value === 'string' || /** @type {Fields|null|undefined} */ (value)?.glsl !== undefined
        ? 'sources are compiled first'
        : '';
  throw invalid(
    `${type}: ${key} is ${show(value)}, but must be what compile${Kind.name}() gave${hint && ` (${hint})`}`,
    key,
  );
}

/**
 * @param {unknown} value
 * @param {string} what
 * @param {string} owner
 * @param {number} [least]
 * @returns {number}
 */
function checkWhole(value, what, owner, least = 0) {
  const number = /** @type {number} */ (value);
  if (!Number.isSafeInteger(value) || number < least)
    throw invalid(
      `${owner}: ${what} is ${show(value)}, but must be a whole number${least ? ` of at least ${least}` : ''}`,
      what.split(' ')[0],
    );
  return number;
}

/**
 * @param {ProgramInfo} info
 * @param {(binding: import('../addon/native').ProgramBinding) => boolean} test
 */
function namesOf(info, test) {
  return info.bindings.filter(test).map(({ name }) => name);
}

/**
 * @param {unknown} values
 * @param {Usable} program
 * @param {'input'|'output'} what
 * @param {string} owner
 * @returns {[name: string, index: number, value: unknown][]} without those that are undefined
 */
function byBinding(values, { info, buffers }, what, owner) {
  if (values === undefined || values === null) return [];
  if (typeof values !== 'object')
    throw invalid(
      `${owner}: ${what}s is ${show(values)}, but must be an object by the names of the program's buffers`,
      `${what}s`,
    );
  /** @type {[string, number, unknown][]} */
  const found = [];
  for (const name in values) {
    const index = buffers.get(name);
    if (index === undefined) {
      if (what === 'input' && info.unused.buffers.includes(name)) continue;
      const known = namesOf(info, ({ kind }) => kind === 'buffer');
      throw invalid(`${owner}: unknown ${what} '${name}'${suggestion(name, known)}`, `${what}s.${name}`);
    }
    const value = /** @type {Fields} */ (values)[name];
    if (value !== undefined && value !== null) found.push([name, index, value]);
  }
  return found;
}

/**
 * The numbers of a call, followed by the program's parameter block.
 * @param {number[]} numbers without the block's size, which comes last
 * @param {ProgramInfo} info
 * @param {unknown} params by name
 * @param {string} owner
 * @param {'params'|'uniforms'} place the argument that they are
 */
function blockOf(numbers, info, params, owner, place) {
  const words = numbers.length + 1;
  const block = new Float64Array(words + Math.ceil(info.paramBytes / 8));
  block.set(numbers);
  block[words - 1] = info.paramBytes;
  const bytes = new Uint8Array(block.buffer);
  writeParams(info.params, params, bytes, words * 8, owner, place, info.unused.uniforms);
  return bytes;
}

module.exports = { kMaxInputs, programOf, checkWhole, namesOf, byBinding, blockOf };
