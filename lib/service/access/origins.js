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

/**
 * The hostname of a Host header, without its port.
 * @param {string} host
 */
function hostnameOf(host) {
  return /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(host)?.[1] ?? '';
}

/**
 * What a server that only its own machine reaches may be called: as that machine is, as it was told to listen, and as
 * pages that may ask are. Behind a proxy the name is the proxy's.
 * @param {{ allowedOrigins?: string, host: string, trustProxy?: unknown }} config
 * @returns {(host: string) => boolean}
 */
function hostRule({ allowedOrigins = '', host, trustProxy }) {
  const allowed = allowedOrigins.split(',').map((each) => each.trim());
  if (!isLoopback(host) || trustProxy || allowed.includes('*')) return () => true;
  const names = new Set(allowed.flatMap((each) => parseOrigin(each)?.hostname ?? []));
  return (given) => {
    const name = hostnameOf(given).toLowerCase();
    // Nobody can register a name without a dot.
    return isLoopback(name) || names.has(name) || /^[\w-]+$/.test(name);
  };
}

/**
 * Whether a page is one of ours: it asks whom it came from. A name of somebody else's that he has pointed at this
 * machine (DNS rebinding) would look the same, so that where no token is asked for the page must have come from an
 * address, or from localhost.
 * @param {string} origin
 * @param {string|undefined} host that it asks, as the request's header has it
 * @param {boolean} needsToken
 */
function isOwnPage(origin, host, needsToken) {
  const url = parseOrigin(origin);
  if (!url || host === undefined || url.host !== host.toLowerCase()) return false;
  return needsToken || isLoopback(url.hostname) || net.isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0;
}

module.exports = { originRule, hostRule, isLoopback, isOwnPage };
