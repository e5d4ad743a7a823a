// What createMemory(), remember(), recall() and forget() are given, checked.
'use strict';
const { createHash } = require('node:crypto');
const { invalid, refuseUnknownKeys, show } = require('../../core');
const { checkJob, kInCluster } = require('../embeddings/request');
const { compileFilter } = require('../vectors/filter');
const { checkMetadata } = require('../vectors/metadata');
const { checkIndexOptions } = require('../vectors/options');
const { kOwn } = require('./passages');

/** @typedef {import('../../index').JobOptions} JobOptions */
/** @typedef {Record<string, unknown>} Fields */
/** @typedef {{ id: string, text: string, metadata: Fields }} Document */

/** Of jobs on one context: models have no priorities there. */
const kWaiting = new Set(['signal', 'timeout']);
const kMemory = new Set(['model', 'store', 'path', 'name', 'chunk', 'dtype', 'reranker']);
const kChunk = new Set(['tokens', 'overlap']);
const kDocument = new Set(['id', 'text', 'metadata']);
const kRemember = new Set(['metadata']);
const kRecall = new Set(['k', 'filter', 'rerank']);
const kForget = new Set(['ids', 'filter']);
const kMostIdBytes = 500; // what a passage's place takes beside it is left
const kMostMetadata = 8 << 10; // twice: a call's and a document's own; a passage's text takes up to 48 KB of 64
const kMostK = 10_000;

/**
 * @param {unknown} given
 * @param {string} what
 * @param {string} name
 * @returns {Fields}
 */
function objectOf(given, what, name) {
  if (given === undefined) return {};
  if (given === null || typeof given !== 'object' || Array.isArray(given))
    throw invalid(`${what} is ${show(given)}, but must be an object`, name);
  return /** @type {Fields} */ (given);
}

/**
 * A call's own options, and those of its jobs.
 * @param {unknown} given
 * @param {ReadonlySet<string>} known
 * @param {boolean} isContext
 * @param {string} what
 * @returns {{ own: Fields, job: JobOptions }}
 */
function callOptions(given, known, isContext, what) {
  const options = objectOf(given, `${what}'s options`, 'options');
  const all = new Set([...known, ...(isContext ? kWaiting : kInCluster)]);
  refuseUnknownKeys(options, all, `option of ${what}`, 'options.');
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => known.has(name)));
  const job = Object.fromEntries(Object.entries(options).filter(([name]) => !known.has(name)));
  return { own, job: checkJob(job, isContext, what) };
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {number} least
 * @param {number} most
 */
function countOf(value, name, least, most) {
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || Number(value) < least || Number(value) > most)
    throw invalid(`${name} is ${show(value)}, but must be a whole number from ${least} to ${most}`, `options.${name}`);
  return Number(value);
}

/** @param {unknown} given */
function checkMemory(given) {
  const options = objectOf(given, "createMemory()'s options", 'options');
  refuseUnknownKeys(options, kMemory, 'option of createMemory()', 'options.');
  const { model, store, path, name = 'memory', reranker } = options;
  const chunk = objectOf(options.chunk, 'chunk', 'options.chunk');
  refuseUnknownKeys(chunk, kChunk, 'field of chunk', 'options.chunk.');
  if (store !== undefined && path !== undefined)
    throw invalid('store and path are given, but only one of them can be', 'options.path');
  if (path !== undefined && typeof path !== 'string' && Object.prototype.toString.call(path) !== '[object URL]')
    throw invalid(`path is ${show(path)}, but must be a folder's path or a file: URL`, 'options.path');
  if (store !== undefined && typeof (/** @type {Partial<{ get: unknown }>} */ (store ?? {}).get) !== 'function')
    throw invalid(`store is ${show(store)}, but must be a Store: openStore() gives one`, 'options.store');
  if (typeof name !== 'string' || !/^[\w.-]{1,100}$/.test(name))
    throw invalid(`name is ${show(name)}, but must be 1 to 100 letters, digits, '.', '_' or '-'`, 'options.name');
  const { dtype } = checkIndexOptions({ dimensions: 1, dtype: options.dtype });
  return {
    model,
    store,
    path,
    name,
    dtype,
    reranker,
    chunk: {
      tokens: countOf(chunk.tokens, 'chunk.tokens', 1, 2 ** 31 - 1),
      overlap: countOf(chunk.overlap, 'chunk.overlap', 0, 2 ** 31 - 1),
    },
  };
}

/**
 * @param {unknown} metadata
 * @param {string} where
 * @returns {Fields} a copy
 */
function checkFields(metadata, where) {
  const fields = objectOf(metadata, where, where);
  for (const key of Object.keys(fields))
    if (key.startsWith(kOwn)) throw invalid(`${where} has a field ${show(key)}, but '${kOwn}...' are our own`, where);
  const text = jsonOf(fields, where);
  const bytes = Buffer.byteLength(text);
  if (bytes > kMostMetadata)
    throw invalid(
      `${where} has ${bytes} bytes as JSON, but can have ${kMostMetadata}: it lies beside each passage`,
      where,
    );
  return JSON.parse(text);
}

/**
 * As an index would write it, which refuses what is no JSON.
 * @param {Fields} fields
 * @param {string} where
 * @returns {string}
 */
function jsonOf(fields, where) {
  try {
    const [text] = /** @type {string[]} */ (checkMetadata([fields], 1));
    return text;
  } catch (error) {
    throw invalid(
      /** @type {Error} */ (error).message.replace('metadata[0]', () => where),
      where,
    );
  }
}

