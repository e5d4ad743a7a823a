// How an application fares beside much work on texts: how late its event loop is, and whether its memory grows.
'use strict';
const path = require('node:path');
const { Peer } = require('../process');
const { round } = require('../stats');
const { below } = require('./targets');

const kLoop = 'event loop p99, 32 calls of 256 texts in flight';
const kGrowth = '100,000 calls: growth in the second half';

async function inChild(operation, args) {
  const peer = new Peer(path.join(__dirname, 'behaviour-child.js'), [], { execArgv: ['--expose-gc'] });
  try {
    return await peer.call(operation, args, { timeoutMs: 900_000 });
  } finally {
    await peer.close();
  }
}

const eventLoop = ({ quick }) => ({
  name: 'event loop',
  figures: [{ name: kLoop, unit: 'ms', ...below(5) }],
  async take() {
    const { p99, p50, max, idle, calls, tokens } = await inChild('loop', { durationMs: quick ? 2000 : 15_000 });
    const detail =
      `default model by a manager; p50 ${round(p50, 3)} ms, longest ${round(max, 3)} ms, p99 without work ` +
      `${round(idle.p99, 3)} ms; ${calls} calls, ${tokens} tokens meanwhile`;
    return { figures: { [kLoop]: { value: p99, detail } } };
  },
});

const memory = ({ quick }) => ({
  name: 'memory growth',
  figures: [{ name: kGrowth, unit: 'MB', ...below(5) }],
  async take() {
    const count = quick ? 2000 : 100_000;
    const { growthMb, halfMb, endMb } = await inChild('growth', { count });
    const leak = await inChild('growth', { count: Math.min(count, 20_000), leak: true });
    const detail =
      `${count} calls of one text, 32 in flight; ${round(halfMb, 4)} to ${round(endMb, 4)} MB; with every vector ` +
      `kept on purpose it sees ${round(leak.growthMb, 3)} MB in ${Math.min(count, 20_000)}`;
    return { figures: { [kGrowth]: { value: growthMb, detail } } };
  },
});

module.exports = { eventLoop, memory };
