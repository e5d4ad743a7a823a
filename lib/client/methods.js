// Written by `npm run generate`. The methods, and whether the same call again changes nothing more.
'use strict';

/** @type {Readonly<Record<string, boolean>>} */
const kMethods = {
  processEmbeddings: true,
  embed: true,
  rerank: true,
  memory_remember: true,
  memory_recall: true,
  memory_forget: true,
  index_create: true,
  index_add: false,
  index_upsert: true,
  index_remove: true,
  index_search: true,
  index_stats: true,
  store_put: true,
  store_get: true,
  store_delete: true,
  store_list: true,
  executeWorkload: true,
  listWorkloads: true,
  listDevices: true,
  getMetrics: true,
  health: true,
  listKept: true,
  cleanup: true,
  subscribe: false,
};

module.exports = { kMethods };
