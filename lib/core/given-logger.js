// A logger of the application, in pino's interface, in the place of our own.
'use strict';
const { setImmediate } = require('node:timers');
const { invalid, show } = require('./errors');
const { kLevels } = require('./log');

/** @typedef {import('./log').Logger} Logger */
/** @typedef {import('./log').Level} Level */
/** @typedef {import('../index').GPULogger} GPULogger */

const kNeeded = /** @type {const} */ (['debug', 'info', 'warn', 'error']);
/** What stands for a level that the logger has not. @type {Partial<Record<Level, 'debug'|'error'>>} */
const kNearest = { trace: 'debug', fatal: 'error' };

/**
 * @param {unknown} given
 * @returns {GPULogger}
 * @throws {import('./errors').GPUError} ERR_INVALID_ARGUMENT: it is no logger
 */
function checkLogger(given) {
  const logger = /** @type {Record<string, unknown>|null} */ (given);
  const missing =
    logger !== null && (typeof logger === 'object' || typeof logger === 'function')
      ? kNeeded.filter((level) => typeof logger[level] !== 'function')
      : kNeeded;
  if (!missing.length) return /** @type {GPULogger} */ (given);
  const lacks = missing.length < kNeeded.length ? ` that has no function ${missing.join(', ')}` : '';
  throw invalid(
    `logger is ${show(given)}${lacks}, but must be an object with the functions debug, info, warn and error, as pino's`,
    'logger',
  );
}

/**
 * The lines that are told to it are those of its own level, where it says that; else those of `logLevel`. What it
 * throws is the application's, and becomes an uncaught exception: no job fails because a line could not be written.
 * @param {GPULogger} given
 * @param {string} logLevel
 * @param {object} [bindings] fields of every line
 * @returns {Logger}
 */
function useLogger(given, logLevel, bindings = {}) {
  const hasBindings = Object.keys(bindings).length > 0;
  const target = hasBindings && typeof given.child === 'function' ? given.child(bindings) : given;
  const added = target === given && hasBindings ? bindings : undefined;
  const isLevelEnabled = (/** @type {Level} */ level) => {
    if (typeof target.isLevelEnabled === 'function') return Boolean(target.isLevelEnabled(level));
    const least = kLevels.includes(String(target.level)) ? String(target.level) : logLevel;
    return kLevels.indexOf(level) >= kLevels.indexOf(least);
  };
  const write =
    (/** @type {Level} */ level) => (/** @type {object|string} */ fields, /** @type {string|undefined} */ message) => {
      try {
        if (!isLevelEnabled(level)) return;
        const name = typeof target[level] === 'function' ? level : (kNearest[level] ?? level);
        const isText = typeof fields === 'string';
        const line = { ...added, ...(isText ? undefined : fields) };
        const parts = isText ? (added ? [line, fields] : [fields]) : [line, message];
        /** @type {(...parts: unknown[]) => void} */ (target[name]).apply(target, parts);
      } catch (error) {
        setImmediate(() => {
          throw error;
        });
      }
    };
  return {
    get level() {
      return kLevels.includes(String(target.level)) ? String(target.level) : logLevel;
    },
    isLevelEnabled,
    child: (more) => useLogger(given, logLevel, { ...bindings, ...more }),
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
  };
}

/**
 * The logger among the options, which is no setting: no file and no variable can say it.
 * @param {unknown} options
 * @returns {{ logger: import('../index').GPULogger|undefined, settings: import('../index').ManagerOptions }}
 */
function takeLogger(options) {
  if (options === null || typeof options !== 'object' || !('logger' in options))
    return { logger: undefined, settings: /** @type {any} */ (options) };
  /** @type {Record<string, unknown>} */
  const settings = {};
  // What is inherited is an option, too: settings are looked for in the same way.
  for (const name in options)
    if (name !== 'logger') settings[name] = /** @type {Record<string, unknown>} */ (options)[name];
  return { logger: options.logger === undefined ? undefined : checkLogger(options.logger), settings };
}

module.exports = { takeLogger, useLogger };
