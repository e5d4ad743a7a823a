// The steps and waits of a job in words: made when somebody asks.
'use strict';
const { epochMs, nowMs } = require('../../core');
const { kWaits, kHeld, kDetailed } = require('./waits');

const { Date } = globalThis; // as it was when this was loaded: a test may replace it

/** @typedef {import('./job-ring').JobFacts} JobFacts */
/** @typedef {import('./job-ring').JobEnd} JobEnd */

const kShortMs = 0.1; // of waiting: not worth a word
const kMessageMs = 1; // that messages may take without being worth one

/** @type {readonly (readonly [number, string])[]} what is said of each reason to wait, % being the context */
const kSaid = [
  [kWaits.nobody, 'no context that may take it was open'],
  [kWaits.memory, '% had not the memory for it'],
  [kWaits.alone, 'it had to run alone, and no worker was empty'],
  [kWaits.emptied, 'a worker was kept for a job that has to run alone'],
  [kWaits.workerFull, 'its worker ran as many jobs as it may'],
  [kWaits.ownJobs, 'its contexts were busy with long jobs of their own process'],
  [kWaits.busy, 'its contexts were busy, % the best of them'],
  [kWaits.sooner, '% was expected to be through with it sooner than others'],
  [kWaits.batch, 'it was held for a batch: others like it were expected at once'],
];

/**
 * A time as people read it.
 * @param {number} ms
 */
function timeText(ms) {
  if (ms === Infinity) return 'without end';
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms >= 100 ? Math.round(ms) : Number(ms.toPrecision(2))} ms`;
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/**
 * @param {number} ms as of nowMs()
 * @returns {number} as Date.now() has it
 */
function epochOf(ms) {
  return epochMs() - (nowMs() - ms);
}

/** @param {number} workerId */
function processOf(workerId) {
  return workerId ? `worker ${workerId}` : "the coordinator's process";
}

/**
 * @param {JobFacts} job
 * @returns {string[]} what happened to it, in this order
 */
function stepsOf(job) {
  const steps = [askedText(job)];
  if (job.isSplit) return [...steps, ...(job.tries ?? []), ...(job.end ? endTexts(job, job.end) : [])];
  const ready = job.came - job.asked;
  if (!job.own && ready > kMessageMs && job.came !== job.end?.at)
    steps.push(`its memory was made ready and its message came, which took ${timeText(ready)}`);
  for (const tried of job.tries ?? []) steps.push(tried);
  if (job.own && job.cached) steps.push(`an equal job had run on ${job.context}, and its result was kept`);
  else if (job.own) steps.push(`${job.context}, a context of its own process, was idle and took it at once`);
  else if (job.given || job.end) steps.push(...waitedTexts(job));
  if (!job.own && job.given && !job.cached) steps.push(givenText(job));
  if (job.end) steps.push(...endTexts(job, job.end));
  return steps;
}

/** @param {JobFacts} job */
function askedText({ type, requester, asked, priority, cost, deadline }) {
  const when = new Date(epochOf(asked)).toISOString().slice(11, 23);
  const parts = priority === undefined ? [] : [`priority ${priority}`];
  if (cost > 0) parts.push(`${timeText(cost)} of work by estimate`);
  if (deadline !== undefined)
    parts.push(deadline === Infinity ? 'no deadline' : `${timeText(deadline - asked)} of time`);
  return `asked for by ${processOf(requester)} at ${when}: ${[type, ...parts].join(', ')}`;
}

/**
 * @param {JobFacts} job that has left the queue
 * @returns {string[]}
 */
function waitedTexts({ came, given, end, waits, before, waitedFor, tries, cached }) {
  const ms = (given || (end?.at ?? came)) - came;
  if (cached) return ['an equal job was under way: it waited for the outputs of that one'];
  if (ms < kShortMs && !(waits & ~(kHeld | kDetailed))) return [];
  const reasons = kSaid.flatMap(([bit, said]) => (waits & bit ? [said.replace('%', waitedFor ?? 'a context')] : []));
  if (before) reasons.unshift(`${counted(before, 'job')} ${before === 1 ? 'was' : 'were'} there before it`);
  const since = tries?.length ? ', from its first attempt on' : '';
  return [`waited ${timeText(ms)} in the queue${since}${reasons.length ? `: ${reasons.join('; ')}` : ''}`];
}

/** @param {JobFacts} job */
function givenText({ context, waits, attempts, end }) {
  let text = `given to ${context}`;
  if (waits & kHeld) text += ', where inputs of it were already';
  if (end?.switch && end.switch > kMessageMs) text += `, where it began after ${timeText(end.switch)}`;
  if (end && end.batch > 1) text += `, with ${counted(end.batch - 1, 'other', 'others')} in one launch`;
  return attempts > 1 ? `${text}, its attempt ${attempts}` : text;
}

/**
 * @param {JobFacts} job
 * @param {JobEnd} end
 * @returns {string[]}
 */
function endTexts({ asked, given, own, isSplit, cached }, end) {
  const total = timeText(end.at - asked);
  if (end.code) return [`ended with ${end.code} after ${total}${end.message ? `: ${end.message}` : ''}`];
  const ran = `${timeText(end.compute)} of computing`;
  const moved = end.upload + end.readback > 0 ? `, ${timeText(end.upload + end.readback)} of moving data` : '';
  const told = end.at - given - end.switch - end.compute - end.upload - end.readback;
  const late = !own && !isSplit && !cached && told > kMessageMs ? [`its end was heard of ${timeText(told)} later`] : [];
  return [...(cached ? [] : [`took ${ran}${moved}`]), ...late, `done after ${total}`];
}

module.exports = { stepsOf, processOf, timeText, counted, epochOf };
