// Memory: the durable store.
'use strict';
const { useMaker } = require('../core');
const { openStore, restoreStore, Store } = require('./store');

// What those methods of a manager do.
useMaker('openStore', (_owner, path, options) => openStore(path, options));
useMaker('restoreStore', (_owner, snapshot, path) => restoreStore(snapshot, path));

module.exports = { openStore, restoreStore, Store };
