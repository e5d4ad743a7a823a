// The names under which tensors are published: one limit, and one check, for code, for messages and for HTTP.
'use strict';
const { invalid, show } = require('../core');

const kMaxNameBytes = 200; // in UTF-8

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

module.exports = { kMaxNameBytes, isTensorName, checkTensorName };
