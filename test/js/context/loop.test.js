// The event loop turns while jobs run. The bounds are loose on purpose: bench/ has the figures.
'use strict';
const { monitorEventLoopDelay, performance } = require('node:perf_hooks');
const { gpu, matrix } = require('../../support/random-data');
const { devices } = require('../../support/devices');

async function delayWhile(work) {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  histogram.enable();
  await work();
  histogram.disable();
  return histogram.percentile(50) / 1e6;
}

test.each(devices)('a matrix product on %s does not hold the loop', async (device) => {
  const ctx = await gpu.createContext({ device, threads: device.startsWith('cpu') ? 1 : undefined });
  const size = device.startsWith('cpu') ? 1024 : 512;
  const a = matrix(size, size, 1);
  await ctx.run({ type: 'matmul', inputs: { a, b: a } });
  let turns = 0,
    ticking = true;
  const tick = () => {
    ++turns;
    if (ticking) setImmediate(tick);
  };
  const median = await delayWhile(async () => {
    tick();
    await Promise.all([1, 2, 3].map(() => ctx.run({ type: 'matmul', inputs: { a, b: a } })));
    ticking = false;
  });
  expect(turns).toBeGreaterThan(50);
  expect(median).toBeLessThan(20);
  await ctx.close();
});

test('small jobs that run inside their call leave the loop its turns', async () => {
  const ctx = await gpu.createContext({ device: 'cpu' });
  const workload = { type: 'add', inputs: { a: new Float32Array(64), b: new Float32Array(64) } };
  let stop = false,
    jobs = 0;
  const late = new Promise((resolve) =>
    setTimeout(() => {
      stop = true;
      resolve(jobs);
    }, 30),
  );
  while (!stop && jobs < 1e6) {
    await ctx.run(workload);
    ++jobs;
  }
  expect(stop).toBe(true); // without turns the timer would never have come
  expect(await late).toBeGreaterThan(100);
  await ctx.close();
});

test.each(devices)('fs goes on beside 256 jobs on %s', async (device) => {
  const ctx = await gpu.createContext({ device });
  const { readFile } = require('node:fs/promises');
  const a = new Float32Array(20000);
  const jobs = Promise.all(
    Array.from({ length: 256 }, () => ctx.run({ type: 'activation', inputs: { input: a }, params: { kind: 'gelu' } })),
  );
  let reads = 0;
  for (; reads < 5; ++reads) await readFile(__filename);
  expect(reads).toBe(5);
  await jobs;
  await ctx.close();
});

const loopTurns = () => performance.nodeTiming.uvMetricsInfo.loopCount;

// What a driver has done in microseconds is not worth falling asleep for; what takes longer is.
test('the loop looks for the end of small jobs on drivers, and sleeps while long ones run', async () => {
  for (const device of devices.filter((id) => !id.startsWith('cpu'))) {
    const ctx = await gpu.createContext({ device });
    const small = { type: 'add', inputs: { a: new Float32Array(1024), b: new Float32Array(1024) } };
    const a = matrix(1024, 1024, 1);
    const large = { type: 'matmul', inputs: { a, b: a } };
    for (const job of [small, large]) await ctx.run(job);
    let most = 0;
    for (let round = 0; round < 10 && most <= 75; round++) {
      const before = loopTurns();
      for (let i = 0; i < 50; i++) await ctx.run(small); // one turn each where the loop is woken
      most = Math.max(most, loopTurns() - before);
    }
    expect(most).toBeGreaterThan(75);
    const before = loopTurns();
    await ctx.run(small);
    for (let i = 0; i < 3; i++) await ctx.run(large);
    expect(loopTurns() - before).toBeLessThan(20_000); // 100 us are 50 to 500; all the time some 500,000
    await ctx.close();
  }
});
