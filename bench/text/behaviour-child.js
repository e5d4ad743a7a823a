// The application of behaviour.js: the default model in a process that does nothing else.
'use strict';
const gpu = require('../..');
const { delays } = require('../figures/event-loop');
const { growth } = require('../figures/memory');
const { sentences } = require('./corpus');

const kInFlight = 32;
const kTexts = 256;

async function withModel(work) {
  const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 2, timeout: 600_000 });
  const model = await manager.loadModel(gpu.defaultModel, { precision: 'float32' });
  try {
    return await work(model);
  } finally {
    await model.close();
    await manager.close();
  }
}

const operations = {
  loop: ({ durationMs }) =>
    withModel(async (model) => {
      const lists = Array.from({ length: 8 }, (_, seed) => sentences(kTexts, { seed }));
      await model.embed(lists[0]);
      const idle = await delays(Math.min(durationMs, 3000));
      let [calls, tokens, next] = [0, 0, 0];
      let going = true;
      const lane = async () => {
        while (going) {
          const result = await model.embed(lists[next++ % lists.length]);
          ++calls;
          tokens += result.tokens.reduce((sum, count) => sum + count, 0);
        }
      };
      const lanes = Array.from({ length: kInFlight }, lane);
      const late = await delays(durationMs);
      going = false;
      await Promise.all(lanes);
      return { ...late, idle, calls, tokens };
    }),
  growth: ({ count, leak }) =>
    withModel(async (model) => {
      const texts = sentences(1000, { accept: (text) => text.length < 200 });
      const kept = [];
      let at = 0;
      return growth(async (steps) => {
        let next = 0;
        const lane = async () => {
          while (next < steps) {
            ++next;
            const { embeddings } = await model.embed([texts[at++ % texts.length]]);
            if (leak) kept.push(embeddings.data.slice());
          }
        };
        await Promise.all(Array.from({ length: kInFlight }, lane));
      }, count);
    }),
};

process.on('message', async ({ id, operation, args }) => {
  try {
    process.send({ id, result: await operations[operation](args) });
  } catch (error) {
    process.send({ id, error: `${error.code ? `${error.code}: ` : ''}${error.message}` });
  }
});
process.on('disconnect', () => process.exit());
