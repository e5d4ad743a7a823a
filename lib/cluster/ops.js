// manager.ops: the built-in workloads as functions, from tensors to tensor(s).
'use strict';
const { specs } = require('../call');
const { GPUError, invalid, show, suggestion } = require('../core');

/** @typedef {import('../call/encode').Fields} Fields */
/** @typedef {import('../index').Tensor} Tensor */
/** @typedef {import('../index').JobOptions} JobOptions */

/** @param {unknown} value */
function isTensor(value) {
  if (ArrayBuffer.isView(value)) return true;
  if (value === null || typeof value !== 'object') return false;
  const { data, read } = /** @type {{ data?: unknown, read?: unknown }} */ (value);
  return data !== undefined || typeof read === 'function';
}

/**
 * ops.matmul(a, b, { alpha: 2 }, { priority: 1 }) or ops.matmul({ a, b }, params, options).
 * @param {import('../call/encode').Spec} spec
 * @param {unknown[]} args
 * @returns {{ inputs: Fields, params: unknown, options: JobOptions|undefined }} options: checked with the job
 * @throws {import('../core/errors').GPUError} ERR_INVALID_ARGUMENT
 */
function readArguments(spec, args) {
  let rest;
  /** @type {Fields} */
  let inputs = {};
  if (args.length && !isTensor(args[0]) && args[0] !== null && typeof args[0] === 'object') {
    inputs = /** @type {Fields} */ (args[0]);
    rest = args.slice(1);
  } else {
    let at = 0;
    for (const { name, optional } of spec.inputs) {
      if (isTensor(args[at])) inputs[name] = args[at++];
      else if (optional && (args[at] === undefined || args[at] === null) && at < args.length) ++at;
      else break;
    }
    if (isTensor(args[at]))
      throw invalid(
        `ops.${spec.type}: it takes at most ${spec.inputs.length} tensor${spec.inputs.length > 1 ? 's' : ''}`,
      );
    rest = args.slice(at);
  }
  const [params, options] = rest;
  if (params !== undefined && (params === null || typeof params !== 'object'))
    throw invalid(`ops.${spec.type}: params is ${show(params)}, but must be an object`);
  return { inputs, params, options: /** @type {JobOptions|undefined} */ (options) };
}

/**
 * What is asked for a name that no operation has: one that is nearly right is an error, not undefined.
 * @param {readonly string[]} names
 * @returns {object}
 */
function suggesting(names) {
  const known = names.filter((name) => !name.includes('-'));
  return new Proxy(Object.prototype, {
    get(target, name, receiver) {
      if (typeof name !== 'string' || name in target) return Reflect.get(target, name, receiver);
      const hint = suggestion(name, known);
      if (!hint.startsWith(' (did')) return undefined;
      throw new GPUError('ERR_UNKNOWN_WORKLOAD', `ops has no ${name}${hint}`);
    },
  });
}

/** @typedef {(...args: unknown[]) => Promise<Tensor|Record<string, Tensor>>} Op */

/**
 * @param {(workload: unknown, options: JobOptions|undefined) => Promise<{ outputs: Record<string, Tensor> }>} execute
 * @returns {Record<string, Op>} by name, and 'top-k' as topK as well
 */
function makeOps(execute) {
  /** @type {Record<string, Op>} */
  const ops = {};
  for (const spec of specs.values()) {
    if (spec.type.startsWith('render/')) continue; // scenes have a form of their own
    const op = async (/** @type {unknown[]} */ ...args) => {
      const { inputs, params, options } = readArguments(spec, args);
      const { outputs } = await execute(
        { type: spec.type, inputs, ...(params === undefined ? {} : { params }) },
        options,
      );
      const names = Object.keys(outputs);
      return names.length === 1 ? outputs[names[0]] : outputs;
    };
    ops[spec.type] = op;
    ops[spec.type.replace(/-([a-z])/g, (_, letter) => letter.toUpperCase())] = op;
  }
  return Object.freeze(Object.setPrototypeOf(ops, suggesting(Object.keys(ops))));
}

module.exports = { makeOps };
