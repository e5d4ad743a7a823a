// Memory: the durable store, and indexes of vectors.
'use strict';
const { useMaker } = require('../core');
const { openStore, restoreStore, Store } = require('./store');
const { createIndex, VectorIndex } = require('./vectors');

// What those methods of a manager do.
useMaker('openStore', (_owner, path, options) => openStore(path, options));
useMaker('restoreStore', (_owner, snapshot, path) => restoreStore(snapshot, path));

module.exports = { openStore, restoreStore, Store, createIndex, VectorIndex };
