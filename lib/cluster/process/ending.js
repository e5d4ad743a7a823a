// How a process ends its part: what was given is waited for, then cut.
'use strict';
const { setTimeout } = require('node:timers');
const { nowMs } = require('../../core');

/** @typedef {import('../worker').Requester} Requester */
/** @typedef {import('../worker').CoordinatorConnection} CoordinatorConnection */
/** @typedef {import('../../core').GPUError} GPUError */
/**
 * @typedef {object} Ending
 * @property {Requester} requester
 * @property {boolean} drain whether what was given is finished first
 * @property {number} until ms as of nowMs(), how long that may take
 * @property {GPUError} closed what the others fail with
 */

const kPollMs = 5;
const kPollSlowMs = 20;

/**
 * Waits until it is so, or the time is up.
 * @param {() => boolean} done
 * @param {number} until ms as of nowMs()
 * @param {number} [pollMs]
 */
async function waitFor(done, until, pollMs = kPollMs) {
  while (!done() && nowMs() < until)
    await new Promise((resolve) => {
      setTimeout(resolve, pollMs);
    });
}

/**
 * In the coordinator's own process: everybody's jobs.
 * @param {import('../primary').Primary} primary
 * @param {Ending} ending
 * @param {number} stopMs that what runs has to stop
 */
async function endCoordinated(primary, { requester, drain, until, closed }, stopMs) {
  const { coordinator } = primary;
  // What never ends is waited for by this process, which is alone, and by its coordinator.
  const unsettled = () => coordinator.unsettled + requester.waiting + requester.running - 2 * coordinator.givenUp;
  if (drain) await waitFor(() => unsettled() <= 0, until);
  coordinator.closing = true;
  coordinator.rejectAll();
  requester.cut(closed);
  // They are told to stop before their contexts go; that takes a moment.
  await waitFor(() => coordinator.unsettled + requester.running - coordinator.givenUp <= 0, nowMs() + stopMs);
}

/**
 * In a worker: its own jobs, and those of others that run here.
 * @param {CoordinatorConnection} connection
 * @param {Ending} ending
 */
async function endWorker(connection, { requester, drain, until, closed }) {
  if (drain) await waitFor(() => requester.waiting + requester.running <= 0, until);
  connection.drain();
  requester.cut(closed);
  await waitFor(
    () => !connection.pool?.contexts.some(({ remotePending, localPending }) => remotePending + localPending > 0),
    until,
  );
}

/**
 * In a worker that is to be replaced: what runs on a context that was not lost may end.
 * @param {CoordinatorConnection} connection
 * @param {Requester} requester
 * @param {number} until ms as of nowMs()
 */
async function leave(connection, requester, until) {
  connection.drain();
  const runs = () =>
    connection.pool?.contexts.some((context) => !context.isLost && (context.localPending || context.remotePending));
  await waitFor(() => !requester.waiting && !runs(), until, kPollSlowMs);
}

module.exports = { endCoordinated, endWorker, leave };
