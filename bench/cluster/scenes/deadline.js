// Jobs that wait behind a long one on the only context: how late each is rejected at its deadline.
'use strict';
const { createGPUClusterManager } = require('../../..');
const { now, percentile, sleep } = require('../../stats');

const kNodes = 100_000,
  kEdges = 500_000,
  kJobs = 200;
const kTrialIterations = 100,
  kTrials = 5;
const kSweepMs = 100; // the requester rejects by itself; the coordinator hears of it a moment later

function graph() {
  const rowOffsets = new Int32Array(kNodes + 1),
    columns = new Int32Array(kEdges);
  for (let i = 0; i <= kNodes; ++i) rowOffsets[i] = Math.floor((i * kEdges) / kNodes);
  for (let i = 0; i < kEdges; ++i) columns[i] = (i * 7919) % kNodes;
  return { rowOffsets, columns };
}

// A pagerank that is told to go on for as many iterations as take longMs.
async function lateness({ longMs }) {
  const manager = createGPUClusterManager({
    workers: 1,
    contextTypes: ['cpu'],
    contextsPerWorker: 1,
    logLevel: 'error',
  });
  await manager.ready;
  const inputs = graph(),
    rank = (maxIterations) =>
      manager.executeWorkload(
        { type: 'pagerank', inputs, params: { tolerance: 0, maxIterations } },
        { timeout: 10 * longMs + 60_000 },
      );
  // The fastest trial: what else the machine does then must not make the long job a short one.
  let trialMs = Infinity;
  for (let i = 0; i < kTrials; ++i) trialMs = Math.min(trialMs, (await rank(kTrialIterations)).timings.compute);
  const iterations = Math.ceil((longMs * kTrialIterations) / trialMs);

  let longEnded = false;
  const started = now(),
    long = rank(iterations).finally(() => {
      longEnded = true;
    });
  await sleep(50);
  const input = { data: new Float32Array(1024).fill(1), shape: [4, 256], dtype: 'float32' };
  const results = await Promise.all(
    Array.from({ length: kJobs }, async (_, i) => {
      const timeout = 50 + (i * longMs * 0.6) / kJobs,
        from = now();
      try {
        await manager.executeWorkload({ type: 'normalize', inputs: { input } }, { timeout });
        return { ran: true };
      } catch (error) {
        return { code: error.code, message: error.message, lateMs: now() - from - timeout };
      }
    }),
  );
  await sleep(kSweepMs);
  const behind = !longEnded,
    { queue } = await manager.health();
  const { outputs } = await long,
    tookMs = now() - started;
  await manager.close();
  const late = results.filter(({ code }) => code === 'ERR_TIMEOUT').map(({ lateMs }) => lateMs);
  if (!behind || late.length !== kJobs) {
    const others = results
      .filter(({ code }) => code !== 'ERR_TIMEOUT')
      .map(({ code, message }) => (code ? `${code}: ${message}` : 'ran'));
    throw new Error(
      `${late.length} of ${kJobs} jobs were rejected with ` +
        `ERR_TIMEOUT${behind ? '' : '; the long job ended before the last'}; others: ` +
        `${[...new Set(others)].join(', ')}`,
    );
  }
  if (outputs.iterations.data[0] !== iterations) throw new Error('the long job did not run to its end');
  return { max: Math.max(...late), p50: percentile(late, 50), jobs: kJobs, left: queue.depth, tookMs };
}

module.exports = { lateness };
