// What servers have answered, kept on this machine for an hour: the same request to the same server, with the same
// token, is not sent again.
'use strict';
const os = require('node:os');
const path = require('node:path');
const { createHash } = require('node:crypto');
const { decodeFrame, encodeFrame } = require('../../client');
const { epochMs } = require('../../core');

/** Whatever JSON can hold. @typedef {ReturnType<typeof JSON.parse>} Json */
/** @typedef {{ key: string, size: number, server: string, method: string, ageMs: number, isOver: boolean }} Kept */

const kKeptMs = 3_600_000;

/** The folder: ANSWERS_DIR, else where programs of this user keep such things. */
function folder() {
  const { answersDir } = require('../../config').readCommandSettings();
  const { XDG_CACHE_HOME } = process.env;
  return answersDir ?? path.join(XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'switchyard', 'answers');
}

/** @returns {typeof import('cacache')} */
const cacache = () => require('cacache');

/**
 * @param {{ server: string, token?: string, method: string, params: object }} request
 * @returns {string} a digest of all of it
 */
function keyOf({ server, token = '', method, params }) {
  const hash = createHash('sha256');
  for (const part of [server, createHash('sha256').update(token).digest('hex'), encodeFrame({ method, params })])
    hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}

/**
 * @param {string} key
 * @returns {Promise<Json>} undefined: there is none, or none that is younger than an hour, or what is there is damaged
 */
async function find(key) {
  const info = await cacache().get.info(folder(), key);
  if (!info || !(epochMs() - info.time < kKeptMs)) return undefined;
  try {
    const { data } = await cacache().get(folder(), key);
    const own = new ArrayBuffer(data.length);
    new Uint8Array(own).set(data);
    return /** @type {{ result: Json }} */ (decodeFrame(own)).result;
  } catch {
    return undefined; // what another process has cleared meanwhile, or a disk has spoiled, is asked for again
  }
}

/**
 * @param {string} key
 * @param {{ server: string, method: string, result: object }} answer
 */
async function keep(key, { server, method, result }) {
  await cacache().put(folder(), key, Buffer.from(encodeFrame({ result }).buffer), { metadata: { server, method } });
}

/** @returns {Promise<Kept[]>} the latest first */
async function list() {
  const entries = Object.values(await cacache().ls(folder()));
  return entries
    .map(({ key, size, time, metadata }) => {
      const ageMs = epochMs() - time;
      return { key, size, server: metadata.server, method: metadata.method, ageMs, isOver: ageMs >= kKeptMs };
    })
    .sort((a, b) => a.ageMs - b.ageMs);
}

/** @returns {Promise<number>} how many there were */
async function clear() {
  const count = Object.keys(await cacache().ls(folder())).length;
  await cacache().rm.all(folder());
  return count;
}

module.exports = { folder, keyOf, find, keep, list, clear, kKeptMs };
