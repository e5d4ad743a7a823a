// What is loaded once for all who want it at the same time, by manager or context: who gives up waiting costs the
// others nothing, and the last that does stops it.
'use strict';
const { EventEmitter } = require('node:events');
const { GPUError, tell } = require('../core');

/** @typedef {import('../index').LoadProgress} LoadProgress */
/** @typedef {{ signal: AbortSignal, onBytes: (loaded: number, total: number) => void }} Loading */
/**
 * What is there, or is being loaded; `waiting`: how many wait for it and have not got it yet; `forget`: whoever wants
 * it from then on has it loaded anew.
 * @template T
 * @typedef {{ loading: Promise<T>, isLoaded: boolean, waiting: number, stop: AbortController, progress: EventEmitter,
 *   forget: () => void }} Entry
 */

/** @type {WeakMap<object, Map<string, Entry<unknown>>>} by manager or context, and by what it is */
const loaded = new WeakMap();

/**
 * The one that is there or is being loaded, or a new one.
 * @template T
 * @param {object} of a manager or a context
 * @param {string} key
 * @param {(loading: Loading) => Promise<T>} load
 * @returns {Entry<T>}
 */
function entryOf(of, key, load) {
  const all = loaded.get(of) ?? new Map();
  loaded.set(of, all);
  const there = /** @type {Entry<T>|undefined} */ (all.get(key));
  if (there) return there;
  const stop = new AbortController();
  const progress = new EventEmitter().setMaxListeners(0);
  const onBytes = (/** @type {number} */ bytes, /** @type {number} */ total) =>
    tell(progress, 'progress', { loaded: bytes, total, step: 'weights' });
  const loading = load({ signal: stop.signal, onBytes });
  /** @type {Entry<T>} */
  const own = { loading, isLoaded: false, waiting: 0, stop, progress, forget };
  function forget() {
    if (all.get(key) === own) all.delete(key);
  }
  all.set(key, own);
  loading.then(() => (own.isLoaded = true), forget);
  return own;
}

/**
 * Waits for it with others.
 * @template T, Result
 * @param {Entry<T>} entry
 * @param {{ signal?: AbortSignal, onProgress?: (event: LoadProgress) => void }} options
 * @param {(value: T) => Result} take
 * @param {(value: T) => void|Promise<void>} letGo of what was loaded, when nobody waits any more: who has taken it may
 *   still have it
 * @returns {Promise<Result>}
 */
async function waitFor(entry, { signal, onProgress }, take, letGo) {
  ++entry.waiting;
  if (onProgress) entry.progress.on('progress', onProgress);
  try {
    return take(await orAborted(entry.loading, signal));
  } finally {
    --entry.waiting;
    if (onProgress) entry.progress.off('progress', onProgress);
    if (entry.waiting === 0) {
      if (!entry.isLoaded) {
        entry.forget(); // who comes now begins anew
        entry.stop.abort();
      }
      // It may have been loaded at the same moment, or it was too late to stop it.
      entry.loading.then(letGo).catch(() => {});
    }
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal|undefined} signal
 * @returns {Promise<T>}
 */
function orAborted(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = () =>
      reject(new GPUError('ERR_CANCELED', 'the loading was canceled by its signal', { cause: signal.reason }));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

module.exports = { entryOf, waitFor };
