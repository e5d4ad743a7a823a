// What the processes of a cluster measure once for all: one does it, with the machine to itself, the others wait for it
// and take what it has found.
'use strict';
const { createHash } = require('node:crypto');
const { setTimeout: sleep } = require('node:timers/promises');
const { kOwnNames } = require('../call');
const { throwIfAborted } = require('./call-options');

/** @typedef {import('./weights').Names} Names */

const kLookMs = 500; // who waits looks again, for a cluster that has ended tells nobody
const kBusy = Uint8Array.of(1);

/** @param {unknown} key all that decides what is found, as JSON */
function nameOf(key) {
  return `${kOwnNames}text:${createHash('sha256').update(JSON.stringify(key)).digest('hex')}`;
}

/** @param {string} name */
const claimOf = (name) => `${name}:claim`;

/**
 * @param {Names} names
 * @param {string} name
 * @returns {Promise<unknown>} undefined: nobody has found it yet
 */
async function find(names, name) {
  try {
    const found = await names.lookup(name);
    const { buffer, byteOffset, byteLength } = found.data;
    const text = Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
    found.release();
    return JSON.parse(text);
  } catch (error) {
    if (error.code === 'ERR_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * @template T
 * @param {Names} names
 * @param {unknown} key
 * @param {() => Promise<T>} make
 * @param {{ lasts?: (made: T) => boolean, signal?: AbortSignal }} [options] lasts: whether others may take it, too
 * @returns {Promise<T>} as JSON has it, where another process has made it
 */
async function onceInCluster(names, key, make, { lasts = () => true, signal } = {}) {
  const name = nameOf(key);
  const claim = claimOf(name);
  for (;;) {
    throwIfAborted(signal, 'the loading');
    const there = /** @type {T|undefined} */ (await find(names, name));
    if (there !== undefined) return there;
    const ended = new AbortController();
    // The claim of a process that dies goes with it.
    const unwatch = names.watch(claim, () => ended.abort());
    try {
      if (await names.publishFirst(claim, kBusy)) return await makeFor(names, name, make, lasts);
      await sleep(kLookMs, undefined, { signal: ended.signal }).catch(() => {});
    } finally {
      unwatch();
    }
  }
}

/**
 * By the one who has the claim.
 * @template T
 * @param {Names} names
 * @param {string} name
 * @param {() => Promise<T>} make
 * @param {(made: T) => boolean} lasts
 * @returns {Promise<T>}
 */
async function makeFor(names, name, make, lasts) {
  try {
    // Another may have been done with it just before.
    const there = /** @type {T|undefined} */ (await find(names, name));
    if (there !== undefined) return there;
    const made = await make();
    if (lasts(made)) await names.publishFirst(name, Buffer.from(JSON.stringify(made)));
    return made;
  } finally {
    await names.withdraw(claimOf(name)).catch(() => false); // the cluster may have ended
  }
}

module.exports = { onceInCluster };
