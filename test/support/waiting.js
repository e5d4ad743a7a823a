// Waiting: for a while, and until something holds.
'use strict';

const sleep = (ms) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

async function until(condition, ms = 10000, what = condition) {
  const end = performance.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`after ${ms} ms still not: ${what}`);
    await sleep(5);
  }
}

module.exports = { sleep, until };
