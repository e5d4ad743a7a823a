// Two or more ways to the same vectors, each in a process of its own, measured by turns, another one first in each
// round: a ratio is of one run, on the same threads.
'use strict';
const os = require('node:os');
const path = require('node:path');
const { Peer } = require('../process');
const { median, sleep } = require('../stats');

const threads = os.availableParallelism();
const kRestMs = 30; // spinning threads of the last one come to rest

/** Opens each entry { library, open } in a process of its own. */
async function openAll(entries) {
  const opened = {};
  for (const [name, { library, open }] of Object.entries(entries)) {
    const peer = new Peer(path.join(__dirname, 'child.js'), [library]);
    opened[name] = { peer };
    opened[name].describe = await peer.call('open', { threads, ...open });
  }
  return opened;
}

/** The smallest cosine of rows of the same text. */
function smallestCosine(a, b, dimensions) {
  if (a.length !== b.length) throw new Error(`${a.length} numbers of one, ${b.length} of the other`);
  let least = 1;
  for (let at = 0; at < a.length; at += dimensions) {
    let [product, squaresA, squaresB] = [0, 0, 0];
    for (let i = at; i < at + dimensions; ++i) {
      product += a[i] * b[i];
      squaresA += a[i] * a[i];
      squaresB += b[i] * b[i];
    }
    least = Math.min(least, product / Math.sqrt(squaresA * squaresB));
  }
  return least;
}

/** The greatest difference of two lists of numbers. */
function largestDifference(a, b) {
  if (a.length !== b.length) throw new Error(`${a.length} numbers of one, ${b.length} of the other`);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

/**
 * Has each entry prepare its texts, then run them by turns.
 * @param {Record<string, { peer: Peer }>} opened
 * @param {Record<string, object>} prepare what each is given
 * @param {{ quick?: boolean }} options
 * @returns {Promise<{ ms: Record<string, number>, rows: Record<string, Float32Array> }>} medians of the rounds
 */
async function takeTurns(opened, prepare, { quick }) {
  const names = Object.keys(prepare);
  const [rounds, budgetMs] = quick ? [2, 150] : [7, 1200];
  const rows = {};
  const samples = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names)
    rows[name] = await opened[name].peer.call('prepare', { warmMs: quick ? 0 : 500, ...prepare[name] });
  for (let i = 0; i < rounds; ++i)
    for (let j = 0; j < names.length; ++j) {
      const name = names[(i + j) % names.length];
      const { median: ms } = await opened[name].peer.call('time', { budgetMs, least: quick ? 1 : 2 });
      samples[name].push(ms);
      await sleep(kRestMs);
    }
  return { rows, ms: Object.fromEntries(names.map((name) => [name, median(samples[name])])) };
}

/** Runs `work` with the entries open, and closes them. */
async function contest(entries, work) {
  const opened = await openAll(entries);
  try {
    return await work(opened);
  } finally {
    for (const { peer } of Object.values(opened)) await peer.close();
  }
}

module.exports = { contest, takeTurns, smallestCosine, largestDifference, threads };
