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
 * @property {string[]} [cudaOptions]
 * @property {'portable'|'architecture'} [cudaFeatures]
 * @property {number} [sharedBytes]
 * @property {string} [vertex]
 * @property {string} [fragment]
 */
/** The same as JSON: `spirv` in base64. @typedef {Omit<Sources, 'spirv'> & { spirv?: string }} WireSources */
/** @typedef {{ file: string }} SourceFile */
/**
 * What compileKernel() and compileShader() were given, once it was checked: sources, or the files they are in.
 * @typedef {object} Checked
 * @property {'kernel'|'shader'} kind
 * @property {string} name
 * @property {string|SourceFile} [glsl]
 * @property {Uint8Array|SourceFile} [spirv]
 * @property {string|SourceFile} [cuda]
 * @property {string[]} [bindings]
 * @property {string[]} [cudaOptions]
 * @property {'portable'|'architecture'} [cudaFeatures]
 * @property {number} [sharedBytes]
 * @property {string|SourceFile} [vertex]
 * @property {string|SourceFile} [fragment]
 */

const kMaxBytes = 2 ** 20; // of one source
const kMaxName = 200;
const kCudaKeys = /** @type {const} */ (['cudaOptions', 'cudaFeatures', 'sharedBytes']);
const kKernelKeys = new Set(['name', 'glsl', 'spirv', 'cuda', 'bindings', ...kCudaKeys]);
const kFeatures = ['portable', 'architecture'];
const kFileKeys = new Set(['file']);
const kParts = /** @type {const} */ (['glsl', 'spirv', 'cuda', 'vertex', 'fragment']);

/**
 * @param {unknown} value
 * @returns {value is { file: unknown }}
 */
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
 * @param {unknown} value
 * @returns {string}
 */
function checkText(owner, part, value) {
  if (typeof value !== 'string')
    throw invalid(`${owner}: ${part} is ${show(value)}, but must be the source as a string, or { file: path }`);
  // Characters are counted first: what is far too long need not be measured.
  checkSize(owner, part, value.length > kMaxBytes ? value.length : Buffer.byteLength(value));
  return value;
}

/**
 * @param {string} owner
 * @param {unknown} value
 * @returns {Uint8Array}
 */
function checkSpirv(owner, value) {
  const tag = typedArrayTag.call(value);
  if (tag !== 'Uint8Array' && tag !== 'Uint32Array')
    throw invalid(`${owner}: spirv is ${show(value)}, but must be a Uint8Array or a Uint32Array, or { file: path }`);
  const { buffer, byteOffset, byteLength } = /** @type {Uint8Array|Uint32Array} */ (value);
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  checkSize(owner, 'spirv', bytes.length);
  if (bytes.length % 4) throw invalid(`${owner}: spirv has ${bytes.length} bytes, but SPIR-V is made of words of 4`);
  return bytes;
}

/**
 * @param {unknown} name
 * @param {string} what whose name it is, for a message
 * @returns {string}
 */
function checkName(name, what) {
  if (typeof name !== 'string' || !name || name.length > kMaxName || /[\u0000-\u001f\u007f]/.test(name))
    throw invalid(`${what}: name is ${show(name)}, but must be a string of 1 to ${kMaxName} characters`);
  return name;
}

/**
 * @param {string} owner
 * @param {string} part
 * @param {unknown} value
 * @returns {string|Uint8Array|SourceFile} bytes of the part 'spirv', a text of any other
 */
function checkPart(owner, part, value) {
  if (!isFile(value)) return part === 'spirv' ? checkSpirv(owner, value) : checkText(owner, part, value);
  refuseUnknownKeys(value, kFileKeys, `key of ${owner}'s ${part}`);
  if (typeof value.file !== 'string' || !value.file)
    throw invalid(`${owner}: the file of ${part} is ${show(value.file)}, but must be a path`);
  return { file: path.resolve(value.file) };
}

/**
 * The argument of compileKernel(), checked. Parts may still be files.
 * @param {unknown} options
 * @returns {Checked}
 * @throws {GPUError} ERR_INVALID_ARGUMENT
 */
function checkKernel(options) {
  if (options === null || typeof options !== 'object')
    throw invalid(`compileKernel()'s argument is ${show(options)}, but must be an object { name, glsl }`);
  refuseUnknownKeys(options, kKernelKeys, 'option of compileKernel()');
  const given = /** @type {Record<string, unknown>} */ (options);
  const name = checkName(given.name, 'compileKernel()');
  const owner = `kernel '${name}'`;
  const { glsl, spirv, cuda, bindings } = given;
  if (glsl === undefined && spirv === undefined && cuda === undefined)
    throw invalid(`${owner} has no source: give it glsl, spirv or cuda`);
  if (glsl !== undefined && spirv !== undefined) throw invalid(`${owner} has both glsl and spirv: give it one of them`);
  /** @type {Record<string, unknown>} */
  const parts = {};
  for (const part of kParts) if (given[part] !== undefined) parts[part] = checkPart(owner, part, given[part]);
  /** @type {Checked} */
  const checked = { kind: 'kernel', name, ...parts };
  if (bindings !== undefined) {
    if (!Array.isArray(bindings) || !bindings.every((each) => typeof each === 'string' && each !== ''))
      throw invalid(`${owner}: bindings is ${show(bindings)}, but must be an array of names`);
    const twice = bindings.find((each, i) => bindings.indexOf(each) !== i);
    if (twice !== undefined) throw invalid(`${owner}: bindings names '${twice}' twice`);
    checked.bindings = [...bindings];
  } else if (cuda !== undefined) {
    throw invalid(
      `${owner}: bindings is missing: CUDA C++ does not say what its parameters are called, ` +
        'so name all of them in order',
    );
  }
  return { ...checked, ...checkCudaParts(owner, given) };
}

