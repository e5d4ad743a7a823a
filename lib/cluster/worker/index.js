// Every process that asks or executes: requests, its own contexts, its connection to the coordinator.
'use strict';
const { ContextRegistry, publicContext } = require('./context-registry');
const { CoordinatorConnection } = require('./coordinator-connection');
const { checkOptions } = require('./job-options');
const { NamedTensors } = require('./named-tensors');
const { ProgressEvents } = require('./progress-events');
const { selfTest } = require('./self-test');
const { obtainFrom } = require('./program-requests');
const { Requester } = require('./requester');
const { SharedResources } = require('./shared-resources');
const { makeRequester } = require('./traced-requester');

module.exports = {
  checkOptions,
  ContextRegistry,
  CoordinatorConnection,
  NamedTensors,
  obtainFrom,
  ProgressEvents,
  publicContext,
  makeRequester,
  Requester,
  selfTest,
  SharedResources,
};
