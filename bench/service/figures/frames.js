// processEmbeddings of 256 x 768 over a WebSocket in binary frames, minus the same in process: in turns, in one run.
'use strict';
const { now, median, percentile, round } = require('../../stats');
const { connect } = require('../client');
const { start } = require('../start');

const kRows = 256,
  kDimensions = 768;

async function measure({ quick }) {
  const server = await start();
  const client = await connect(server.rpcPort);
  const data = Float32Array.from({ length: kRows * kDimensions }, (_, i) => Math.sin(i));
  const embeddings = { data, shape: [kRows, kDimensions], dtype: 'float32' };
  const over = [],
    inside = [];
  const count = 50;
  for (let round_ = 0; round_ < (quick ? 2 : 6); ++round_) {
    for (let i = 0; i < count; ++i) {
      const began = now();
      await client.call('processEmbeddings', { embeddings });
      if (round_ > 0 || i >= 10) over.push(now() - began);
    }
    inside.push(...(await server.ask({ ask: 'measure', what: 'frames', rows: kRows, dimensions: kDimensions, count })));
  }
  client.close();
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
      detail,
    },
  ];
}

module.exports = { measure };
