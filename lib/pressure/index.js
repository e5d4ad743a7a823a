// How full memory is: of devices, of the host, on disks. Decides what state a tier is in and when it will be full; what
// is done about it, others do.
'use strict';
const { kTierStates, kHigh, kRecovery, kCalm, worstOf } = require('./states');
const { readHost } = require('./host-memory');
const { Tier } = require('./tier');
const { watchStore, storesUse } = require('./stores');
const { pressureEvent } = require('./told');

module.exports = {
  kTierStates,
  kHigh,
  kRecovery,
  kCalm,
  worstOf,
  readHost,
  Tier,
  watchStore,
  storesUse,
  pressureEvent,
};
