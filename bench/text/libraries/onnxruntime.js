// The same weights by ONNX Runtime: texts in the order given, batch by batch, each padded to its longest. Its tensors
// are made beforehand, and no tokenizing is counted.
'use strict';
const path = require('node:path');
const { kMiniLM } = require('../generated-model');
const { encoderModel } = require('../onnx-encoder');
const { readTensors } = require('../safetensors');

/** The texts `from` to `to` as padded tensors. */
function padded(ort, { ids, typeIds, offsets }, from, to) {
  const count = to - from;
  let length = 1;
  for (let i = from; i < to; ++i) length = Math.max(length, offsets[i + 1] - offsets[i]);
  const rows = { ids: ids, types: typeIds };
  const feeds = {};
  const mask = new BigInt64Array(count * length);
  for (const [name, values] of Object.entries(rows)) {
    const data = new BigInt64Array(count * length);
    for (let i = 0; i < count; ++i)
      for (let at = offsets[from + i], j = 0; at < offsets[from + i + 1]; ++at, ++j) {
        data[i * length + j] = BigInt(values[at]);
        mask[i * length + j] = 1n;
      }
    feeds[name] = new ort.Tensor('int64', data, [count, length]);
  }
  feeds.mask = new ort.Tensor('int64', mask, [count, length]);
  return feeds;
}

/** @param {{ folder: string, int8?: boolean, fused?: boolean, isCrossEncoder?: boolean, threads: number }} options */
async function open({ folder, int8, fused, isCrossEncoder, threads }) {
  const ort = require('onnxruntime-node');
  const tensors = readTensors(path.join(folder, 'model.safetensors'));
  const model = encoderModel(tensors, kMiniLM, { int8, fused, isCrossEncoder });
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    executionProviders: ['cpu'],
  });
  const version = require('onnxruntime-node/package.json').version;
  return {
    describe: `onnxruntime-node ${version}, ${int8 ? 'dynamic int8' : 'float32'}, ${threads} threads`,
    prepare({ tokens, batch }) {
      const count = tokens.offsets.length - 1;
      const batches = [];
      for (let from = 0; from < count; from += batch)
        batches.push(padded(ort, tokens, from, Math.min(count, from + batch)));
      return async () => {
        const parts = [];
        for (const feeds of batches) parts.push((await session.run(feeds)).rows.data);
        const rows = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
        let at = 0;
        for (const part of parts) {
          rows.set(part, at);
          at += part.length;
        }
        return rows;
      };
    },
    close: () => session.release(),
  };
}

module.exports = { open };
