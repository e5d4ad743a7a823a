// Many texts at once through lib/text/batches.js, on an encoder of MiniLM's shape with generated weights: the budget
// that is measured, tokens a second of one call and of many, and how late the event loop is meanwhile.
// `node bench/text/batches.js [--calls 32] [--texts 256]`, after the build.
'use strict';
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { parseArgs } = require('node:util');
const gpu = require('../..');
const { TextBatches } = require('../../lib/text/batches');
const { tokenBudget } = require('../../lib/text/budget');
const { round } = require('../stats');
const { kSizes, makeNodes, makeTexts, makeWeights } = require('./encoder');

const { nodes, outputs } = makeNodes(kSizes);

function positionsOf(offsets) {
  const positions = new Int32Array(offsets.at(-1));
  for (let i = 1; i < offsets.length; ++i)
    for (let at = offsets[i - 1]; at < offsets[i]; ++at) positions[at] = at - offsets[i - 1];
  return positions;
}

/** Lengths as of sentences, other ones for each seed. */
const lengthsOf = (count, seed) => Array.from({ length: count }, (_, i) => 8 + ((i * 7 + seed * 13) % 40));

async function main() {
  const { values } = parseArgs({ options: { calls: { type: 'string' }, texts: { type: 'string' } } });
  const calls = Number(values.calls ?? 32);
  const count = Number(values.texts ?? 256);
  const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'] });
  await manager.ready;
  const weights = makeWeights(kSizes, (shape) => manager.sharedTensor(shape));
  for (const tensor of Object.values(weights)) tensor.seal();
  const packed = { rows: ['ids', 'typeIds', 'positions'], offsets: 'offsets', most: 4096 };
  const run = async (texts, options) => {
    const inputs = { ...weights, ...texts, positions: positionsOf(texts.offsets) };
    const result = await manager.executeWorkload({ type: 'graph', inputs, nodes, outputs, packed }, options);
    return { rows: result.outputs.embeddings, timings: result.timings };
  };
  const { vocabulary, positions: longest } = kSizes;
  const options = { run, vocabulary, longest, device: 'cpu', digest: 'bench', folder: '' };
  const { tokens: budget } = await tokenBudget(options);
  const batches = new TextBatches({ run, budget });
  const rate = async (width, label) => {
    const given = Array.from({ length: width }, (_, i) => makeTexts(lengthsOf(count, i), kSizes, 1 + i));
    const tokens = given.reduce((sum, { ids }) => sum + ids.length, 0);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const from = performance.now();
    await Promise.all(given.map((texts) => batches.add(texts)));
    const ms = performance.now() - from;
    delay.disable();
    const late = (ns) => round(Math.max(0, ns / 1e6 - 1), 3); // its timer is one of 1 ms
    const [half, p99] = [50, 99].map((share) => late(delay.percentile(share)));
    console.log(
      `${label}: ${tokens} tokens in ${round(ms)} ms, ${round((1000 * tokens) / ms)} a second; ` +
        `the event loop is late by ${half} ms (half), ${p99} ms (p99), ${late(delay.max)} ms (most)`,
    );
  };
  console.log(`budget: ${budget} tokens`);
  await rate(1, `one call of ${count} texts`);
  await rate(calls, `${calls} calls of ${count} texts`);
  await manager.close();
}

main();
