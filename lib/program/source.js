// The sources of programs: what compileKernel() and compileShader() take, checked, read from files, and named by a
// digest.
'use strict';
const { createHash } = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');
const { GPUError, invalid, show, refuseUnknownKeys } = require('../core');
const { typedArrayTag } = require('../call');

/**
 * What is compiled: the sources themselves.
 * @typedef {object} Sources
 * @property {'kernel'|'shader'} kind
 * @property {string} name
 * @property {string} [glsl]
 * @property {Uint8Array} [spirv]
 * @property {string} [cuda]
 * @property {string[]} [bindings]
 * @property {string} [vertex]
 * @property {string} [fragment]
 */

const kMaxBytes = 2 ** 20; // of one source
const kMaxName = 200;
const kKernelKeys = new Set(['name', 'glsl', 'spirv', 'cuda', 'bindings']);
const kFileKeys = new Set(['file']);
const kParts = /** @type {const} */ (['glsl', 'spirv', 'cuda', 'vertex', 'fragment']);

/** @param {any} value */
function isFile(value) {
  return value !== null && typeof value === 'object' && typedArrayTag.call(value) === undefined && 'file' in value;
}

/**
 * @param {string} owner
 * @param {string} part
 * @param {number} bytes
 */
function checkSize(owner, part, bytes) {
  if (bytes > kMaxBytes)
    throw invalid(`${owner}: ${part} has ${bytes} bytes, but a source may have at most ${kMaxBytes}`);
  if (bytes === 0) throw invalid(`${owner}: ${part} is empty`);
}

/**
 * @param {string} owner
 * @param {string} part
 * @param {any} value
 */
function checkText(owner, part, value) {
  if (typeof value !== 'string')
    throw invalid(`${owner}: ${part} is ${show(value)}, but must be the source as a string, or { file: path }`);
  // Characters are counted first: what is far too long need not be measured.
  checkSize(owner, part, value.length > kMaxBytes ? value.length : Buffer.byteLength(value));
}

/**
 * @param {string} owner
 * @param {any} value
 * @returns {Uint8Array}
 */
function checkSpirv(owner, value) {
  const tag = typedArrayTag.call(value);
  if (tag !== 'Uint8Array' && tag !== 'Uint32Array')
    throw invalid(`${owner}: spirv is ${show(value)}, but must be a Uint8Array or a Uint32Array, or { file: path }`);
  const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  checkSize(owner, 'spirv', bytes.length);
  if (bytes.length % 4) throw invalid(`${owner}: spirv has ${bytes.length} bytes, but SPIR-V is made of words of 4`);
  return bytes;
}

/**
 * @param {unknown} name
 * @param {string} what whose name it is, for a message
 */
function checkName(name, what) {
  if (typeof name !== 'string' || !name || name.length > kMaxName || /[\u0000-\u001f\u007f]/.test(name))
    throw invalid(`${what}: name is ${show(name)}, but must be a string of 1 to ${kMaxName} characters`);
}

/**
 * @param {string} owner
 * @param {string} part
 * @param {any} value
 */
function checkPart(owner, part, value) {
  if (!isFile(value)) return part === 'spirv' ? checkSpirv(owner, value) : (checkText(owner, part, value), value);
  refuseUnknownKeys(value, kFileKeys, `key of ${owner}'s ${part}`);
  if (typeof value.file !== 'string' || !value.file)
    throw invalid(`${owner}: the file of ${part} is ${show(value.file)}, but must be a path`);
  return { file: path.resolve(value.file) };
}

/**
 * The argument of compileKernel(), checked. Parts may still be files.
 * @param {any} options
 * @returns {any}
 */
function checkKernel(options) {
  if (options === null || typeof options !== 'object')
    throw invalid(`compileKernel()'s argument is ${show(options)}, but must be an object { name, glsl }`);
  refuseUnknownKeys(options, kKernelKeys, 'option of compileKernel()');
  checkName(options.name, 'compileKernel()');
  const owner = `kernel '${options.name}'`;
  const { glsl, spirv, cuda, bindings } = options;
  if (glsl === undefined && spirv === undefined && cuda === undefined)
    throw invalid(`${owner} has no source: give it glsl, spirv or cuda`);
  if (glsl !== undefined && spirv !== undefined) throw invalid(`${owner} has both glsl and spirv: give it one of them`);
  /** @type {any} */
  const checked = { kind: 'kernel', name: options.name };
  for (const part of kParts) if (options[part] !== undefined) checked[part] = checkPart(owner, part, options[part]);
  if (bindings !== undefined) {
    if (!Array.isArray(bindings) || !bindings.every((name) => typeof name === 'string' && name !== ''))
      throw invalid(`${owner}: bindings is ${show(bindings)}, but must be an array of names`);
    const twice = bindings.find((name, i) => bindings.indexOf(name) !== i);
    if (twice !== undefined) throw invalid(`${owner}: bindings names '${twice}' twice`);
    checked.bindings = [...bindings];
  } else if (cuda !== undefined) {
    throw invalid(
      `${owner}: bindings is missing: CUDA C++ does not say what its parameters are called, ` +
        'so name all of them in order',
    );
  }
  return checked;
}

