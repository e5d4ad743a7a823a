// Many inputs, several at a time, with a bar for a person who watches.
'use strict';

/** @param {number} total */
function barOf(total) {
  if (!process.stderr.isTTY || total < 2) return { increment: () => {}, stop: () => {} };
  const { Presets, SingleBar } = require('cli-progress');
  const bar = new SingleBar(
    { stream: process.stderr, clearOnComplete: true, hideCursor: true },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return bar;
}

/**
 * @template Input, Result
 * @param {readonly Input[]} inputs
 * @param {number} parallel at a time
 * @param {(input: Input, index: number) => Promise<Result>} work
 * @returns {Promise<Result[]>} in the order of the inputs; the first failure ends it, and nothing more begins
 */
async function each(inputs, parallel, work) {
  const bar = barOf(inputs.length);
  /** @type {Result[]} */
  const results = new Array(inputs.length);
  let next = 0;
  const run = async () => {
    while (next < inputs.length) {
      const index = next++;
      try {
        results[index] = await work(inputs[index], index);
      } catch (error) {
        next = inputs.length;
        throw error;
      }
      bar.increment();
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(parallel, inputs.length) }, run));
  } finally {
    bar.stop();
  }
  return results;
}

module.exports = { each };
