// Our models, on a context of this process.
'use strict';

/** @param {{ source?: string, precision: string, threads: number, device?: string, maxLength?: number }} options */
async function open({ source, precision, threads, device = 'cpu', maxLength }) {
  const gpu = require('../../..');
  const ctx = await gpu.createContext({ device, threads, memoryLimit: '2 GB' });
  const model = await ctx.loadModel(source ?? gpu.defaultModel, { precision, maxLength });
  return {
    describe: `${model.family}, ${model.precision}, on ${ctx.device.id} with ${threads} threads`,
    model,
    /** Rows of texts, or the scores of documents for a query, in the order given. */
    prepare({ texts, query }) {
      if (query === undefined)
        return async () => {
          const { embeddings } = await model.embed(texts);
          return embeddings.data;
        };
      return async () => {
        const ranked = await model.rerank(query, texts, { topK: texts.length });
        const scores = new Float32Array(texts.length);
        for (const { index, score } of ranked) scores[index] = score;
        return scores;
      };
    },
    async close() {
      await model.close();
      await ctx.close();
    },
  };
}

module.exports = { open };
