// The error class of the public interface, and the words for its most common messages.
'use strict';

/** @typedef {import('../index').ErrorCode} ErrorCode src/errors.def has them all */
/** @typedef {import('../index').ErrorDetails} ErrorDetails */
/** @typedef {import('../index').ErrorFields} ErrorFields an error as JSON says it */
/** @typedef {Readonly<Record<keyof ErrorDetails, 'string'|'number'>>} DetailTypes */

/**
 * What an error tells beside its code and message, with its type: it goes along wherever the error goes, be it to
 * another process, over HTTP or into an event. src/error.h has those that the addon knows.
 */
const kErrorDetails = Object.freeze(
  /** @type {DetailTypes} */ ({
    argument: 'string',
    log: 'string',
    line: 'number',
    column: 'number',
    retryAfter: 'number',
  }),
);
const kDetails = /** @type {(keyof ErrorDetails)[]} */ (Object.keys(kErrorDetails));
/** @type {ReadonlySet<string>} what a ResourceError is made of */
const kResourceCodes = new Set(['ERR_OUT_OF_MEMORY', 'ERR_QUEUE_FULL', 'ERR_BUDGET']);
const kHidden = [...kDetails, 'released', 'workloadId'];

/**
 * What every failure is: its `code` says what went wrong, its message what would be right.
 * @example
 * try {
 *   await context.run(workload, { timeout: 100 });
 * } catch (error) {
 *   if (error.code !== 'ERR_TIMEOUT') throw error;
 *   await error.released;
 * }
 */
class GPUError extends Error {
  /**
   * Its details are undefined until they are set.
   * @param {ErrorCode} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.code = code;
    /** @type {string|undefined} a compiler's output, with ERR_COMPILE */
    this.log = undefined;
    /**
     * @type {Promise<void>|undefined} with ERR_TIMEOUT and ERR_CANCELED: resolved when inputs and `into` are no longer
     *   in use
     */
    this.released = undefined;
    /** @type {number|undefined} with ERR_QUEUE_FULL: when there will likely be room, in ms */
    this.retryAfter = undefined;
    /** @type {number|undefined} with ERR_COMPILE: where the log points to, from 1 */
    this.line = undefined;
    /** @type {number|undefined} */
    this.column = undefined;
    /** @type {string|undefined} which argument was wrong, where that is known: 'inputs.a', 'params.k' */
    this.argument = undefined;
    /** @type {string|undefined} of a job of the cluster */
    this.workloadId = undefined;
    for (const name of kHidden) Object.defineProperty(this, name, { enumerable: false });
    // Whoever makes one, here or of what came from the addon or another process: its code says what it is.
    if (new.target === GPUError && kResourceCodes.has(code)) Object.setPrototypeOf(this, ResourceError.prototype);
  }
}
Object.defineProperty(GPUError.prototype, 'name', { value: 'GPUError', configurable: true, writable: true });

/**
 * What memory, a queue or a budget refuses: the class of every GPUError whose code is ERR_OUT_OF_MEMORY, ERR_QUEUE_FULL
 * or ERR_BUDGET. Its `name` stays 'GPUError'.
 * @example
 * if (error instanceof ResourceError) manager.cleanup();
 */
