// The two ports of the service, and what is to be said where one can't be used.
'use strict';
const net = require('node:net');

/** @typedef {Pick<import('../config/config').HttpConfig, 'host'|'port'|'rpcPort'>} Config */

const kLast = 65535;
/** @type {Record<string, (option: string) => string>} */
const kProblems = {
  EADDRINUSE: (option) => `is in use: stop what listens there, or choose another with ${option}`,
  EACCES: (option) => `may not be used by this user: choose one from 1024 on with ${option}`,
  EADDRNOTAVAIL: () => 'cannot be used: this machine does not have that address (--host)',
  ENOTFOUND: () => 'cannot be used: nobody knows that host (--host)',
};

/**
 * The port of WebSockets alone: the one after the main one, unless the setting says otherwise.
 * @param {Config} config
 * @returns {number|undefined} undefined: there is none
 */
function rpcPortOf({ port, rpcPort }) {
  if (rpcPort !== undefined) return rpcPort === port && port !== 0 ? undefined : rpcPort;
  if (port === 0) return 0;
  return port < kLast ? port + 1 : undefined;
}

/**
 * @param {Config} config
 * @param {number} port which of the two
 * @param {string|undefined} code of the system's
 */
function cannotListen(config, port, code = 'unknown reason') {
  const option = port === config.port ? '--port' : '--rpc-port';
  return new Error(`port ${port} of ${config.host} ${kProblems[code]?.(option) ?? `cannot be used (${code})`}`);
}

/**
 * @param {Config} config
 * @param {number} port
 * @returns {Promise<void>}
 */
function checkPort(config, port) {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', (/** @type {NodeJS.ErrnoException} */ error) => reject(cannotListen(config, port, error.code)));
    probe.listen({ port, host: config.host, exclusive: true }, () => probe.close(() => resolve()));
  });
}

/**
 * Before anything is forked: workers that can't listen would be started again and again.
 * @param {Config} config
 * @returns {Promise<void>}
 */
async function checkPorts(config) {
  await checkPort(config, config.port);
  const rpcPort = rpcPortOf(config);
  if (rpcPort) await checkPort(config, rpcPort);
}

module.exports = { rpcPortOf, cannotListen, checkPorts };
