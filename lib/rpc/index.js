// One dispatcher for all doors: the table of methods, JSON-RPC, and what methods work with.
'use strict';
const { accountOf } = require('./account');
const { kLocal } = require('./call');
const { Dispatcher } = require('./dispatcher');
const { describeError, ProtocolError } = require('./errors');
const mcp = require('./mcp');
const { kMethods, methods } = require('./methods');
const { kRemedies } = require('./remedies');
const { Session } = require('./session');

/** @type {typeof import('./parts').makeParts} loads the engine */
const makeParts = (...args) => require('./parts').makeParts(...args);
/** @returns {typeof import('./json-rpc').JsonRpc} loads the engine */
const jsonRpc = () => require('./json-rpc').JsonRpc;
/** @type {typeof import('./handlers/hub').hubOf} */
const hubOf = (manager) => require('./handlers/hub').hubOf(manager);
/** @returns {typeof import('./compatible')} loads the engine */
const compatible = () => require('./compatible');
/** @returns {typeof import('./encode')} loads the engine */
const encoding = () => require('./encode');

module.exports = {
  accountOf,
  kMethods,
  methods,
  kRemedies,
  kLocal,
  Dispatcher,
  Session,
  ProtocolError,
  describeError,
  makeParts,
  jsonRpc,
  mcp,
  hubOf,
  compatible,
  encoding,
};
