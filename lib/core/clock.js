// The clock that every process of a machine shares. Its parts are taken when this is loaded: what a test makes of the
// global ones later, fake timers for example, stops nothing here.
'use strict';
const { performance } = require('node:perf_hooks');

const sinceStart = performance.now.bind(performance);
const { now: epochMs } = Date; // eslint-disable-line no-restricted-properties -- as it was when this was loaded
let offset = 0; // of the start of this process; known once the addon is loaded, whose times these must agree with

/** @returns {number} milliseconds of CLOCK_MONOTONIC: the same in every process, never set back */
function nowMs() {
  return sinceStart() + offset;
}

/**
 * By the addon's clock: process.hrtime() may be a test's already.
 * @param {number} ms of CLOCK_MONOTONIC, now
 */
function setClock(ms) {
  offset = ms - sinceStart();
}

module.exports = { nowMs, setClock, epochMs };