/**
 * @param {any} name
 * @param {any} vertex
 * @param {any} fragment
 * @returns {any}
 */
function checkShader(name, vertex, fragment) {
  checkName(name, 'compileShader()');
  const owner = `shader '${name}'`;
  return {
    kind: 'shader',
    name,
    vertex: checkPart(owner, 'vertex', vertex),
    fragment: checkPart(owner, 'fragment', fragment),
  };
}

/** @param {any} checked */
function filesOf(checked) {
  return kParts.filter((part) => isFile(checked[part])).map((part) => /** @type {string} */ (checked[part].file));
}

/**
 * The sources with the contents of their files.
 * @param {any} checked
 * @returns {Promise<Sources>}
 */
async function readSources(checked) {
  const sources = { ...checked };
  for (const part of kParts) {
    if (!isFile(checked[part])) continue;
    const owner = `${checked.kind} '${checked.name}'`;
    const { file } = checked[part];
    let bytes;
    try {
      const { size } = await fs.stat(file);
      checkSize(owner, `${part} (${path.basename(file)})`, size);
      bytes = await fs.readFile(file);
    } catch (error) {
      if (error instanceof GPUError) throw error;
      throw new GPUError('ERR_INVALID_ARGUMENT', `${owner}: ${part} can't be read: ${error.message}`, { cause: error });
    }
    sources[part] = part === 'spirv' ? checkSpirv(owner, new Uint8Array(bytes)) : bytes.toString('utf8');
    if (part !== 'spirv') checkText(owner, part, sources[part]);
  }
  return sources;
}

/**
 * @param {Sources} a
 * @param {Sources} b
 */
function sameSources(a, b) {
  return (
    a.kind === b.kind &&
    a.name === b.name &&
    a.glsl === b.glsl &&
    a.cuda === b.cuda &&
    a.vertex === b.vertex &&
    a.fragment === b.fragment &&
    (a.spirv === b.spirv || (!!a.spirv && !!b.spirv && Buffer.compare(a.spirv, b.spirv) === 0)) &&
    (a.bindings === b.bindings ||
      (a.bindings?.length === b.bindings?.length && !!a.bindings?.every((name, i) => name === b.bindings?.[i])))
  );
}

/**
 * What tells sources apart in every process of a cluster.
 * @param {Sources} sources
 */
function keyOf(sources) {
  const { kind, name, glsl, spirv, cuda, bindings, vertex, fragment } = sources;
  const hash = createHash('sha256').update(JSON.stringify([kind, name, glsl, cuda, bindings, vertex, fragment]));
  if (spirv) hash.update(spirv);
  return hash.digest('hex');
}

/** @param {Sources} sources as JSON */
function toWire({ spirv, ...rest }) {
  return spirv
    ? { ...rest, spirv: Buffer.from(spirv.buffer, spirv.byteOffset, spirv.byteLength).toString('base64') }
    : rest;
}

/**
 * @param {any} wire
 * @returns {Sources}
 */
function fromWire({ spirv, ...rest }) {
  return spirv === undefined ? rest : { ...rest, spirv: new Uint8Array(Buffer.from(spirv, 'base64')) };
}

/** @param {{ kind: 'kernel'|'shader', glsl?: unknown, spirv?: unknown, cuda?: unknown }} sources what can run them */
function backendsOf({ kind, glsl, spirv, cuda }) {
  if (kind === 'shader') return ['vulkan'];
  return [...(glsl !== undefined || spirv !== undefined ? ['vulkan'] : []), ...(cuda !== undefined ? ['cuda'] : [])];
}

module.exports = { checkKernel, checkShader, filesOf, readSources, sameSources, keyOf, toWire, fromWire, backendsOf };
