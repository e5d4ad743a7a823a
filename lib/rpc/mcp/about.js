// What a server of the Model Context Protocol says of itself, whichever code says it.
'use strict';
const { version } = require('../../../package.json');

const kServerInfo = Object.freeze({ name: 'switchyard', title: 'Switchyard', version });
const kInstructions =
  'A memory that finds texts by what they mean (memory_remember, memory_recall, memory_forget), vectors of texts ' +
  '(embed, rerank), indexes of vectors, objects by key, and numeric workloads on GPUs and processors ' +
  '(listWorkloads, executeWorkload). Remember documents with metadata, so that a filter can tell them apart.';
const kCapabilities = Object.freeze({ tools: {} });
/** For how long a client may keep the list of tools: it is the same for as long as we run. */
const kListed = Object.freeze({ ttlMs: 3_600_000, cacheScope: /** @type {const} */ ('private') });

module.exports = { kServerInfo, kInstructions, kCapabilities, kListed };
