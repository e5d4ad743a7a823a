// index_create, index_add, index_upsert, index_remove, index_search, index_stats.
'use strict';
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

/** @type {Handler} */
async function search(parts, { index: name, vectors, job, ...rest }, call) {
  const jobs = jobOptions(parts, job, call);
  const many = { ...vectors, shape: vectors.shape.length === 1 ? [1, vectors.shape[0]] : vectors.shape };
  return parts.indexes.use(name, async (index) => {
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
