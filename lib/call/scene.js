// Scenes: pictures the engine knows how to draw, which are built-in workloads of a name and parameters of their own.
'use strict';
const { specs } = require('./encode');
const { GPUError, invalid, show, suggestion, refuseUnknownKeys } = require('../core');

/** @typedef {import('./encode').Spec} Spec */

const kPrefix = 'render/';
const kKeys = new Set(['type', 'scene', 'width', 'height', 'time', 'inputs', 'params', 'id']);
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
 * @param {any} value
 * @param {string} name
 * @param {string} owner
 */
function textOf(value, name, owner) {
  if (value === undefined || value === null) return '';
  const list = Array.isArray(value) ? value : [value];
  const bad = list.findIndex((item) => typeof item !== 'string');
  if (bad >= 0)
    throw invalid(
      `${owner}: parameter '${name}'${Array.isArray(value) ? `, entry ${bad},` : ''} is ${show(list[bad])}, but must be a string${Array.isArray(value) ? '' : ' or an array of strings'}`,
    );
  return list.map((item) => item.replace(/[\u0000-\u001f\u007f]/g, ' ')).join(kItem);
}

/**
 * The texts of a scene as its last input takes them.
 * @param {Spec} spec
 * @param {any} params
 * @param {string} owner
 * @returns {Uint8Array|undefined} undefined where none is given
 */
function encodeTexts(spec, params, owner) {
  const { texts } = spec;
  if (!texts.some((name) => params[name] !== undefined && params[name] !== null)) return undefined;
  const bytes = Buffer.from(texts.map((name) => textOf(params[name], name, owner)).join(kSection), 'utf8');
  if (bytes.length > kMaxText)
    throw invalid(`${owner}: its texts take ${bytes.length} bytes, but may take at most ${kMaxText}`);
  return new Uint8Array(bytes);
}

/**
 * @param {any} workload { type: 'render', scene, ... }
 * @returns {any} the built-in workload it stands for
 */
function sceneWorkload(workload) {
  const { scene, inputs, params, id } = workload;
  const spec = typeof scene === 'string' ? specs.get(kPrefix + scene) : undefined;
  if (!spec) {
    if (typeof scene !== 'string')
      throw invalid(`render: scene is ${show(scene)}, but must be a string: one of ${sceneNames().join(', ')}`);
    throw new GPUError('ERR_UNKNOWN_WORKLOAD', `render: unknown scene '${scene}'${suggestion(scene, sceneNames())}`);
  }
  if (workload.shader !== undefined) throw invalid('render: it has both a scene and a shader: give it one of them');
  const owner = `scene '${scene}'`;
  refuseUnknownKeys(workload, kKeys, `key of a ${owner}`);
  if (params !== undefined && (params === null || typeof params !== 'object'))
    throw invalid(`${owner}: params is ${show(params)}, but must be an object`);
  if (inputs !== undefined && (inputs === null || typeof inputs !== 'object'))
    throw invalid(`${owner}: inputs is ${show(inputs)}, but must be an object of tensors by name`);
  /** @type {Record<string, any>} */
  const rest = { ...params };
  for (const name of kOwn) {
    if (workload[name] === undefined) continue;
    if (rest[name] !== undefined) throw invalid(`${owner}: ${name} stands both in the workload and in its params`);
    rest[name] = workload[name];
  }
  const text = encodeTexts(spec, rest, owner);
  for (const name of spec.texts) delete rest[name];
  for (const name in rest)
    if (!spec.paramNames.has(name))
      throw invalid(`${owner}: unknown parameter '${name}'${suggestion(name, [...spec.paramNames, ...spec.texts])}`);
  if (spec.texts.length && inputs?.[kText] !== undefined)
    throw invalid(`${owner}: its texts are given as params: ${spec.texts.join(', ')}`);
  return {
    type: spec.type,
    inputs: text ? { ...inputs, [kText]: text } : (inputs ?? {}),
    params: rest,
    ...(id === undefined ? {} : { id }),
  };
}

/**
 * The workload as it is run: a scene becomes the built-in workload it stands for.
 * @param {any} workload
 */
function asRun(workload) {
  return workload.type === 'render' && workload.scene !== undefined ? sceneWorkload(workload) : workload;
}

/**
 * The type as its caller knows it.
 * @param {any} type
 */
function publicType(type) {
  return typeof type === 'string' && type.startsWith(kPrefix) ? 'render' : type;
}

module.exports = { sceneWorkload, asRun, publicType, sceneNames, kPrefix };
