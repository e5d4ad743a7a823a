// From a request's body to the arguments of executeWorkload().
'use strict';
const { GPUError, invalid, show, refuseUnknownKeys } = require('../core');
const { isObject, refuseForbiddenKey, refuseForbiddenKeys } = require('./json');
const { readReference } = require('./references');
const { Section } = require('./section');

/**
 * @typedef {object} RequestedParts
 * @property {string} type
 * @property {string} [id]
 * @property {object} [params]
 * @property {Record<string, import('../index').Tensor>} inputs
 */
/** @typedef {RequestedParts & Record<string, unknown>} RequestedWorkload the manager checks what is not checked here */

const kKeys = new Set(['type', 'inputs', 'params', 'id', 'options', 'split']);
const kSceneKeys = new Set(['type', 'scene', 'width', 'height', 'time', 'inputs', 'params', 'id', 'options', 'split']);
const kGraphKeys = new Set(['type', 'inputs', 'nodes', 'outputs', 'id', 'options', 'split']);
const kKernelKeys = new Set(['type', 'kernel', 'inputs', 'outputs', 'params', 'threads', 'id', 'options']);
const kOptions = new Set(['priority', 'timeout', 'contextType', 'affinity', 'cache', 'retries', 'encoding']);
const kMaxInputs = 256,
  kMaxName = 128;

/**
 * @param {unknown} value
 * @param {string} what
 * @param {string} argument
 * @returns {asserts value is string}
 */
function checkText(value, what, argument) {
  if (typeof value !== 'string' || value === '' || value.length > kMaxName || /[\u0000-\u001f\u007f]/.test(value))
    throw invalid(`${what} is ${show(value)}, but must be a text of 1 to ${kMaxName} characters`, argument);
  // Half of a character, which neither a header nor UTF-8 can carry.
  if (/\p{Surrogate}/u.test(value)) throw invalid(`${what} has a lone surrogate, which is no character`, argument);
}

/**
 * @param {unknown} inputs
 * @param {(entry: unknown, where: string) => import('../index').Tensor} read
 * @param {import('./references').References} references gets those that are named tensors
 */
function readInputs(inputs = {}, read, references) {
  if (!isObject(inputs)) throw invalid(`inputs is ${show(inputs)}, but must be an object of tensors by name`, 'inputs');
  const names = Object.keys(inputs);
  if (names.length > kMaxInputs)
    throw invalid(`there are ${names.length} inputs, but can be at most ${kMaxInputs}`, 'inputs');
  /** @type {Record<string, import('../index').Tensor>} */
  const tensors = {};
  for (const name of names) {
    checkText(name, `an input's name`, 'inputs');
    refuseForbiddenKey(name, 'inputs');
    try {
      const entry = inputs[name];
      if (isObject(entry) && entry.ref !== undefined) references.set(name, readReference(entry, `input '${name}'`));
      else tensors[name] = read(entry, `input '${name}'`);
    } catch (error) {
      if (error instanceof GPUError) error.argument = `inputs.${name}`;
      throw error;
    }
  }
  return tensors;
}

/**
 * @param {unknown} options
 * @returns {{ encoding?: 'base64' } & Record<string, unknown>}
 */
function readOptions(options) {
  if (options === undefined) return {};
  if (!isObject(options)) throw invalid(`options is ${show(options)}, but must be an object`, 'options');
  refuseUnknownKeys(options, kOptions, 'option', 'options.');
  const { encoding, ...rest } = options;
  if (encoding !== undefined && encoding !== 'base64')
    throw invalid(
      `the option encoding is ${show(encoding)}, but must be 'base64', or left out for numbers`,
      'options.encoding',
    );
  if (rest.affinity !== undefined) checkText(rest.affinity, 'the option affinity', 'options.affinity');
  return { ...rest, encoding };
}

/**
 * Programs are the application's own: a server runs no code that strangers send.
 * @param {Record<string, unknown>} body
 */
function refuseCode(body) {
  if (body.type === 'kernel' || body.kernel !== undefined || body.shader !== undefined)
    throw new GPUError(
      'ERR_UNSUPPORTED',
      "kernels and shaders don't come by HTTP: they are code, which only the application itself may bring. " +
        "Scenes do: { type: 'render', scene: 'attention-heatmap', ... }",
    );
}

/** @param {string} type */
function keysOf(type) {
  return type === 'graph' ? kGraphKeys : type === 'render' ? kSceneKeys : kKeys;
}

/**
 * What only a process can give is refused here; the manager checks the rest as it checks everybody's.
 * @param {unknown} body
 * @param {(entry: unknown, where: string) => import('../index').Tensor} read an input
 * @param {object} [kernel] compiled of the code that the body has, whose sender may bring some
 * @returns {{ workload: RequestedWorkload, options: Record<string, unknown>, encoding: 'base64'|undefined, references:
 *   import('./references').References }} the inputs that are references have no tensor yet
 * @throws {GPUError} ERR_INVALID_ARGUMENT, ERR_UNSUPPORTED: what a request can't have, or only a process can give
 */
function readJob(body, read, kernel) {
  if (!isObject(body)) throw invalid(`the body is ${show(body)}, but must be an object { type, inputs, params }`);
  checkText(body.type, `the workload's type`, 'type');
  if (!kernel) refuseCode(body);
  refuseUnknownKeys(body, kernel ? kKernelKeys : keysOf(body.type), `key of the workload ${show(body.type)}`);
  const { inputs: _, options: given, ...rest } = body;
  refuseForbiddenKeys(rest, 'the workload');
  if (rest.id !== undefined) checkText(rest.id, `the workload's id`, 'id');
  if (rest.params !== undefined && !isObject(rest.params))
    throw invalid(`params is ${show(rest.params)}, but must be an object`, 'params');
  const { encoding, ...options } = readOptions(given);
  const references = new Map();
  const inputs = readInputs(body.inputs, read, references);
  return {
    workload: /** @type {RequestedWorkload} */ ({ ...rest, ...(kernel ? { kernel } : {}), inputs }),
    options,
    encoding,
    references,
  };
}

/**
 * The same of a whole request.
 * @param {unknown} body
 * @param {Uint8Array|undefined} bytes what stands behind the header of a binary request
 * @returns {ReturnType<typeof readJob>}
 * @throws {GPUError} as readJob()
 */
function readWorkload(body, bytes) {
  const section = new Section(bytes);
  const job = readJob(body, (entry, where) => section.read(entry, where));
  section.refuseLeftovers();
  return job;
}

module.exports = { readJob, readWorkload, refuseCode };