class ResourceError extends GPUError {
  /**
   * @param {ErrorCode} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    if (!kResourceCodes.has(code))
      throw new TypeError(`a ResourceError has one of the codes ${[...kResourceCodes].join(', ')}, not ${code}`);
    super(code, message, options);
  }
}

/**
 * @param {string} message
 * @param {string} [argument] which one is wrong: 'inputs.a', 'params.k', 'options.timeout'
 */
function invalid(message, argument) {
  const error = new GPUError('ERR_INVALID_ARGUMENT', message);
  if (argument !== undefined) error.argument = argument;
  return error;
}

/**
 * The details that an error has, and no others.
 * @param {unknown} error whatever was thrown, or came as JSON
 * @returns {ErrorDetails}
 * @example
 * emit('shader-failed', { name, message, ...detailsOf(error) });
 */
function detailsOf(error) {
  const from = /** @type {Record<string, unknown>} */ (error ?? {});
  /** @type {Record<string, unknown>} */
  const details = {};
  for (const name of kDetails) {
    const value = from[name];
    if (typeof value === kErrorDetails[name] && (typeof value === 'string' || Number.isFinite(value)))
      details[name] = value;
  }
  return details;
}

/**
 * An error as it goes to another process: asGpuError() makes one of it there.
 * @param {unknown} error whatever was thrown
 * @returns {ErrorFields}
 */
function plainError(error) {
  const { code, message } = asGpuError(error);
  return { code, message, ...detailsOf(error) };
}

/**
 * What a person reads of an error: its message, then a line for each detail that is not in it, and the log at the end.
 * @param {any} error whatever was thrown
 * @returns {string} lines, without the last one's end
 * @example
 * process.stderr.write(`switchyard: ${errorText(error)}\n`);
 */
function errorText(error) {
  const message = String(error?.message ?? error);
  const { log, line, column, argument, retryAfter } = detailsOf(error);
  const lines = [message];
  if (argument !== undefined) lines.push(`  argument: ${argument}`);
  if (line !== undefined) lines.push(`  at: line ${line}${column === undefined ? '' : `, column ${column}`}`);
  if (retryAfter !== undefined) lines.push(`  try again in: ${retryAfter} ms`);
  if (log?.trim())
    lines.push(
      '  log:',
      ...log
        .trimEnd()
        .split('\n')
        .map((each) => `    ${each}`),
    );
  return lines.join('\n');
}

/**
 * What came from the addon, out of a message, or out of an object's own accessors, as one of ours.
 * @param {unknown} error
 * @returns {GPUError}
 */
function asGpuError(error) {
  if (error instanceof GPUError) return error;
  const { code, message } = /** @type {{ code?: unknown, message?: unknown }} */ (error ?? {});
  const ours = new GPUError(
    typeof code === 'string' ? /** @type {ErrorCode} */ (code) : 'ERR_INTERNAL',
    String(message ?? error),
  );
  Object.assign(ours, detailsOf(error));
  if (typeof code !== 'string') ours.cause = error;
  return ours;
}

/**
 * How many insertions, deletions, replacements and swaps of neighbours lead from a to b.
 * @param {string} a
 * @param {string} b
 */
function editDistance(a, b) {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; ++i) {
    const row = [i];
    for (let j = 1; j <= b.length; ++j) {
      let best = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, rows[i - 2][j - 2] + 1);
      row.push(best);
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}

/**
 * " (did you mean 'x'?)", or what there is to choose from.
 * @param {string} name
 * @param {Iterable<string>} known
 */
function suggestion(name, known) {
  const names = [...known];
  const plain = (/** @type {string} */ text) => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const wanted = plain(name).slice(0, 64);
  let best,
    bestDistance = Infinity;
  for (const candidate of names) {
    const distance = editDistance(wanted, plain(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  if (best !== undefined && bestDistance <= Math.max(1, Math.floor(wanted.length / 3)))
    return ` (did you mean '${best}'?)`;
  return names.length ? ` (there ${names.length > 1 ? 'are' : 'is'}: ${names.join(', ')})` : ' (there are none)';
}

/**
 * A value, short enough for a message.
 * @param {unknown} value
 * @returns {string}
 */
function show(value) {
  if (typeof value === 'string') return value.length > 40 ? `'${value.slice(0, 40)}...'` : `'${value}'`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `a function`;
  if (typeof value === 'symbol') return 'a symbol';
  if (Array.isArray(value)) return value.length > 8 ? `an array of ${value.length}` : `[${value.map(show).join(', ')}]`;
  if (value !== null && typeof value === 'object') {
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    return kind === 'Object' ? 'an object' : `${/^[AEIOU]/.test(kind) ? 'an' : 'a'} ${kind}`;
  }
  return String(value);
}

/**
 * Refuses keys that mean nothing, so that a misspelt option is not quietly ignored.
 * @param {object} object
 * @param {ReadonlySet<string>} known
 * @param {string} what
 * @param {string} [path] of the object, with a dot behind it
 */
function refuseUnknownKeys(object, known, what, path = '') {
  for (const key in object)
    if (!known.has(key)) throw invalid(`unknown ${what} '${key}'${suggestion(key, known)}`, path + key);
}

module.exports = {
  GPUError,
  ResourceError,
  kErrorDetails,
  invalid,
  asGpuError,
  detailsOf,
  plainError,
  errorText,
  suggestion,
  show,
  refuseUnknownKeys,
};
