// Logs: pino on stderr, written at once so that a crash loses none, and loaded only when there is something to write.
'use strict';
const { epochMs } = require('./clock');
const { detailsOf } = require('./errors');

const { Date } = globalThis; // as it was when this was loaded: a test may replace it

const kLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** @typedef {'trace'|'debug'|'info'|'warn'|'error'|'fatal'} Level */
/** @typedef {(fields: object|string, message?: string) => void} Write */
/**
 * @typedef {object} Logger
 * @property {string} level
 * @property {(level: Level) => boolean} isLevelEnabled
 * @property {(bindings: object) => Logger} child
 * @property {Write} trace
 * @property {Write} debug
 * @property {Write} info
 * @property {Write} warn
 * @property {Write} error
 * @property {Write} fatal
 */

/**
 * One destination for the whole process: lines of several loggers don't mix.
 * @type {import('pino').DestinationStream|undefined}
 */
let destination;

/**
 * @param {string} level
 * @param {object} bindings
 * @returns {Logger}
 */
function openPino(level, bindings) {
  const pino = require('pino').pino;
  destination ??= pino.destination({ fd: 2, sync: true });
  // Without pino's own base, which has the name of the host.
  return pino(
    {
      level,
      base: { name: 'switchyard', pid: process.pid, ...bindings },
      timestamp: () => `,"time":"${new Date(epochMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

/**
 * @param {{ logLevel: string }} config
 * @param {object} [bindings] fields of every line
 * @returns {Logger}
 */
function createLogger({ logLevel }, bindings = {}) {
  /** @type {Logger|undefined} */
  let pino;
  const min = kLevels.indexOf(logLevel);
  const isLevelEnabled = (/** @type {string} */ level) => kLevels.indexOf(level) >= min;
  const write = (/** @type {Level} */ level) =>
    isLevelEnabled(level)
      ? (/** @type {Parameters<Write>} */ ...args) => {
          pino ??= openPino(logLevel, bindings);
          pino[level](...args);
        }
      : () => {};
  return {
    level: logLevel,
    isLevelEnabled,
    child: (more) => createLogger({ logLevel }, { ...bindings, ...more }),
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
  };
}

/**
 * A text without folders: what names a file of this machine keeps the file's name only.
 * @param {string} message
 */
function withoutPaths(message) {
  return message.replace(/(?:file:\/\/|(?<![\w.:/]))\/(?:[^\s/'"`:;,()<>]+\/)+([^\s/'"`:;,()<>]*)/g, '$1');
}

/**
 * What a log line says about an error; its stack only where somebody is debugging.
 * @param {unknown} error whatever was thrown
 * @param {boolean} [stack]
 * @returns {{ code: string, reason: string, stack?: string } & import('./errors').ErrorDetails}
 */
function describeError(error, stack = false) {
  const thrown = /** @type {{ code?: unknown, message?: unknown, stack?: unknown }} */ (error ?? {});
  const { log, ...details } = detailsOf(error);
  return {
    code: typeof thrown.code === 'string' ? thrown.code : 'ERR_INTERNAL',
    reason: withoutPaths(String(thrown.message ?? error)),
    ...details,
    ...(log === undefined ? {} : { log: withoutPaths(log) }),
    ...(stack && thrown.stack ? { stack: withoutPaths(String(thrown.stack)) } : {}),
  };
}

module.exports = { kLevels, createLogger, withoutPaths, describeError };
