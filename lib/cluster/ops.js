// manager.ops: the built-in workloads as functions, from tensors to tensor(s).
'use strict';
const { specs } = require('../call');
const { invalid, show } = require('../core');

/** @param {any} value */
function isTensor(value) {
  return (
    ArrayBuffer.isView(value) ||
    (value !== null && typeof value === 'object' && (value.data !== undefined || typeof value.read === 'function'))
  );
}

/**
 * ops.matmul(a, b, { alpha: 2 }, { priority: 1 }) or ops.matmul({ a, b }, params, options).
 * @param {import('../call/encode').Spec} spec
 * @param {any[]} args
 */
function readArguments(spec, args) {
  /** @type {any[]} */
  let rest;
  /** @type {Record<string, any>} */
  let inputs = {};
  if (args.length && !isTensor(args[0]) && args[0] !== null && typeof args[0] === 'object') {
    inputs = args[0];
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
  return { inputs, params, options };
}

/**
 * @param {(workload: any, options: any) => Promise<any>} execute
 * @returns {Record<string, (...args: any[]) => Promise<any>>} by name, and 'top-k' as topK as well
 */
function makeOps(execute) {
  /** @type {Record<string, (...args: any[]) => Promise<any>>} */
  const ops = {};
  for (const spec of specs.values()) {
    if (spec.type.startsWith('render/')) continue; // scenes have a form of their own
    const op = async (/** @type {any[]} */ ...args) => {
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
  return Object.freeze(ops);
}

module.exports = { makeOps };
