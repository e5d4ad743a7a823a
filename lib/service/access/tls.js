// The certificate and its key, read and compared before anything listens.
'use strict';
const fs = require('node:fs');
const { setInterval, clearInterval } = require('node:timers');
const { createPrivateKey, X509Certificate } = require('node:crypto');
const { describeError, epochMs, invalid, show } = require('../../core');

/** @typedef {{ cert: string, key: string }} Tls */

/**
 * @param {string} file
 * @param {string} what the setting
 */
function read(file, what) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw invalid(`${what} is ${show(file)}, but must be a file that can be read (${error.code})`);
  }
}

/**
 * @template T
 * @param {string} must
 * @param {() => T} parse
 * @returns {T}
 */
function parsed(must, parse) {
  try {
    return parse();
  } catch {
    throw invalid(must);
  }
}

/**
 * @param {{ tlsCert?: string, tlsKey?: string }} config
 * @param {{ evenExpired?: boolean }} [options] evenExpired: a service that runs goes on with a certificate whose time
 *   is over, as workers that run do
 * @returns {Tls|undefined} undefined: there is none
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT: one of the two alone, a file that can't be read or is
 *   none, a key that is another's, a certificate whose time is over
 */
function readTls({ tlsCert, tlsKey }, { evenExpired = false } = {}) {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined)
    throw invalid(`${tlsCert === undefined ? 'TLS_KEY' : 'TLS_CERT'} is given, but TLS_CERT and TLS_KEY go together`);
  const cert = read(tlsCert, 'TLS_CERT');
  const key = read(tlsKey, 'TLS_KEY');
  const certificate = parsed(
    `TLS_CERT (${show(tlsCert)}) must be a certificate in PEM`,
    () => new X509Certificate(cert),
  );
  const own = parsed(`TLS_KEY (${show(tlsKey)}) must be a private key in PEM, without a passphrase`, () =>
    createPrivateKey(key),
  );
  if (!certificate.checkPrivateKey(own))
    throw invalid('the key of TLS_KEY does not fit the certificate of TLS_CERT: they are of two pairs');
  if (!evenExpired && Date.parse(certificate.validTo) < epochMs())
    throw invalid(`the certificate of TLS_CERT has expired (${certificate.validTo}): renew it`);
  return { cert, key };
}

const kLookMs = 2000; // between two looks at the files

/** @param {{ tlsCert?: string, tlsKey?: string }} config */
function versionOf({ tlsCert, tlsKey }) {
  return [tlsCert, tlsKey]
    .map((file) => {
      const stats = file === undefined ? undefined : fs.statSync(file, { throwIfNoEntry: false });
      return stats ? `${stats.mtimeMs} ${stats.size} ${stats.ino}` : '';
    })
    .join(' / ');
}

/**
 * Reads the two again where they have changed, and hands them on where they are right: a certificate is renewed without
 * a restart.
 * @param {{ tlsCert?: string, tlsKey?: string }} config
 * @param {import('../../core/log').Logger} logger
 * @param {(tls: Tls) => void} onChange
 * @param {number} [every] ms
 * @returns {() => void} ends it
 */
function followTls(config, logger, onChange, every = kLookMs) {
  if (config.tlsCert === undefined) return () => {};
  let version = versionOf(config);
  let told = '';
  const timer = setInterval(() => {
    const now = versionOf(config);
    if (now === version) return;
    try {
      onChange(/** @type {Tls} */ (readTls(config)));
      version = now;
      told = '';
      logger.info({}, 'the certificate was read again');
    } catch (error) {
      // One of the two may have been written, and the other not yet: the next look tells.
      if (told !== error.message)
        logger.error(describeError(error), 'the certificate can not be read again: the one before stays');
      told = error.message;
    }
  }, every);
  timer.unref();
  return () => clearInterval(timer);
}

module.exports = { readTls, followTls };
