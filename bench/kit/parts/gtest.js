// What a GoogleTest program has said, also one that did not come to its end.
'use strict';

const kMostText = 400; // of a failure; the whole is in the part's JSON file

/**
 * @param {string} output
 * @returns {{ count: number|null, passed: number, failures: string[], at: string|null }} how many cases there are, how
 *   many passed, which failed and with what, and the one it was at
 */
function readCases(output) {
  let count = /** @type {number|null} */ (null),
    passed = 0,
    at = /** @type {string|null} */ (null),
    text = '';
  const failures = [];
  for (const line of output.split('\n')) {
    const running = /^\[={10}\] Running (\d+) tests? from/.exec(line);
    if (running) count = Number(running[1]);
    const begun = /\[ RUN {6}\] (.+)$/.exec(line);
    if (begun) {
      at = begun[1];
      text = '';
      continue;
    }
    // The list at the end names those that failed once more, without a time.
    const ended = /\[ +(OK|FAILED|SKIPPED) +\] .*\(\d+ ms\)$/.exec(line);
    if (!ended || at === null) {
      if (at !== null && text.length < kMostText) text += `${line} `;
      continue;
    }
    if (ended[1] === 'OK') passed += 1;
    if (ended[1] === 'FAILED') failures.push(`${at}: ${text.trim().slice(0, kMostText)}`);
    at = null;
  }
  return { count, passed, failures, at };
}

module.exports = { readCases };
