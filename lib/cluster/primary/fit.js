// Which contexts can take a job at all.
'use strict';
/** @typedef {import('./scheduler').Job} Job */
/** @typedef {import('./scheduler').ContextView} ContextView */

/** @param {ContextView} context */
function isHealthy({ state }) {
  return state === 'idle' || state === 'busy';
}

/**
 * @param {Pick<Job, 'contextType'|'kind'>} job
 * @param {Pick<ContextView, 'type'|'canDraw'>} context
 */
function isOfFitType(job, context) {
  const { contextType } = job;
  return (
    (contextType === '' || contextType === context.type || (contextType === 'gpu' && context.type !== 'cpu')) &&
    (job.kind !== 'render' || context.canDraw)
  );
}

/**
 * Whether the context can take the job, now or when what it does has ended.
 * @param {Job} job
 * @param {ContextView} context
 */
function suits(job, context) {
  return isHealthy(context) && isOfFitType(job, context) && (context.memoryFree >= job.bytes || context.pending > 0);
}

/**
 * Whether the context can take the job now.
 * @param {Job} job
 * @param {ContextView} context
 */
function canRun(job, context) {
  return (
    isHealthy(context) &&
    isOfFitType(job, context) &&
    context.memoryFree >= job.bytes &&
    context.room > 0 &&
    (job.alone ? context.workerRunning === 0 : context.workerRoom > 0)
  );
}

module.exports = { isOfFitType, suits, canRun };
