// A clock for what must be quick on a busy machine, too: it stands while this thread waits for a processor that others
// have. What waits for another thread is still counted.
'use strict';
const fs = require('node:fs');
const { performance } = require('node:perf_hooks');

const kSchedule = `/proc/self/task/${process.pid}/schedstat`;

/** @returns {number} how long this thread was ready and had no processor, in ms; 0 where the kernel doesn't tell */
function waitedForProcessor() {
  try {
    return Number(fs.readFileSync(kSchedule, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

/** @returns {number} milliseconds */
const ownTime = () => performance.now() - waitedForProcessor();

/**
 * Looks every `every` ms how long the event loop has had no turn.
 *
 * @returns {{ look: () => void, stop: () => number }} `stop` gives the longest time, in ms of `ownTime`
 */
function watchTurns(every) {
  let last = ownTime();
  let longest = 0;
  const look = () => {
    const now = ownTime();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(look, every);
  return {
    look,
    stop() {
      look();
      clearInterval(timer);
      return longest;
    },
  };
}

module.exports = { ownTime, watchTurns };
