// The durable store: objects by key, and collections of records and files for what is built on it.
'use strict';
const { checkOpening, checkPath, checkKey, checkValue, checkPut, checkDelete, checkList } = require('./check');
const { Marks, packMark, unpackMark, readMark, kinds } = require('./marks');
const { openStore, openBeside, restoreStore } = require('./open');
const { Store, collectionOf, diskOf, lastRecordOf } = require('./store');

/** For stores that other processes call, too. */
const checks = { checkOpening, checkPath, checkKey, checkValue, checkPut, checkDelete, checkList };

module.exports = {
  openStore,
  openBeside,
  restoreStore,
  Store,
  collectionOf,
  lastRecordOf,
  diskOf,
  checks,
  Marks,
  packMark,
  unpackMark,
  readMark,
  kinds,
};
