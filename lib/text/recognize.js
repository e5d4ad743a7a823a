// What loadModel() is told, recognized: everything about a model but where its weights will lie, from a folder of
// Hugging Face's or from a package.
'use strict';
const { digestFiles } = require('./digest');
const { readFolder } = require('./folder');
const { encoderOf } = require('./families');
const { readTfjs } = require('./readers/tfjs');
const { findSource } = require('./source');
const { sourceOf } = require('./stored');
const { findWeights, sourceOfFiles } = require('./weight-files');

/** @typedef {import('./stored').Runner} Runner */
/**
 * @typedef {object} Description
 * @property {'encoder'|'cross-encoder'} kind
 * @property {import('./families').Encoder} encoder
 * @property {import('./plan').Tail} tail
 * @property {number} maxLength tokens of a text, the special ones included
 * @property {boolean} lowercase texts are made lower case before they are tokenized
 * @property {Record<string, string>} prompts by name
 * @property {string|undefined} promptName of the one that is used where a call names none
 * @property {{ folder: string }|{ json: string }} tokenizer what it is loaded from
 * @property {string} digest
 * @property {(runner: Runner) => import('./packing').Source} weights
 */
/**
 * `onBytes` hears how far the files are read that decide.
 * @typedef {{ signal?: AbortSignal, onBytes?: (loaded: number, total: number) => void }} Options
 */

/**
 * @param {string} folder
 * @param {Options} options
 * @returns {Promise<Description>}
 */
async function recognizeFolder(folder, options) {
  const read = await readFolder(folder);
  const { kind, encoder, tail, maxLength, lowercase, prompts, promptName } = read;
  const { found, files } = await findWeights(read, [...encoder.tensors, ...tail.tensors], options.signal);
  const digest = await digestFiles(folder, [...read.deciding, ...files], options);
  const weights = () => sourceOfFiles(found);
  const tokenizer = { folder: read.tokenizer };
  return { kind, encoder, tail, maxLength, lowercase, prompts, promptName, tokenizer, digest, weights };
}

/**
 * @param {string} folder of a package
 * @param {Options} options
 * @returns {Promise<Description>}
 */
async function recognizeTfjs(folder, { signal, onBytes }) {
  const onProgress = onBytes && (({ loaded = 0, total = 0 }) => onBytes(loaded, total));
  const { family, sizes, tensors, tokenizer, digest, maxLength } = await readTfjs(folder, { signal, onProgress });
  const tail = family.tail(sizes);
  return {
    kind: 'encoder',
    encoder: encoderOf(family, sizes),
    tail,
    maxLength,
    lowercase: false,
    prompts: {},
    promptName: undefined,
    tokenizer: { json: tokenizer },
    digest,
    weights: (runner) => sourceOf([...family.tensors(sizes), ...tail.tensors], tensors, runner),
  };
}

/**
 * @param {unknown} source
 * @param {Options} options
 * @returns {Promise<Description>}
 */
function recognize(source, options) {
  const { folder, reader } = findSource(source);
  return reader === 'tfjs' ? recognizeTfjs(folder, options) : recognizeFolder(folder, options);
}

module.exports = { recognize };
