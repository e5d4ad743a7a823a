// The longest that the event loop was kept from turning while something went on: perf_hooks' 1 ms timer, its interval
// taken off.
'use strict';
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { sleep } = require('../stats');

const kSettleMs = 20;

// Resolves to { result, longestMs }.
async function watchingLoop(run) {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await sleep(kSettleMs); // its first tick only sets the start
  histogram.reset();
  const result = await run();
  await sleep(kSettleMs); // the timer that records the last gap comes after it
  histogram.disable();
  return { result, longestMs: Math.max(0, histogram.max / 1e6 - 1) };
}

module.exports = { watchingLoop };