/**
 * What is said of the CUDA source beside its text. Which options there are the addon knows.
 * @param {string} owner
 * @param {Record<string, unknown>} given
 * @returns {Pick<Checked, 'cudaOptions'|'cudaFeatures'|'sharedBytes'>}
 */
function checkCudaParts(owner, { cuda, cudaOptions, cudaFeatures, sharedBytes }) {
  const parts = Object.entries({ cudaOptions, cudaFeatures, sharedBytes }).filter(([, value]) => value !== undefined);
  if (parts.length && cuda === undefined)
    throw invalid(`${owner}: ${parts[0][0]} is for a CUDA source, and there is none`, parts[0][0]);
  if (
    cudaOptions !== undefined &&
    !(Array.isArray(cudaOptions) && cudaOptions.every((option) => typeof option === 'string'))
  )
    throw invalid(`${owner}: cudaOptions is ${show(cudaOptions)}, but must be an array of strings`, 'cudaOptions');
  if (cudaFeatures !== undefined && !kFeatures.includes(/** @type {string} */ (cudaFeatures)))
    throw invalid(
      `${owner}: cudaFeatures is ${show(cudaFeatures)}, but must be 'portable' or 'architecture'`,
      'cudaFeatures',
    );
  if (
    sharedBytes !== undefined &&
    !(typeof sharedBytes === 'number' && Number.isInteger(sharedBytes) && sharedBytes >= 0 && sharedBytes < 2 ** 32)
  )
    throw invalid(`${owner}: sharedBytes is ${show(sharedBytes)}, but must be a whole number of bytes`, 'sharedBytes');
  return Object.fromEntries(parts.map(([key, value]) => [key, Array.isArray(value) ? [...value] : value]));
}

/**
 * The arguments of compileShader(), checked. Parts may still be files.
 * @param {unknown} name
 * @param {unknown} vertex
 * @param {unknown} fragment
 * @returns {Checked}
 * @throws {GPUError} ERR_INVALID_ARGUMENT
 */
function checkShader(name, vertex, fragment) {
  const checked = checkName(name, 'compileShader()');
  const owner = `shader '${checked}'`;
  return {
    kind: 'shader',
    name: checked,
    vertex: /** @type {string|SourceFile} */ (checkPart(owner, 'vertex', vertex)),
    fragment: /** @type {string|SourceFile} */ (checkPart(owner, 'fragment', fragment)),
  };
}

/**
 * The files that parts of a program are in.
 * @param {Checked} checked
 * @returns {string[]}
 */
function filesOf(checked) {
  return kParts.flatMap((part) => {
    const source = checked[part];
    return isFile(source) ? [source.file] : [];
  });
}

/**
 * The sources with the contents of their files.
 * @param {Checked} checked
 * @returns {Promise<Sources>}
 * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: a file can't be read, or its contents are no source
 */
async function readSources(checked) {
  /** @type {Record<string, unknown>} */
  const sources = { ...checked };
  for (const part of kParts) {
    const source = checked[part];
    if (!isFile(source)) continue;
    const owner = `${checked.kind} '${checked.name}'`;
    const { file } = source;
    let bytes;
    try {
      const { size } = await fs.stat(file);
      checkSize(owner, `${part} (${path.basename(file)})`, size);
      bytes = await fs.readFile(file);
    } catch (error) {
      if (error instanceof GPUError) throw error;
      throw new GPUError('ERR_INVALID_ARGUMENT', `${owner}: ${part} can't be read: ${error.message}`, { cause: error });
    }
    sources[part] =
      part === 'spirv' ? checkSpirv(owner, new Uint8Array(bytes)) : checkText(owner, part, bytes.toString('utf8'));
  }
  return /** @type {Sources} */ (/** @type {unknown} */ (sources));
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
    a.cudaFeatures === b.cudaFeatures &&
    a.sharedBytes === b.sharedBytes &&
    sameTexts(a.cudaOptions, b.cudaOptions) &&
    (a.spirv === b.spirv || (!!a.spirv && !!b.spirv && Buffer.compare(a.spirv, b.spirv) === 0)) &&
    sameTexts(a.bindings, b.bindings)
  );
}

/**
 * @param {string[]|undefined} a
 * @param {string[]|undefined} b
 */
function sameTexts(a, b) {
  return a === b || (a?.length === b?.length && !!a?.every((text, i) => text === b?.[i]));
}

/**
 * What tells sources apart in every process of a cluster.
 * @param {Sources} sources
 */
function keyOf(sources) {
  const { kind, name, glsl, spirv, cuda, bindings, vertex, fragment } = sources;
  const parts = [kind, name, glsl, cuda, bindings, vertex, fragment, ...kCudaKeys.map((key) => sources[key])];
  const hash = createHash('sha256').update(JSON.stringify(parts));
  if (spirv) hash.update(spirv);
  return hash.digest('hex');
}

/**
 * @param {Sources} sources
 * @returns {WireSources}
 */
function toWire({ spirv, ...rest }) {
  return spirv
    ? { ...rest, spirv: Buffer.from(spirv.buffer, spirv.byteOffset, spirv.byteLength).toString('base64') }
    : rest;
}

/**
 * @param {WireSources} wire
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
