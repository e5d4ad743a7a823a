// The embedding pipeline beside the same graph run by hand, and calls that come together beside calls of their own, as
// ratios taken in one run: `node bench/memory/embeddings.js [--json] [--quick] [--device cpu:0]`, after the build.
'use strict';
const { parseArgs } = require('node:util');
const gpu = require('../..');
const { pipelineOf } = require('../../lib/memory/embeddings');
const { machine } = require('../machine');
const { now, median, round } = require('../stats');

const flag = { type: 'boolean' };
const { values: options } = parseArgs({ options: { json: flag, quick: flag, device: { type: 'string' } } });
const kBudgetMs = options.quick ? 500 : 4000;
const kRows = 256,
  kDimensions = 768,
  kReduced = 256;

/** Numbers around 0, the same in every run. */
function someRows(n, d) {
  let state = 1;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5;
  return gpu.tensor(Float32Array.from({ length: n * d }, next), [n, d]);
}

/** What a user would write. */
function byHand(rows, { mean, components }) {
  return {
    type: 'graph',
    inputs: { rows, mean, components },
    nodes: [
      { type: 'normalize', inputs: { input: 'rows' }, outputs: { output: 'unit' } },
      {
        type: 'pca-transform',
        inputs: { input: 'unit', mean: 'mean', components: 'components' },
        outputs: { output: 'reduced' },
      },
      { type: 'normalize', inputs: { input: 'reduced' }, outputs: { output: 'again' } },
      { type: 'quantize', inputs: { input: 'again' }, outputs: { output: 'codes', scales: 'scales' } },
    ],
    outputs: ['codes', 'scales'],
  };
}

async function timed(run, into) {
  const from = now();
  await run();
  into.push(now() - from);
}

/** Runs two things in turn, so that what the machine does meets both. */
async function inTurn(first, second) {
  const [a, b] = [[], []];
  await first();
  await second();
  const end = now() + kBudgetMs;
  do {
    await timed(first, a);
    await timed(second, b);
  } while (now() < end);
  return [median(a), median(b)];
}

const figures = [];
function tell(name, value, target, detail) {
  figures.push({ name, value: round(value, 3), target, detail });
  if (!options.json) console.log(`${name}: ${round(value, 3)} (${target})  ${detail}`);
}

async function main() {
  const context = await gpu.createContext({ device: options.device ?? 'auto' });
  const pipeline = pipelineOf(context);
  const rows = someRows(kRows, kDimensions);
  const wishes = { dimension_reduction: kReduced, quantization: true, basis: 'of the bench' };
  const { basis } = await pipeline.process({ embeddings: rows, options: wishes });
  const graph = byHand(rows, basis);
  const [own, hand] = await inTurn(
    () => pipeline.process({ embeddings: rows, options: wishes }),
    () => context.run(graph),
  );
  const what = `${kRows} x ${kDimensions}, normalize, PCA ${kReduced}, int8`;
  tell('pipeline beside the graph by hand', own / hand, 'at most 1.2', `${what}: ${round(own, 3)} ms`);
  for (const [calls, each] of [
    [64, 1],
    [16, 16],
  ]) {
    const all = Array.from({ length: calls }, () => someRows(each, 384));
    const together = () => Promise.all(all.map((embeddings) => pipeline.process({ embeddings })));
    const apart = () =>
      Promise.all(all.map((embeddings) => pipeline.process({ embeddings, options: { batch_size: each } })));
    const [joined, single] = await inTurn(together, apart);
    tell(`${calls} calls of ${each} rows, joined beside apart`, joined / single, 'below 1', `${round(joined, 3)} ms`);
  }
  if (options.json) console.log(JSON.stringify({ machine: machine(), device: context.device.id, figures }, null, 2));
  await context.close();
}

main();
