// Every process that asks or executes: requests, its own contexts, its connection to the coordinator.
'use strict';
const { ContextRegistry } = require('./context-registry');
const { CoordinatorConnection } = require('./coordinator-connection');
const { selfTest } = require('./pool');
const { obtainFrom } = require('./program-requests');
const { Requester } = require('./requester');

module.exports = { ContextRegistry, CoordinatorConnection, obtainFrom, Requester, selfTest };
