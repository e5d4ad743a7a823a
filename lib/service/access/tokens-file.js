// The file of tokens, in YAML or JSON: { tokens: [{ name, token or sha256, scopes, expires, requestsPerMinute,
// deviceSecondsPerMinute }] }. Messages never have a token in them.
'use strict';
const { createHash } = require('node:crypto');
const { invalid, show, suggestion } = require('../../core');

/**
 * @typedef {object} Token
 * @property {string} name for logs, and what its use is counted for
 * @property {Buffer} digest SHA-256 of what its bearer sends
 * @property {ReadonlySet<string>} scopes those that follow from others among them
 * @property {number} expires as Date.now() has it; Infinity: never
 * @property {number} requests a minute; Infinity: no limit
 * @property {number} deviceMs of devices a minute; Infinity: no limit
 */

const kFields = ['name', 'token', 'sha256', 'scopes', 'expires', 'requestsPerMinute', 'deviceSecondsPerMinute'];
/** @type {Readonly<Record<string, readonly string[]>>} what each scope has in it */
const kScopes = Object.freeze({
  read: ['read'],
  write: ['read', 'write'],
  admin: ['read', 'write', 'admin'],
  kernels: ['kernels'],
});
const kLeastLength = 16,
  kMostTokens = 10_000;

/** @param {string} secret */
function digestOf(secret) {
  return createHash('sha256').update(secret).digest();
}

/**
 * The digest of a secret that an operator has set.
 * @param {unknown} secret
 * @param {string} where
 */
function checkedDigest(secret, where) {
  if (typeof secret !== 'string' || !/^[\x21-\x7e]+$/.test(secret) || secret.length < kLeastLength)
    throw invalid(`${where} must be ${kLeastLength} visible characters of ASCII at least, without spaces`);
  return digestOf(secret);
}

/**
 * @param {unknown} names
 * @param {string} where
 */
function scopesOf(names, where) {
  if (!Array.isArray(names) || names.length === 0)
    throw invalid(`${where}.scopes must be some of ${Object.keys(kScopes).join(', ')}`);
  return new Set(
    names.flatMap((name) => {
      if (typeof name !== 'string' || !Object.hasOwn(kScopes, name))
        throw invalid(`${where}.scopes has ${show(name)}${suggestion(String(name), Object.keys(kScopes))}`);
      return kScopes[name];
    }),
  );
}

/**
 * @param {unknown} value
 * @param {string} where
 */
function limitOf(value, where) {
  if (value === undefined) return Infinity;
  if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value))
    throw invalid(`${where} is ${show(value)}, but must be a number above 0`);
  return value;
}

/**
 * @param {unknown} value a date, or its text
 * @param {string} where
 */
function expiryOf(value, where) {
  if (value === undefined) return Infinity;
  const time = value instanceof Date ? value.getTime() : typeof value === 'string' ? Date.parse(value) : NaN;
  if (Number.isNaN(time)) throw invalid(`${where}.expires is ${show(value)}, but must be a date: 2027-01-31T12:00:00Z`);
  return time;
}

/**
 * @param {unknown} entry
 * @param {string} where
 * @returns {Token}
 */
function tokenOf(entry, where) {
  if (entry === null || typeof entry !== 'object' || Array.isArray(entry))
    throw invalid(`${where} must be an object { name, token, scopes }`);
  const fields = /** @type {Record<string, unknown>} */ (entry);
  for (const key of Object.keys(fields))
    if (!kFields.includes(key)) throw invalid(`${where} has a field ${show(key)}${suggestion(key, kFields)}`);
  const { name, token, sha256 } = fields;
  if (typeof name !== 'string' || !/^[\w.@-]{1,64}$/.test(name))
    throw invalid(`${where}.name is ${show(name)}, but must be 1 to 64 letters, digits, '.', '_', '-' or '@'`);
  if ((token === undefined) === (sha256 === undefined))
    throw invalid(`${where} must have token or sha256, and not both`);
  if (sha256 !== undefined && !(typeof sha256 === 'string' && /^[\da-f]{64}$/i.test(sha256)))
    throw invalid(`${where}.sha256 must be 64 hexadecimal digits`);
  return {
    name,
    digest: sha256 === undefined ? checkedDigest(token, `${where}.token`) : Buffer.from(String(sha256), 'hex'),
    scopes: scopesOf(fields.scopes, where),
    expires: expiryOf(fields.expires, where),
    requests: limitOf(fields.requestsPerMinute, `${where}.requestsPerMinute`),
    deviceMs: 1000 * limitOf(fields.deviceSecondsPerMinute, `${where}.deviceSecondsPerMinute`),
  };
}

/**
 * @param {string} text
 * @param {string} what the file, for messages
 * @returns {Token[]}
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT: with the place, and without any token
 */
function parseTokens(text, what) {
  const { parse } = require('yaml');
  /** @type {unknown} */
  let parsed;
  try {
    parsed = parse(text, { prettyErrors: false });
  } catch (error) {
    throw invalid(`${what} is neither YAML nor JSON (${error.code})`);
  }
  const { tokens } = /** @type {{ tokens?: unknown }} */ (parsed ?? {});
  if (!Array.isArray(tokens) || tokens.length === 0 || tokens.length > kMostTokens)
    throw invalid(`${what} must have a list of 1 to ${kMostTokens} tokens: { tokens: [{ name, token, scopes }] }`);
  const read = tokens.map((entry, i) => tokenOf(entry, `${what}: tokens[${i}]`));
  const names = new Set();
  const digests = new Set();
  for (const { name, digest } of read) {
    if (names.has(name)) throw invalid(`${what} has two tokens of the name ${show(name)}`);
    if (digests.has(digest.toString('hex'))) throw invalid(`${what}: the token ${show(name)} is another's, too`);
    names.add(name);
    digests.add(digest.toString('hex'));
  }
  return read;
}

module.exports = { parseTokens, checkedDigest, digestOf, kScopes };
