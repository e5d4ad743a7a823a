// Stores, indexes and documents that all processes of a cluster share: one process owns each, the others call it.
'use strict';
const { ClusterStore } = require('./cluster-store');
const { openIndexOn, openMemoryOn, openStoreOn } = require('./open');

module.exports = { ClusterStore, openIndexOn, openMemoryOn, openStoreOn };
