// A worker of the cluster that parts/compile.js measures: compiles when it is told to.
'use strict';
const { createGPUClusterManager } = require('../..');
const { smallKernel } = require('./sources');
const { watchingLoop } = require('./loop');
const { now } = require('../stats');

const manager = createGPUClusterManager({ logLevel: 'error' });

// A caller's own strings: equal, not the same.
function freshSource(i) {
  const { name, glsl } = smallKernel(i);
  return { name, glsl: Buffer.from(glsl).toString() };
}

async function timed(source) {
  const from = now(),
    { cached } = await manager.compileKernel(source);
  return { ms: now() - from, cached };
}

const operations = {
  ready: () => manager.ready,
  async compile({ from, count }) {
    const { result, longestMs } = await watchingLoop(async () => {
      const all = [];
      for (let i = from; i < from + count; ++i) all.push(await timed(freshSource(i)));
      return all;
    });
    return result.map((it) => ({ ...it, longestMs }));
  },
  async again({ from, count, repeats }) {
    const { result, longestMs } = await watchingLoop(async () => {
      const us = [],
        cached = new Set();
      for (let r = 0; r < repeats; ++r) {
        const sources = Array.from({ length: count }, (_, i) => freshSource(from + i));
        for (const source of sources) {
          const it = await timed(source);
          us.push(it.ms * 1000);
          cached.add(it.cached);
        }
      }
      return { us, cached: [...cached] };
    });
    return { ...result, longestMs };
  },
};

process.on('message', async ({ call, operation, args }) => {
  if (call === undefined) return;
  try {
    process.send({ answer: call, result: (await operations[operation](args)) ?? null });
  } catch (error) {
    process.send({ answer: call, error: `${error.code ? `${error.code}: ` : ''}${error.message}` });
  }
});
process.on('SIGINT', () => {}); // the primary decides when the end has come
