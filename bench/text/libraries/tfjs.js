// The default model's own graph by TensorFlow.js and its WebAssembly backend. Its ids are given: no tokenizing counts.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

/** What loadGraphModel() reads a model with: the package's files. */
function handlerOf(folder) {
  const { modelTopology, weightsManifest } = JSON.parse(fs.readFileSync(path.join(folder, 'model.json'), 'utf8'));
  const shards = weightsManifest.flatMap(({ paths }) => paths.map((name) => fs.readFileSync(path.join(folder, name))));
  const bytes = Buffer.concat(shards);
  return {
    load: async () => ({
      modelTopology,
      weightSpecs: weightsManifest.flatMap(({ weights }) => weights),
      weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    }),
  };
}

async function open({ packageName }) {
  const tf = require('@tensorflow/tfjs-core');
  const wasm = require('@tensorflow/tfjs-backend-wasm');
  const { loadGraphModel } = require('@tensorflow/tfjs-converter');
  wasm.setWasmPaths(
    path.join(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'wasm-out', path.sep),
  );
  await tf.setBackend('wasm');
  await tf.ready();
  const folder = path.join(path.dirname(require.resolve(`${packageName}/package.json`)), 'dist');
  const model = await loadGraphModel(handlerOf(folder));
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  return {
    describe: `tfjs ${tf.version_core}, WebAssembly${simd ? ' SIMD' : ''}, one thread`,
    prepare({ tokens, batch }) {
      const batches = batchesOf(tokens, batch);
      return async () => {
        const parts = [];
        for (const { places, ids } of batches) {
          const inputs = {
            indices: tf.tensor2d(places, [ids.length, 2], 'int32'),
            values: tf.tensor1d(ids, 'int32'),
          };
          const rows = await model.executeAsync(inputs);
          parts.push(await rows.data());
          tf.dispose([inputs, rows]);
        }
        return Float32Array.from(parts.flatMap((part) => [...part]));
      };
    },
    close: () => model.dispose(),
  };
}

/** Texts as the graph takes them: each id with its text and its place in there. */
function batchesOf({ ids, offsets }, batch) {
  const batches = [];
  const count = offsets.length - 1;
  for (let from = 0; from < count; from += batch) {
    const to = Math.min(count, from + batch);
    const places = [];
    for (let i = from; i < to; ++i) for (let j = 0; j < offsets[i + 1] - offsets[i]; ++j) places.push(i - from, j);
    batches.push({ places: Int32Array.from(places), ids: Int32Array.from(ids.subarray(offsets[from], offsets[to])) });
  }
  return batches;
}

module.exports = { open };
