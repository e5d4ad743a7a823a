// What a model of MiniLM's shape loses in each precision, with generated weights that tell sentences apart: `node
// bench/text/generated-precision.js [--device cpu] [--sentences 1000] [--gain 0.5] [--json]`, after the build. Cosines
// are the smallest ones to float32, with the mean subtracted; float32's own is to double precision, over a few
// sentences.
'use strict';
const path = require('node:path');
const { parseArgs } = require('node:util');
const gpu = require('../..');
const { smallestCosine } = require('../../lib/text/auto-precision');
const { kPrecisions } = require('../../lib/text/precision');
const reference = require('../../test/support/text/reference');
const { round } = require('../stats');
const { sentences } = require('./corpus');
const { generatedModel, kMiniLM } = require('./generated-model');
const { readTensors } = require('./safetensors');

const kExact = 24; // sentences in double precision: a second and more each

/** The model as test/support/text/reference.js wants it. */
function forReference(folder) {
  const { layers, width, heads, epsilon } = kMiniLM;
  const tensors = Object.fromEntries(readTensors(path.join(folder, 'model.safetensors')));
  return { family: 'bert', prefix: '', tensors, sizes: { layers, width, heads, epsilon, act: 'gelu' } };
}

/** The mean cosine of all pairs of rows of length 1. */
function meanOfPairs(rows, width) {
  const count = rows.length / width;
  const sum = new Float64Array(width);
  rows.forEach((value, i) => (sum[i % width] += value));
  // Of the square of the sum, what is a row with itself is 1.
  return (sum.reduce((all, value) => all + value * value, 0) - count) / (count * (count - 1));
}

async function main() {
  const { values } = parseArgs({
    options: {
      device: { type: 'string', default: 'cpu' },
      sentences: { type: 'string', default: '1000' },
      gain: { type: 'string', default: '0.5' },
      json: { type: 'boolean', default: false },
    },
  });
  const folder = generatedModel({ gain: Number(values.gain) });
  const texts = sentences(Number(values.sentences));
  const context = await gpu.createContext({ device: values.device });
  const figures = {};
  let expected, pairs;
  for (const precision of Object.keys(kPrecisions)) {
    const model = await context.loadModel(folder, { precision });
    const { data } = (await model.embed(texts)).embeddings;
    const { bound } = kPrecisions[precision];
    if (expected) figures[precision] = { cosine: smallestCosine(data, expected, kMiniLM.width), bound };
    else {
      expected = data;
      pairs = meanOfPairs(data, kMiniLM.width);
      const { ids, offsets } = await model.tokenize(texts.slice(0, kExact));
      const lists = Array.from(offsets.subarray(1), (end, i) => Array.from(ids.subarray(offsets[i], end)));
      const exact = lists.flatMap((list) => Array.from(reference.embed(forReference(folder), [list])[0]));
      const rows = Float64Array.from(exact);
      for (let i = 0; i < lists.length; ++i) {
        const row = rows.subarray(i * kMiniLM.width, (i + 1) * kMiniLM.width);
        row.set(reference.normalized(row));
      }
      figures[precision] = { cosine: smallestCosine(data.subarray(0, rows.length), rows, kMiniLM.width), bound };
    }
    await model.close();
  }
  await context.close();
  if (values.json) console.log(JSON.stringify({ device: values.device, sentences: texts.length, pairs, figures }));
  else {
    console.log(`${values.device}: ${texts.length} sentences, the mean cosine of two is ${round(pairs, 3)}`);
    console.table(figures);
  }
}

main();
