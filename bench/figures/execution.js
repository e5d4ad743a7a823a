// Jobs that a lane runs, on libuv's pool and on a thread of the context's own: a context of each in one process, by
// turns, so that both see the same machine.
'use strict';
const { timeEach, throughput, median } = require('../stats');
const { delays } = require('./event-loop');
const { gpu, openContext, squareJob, keepInFlight } = require('./load');

const kWays = ['libuv', 'threads'];
const kWidth = 32;

async function openOne(device, way) {
  const before = process.env.GPU_EXECUTION;
  process.env.GPU_EXECUTION = way;
  try {
    return await openContext(device);
  } finally {
    if (before === undefined) delete process.env.GPU_EXECUTION;
    else process.env.GPU_EXECUTION = before;
  }
}

// Into memory that is there already: the collection of garbage is not what is compared. On the CPU too large to run in
// its call.
function laneJobs(context, elements) {
  const x = gpu.tensor(new Float32Array(elements).fill(1), [elements]);
  const targets = Array.from({ length: kWidth }, () => ({ into: { output: new Float32Array(elements) } }));
  let next = 0;
  return () => context.run({ type: 'add', inputs: { a: x, b: x } }, targets[next++ % kWidth]);
}

// What `take` gives for each way, in `rounds` turns: another one first each time.
async function byTurns(device, rounds, take) {
  const contexts = Object.fromEntries(await Promise.all(kWays.map(async (way) => [way, await openOne(device, way)])));
  const taken = { libuv: [], threads: [] };
  for (const way of kWays) await take(contexts[way]);
  for (let i = 0; i < rounds; i++)
    for (const way of i % 2 ? [...kWays].reverse() : kWays) taken[way].push(await take(contexts[way]));
  await Promise.all(kWays.map((way) => contexts[way].close()));
  return taken;
}

const oneByOne = ({ device, rounds, roundMs, elements }) =>
  byTurns(device, rounds, async (context) => {
    const samples = await timeEach(laneJobs(context, elements), { budgetMs: roundMs, most: 1e6 });
    return median(samples) * 1000;
  });

const inFlight = ({ device, rounds, roundMs, elements }) =>
  byTurns(device, rounds, (context) => throughput(laneJobs(context, elements), { width: kWidth, budgetMs: roundMs }));

const eventLoop = ({ device, rounds, roundMs }) =>
  byTurns(device, rounds, async (context) => {
    const load = keepInFlight(context, squareJob(512), 4);
    const { p99 } = await delays(roundMs);
    await load.stop();
    return p99;
  });

module.exports = { oneByOne, inFlight, eventLoop };
