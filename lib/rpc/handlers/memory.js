// memory_remember, memory_recall, memory_forget.
'use strict';
const { invalid } = require('../../core');
const { takeRoom } = require('../answer-room');
const { jobOptions, given } = require('./jobs');

/** @typedef {import('../methods').Handler} Handler */

/** @type {Handler} */
async function remember(parts, { documents, metadata, memory, job }, call) {
  const options = given({ metadata, ...jobOptions(parts, job, call) });
  return parts.memories.use(memory, (each) => each.remember(documents, options));
}

const kPassageBytes = 1024, // about, with its metadata
  kUsual = 5;

/** @type {Handler} */
async function recall(parts, { query, k, filter, rerank, memory, job }, call) {
  const options = given({ k, filter, rerank, ...jobOptions(parts, job, call) });
  const find = async (/** @type {import('../../index').Memory} */ each) => {
    await takeRoom(parts, call, (k ?? kUsual) * kPassageBytes);
    return each.recall(query, options);
  };
  return { passages: await parts.memories.look(memory, find, []) };
}

/** @type {Handler} */
async function forget(parts, { ids, filter, memory }) {
  const what = /** @type {import('../../index').Forgotten} */ (given({ ids, filter }));
  if (ids === undefined && filter === undefined) throw invalid('ids and filter are both left out: give one of them');
  return { forgotten: await parts.memories.look(memory, (each) => each.forget(what), 0) };
}

module.exports = { remember, recall, forget };
