// Which pages in browsers may ask: an origin that is not allowed is refused, whatever it asks for, as a browser would
// send its user's requests for it.
'use strict';
const net = require('node:net');
const { invalid, show } = require('../../core');

/**
 * Whether only this machine reaches an address.
 * @param {string} host
 */
function isLoopback(host) {
  const plain = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (plain === 'localhost' || plain.endsWith('.localhost')) return true;
  return net.isIPv4(plain) ? plain.startsWith('127.') : plain === '::1';
}

/**
 * @param {string} origin
 * @returns {URL|undefined} undefined: it is none
 */
function parseOrigin(origin) {
  try {
    const url = new URL(origin);
    return url.origin === origin && url.origin !== 'null' ? url : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {{ allowedOrigins?: string, host: string }} config
 * @returns {(origin: string) => boolean}
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT: one of the setting is none
 */
function originRule({ allowedOrigins, host }) {
  if (allowedOrigins === undefined) {
    const isHere = isLoopback(host);
    return (origin) => isHere && isLoopback(parseOrigin(origin)?.hostname ?? '');
  }
  const allowed = allowedOrigins.split(',').map((each) => each.trim());
  if (allowed.includes('*')) return () => true;
  for (const each of allowed)
    if (!parseOrigin(each))
      throw invalid(
        `ALLOWED_ORIGINS has ${show(each)}, but an origin is like https://example.com or http://localhost:8080`,
      );
  const set = new Set(allowed);
  return (origin) => set.has(origin);
}

module.exports = { originRule, isLoopback };
