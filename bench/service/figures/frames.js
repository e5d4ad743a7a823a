// processEmbeddings of 256 x 768 over a WebSocket in binary frames, minus the same in process: in turns, in one run.
'use strict';
const path = require('node:path');
const { fork } = require('node:child_process');
const WebSocket = require('ws');
const { now, median, percentile, round } = require('../../stats');
const { connect } = require('../client');
const { start } = require('../start');

const kRows = 256,
  kDimensions = 768;

/** What as many bytes take there and back, with nothing done to them: a function that measures some, and its end. */
async function echo(bytes) {
  const child = fork(path.join(__dirname, '../echo.js'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const port = await new Promise((resolve) => {
    child.once('message', resolve);
  });
  const ws = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  await new Promise((resolve) => {
    ws.once('open', resolve);
  });
  const message = Buffer.alloc(bytes);
  const once = () =>
    new Promise((resolve) => {
      const began = now();
      ws.once('message', () => resolve(now() - began));
      ws.send(message, { binary: true });
    });
  return {
    measure: async (count) => {
      const samples = [];
      while (samples.length < count) samples.push(await once());
      return samples;
    },
    stop: () => {
      ws.terminate();
      child.disconnect();
    },
  };
}

async function measure({ quick }) {
  const server = await start();
  const client = await connect(server.rpcPort);
  const data = Float32Array.from({ length: kRows * kDimensions }, (_, i) => Math.sin(i));
  const embeddings = { data, shape: [kRows, kDimensions], dtype: 'float32' };
  const way = await echo(data.byteLength);
  const over = [],
    inside = [],
    there = [];
  const count = 50;
  for (let round_ = 0; round_ < (quick ? 2 : 6); ++round_) {
    for (let i = 0; i < count; ++i) {
      const began = now();
      await client.call('processEmbeddings', { embeddings });
      if (round_ > 0 || i >= 10) over.push(now() - began);
    }
    there.push(...(await way.measure(count)));
    inside.push(...(await server.ask({ ask: 'measure', what: 'frames', rows: kRows, dimensions: kDimensions, count })));
  }
  client.close();
  way.stop();
  await server.stop();
  const detail = [over, inside]
    .map((samples) => `p50 ${round(median(samples), 2)} ms, p99 ${round(percentile(samples, 99), 2)} ms`)
    .join('; in process ');
  return [
    {
      name: `processEmbeddings ${kRows} x ${kDimensions}, over a WebSocket beyond in process`,
      value: median(over) - median(inside),
      unit: 'ms',
      target: 'within 2 ms',
      detail: `${detail}; an echo of as many bytes p50 ${round(median(there), 2)} ms`,
    },
  ];
}

module.exports = { measure };
