// `switchyard top`: what a running server does, in the terminal, second by second.
'use strict';
const { setTimeout } = require('node:timers/promises');
const { InvalidArgumentError } = require('commander');
const { addServer, openServer } = require('./server/connect');
const { frame, kHistory } = require('./top-frame');

/** @typedef {import('./top-frame').Reading} Reading */
/**
 * @typedef {object} Options
 * @property {URL} [server]
 * @property {string} [tokenFile]
 * @property {number} interval seconds
 * @property {boolean} [once]
 * @property {boolean} [json]
 */

const kServer = 'http://127.0.0.1:3000';
const kScreen = { begin: '\x1b[?1049h\x1b[?25l', end: '\x1b[?25h\x1b[?1049l', home: '\x1b[H', clear: '\x1b[0J' };

/** @param {string} text */
function parseSeconds(text) {
  const seconds = Number(text);
  if (!(seconds >= 0.25 && seconds <= 3600)) throw new InvalidArgumentError('It must be a number from 0.25 to 3600.');
  return seconds;
}

/**
 * @param {import('./server/connect').Call} call
 * @returns {Promise<Reading>}
 */
async function read(call) {
  const [metrics, health] = await Promise.all([call('getMetrics', {}), call('health', {})]);
  return { metrics, health };
}

/**
 * Ends at q, Ctrl-C and Ctrl-D, with the terminal as it was.
 * @param {AbortController} end
 * @returns {() => void} gives the terminal back
 */
function takeTerminal(end) {
  const { stdin, stdout } = process;
  const stop = () => end.abort();
  stdout.write(kScreen.begin);
  process.once('SIGINT', stop).once('SIGTERM', stop);
  if (stdin.isTTY) {
    stdin.setRawMode(true).resume();
    stdin.on('data', (keys) => {
      if (/[qQ\x03\x04]/.test(keys.toString())) stop();
    });
  }
  return () => {
    if (stdin.isTTY) stdin.setRawMode(false).pause();
    stdout.write(kScreen.end);
  };
}

/**
 * @param {import('./server/connect').Call} call
 * @param {string} server
 * @param {Options} options
 * @param {AbortController} end
 */
async function watch(call, server, { interval, once, json }, end) {
  const { stdout } = process;
  const isScreen = !once && !json && stdout.isTTY === true;
  const giveBack = isScreen ? takeTerminal(end) : () => {};
  /** @type {number[]} jobs a second, the newest last */
  const rates = [];
  try {
    while (!end.signal.aborted) {
      const reading = await read(call);
      rates.push(reading.metrics.performance.jobsPerSecond);
      if (rates.length > kHistory) rates.shift();
      const colours = isScreen && !process.env.NO_COLOR;
      const text = json
        ? JSON.stringify(reading)
        : frame({ ...reading, rates, server, width: stdout.columns ?? 100, colours }).join(
            isScreen ? '\x1b[K\n' : '\n',
          );
      stdout.write(isScreen ? `${kScreen.home}${text}${kScreen.clear}` : `${text}\n`);
      if (once) return;
      await setTimeout(interval * 1000, undefined, { signal: end.signal }).catch(() => {});
    }
  } finally {
    giveBack();
  }
}

/** @param {Options} options */
async function top(options) {
  const { call, server, close } = openServer({
    ...options,
    server: options.server ?? new URL(kServer),
    cache: false,
    parallel: 1,
  });
  try {
    await watch(call, server, options, new AbortController());
  } finally {
    await close();
  }
}

/** @param {import('commander').Command} program */
function addTop(program) {
  const command = program.command('top').description('show what a running server does, second by second');
  addServer(command);
  command
    .option('--interval <seconds>', 'between two looks', parseSeconds, 1)
    .option('--once', 'look once, and end')
    .option('--json', 'a line of JSON for each look')
    .addHelpText('after', `\nWithout --server it is ${kServer}. q ends it.`)
    .action(top);
}

module.exports = { addTop };
