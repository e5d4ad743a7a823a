// The error class of the public interface, and the words for its most common messages.
'use strict';

/**
 * @typedef
 *   {'ERR_INVALID_ARGUMENT'|'ERR_UNKNOWN_WORKLOAD'|'ERR_UNSUPPORTED'|'ERR_OUT_OF_MEMORY'|'ERR_DEVICE_LOST'|'ERR_COMPILE'|'ERR_TIMEOUT'|'ERR_CANCELED'|'ERR_QUEUE_FULL'|'ERR_WORKER_LOST'|'ERR_CLOSED'|'ERR_INTERNAL'}
 *   ErrorCode
 */

class GPUError extends Error {
  /**
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
    Object.defineProperty(this, 'log', { enumerable: false });
    Object.defineProperty(this, 'line', { enumerable: false });
    Object.defineProperty(this, 'column', { enumerable: false });
    Object.defineProperty(this, 'released', { enumerable: false });
    Object.defineProperty(this, 'retryAfter', { enumerable: false });
    /** @type {string|undefined} of a job of the cluster */
    this.workloadId = undefined;
    Object.defineProperty(this, 'workloadId', { enumerable: false });
  }
}
Object.defineProperty(GPUError.prototype, 'name', { value: 'GPUError', configurable: true, writable: true });

/** @param {string} message */
function invalid(message) {
  return new GPUError('ERR_INVALID_ARGUMENT', message);
}

/**
 * What came from the addon, or out of an object's own accessors, as one of ours.
 * @param {any} error
 */
function asGpuError(error) {
  if (error instanceof GPUError) return error;
  const ours = new GPUError(
    typeof error?.code === 'string' ? error.code : 'ERR_INTERNAL',
    String(error?.message ?? error),
  );
  if (error?.log) ours.log = error.log;
  if (error?.line) ours.line = error.line;
  if (error?.column) ours.column = error.column;
  if (typeof error?.code !== 'string') ours.cause = error;
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
 * @param {any} value
 * @returns {string}
 */
function show(value) {
  if (typeof value === 'string') return value.length > 40 ? `'${value.slice(0, 40)}...'` : `'${value}'`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `a function`;
  if (typeof value === 'symbol') return 'a symbol';
  if (Array.isArray(value)) return value.length > 8 ? `an array of ${value.length}` : `[${value.map(show).join(', ')}]`;
  if (value !== null && typeof value === 'object') return `a ${Object.prototype.toString.call(value).slice(8, -1)}`;
  return String(value);
}

/**
 * Refuses keys that mean nothing, so that a misspelt option is not quietly ignored.
 * @param {object} object
 * @param {ReadonlySet<string>} known
 * @param {string} what
 */
function refuseUnknownKeys(object, known, what) {
  for (const key in object) if (!known.has(key)) throw invalid(`unknown ${what} '${key}'${suggestion(key, known)}`);
}

module.exports = { GPUError, invalid, asGpuError, suggestion, show, refuseUnknownKeys };
