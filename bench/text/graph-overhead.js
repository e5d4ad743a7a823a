// What a graph of a small encoder costs around its kernels: `node bench/text/graph-overhead.js [--json] [--only NAME]`,
// after the build. One text of 16 tokens, 32 and 256 texts of about 30, on a context and through a manager, against the
// sum of what its nodes take one by one.
'use strict';
const { parseArgs } = require('node:util');
const gpu = require('../..');
const { median, percentile, round, timeEach } = require('../stats');
const { kSizes, makeNodes, makeTexts, makeWeights } = require('./encoder');

const kCases = {
  'one text of 16 tokens': [16],
  '32 texts': Array.from({ length: 32 }, (_, i) => 15 + i),
  '256 texts': Array.from({ length: 256 }, (_, i) => 15 + (i % 32)),
};
const kBudgetMs = 2500;
const kNodeRuns = 7;
const kCallRuns = 8;

const { nodes, outputs } = makeNodes(kSizes);
const graphOf = (weights, texts) => ({ type: 'graph', inputs: { ...weights, ...texts }, nodes, outputs });

/** Wall and compute times of a graph, ms. */
async function timesOf(run, graph) {
  const compute = [];
  const once = async () => {
    const { timings } = await run(graph);
    compute.push(timings.compute);
  };
  for (let i = 0; i < 3; ++i) await once();
  compute.length = 0;
  const wall = await timeEach(once, { budgetMs: kBudgetMs });
  return { wall: median(wall), p95: percentile(wall, 95), compute: median(compute) };
}

/** The nodes one by one, each the best of some runs: ms. */
async function sumOfNodes(ctx, inputs) {
  const values = { ...inputs };
  let sum = 0;
  for (const { type, inputs: from, params, outputs: to } of nodes) {
    const given = Object.fromEntries(Object.entries(from).map(([name, value]) => [name, values[value]]));
    let best = Infinity;
    let made;
    for (let i = 0; i < kNodeRuns; ++i) {
      const { outputs: out, timings } = await ctx.run({ type, inputs: given, params });
      best = Math.min(best, timings.compute);
      made = out;
    }
    values[to.output] = made.output;
    if (type !== 'reshape') sum += best;
  }
  return sum;
}

/** JavaScript's share: what a call takes before it is back. */
async function callMs(run, graph) {
  const times = [];
  for (let i = 0; i < kCallRuns; ++i) {
    const from = performance.now();
    const pending = run(graph);
    times.push(performance.now() - from);
    await pending;
  }
  return median(times);
}

async function main() {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, only: { type: 'string' } } });
  const weights = makeWeights(kSizes);
  const ctx = await gpu.createContext({ device: 'cpu:0' });
  const manager = await gpu.createGPUClusterManager({ contextTypes: ['cpu'] });
  const sealed = makeWeights(kSizes, (shape) => manager.sharedTensor(shape));
  for (const tensor of Object.values(sealed)) tensor.seal();
  const ways = {
    context: [(graph) => ctx.run(graph), weights],
    manager: [(graph) => manager.executeWorkload(graph), sealed],
  };
  const rows = [];
  for (const [name, lengths] of Object.entries(kCases)) {
    if (values.only && !name.includes(values.only)) continue;
    const texts = makeTexts(lengths, kSizes);
    const kernels = await sumOfNodes(ctx, { ...weights, ...texts });
    for (const [way, [run, its]] of Object.entries(ways)) {
      const graph = graphOf(its, texts);
      const taken = { name, way, ...(await timesOf(run, graph)), call: await callMs(run, graph), kernels };
      // A new number of tokens each time, as texts come.
      let i = 0;
      const others = Array.from({ length: 97 }, (_, k) =>
        graphOf(its, makeTexts([...lengths.slice(1), 8 + k], kSizes)),
      );
      const many = await timeEach(() => run(others[i++ % others.length]), { budgetMs: kBudgetMs / 4 });
      rows.push({ ...taken, changing: median(many) });
    }
  }
  if (values.json) console.log(JSON.stringify(rows));
  else console.table(rows.map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [k, round(v)]))));
  await manager.close();
  await ctx.close();
}

main();
