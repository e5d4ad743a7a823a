// The names under which tensors are published: one limit, and one check, for code, for messages and for HTTP.
'use strict';
const { invalid, show } = require('../core');

const kMaxNameBytes = 200; // in UTF-8
/** Of names that stand for what this library itself has made: what is under them is believed. */
const kOwnNames = 'switchyard:';

/**
 * @param {unknown} name
 * @returns {string|undefined} what is wrong with it
 */
function faultOf(name) {
  if (typeof name !== 'string') return 'but must be a string';
  if (name === '') return 'but must not be empty';
  if (/\p{Surrogate}/u.test(name)) return 'which has half of a character (a lone surrogate)';
  // No URL and no log line is to be another than it looks.
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'which has a control character';
  const bytes = Buffer.byteLength(name);
  return bytes > kMaxNameBytes ? `which takes ${bytes} bytes, but may take at most ${kMaxNameBytes}` : undefined;
}

/** @param {unknown} name @returns {name is string} */
function isTensorName(name) {
  return faultOf(name) === undefined;
}

/**
 * @param {unknown} name
 * @param {string} [argument]
 * @returns {string}
 * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT
 */
function checkTensorName(name, argument = 'name') {
  const fault = faultOf(name);
  if (fault !== undefined) throw invalid(`the name of a tensor is ${show(name)}, ${fault}`, argument);
  return /** @type {string} */ (name);
}

/**
 * A name that an application may give a tensor, or take from one.
 * @param {unknown} name
 * @returns {string}
 * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT
 */
function checkFreeName(name) {
  const checked = checkTensorName(name);
  if (!checked.startsWith(kOwnNames)) return checked;
  throw invalid(
    `the name of a tensor is ${show(name)}, but names that begin with '${kOwnNames}' are switchyard's own`,
    'name',
  );
}

module.exports = { kMaxNameBytes, kOwnNames, checkFreeName, isTensorName, checkTensorName };
