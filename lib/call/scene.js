// Scenes: pictures the engine knows how to draw, which are built-in workloads of a name and parameters of their own.
'use strict';
const { specs } = require('./encode');
const { GPUError, invalid, show, suggestion, refuseUnknownKeys } = require('../core');

/** @typedef {import('./encode').Spec} Spec */
/** @typedef {import('./encode').Fields} Fields */

const kPrefix = 'render/';
const kKeys = new Set(['type', 'scene', 'width', 'height', 'time', 'inputs', 'params', 'id', 'split']);
const kOwn = /** @type {const} */ (['width', 'height', 'time']);
const kSection = '\x1e',
  kItem = '\x1f'; // between the texts, and between the entries of one
const kText = 'text'; // the input that carries them
const kMaxText = 2 ** 20;

/** @returns {string[]} */
function sceneNames() {
  return [...specs.keys()].filter((type) => type.startsWith(kPrefix)).map((type) => type.slice(kPrefix.length));
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {string} owner
 */
function textOf(value, name, owner) {
  if (value === undefined || value === null) return '';
  const isList = Array.isArray(value);
  /** @type {unknown[]} */
  const list = isList ? value : [value];
  const bad = list.findIndex((item) => typeof item !== 'string');
  if (bad >= 0)
    throw invalid(
      `${owner}: parameter '${name}'${isList ? `, entry ${bad},` : ''} is ${show(list[bad])}, ` +
        `but must be a string${isList ? '' : ' or an array of strings'}`,
      `params.${name}`,
    );
  return list.map((item) => /** @type {string} */ (item).replace(/[\u0000-\u001f\u007f]/g, ' ')).join(kItem);
}

/**
 * The texts of a scene as its last input takes them.
 * @param {Spec} spec
 * @param {Fields} params
 * @param {string} owner
 * @returns {Uint8Array|undefined} undefined where none is given
 */
function encodeTexts(spec, params, owner) {
  const { texts } = spec;
  if (!texts.some((name) => params[name] !== undefined && params[name] !== null)) return undefined;
  const bytes = Buffer.from(texts.map((name) => textOf(params[name], name, owner)).join(kSection), 'utf8');
  if (bytes.length > kMaxText)
    throw invalid(`${owner}: its texts take ${bytes.length} bytes, but may take at most ${kMaxText}`, 'params');
  return new Uint8Array(bytes);
}

/**
 * @param {unknown} scene
 * @returns {Spec}
 */
function specOfScene(scene) {
  const spec = typeof scene === 'string' ? specs.get(kPrefix + scene) : undefined;
  if (spec) return spec;
  if (typeof scene !== 'string')
    throw invalid(`render: scene is ${show(scene)}, but must be a string: one of ${sceneNames().join(', ')}`, 'scene');
  const error = new GPUError(
    'ERR_UNKNOWN_WORKLOAD',
    `render: unknown scene '${scene}'${suggestion(scene, sceneNames())}`,
  );
  error.argument = 'scene';
  throw error;
}

/**
 * @param {unknown} value
 * @param {string} what
 * @param {string} must
 * @param {string} owner
 * @returns {Fields|undefined}
 */
function objectOf(value, what, must, owner) {
  if (value !== undefined && (value === null || typeof value !== 'object'))
    throw invalid(`${owner}: ${what} is ${show(value)}, but must be ${must}`, what);
  return /** @type {Fields|undefined} */ (value);
}

/**
 * @param {Fields} workload { type: 'render', scene, ... }
 * @returns {Fields} the built-in workload it stands for
 * @throws {GPUError} ERR_INVALID_ARGUMENT, ERR_UNKNOWN_WORKLOAD
 */
function sceneWorkload(workload) {
  const { scene, id } = workload;
  const spec = specOfScene(scene);
  if (workload.shader !== undefined)
    throw invalid('render: it has both a scene and a shader: give it one of them', 'shader');
  const owner = `scene '${scene}'`;
  refuseUnknownKeys(workload, kKeys, `key of a ${owner}`);
  const params = objectOf(workload.params, 'params', 'an object', owner);
  const inputs = objectOf(workload.inputs, 'inputs', 'an object of tensors by name', owner);
  /** @type {Fields} */
  const rest = { ...params };
  for (const name of kOwn) {
    if (workload[name] === undefined) continue;
    if (rest[name] !== undefined)
      throw invalid(`${owner}: ${name} stands both in the workload and in its params`, name);
    rest[name] = workload[name];
  }
  const text = encodeTexts(spec, rest, owner);
  for (const name of spec.texts) delete rest[name];
  for (const name in rest)
    if (!spec.paramNames.has(name))
      throw invalid(
        `${owner}: unknown parameter '${name}'${suggestion(name, [...spec.paramNames, ...spec.texts])}`,
        `params.${name}`,
      );
  if (spec.texts.length && inputs?.[kText] !== undefined)
    throw invalid(`${owner}: its texts are given as params: ${spec.texts.join(', ')}`, `inputs.${kText}`);
  return {
    type: spec.type,
    inputs: text ? { ...inputs, [kText]: text } : (inputs ?? {}),
    params: rest,
    ...(id === undefined ? {} : { id }),
  };
}

/**
 * The type as its caller knows it.
 * @param {unknown} type
 */
function publicType(type) {
  return typeof type === 'string' && type.startsWith(kPrefix) ? 'render' : type;
}

module.exports = { sceneWorkload, publicType, sceneNames };
