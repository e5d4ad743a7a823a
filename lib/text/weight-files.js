// The tensors of a model in its safetensors files: each found by name, its shape and dtype checked, and whatever else
// the files have known to be of no use. Nothing is read here but headers.
'use strict';
const path = require('node:path');
const { native } = require('../addon');
const { nextId, track } = require('../call');
const { GPUError, asGpuError, invalid, show, suggestion } = require('../core');
const { weightFiles } = require('./folder');

/** @typedef {import('./plan').TensorSpec} TensorSpec */
/** @typedef {import('../addon/native').OpenedWeights} Opened */
/** @typedef {Opened & { file: string }} File */
/** @typedef {Opened['tensors'][number]} Stored */
/**
 * A tensor of the model, and where it lies.
 * @typedef {{ spec: TensorSpec, file: File, stored: Stored, dtype: import('../index').DType }} Found
 */

/** What a model's tensor may be stored as. */
const kDTypes = ['float32', 'float16', 'bfloat16'];
/** Tensors that every family's files may have and that no result depends on. */
const kUnused = [/(^|\.)position_ids$/, /(^|\.)token_type_ids$/];

/**
 * @param {string} file
 * @param {AbortSignal} [signal]
 * @returns {Promise<File>}
 */
async function open(file, signal) {
  const number = nextId();
  try {
    native.openWeights(number, file);
  } catch (error) {
    throw asGpuError(error);
  }
  const opened = await track(number, { signal }, undefined, (/** @type {Opened} */ value) => value);
  return { ...opened, file };
}

/**
 * @param {import('./folder').Description} description
 * @param {readonly TensorSpec[]} specs
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ found: Found[], files: string[] }>} and the files that decide
 * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: a file is damaged, a tensor is missing or has another shape;
 *   ERR_UNSUPPORTED: a tensor that is not known, or of a dtype that is not taken; ERR_CANCELED; ERR_OUT_OF_MEMORY
 */
async function findWeights(description, specs, signal) {
  const places = placesOf(description, specs);
  const found = [];
  const names = [];
  for (const place of places) {
    const { files, index } = await weightFiles(place);
    const opened = await Promise.all(files.map((file) => open(file, signal)));
    names.push(...files, ...(index ? [index] : []));
    const wanted = specs.filter(({ file }) => (file ?? description.weights) === place);
    found.push(...matchAll(opened, wanted, place));
    const unused = place === description.weights ? unusedOf(description) : [];
    refuseOthers(opened, new Set(wanted.flatMap(({ from }) => from)), unused);
  }
  return { found, files: names };
}

/**
 * The files that findWeights() would read.
 * @param {import('./folder').Description} description
 * @param {readonly TensorSpec[]} specs
 * @returns {Promise<string[]>}
 */
async function weightFilesOf(description, specs) {
  const all = await Promise.all(placesOf(description, specs).map(weightFiles));
  return all.flatMap(({ files, index }) => (index ? [...files, index] : files));
}

/**
 * @param {import('./folder').Description} description
 * @param {readonly TensorSpec[]} specs
 * @returns {string[]} folders with weights
 */
function placesOf(description, specs) {
  return [...new Set(specs.map(({ file }) => file ?? description.weights))];
}

/**
 * An encoder's folder may have a head that is not asked for.
 * @param {import('./folder').Description} description
 */
function unusedOf({ family, sizes, kind }) {
  const head = kind === 'encoder' ? family.head.tensors(sizes).flatMap(({ from }) => from) : [];
  const names = new Set(head);
  return [...kUnused, ...family.unused, { test: (/** @type {string} */ name) => names.has(name) }];
}

/**
 * @param {readonly File[]} files
 * @param {readonly TensorSpec[]} specs
 * @param {string} place
 * @returns {Found[]}
 */
function matchAll(files, specs, place) {
  /** @type {Map<string, { file: File, stored: Stored }>} */
  const all = new Map();
  for (const file of files)
    for (const stored of file.tensors) {
      const other = all.get(stored.name);
      if (other) throw invalid(`tensor '${stored.name}' is in two files: '${other.file.file}' and '${file.file}'`);
      all.set(stored.name, { file, stored });
    }
  return specs.map((spec) => {
    const name = spec.from.find((each) => all.has(each));
    const at = name === undefined ? undefined : all.get(name);
    if (!at) {
      const where = files.length === 1 ? `the file '${files[0].file}'` : `the ${files.length} files of '${place}'`;
      throw invalid(`${where} has no tensor '${spec.from[0]}'${suggestion(spec.from[0], nearest(all, spec.from[0]))}`);
    }
    return { spec, ...at, dtype: checked(spec, at) };
  });
}

/**
 * Names that may be meant: a file has hundreds.
 * @param {ReadonlyMap<string, unknown>} all
 * @param {string} name
 */
function nearest(all, name) {
  const end = name.slice(name.lastIndexOf('.'));
  const near = [...all.keys()].filter((each) => each.endsWith(end) && Math.abs(each.length - name.length) < 12);
  return near.length ? near.slice(0, 400) : [path.basename(name)];
}

/**
 * @param {TensorSpec} spec
 * @param {{ file: File, stored: Stored }} at
 */
function checked({ shape }, { file, stored }) {
  const { name, kind, dtype } = stored;
  if (dtype === undefined || !kDTypes.includes(dtype))
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `tensor '${name}' of '${file.file}' is ${kind}, but weights are taken as F32, F16 or BF16`,
    );
  if (stored.shape.length !== shape.length || !shape.every((extent, axis) => extent === stored.shape[axis]))
    throw invalid(
      `tensor '${name}' of '${file.file}' has shape ${show(stored.shape)}, but config.json says that it has ` +
        `${show(shape)}`,
    );
  return dtype;
}

/**
 * @param {readonly File[]} files
 * @param {ReadonlySet<string>} known
 * @param {readonly { test: (name: string) => boolean }[]} unused
 */
function refuseOthers(files, known, unused) {
  for (const { file, tensors } of files)
    for (const { name } of tensors)
      if (!known.has(name) && !unused.some((pattern) => pattern.test(name)))
        throw new GPUError(
          'ERR_UNSUPPORTED',
          `the file '${file}' has a tensor '${name}', which is not known of such a model: it would be left out`,
        );
}

/**
 * Copies tensors of one file, off the event loop.
 * @param {File} file
 * @param {readonly string[]} names
 * @param {readonly (import('../index').TensorData|undefined)[]} targets memory for each; undefined: it is made
 * @param {AbortSignal} [signal]
 * @returns {Promise<(ArrayBuffer|undefined)[]>} what was made
 */
async function readTensors(file, names, targets, signal) {
  const number = nextId();
  try {
    native.readWeights(number, file.handle, names, targets);
  } catch (error) {
    throw asGpuError(error);
  }
  return track(number, { signal }, [file, targets], (/** @type {(ArrayBuffer|undefined)[]} */ buffers) => buffers);
}

module.exports = { findWeights, weightFilesOf, readTensors };
