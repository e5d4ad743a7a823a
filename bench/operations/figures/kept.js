// What a kept result takes, and what a Redis costs that is away: not there from the start, and killed.
'use strict';
const { lacking, startRedis, freePort } = require('../../../test/support/redis-server');
const { median, percentile, sleep } = require('../../stats');
const { tensorOf, withManager } = require('../start');

const kTarget = 'under 100 us';

/** @param {number} seed */
const jobOf = (seed) => ({ type: 'normalize', inputs: { input: tensorOf(seed, 16, 64) } });

/** @param {() => Promise<unknown>} run @returns {Promise<number>} ms */
async function timed(run) {
  const began = performance.now();
  await run();
  return performance.now() - began;
}

/** @param {{ quick?: boolean }} options */
async function measureHits({ quick }) {
  const runs = quick ? 500 : 5000;
  return withManager({}, async (manager) => {
    const job = jobOf(1);
    const cached = { cache: true };
    for (let i = 0; i < runs; ++i) await manager.executeWorkload(job, cached);
    const hits = [];
    for (let i = 0; i < runs; ++i) hits.push(await timed(() => manager.executeWorkload(job, cached)));
    const others = [];
    for (let i = 0; i < runs / 10; ++i) {
      const other = jobOf(10_000 + i);
      others.push(await timed(() => manager.executeWorkload(other, cached)));
    }
    const us = 1000 * median(hits);
    return {
      name: 'memory hit, 16 x 64',
      value: us,
      unit: 'us',
      target: kTarget,
      met: us < 100,
      detail: `p99 ${(1000 * percentile(hits, 99)).toFixed(1)} us; a miss ${(1000 * median(others)).toFixed(1)} us`,
    };
  });
}

/**
 * Misses of a manager: what each takes, and what has failed.
 * @param {import('../../..').GPUClusterManager} manager
 * @param {number} from
 * @param {number} count
 */
async function misses(manager, from, count) {
  const times = [];
  let failed = 0;
  for (let i = 0; i < count; ++i) {
    const job = jobOf(from + i);
    times.push(await timed(() => manager.executeWorkload(job, { cache: true }).catch(() => ++failed)));
  }
  return { times, failed };
}

/** @param {{ quick?: boolean }} options */
async function measureRedis({ quick }) {
  const count = quick ? 50 : 300;
  if (lacking)
    return { name: 'Redis killed', value: null, unit: 'ms', target: 'under 5 ms more, once', detail: lacking };
  const usual = await withManager({}, (manager) => misses(manager, 1e6, count));
  const redis = await startRedis();
  try {
    return await withManager({ redisUrl: redis.url }, async (manager) => {
      await misses(manager, 2e6, count);
      await sleep(200);
      const up = await misses(manager, 3e6, count);
      const [, tier] = (await manager.getMetrics()).resultCache.tiers;
      await redis.end();
      const [first, ...rest] = (await misses(manager, 4e6, count)).times;
      const { failed } = await misses(manager, 5e6, count);
      const more = Math.max(0, first - median(usual.times));
      return {
        name: 'Redis killed: the first job after that, beyond a miss without Redis',
        value: more,
        unit: 'ms',
        target: 'under 5 ms more, once; no error',
        met: more < 5 && failed === 0,
        detail:
          `misses: without Redis ${median(usual.times).toFixed(3)}, with ${median(up.times).toFixed(3)} ` +
          `(${tier.state}), later without it again ${median(rest).toFixed(3)} ms, ` +
          `at most ${Math.max(...rest).toFixed(2)}; ` +
          `${failed} failed`,
      };
    });
  } finally {
    await redis.end();
  }
}

/** @param {{ quick?: boolean }} options */
async function measureAway({ quick }) {
  const count = quick ? 50 : 300;
  const url = `redis://127.0.0.1:${await freePort()}/0`;
  const usual = await withManager({}, (manager) => misses(manager, 6e6, count));
  return withManager({ redisUrl: url }, async (manager) => {
    const { times, failed } = await misses(manager, 7e6, count);
    const more = Math.max(0, times[0] - usual.times[0]);
    return {
      name: 'Redis that was never there: the first job, beyond one without Redis',
      value: more,
      unit: 'ms',
      target: 'under 5 ms more, once; no error',
      met: more < 5 && failed === 0,
      detail: `misses ${median(usual.times).toFixed(3)} and ${median(times).toFixed(3)} ms; ${failed} failed`,
    };
  });
}

/** @param {{ quick?: boolean }} options */
async function measure(options) {
  return [await measureHits(options), await measureRedis(options), await measureAway(options)];
}

module.exports = { measure };