/**
 * A copy of a filter, checked: what its caller does to it later is another one's.
 * @param {unknown} filter
 */
function filterOf(filter) {
  compileFilter(filter); // it is made of what JSON has
  return filter === undefined ? undefined : JSON.parse(JSON.stringify(filter));
}

/**
 * @param {unknown} id
 * @param {string} where
 * @returns {string}
 */
function checkId(id, where) {
  const fault = (/** @type {string} */ why) => invalid(`${where} is ${show(id)}, ${why}`, where);
  if (typeof id !== 'string') throw fault(`but must be a string${typeof id === 'number' ? `: '${id}'` : ''}`);
  if (id === '') throw fault('but must not be empty');
  if (/\p{Surrogate}/u.test(id)) throw fault('which has half of a character (a lone surrogate)');
  const bytes = Buffer.byteLength(id);
  if (bytes > kMostIdBytes) throw fault(`which takes ${bytes} bytes, but may take at most ${kMostIdBytes}`);
  return id;
}

/**
 * The id of a text that was given none: the same text has the same.
 * @param {string} text
 */
const idOfText = (text) => `text:${createHash('sha256').update(text, 'utf16le').digest('base64url').slice(0, 22)}`;

/**
 * @param {unknown} given a string, { id, text, metadata }, or an array of such
 * @param {Fields} common metadata of all
 * @returns {Document[]} each id once
 */
function checkDocuments(given, common) {
  const list = Array.isArray(given) ? given : [given];
  /** @type {Map<string, { document: Document, place: number }>} */
  const found = new Map();
  for (const [i, each] of list.entries()) {
    const where = Array.isArray(given) ? `documents[${i}]` : 'documents';
    const { document, isNamed } = checkDocument(each, where, common);
    const other = found.get(document.id);
    if (other && isNamed)
      throw invalid(`${where} has the id ${show(document.id)}, but so has documents[${other.place}]`, where);
    found.set(document.id, { document, place: other?.place ?? i }); // of the same text the last one's metadata
  }
  return [...found.values()].map(({ document }) => document);
}

/**
 * @param {unknown} given
 * @param {string} where
 * @param {Fields} common
 * @returns {{ document: Document, isNamed: boolean }}
 */
function checkDocument(given, where, common) {
  if (typeof given === 'string')
    return { document: { id: idOfText(given), text: given, metadata: common }, isNamed: false };
  if (given === null || typeof given !== 'object')
    throw invalid(`${where} is ${show(given)}, but must be a string or { id, text, metadata }`, where);
  refuseUnknownKeys(given, kDocument, 'field of a document', `${where}.`);
  const { id, text, metadata } = /** @type {Fields} */ (given);
  if (typeof text !== 'string') throw invalid(`${where}.text is ${show(text)}, but must be a string`, `${where}.text`);
  const fields = { ...common, ...checkFields(metadata, `${where}.metadata`) };
  const own = id === undefined ? idOfText(text) : checkId(id, `${where}.id`);
  return { document: { id: own, text, metadata: fields }, isNamed: id !== undefined };
}

/**
 * @param {unknown} documents
 * @param {unknown} options
 * @param {boolean} isContext
 */
function checkRemember(documents, options, isContext) {
  const { own, job } = callOptions(options, kRemember, isContext, 'remember()');
  return { documents: checkDocuments(documents, checkFields(own.metadata, 'options.metadata')), job };
}

/**
 * @param {unknown} query
 * @param {unknown} options
 * @param {{ isContext: boolean, reranks: boolean }} memory
 */
function checkRecall(query, options, { isContext, reranks }) {
  if (typeof query !== 'string') throw invalid(`query is ${show(query)}, but must be a string`, 'query');
  const { own, job } = callOptions(options, kRecall, isContext, 'recall()');
  const { filter, rerank = reranks } = own;
  const k = countOf(own.k, 'k', 1, kMostK) ?? 5;
  if (typeof rerank !== 'boolean' && !(Number.isSafeInteger(rerank) && Number(rerank) >= k && Number(rerank) <= kMostK))
    throw invalid(
      `rerank is ${show(rerank)}, but must be true, false, or how many passages are reranked: from k, ${k}, to ` +
        `${kMostK}`,
      'options.rerank',
    );
  if (rerank && !reranks)
    throw invalid('rerank is wanted, but this memory has no reranker: give createMemory() one', 'options.rerank');
  return { k, filter: filterOf(filter), rerank: /** @type {boolean|number} */ (rerank), job };
}

/** @param {unknown} given */
function checkForget(given) {
  if (given === null || typeof given !== 'object')
    throw invalid(`forget() is given ${show(given)}, but wants an object: { ids } or { filter }`, 'what');
  refuseUnknownKeys(given, kForget, 'field of forget()');
  const { ids, filter } = /** @type {Fields} */ (given);
  if ((ids === undefined) === (filter === undefined))
    throw invalid(`ids and filter are ${ids === undefined ? 'both left out' : 'both given'}: give one of them`, 'ids');
  if (ids === undefined && compileFilter(filter) === undefined)
    throw invalid(
      `filter is ${show(filter)}, which says nothing: give a condition, { kind: 'x' } for example`,
      'filter',
    );
  if (ids === undefined) return { filter: filterOf(filter) };
  const list = typeof ids === 'string' ? [ids] : ids;
  if (!Array.isArray(list)) throw invalid(`ids is ${show(ids)}, but must be an array of strings`, 'ids');
  return { ids: [...new Set(list.map((id, i) => checkId(id, `ids[${i}]`)))] };
}

module.exports = { checkMemory, checkRemember, checkRecall, checkForget };
