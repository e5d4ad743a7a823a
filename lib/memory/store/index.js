// The durable store: objects by key, and collections of records and files for what is built on it.
'use strict';
const { openStore, restoreStore } = require('./open');
const { Store, collectionOf, diskOf } = require('./store');

module.exports = { openStore, restoreStore, Store, collectionOf, diskOf };
