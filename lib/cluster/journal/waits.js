// Why a queued job was not given to a context when the scheduler looked at it: one bit each, so that a job's record
// holds all of its reasons in one number.
'use strict';

/** In the order in which they are told. */
const kWaits = Object.freeze({
  nobody: 1, // no context that may take it is open
  memory: 2, // none has the memory for it
  alone: 4, // it has to run alone, and no worker is empty
  emptied: 8, // its worker is kept for a job that has to run alone
  workerFull: 16, // its worker runs as many jobs as it may
  ownJobs: 32, // what processes have begun on contexts of their own takes long
  busy: 64, // the contexts have as much as they take
  sooner: 128, // a better context is expected to be through with it sooner than those that are free
  batch: 256, // held back for jobs like it, to go in one launch
});

/** Among the same bits: the context that took it had some of its inputs already. */
const kHeld = 512;
/** Among the same bits: an id that its user gave it, or other details, are kept of it. */
const kDetailed = 1024;

module.exports = { kWaits, kHeld, kDetailed };
