// JSON from strangers: bounded before it is parsed, because a few bytes of it can become many in memory.
'use strict';
const { isUtf8 } = require('node:buffer');
const { badRequest } = require('./http-error');

/** @typedef {import('./http-error').HttpError} HttpError */

const kMaxDepth = 32;
const kMaxContainers = 1_000_000,
  kMaxKeys = 100_000,
  kMaxStrings = 4_000_000;
const kQuote = 0x22,
  kColon = 0x3a,
  kBackslash = 0x5c;
const kForbidden = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Where the string that opens at `at` ends.
 * @param {Uint8Array} bytes
 * @param {number} at
 */
function endOfString(bytes, at) {
  for (++at; at < bytes.length && bytes[at] !== kQuote; ++at) if (bytes[at] === kBackslash) ++at;
  return at;
}

/**
 * Refuses what would cost too much to parse.
 * @param {Uint8Array} bytes
 */
function checkCost(bytes) {
  let depth = 0,
    containers = 0,
    keys = 0,
    strings = 0;
  for (let at = 0; at < bytes.length; ++at) {
    const byte = bytes[at];
    if (byte === kQuote) {
      at = endOfString(bytes, at);
      ++strings;
    } else if (byte === kColon) {
      ++keys;
    } else if ((byte | 0x20) === 0x7b) {
      // { or [
      ++containers;
      if (++depth > kMaxDepth) throw badRequest(`the JSON is nested deeper than ${kMaxDepth} levels`);
    } else if ((byte | 0x20) === 0x7d) {
      // } or ]
      --depth;
    }
  }
  if (containers > kMaxContainers)
    throw badRequest(
      `the JSON has ${containers} arrays and objects, but may have at most ${kMaxContainers}: ` +
        'send tensors flat, with a shape',
    );
  if (keys > kMaxKeys) throw badRequest(`the JSON has ${keys} keys, but may have at most ${kMaxKeys}`);
  if (strings > kMaxStrings) throw badRequest(`the JSON has ${strings} strings, but may have at most ${kMaxStrings}`);
}

/**
 * @param {Buffer} bytes
 * @param {string} what
 * @returns {unknown}
 * @throws {HttpError} 400: it is not JSON, or would cost too much
 */
function parseJson(bytes, what) {
  if (!isUtf8(bytes)) throw badRequest(`${what} is not UTF-8`);
  checkCost(bytes);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw badRequest(`${what} is not JSON: ${error.message}`);
  }
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/**
 * Refuses a name that means something to JavaScript itself.
 * @param {string} key
 * @param {string} where
 */
function refuseForbiddenKey(key, where) {
  if (kForbidden.has(key)) throw badRequest(`${where} has a key '${key}', which is not allowed`);
}

/**
 * The same, however deep it stands; never deeper than parseJson() lets it.
 * @param {unknown} value
 * @param {string} where
 */
function refuseForbiddenKeys(value, where) {
  if (Array.isArray(value)) {
    for (const entry of value) if (typeof entry === 'object') refuseForbiddenKeys(entry, where);
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      refuseForbiddenKey(key, where);
      if (typeof value[key] === 'object') refuseForbiddenKeys(value[key], where);
    }
  }
}

module.exports = { parseJson, isObject, refuseForbiddenKey, refuseForbiddenKeys };
