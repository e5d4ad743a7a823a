// What the parts of bench:memory have in common: numbers, figures, two things in turn, and a folder for what takes long
// to make.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { machine } = require('../machine');
const { now, median, round } = require('../stats');

/**
 * The options of a part: --json, --quick, and its own.
 * @param {object} [own] of parseArgs
 */
function readOptions(own = {}) {
  const flag = { type: 'boolean' };
  return parseArgs({ options: { json: flag, quick: flag, ...own } }).values;
}

/** Numbers around 0 of a normal distribution, the same in every run. */
function normal(length, seed) {
  let state = seed >>> 0;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Float32Array.from({ length }, () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()));
}

/** Says figures as they come, or all of them as JSON. */
class Figures {
  #isJson;
  #figures = [];

  constructor(isJson) {
    this.#isJson = isJson;
  }

  tell(name, value, target, detail) {
    this.#figures.push({ name, value: round(value, 3), target, detail });
    if (!this.#isJson) console.log(`${name}: ${round(value, 3)} (${target})  ${detail}`);
  }

  end(what = {}) {
    if (this.#isJson) console.log(JSON.stringify({ machine: machine(), ...what, figures: this.#figures }, null, 2));
  }
}

async function timed(run) {
  const from = now();
  await run();
  return now() - from;
}

/** Runs things in turn, so that what the machine does meets all of them; the samples of each. */
async function inTurn(budgetMs, ...runs) {
  const samples = runs.map(() => []);
  for (const run of runs) await run();
  const end = now() + budgetMs;
  do {
    for (const [i, run] of runs.entries()) samples[i].push(await timed(run));
  } while (now() < end || samples[0].length < 3);
  return samples;
}

const ms = (samples) => `${round(median(samples), 3)} ms`;

/** A folder below build/, which is kept for the next run. */
function cacheFolder(name) {
  const folder = path.join(__dirname, '..', '..', 'build', 'bench-memory', name);
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  return folder;
}

/** A library of bench/node_modules; undefined: it is not there, which is said. */
function library(name) {
  try {
    return require(require.resolve(name, { paths: [path.join(__dirname, '..')] }));
  } catch (error) {
    console.error(`without ${name}: ${error.message.split('\n')[0]}`);
    return undefined;
  }
}

module.exports = { readOptions, normal, Figures, timed, inTurn, ms, cacheFolder, library };
