// A model folder's small files: JSON that is checked to be what it must be, with errors that name the file.
'use strict';
const fs = require('node:fs/promises');
const path = require('node:path');
const { GPUError, invalid, show } = require('../core');

/** @typedef {Record<string, unknown>} Fields */

const kMostBytes = 64 * 2 ** 20; // of a file of JSON; a tokenizer's is read by its own reader

/**
 * @param {string} file
 * @returns {Promise<unknown>} undefined: there is no such file
 */
async function readJson(file) {
  /** @type {string} */
  let text;
  try {
    const { size } = await fs.stat(file);
    if (size > kMostBytes) throw invalid(`the file '${file}' has ${size} bytes, which is more than such a file has`);
    text = await fs.readFile(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    if (error instanceof GPUError) throw error;
    throw invalid(`the file '${file}' can't be read: ${error.message}`);
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw invalid(`the file '${file}' is no JSON: ${error.message}`);
  }
}

/**
 * @param {string} file
 * @returns {Promise<Fields|undefined>}
 */
async function readObject(file) {
  const value = await readJson(file);
  if (value === undefined) return undefined;
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw invalid(`the file '${file}' has ${show(value)}, but must have an object`);
  return /** @type {Fields} */ (value);
}

/**
 * A path that a model's own file names: it may not lead out of the folder.
 * @param {string} folder
 * @param {unknown} name
 * @param {string} where
 */
function inside(folder, name, where) {
  if (typeof name !== 'string') throw invalid(`${where} is ${show(name)}, but must be a file's name`);
  const full = path.resolve(folder, name);
  const relative = path.relative(folder, full);
  if (relative.startsWith('..') || path.isAbsolute(relative))
    throw invalid(`${where} is ${show(name)}, which leads out of the model's folder`);
  return full;
}

/**
 * Refuses keys that nobody knows: what they change would be missed.
 * @param {Fields} object
 * @param {readonly string[]} known
 * @param {string} where
 */
function refuseUnknown(object, known, where) {
  for (const key of Object.keys(object))
    if (!known.includes(key))
      throw new GPUError(
        'ERR_UNSUPPORTED',
        `${where}: '${key}' is no key that is known here, and what it changes would be missed ` +
          `(known are ${known.join(', ')})`,
      );
}

module.exports = { readJson, readObject, inside, refuseUnknown };
