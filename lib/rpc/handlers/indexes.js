// index_create, index_add, index_upsert, index_remove, index_search, index_stats.
'use strict';
const { invalid } = require('../../core');
const { takeRoom } = require('../answer-room');
const { jobOptions, waitFor, given } = require('./jobs');

/** @typedef {import('../methods').Handler} Handler */
/** @typedef {import('../../index').SearchResult} SearchResult */

/** @type {Handler} */
async function create({ indexes }, { index, dimensions, metric = 'cosine', dtype = 'float32' }) {
  const { about, created } = await indexes.create(index, { dimensions, metric, dtype });
  return { index, ...about, created };
}

/**
 * @param {(object|null)[]|undefined} metadata
 * @returns {{ metadata?: (object|undefined)[] }}
 */
function withMetadata(metadata) {
  return metadata === undefined ? {} : { metadata: metadata.map((each) => each ?? undefined) };
}

/** @type {Handler} */
async function add({ indexes }, { index: name, ids, vectors, metadata }) {
  return indexes.use(name, async (index) => {
    await index.add(ids, vectors, withMetadata(metadata));
    return { size: index.size };
  });
}

/** @type {Handler} */
async function upsert({ indexes }, { index: name, ids, vectors, metadata }) {
  return indexes.use(name, async (index) => {
    await index.upsert(ids, vectors, withMetadata(metadata));
    return { size: index.size };
  });
}

/** @type {Handler} */
async function remove({ indexes }, { index: name, ids }) {
  return indexes.use(name, async (index) => {
    const removed = await index.remove(ids);
    return { removed, size: index.size };
  });
}

const kHitBytes = 64, // an id and a score, as JavaScript has them
  kMetadataBytes = 256,
  kMostBytes = 64 * 2 ** 20; // of what a search finds

/**
 * The bytes of what a search finds, about: all of it is there at once, before any of it is sent.
 * @param {number} queries
 * @param {number} d
 * @param {Record<string, unknown>} options
 * @param {number} size of the index
 * @throws {import('../../core').GPUError} ERR_INVALID_ARGUMENT: it is too much
 */
function foundBytes(queries, d, { k = 10, includeVectors, includeMetadata }, size) {
  const hits = Math.min(Number(k), size);
  const each = kHitBytes + (includeVectors ? 4 * d : 0) + (includeMetadata ? kMetadataBytes : 0);
  const bytes = queries * hits * each;
  if (bytes > kMostBytes)
    throw invalid(
      `k is ${k}, so that ${queries} ${queries === 1 ? 'query finds' : 'queries find'} ${queries * hits} vectors, ` +
        `but a search may find ${Math.floor(kMostBytes / each)}: ask for fewer, or in several calls`,
      'k',
    );
  return bytes;
}

/** @type {Handler} */
async function search(parts, { index: name, vectors, job, ...rest }, call) {
  const jobs = jobOptions(parts, job, call);
  const many = { ...vectors, shape: vectors.shape.length === 1 ? [1, vectors.shape[0]] : vectors.shape };
  return parts.indexes.use(name, async (index) => {
    await takeRoom(parts, call, foundBytes(many.shape[0], many.shape[1], rest, index.size));
    const {
      ids,
      scores,
      vectors: found,
      metadata,
    } = /** @type {import('../../index').SearchResults} */ (
      /** @type {unknown} */ (
        // Searches of several calls run as one where they have neither a signal nor a time of their own.
        await waitFor((others) => index.search(many, given({ ...rest, ...others })), jobs, 'index_search')
      )
    );
    const results = ids.map((each, i) =>
      given({
        ids: each,
        scores: Array.from(scores[i]),
        vectors: found?.[i],
        metadata: metadata?.[i].map((fields) => fields ?? null),
      }),
    );
    return { results };
  });
}

/** @type {Handler} */
async function stats({ indexes }, { index: name }) {
  if (name === undefined) {
    const names = await indexes.names();
    return { indexes: await Promise.all(names.map((each) => indexes.about(each))) };
  }
  return indexes.use(name, async (index) => ({ indexes: [{ name, ...index.stats() }] }));
}

module.exports = { create, add, upsert, remove, search, stats };
