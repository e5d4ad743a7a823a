// How much of a call goes at once: documents that are cut and embedded together, those that one write has room for, and
// passages that are reranked.
'use strict';

/** @typedef {import('./options').Document} Document */
/** @typedef {import('./memory').Ready} Ready */

const kMostPassages = 8192; // of a document, and of one write
const kGroupUnits = 1 << 20; // of documents that are cut and embedded together
const kGroupDocuments = 256;
const kRerank = { times: 4, least: 20, most: 200 }; // passages that are reranked, for each that is wanted

/**
 * @param {number} k
 * @param {boolean|number} rerank
 */
function candidatesOf(k, rerank) {
  if (!rerank) return k;
  if (typeof rerank === 'number') return rerank;
  const { times, least, most } = kRerank;
  return Math.max(k, Math.min(most, Math.max(least, times * k)));
}

/**
 * Documents that are cut and embedded together: bounded, whatever they are.
 * @param {Document[]} documents
 * @returns {Document[][]}
 */
function groupsOf(documents) {
  /** @type {Document[][]} */
  const groups = [];
  let units = Infinity;
  for (const document of documents) {
    if (units + document.text.length > kGroupUnits || groups[groups.length - 1].length === kGroupDocuments) {
      groups.push([]);
      units = 0;
    }
    groups[groups.length - 1].push(document);
    units += document.text.length;
  }
  return groups;
}

/**
 * Documents that one write has room for.
 * @param {Ready[]} ready
 * @returns {Ready[][]}
 */
function partsOf(ready) {
  /** @type {Ready[][]} */
  const parts = [];
  let passages = Infinity;
  for (const each of ready) {
    const { length } = each.embedded.places;
    if (passages + length > kMostPassages) {
      parts.push([]);
      passages = 0;
    }
    parts[parts.length - 1].push(each);
    passages += length;
  }
  return parts;
}

module.exports = { candidatesOf, groupsOf, partsOf, kMostPassages };
