// Numbers that JSON has no word for, and results of searches, as calls and answers have them.
'use strict';

/** @typedef {import('../../index').SearchResults} SearchResults */
/**
 * @typedef {{ ids: import('../../index').VectorId[][], hasVectors: boolean,
 *   metadata?: (Record<string, unknown>|null)[][], explain?: SearchResults['explain'] }} Found
 */

/**
 * @param {number|undefined} value
 * @returns {number|string|undefined}
 */
const wordOf = (value) => (value === undefined || Number.isFinite(value) ? value : String(value));

/**
 * @param {unknown} value
 * @returns {number|undefined}
 */
const numberOf = (value) => (value === undefined ? undefined : Number(value));

/**
 * @param {SearchResults} results
 * @returns {import('./server').Answer}
 */
function packResults({ ids, scores, vectors, metadata, explain }) {
  const parts = [joined(scores), ...(vectors ? [joined(vectors.map(({ data }) => data))] : [])];
  return { value: { ids, hasVectors: vectors !== undefined, metadata, explain }, parts };
}

/**
 * @param {import('./shared-store').Answer} answer
 * @param {number} dimensions
 * @returns {SearchResults}
 */
function unpackResults({ value, parts }, dimensions) {
  const { ids, hasVectors, metadata, explain } = /** @type {Found} */ (value);
  const lists = ids;
  /** @type {SearchResults} */
  const results = { ids: lists, scores: cut(parts[0], lists, 1) };
  if (hasVectors)
    results.vectors = cut(parts[1], lists, dimensions).map((data) => ({
      data,
      shape: [data.length / dimensions, dimensions],
      dtype: 'float32',
    }));
  // JSON has no word for undefined, either.
  if (metadata) results.metadata = metadata.map((list) => list.map((each) => each ?? undefined));
  if (explain) results.explain = explain;
  return results;
}

/** @param {readonly Float32Array[]} all */
function joined(all) {
  if (all.length === 1) return all[0];
  const one = new Float32Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const each of all) {
    one.set(each, at);
    at += each.length;
  }
  return one;
}

/**
 * Each list's numbers, in memory of their own.
 * @param {Uint8Array} part
 * @param {readonly (readonly unknown[])[]} lists
 * @param {number} each
 */
function cut(part, lists, each) {
  const numbers = floatsOf(part);
  let at = 0;
  return lists.map(({ length }) => numbers.slice(at, (at += length * each)));
}

/** @param {Uint8Array} part of a frame, or of this process's own call */
const floatsOf = (part) => new Float32Array(part.buffer, part.byteOffset, part.byteLength / 4);

module.exports = { wordOf, numberOf, packResults, unpackResults, floatsOf };
