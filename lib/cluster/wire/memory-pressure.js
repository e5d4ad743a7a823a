// The event of a tier of memory whose state has changed, as it is sent to each process.
'use strict';
const { kTierStates } = require('../../pressure');
const { string, number, integer, oneOf, optional, nullOr, object } = require('./shapes');

const memoryPressure = object({
  tier: oneOf(/** @type {const} */ (['device', 'host', 'disk'])),
  of: string,
  state: oneOf(kTierStates),
  used: number,
  limit: nullOr(number),
  fullInMs: nullOr(number),
  contextId: optional(string),
  workerId: integer,
  memoryUsage: number,
  memoryLimit: number,
  utilization: number,
});

module.exports = { memoryPressure };
