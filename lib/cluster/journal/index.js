// What is told of jobs, of those under way and of those that ended last: records, and the words that are made of them.
'use strict';
/** @typedef {import('./job-ring').JobFacts} JobFacts */
/** @typedef {import('./job-ring').Details} Details */
const { JobRing, grown, kKept, kOwn, kSplit, kCached, at } = require('./job-ring');
const { typeOf, detailsOf, nameOf, matcher, cutId } = require('./job-ring');
const { stepsOf, processOf, timeText, counted, epochOf } = require('./steps');
const { kWaits, kHeld, kDetailed } = require('./waits');

module.exports = {
  JobRing,
  grown,
  kKept,
  kOwn,
  kSplit,
  kCached,
  at,
  typeOf,
  detailsOf,
  nameOf,
  matcher,
  cutId,
  stepsOf,
  processOf,
  timeText,
  counted,
  epochOf,
  kWaits,
  kHeld,
  kDetailed,
};
