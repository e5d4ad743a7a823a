// What the primary makes of the sums: rates, frames, programs, memory, and the fields of getMetrics().
'use strict';
const fc = require('fast-check');
const { MetricsBlock, layout } = require('../../../lib/metrics/metrics');
const status = require('../../../lib/metrics/status-page');
const { kOperations, page, stages, metricsAt, contextOf } = require('../../support/metrics-fixtures');

describe('the primary', () => {
  test('jobs per second over the last ten', () => {
    const { metrics, clock } = metricsAt();
    const run = (n) => {
      for (let i = 0; i < n; ++i) metrics.own.completed(0, stages(1), 1);
    };
    const rate = () => metrics.snapshot({ contexts: [] }).performance.jobsPerSecond;
    expect(rate()).toBe(0);
    run(50);
    clock.ms += 1;
    expect(rate()).toBe(50);
    for (let second = 0; second < 30; ++second) {
      run(20);
      clock.ms += 1000;
      metrics.sample();
    }
    expect(rate()).toBeCloseTo(20, 0);
    for (let reads = 0; reads < 1000; ++reads) rate(); // reading often does not shorten what it looks at
    clock.ms += 5000;
    expect(rate()).toBeGreaterThan(8);
    expect(rate()).toBeLessThan(20);
    for (let second = 0; second < 11; ++second) {
      clock.ms += 1000;
      metrics.sample();
    }
    expect(rate()).toBe(0);
    expect(metrics.merged().view[layout.kCompleted]).toBe(650);
  });

  test('getMetrics has the fields of the interface', () => {
    const { metrics } = metricsAt();
    const joined = page();
    metrics.attach(1, joined);
    const member = MetricsBlock.ofPage(joined);
    for (let i = 0; i < 98; ++i) member.completed(0, stages(2), 1);
    for (let i = 0; i < 2; ++i) metrics.own.completed(0, stages(100), 1);
    member.cacheHit();
    for (let i = 0; i < 3; ++i) metrics.own.cacheMiss();
    metrics.own.contextSwitch(0.2);
    const contexts = [
      contextOf('1-cpu-0', 'cpu:0', { state: 'busy', memoryUsage: 3 * 2 ** 20, resident: 2 ** 20 }),
      contextOf('1-vulkan-1', 'vulkan:0', { memoryUsage: 2 ** 20, resident: 2 ** 19 }),
      contextOf('2-cpu-0', 'cpu:0', { state: 'lost' }),
      contextOf('3-cpu-0', 'cpu:0', { state: 'starting' }),
    ];
    const published = { count: 1, bytes: 3 * 2 ** 20 };
    const shared = { count: 4, bytes: 5 * 2 ** 20 };
    const got = metrics.snapshot({
      contexts,
      queueDepth: 7,
      running: 2,
      oldestPendingAgeMs: 1500,
      published,
      shared,
      operations: kOperations,
    });
    expect(got).toEqual({
      totalContexts: 4,
      activeContexts: 2,
      totalShaders: 0,
      cacheHitRate: 0,
      compilationTime: 0,
      memoryUsage: {
        total: 4,
        perContext: 1,
        contexts: { '1-cpu-0': 3, '1-vulkan-1': 1, '2-cpu-0': 0, '3-cpu-0': 0 },
        resident: 1.5,
        shaderCache: 0,
        published: 3,
        shared: 5,
      },
      performance: {
        frameRate: 0,
        renderTime: 0,
        contextSwitches: 1,
        contextSwitchTime: { p50: expect.any(Number), p99: expect.any(Number) },
        jobsPerSecond: 100,
        queueDepth: 7,
        running: 2,
        queueAge: 1500,
        latency: { p50: expect.any(Number), p99: expect.any(Number) },
        recent: {
          latency: { p50: expect.any(Number), p99: expect.any(Number) },
          queueTime: { p50: expect.any(Number), p99: expect.any(Number) },
          contextSwitchTime: { p50: expect.any(Number), p99: expect.any(Number) },
        },
      },
      ...kOperations,
    });
    expect(got.performance.latency.p50).toBeCloseTo(1.75, 1);
    expect(got.performance.latency.p99).toBeGreaterThan(80);
    expect(got.performance.latency.p99).toBeLessThanOrEqual(100);
    expect(got.performance.contextSwitchTime.p99).toBeLessThanOrEqual(0.2);
    expect(JSON.parse(JSON.stringify(got))).toEqual(got);
  });

  test('programs are counted over all contexts, and what is counted never shrinks', () => {
    const { metrics } = metricsAt();
    const pages = [page(), page()];
    pages.forEach((each, i) => metrics.attach(i, each));
    const put = (n, context, [programs, bytes, hits, misses, ms]) => {
      const at = status.contextAt(context);
      pages[n].set([programs, bytes, hits, misses, ms], at + status.inContext.programs);
    };
    put(0, 0, [2, 2 ** 20, 30, 2, 10]);
    put(0, 1, [1, 0, 0, 1, 5]);
    put(1, 15, [3, 2 ** 20, 60, 3, 15]);
    expect(metrics.programs()).toEqual({ programs: 6, bytes: 2 ** 21, hits: 90, misses: 6, ms: 30 });
    expect(metrics.snapshot({ contexts: [] }).memoryUsage).toMatchObject({ perContext: 0, contexts: {} });
    const got = metrics.snapshot({ contexts: [], compiled: { count: 2, ms: 200 } });
    expect(got).toMatchObject({ totalShaders: 6, compilationTime: 105, memoryUsage: { total: 2, shaderCache: 2 } });
    expect(got.cacheHitRate).toBeCloseTo(93.75);
    metrics.retire(1);
    expect(metrics.programs()).toEqual({ programs: 3, bytes: 2 ** 20, hits: 90, misses: 6, ms: 30 });
    put(0, 0, [NaN, -1, Infinity, NaN, NaN]); // a process that crashed may have written anything
    expect(metrics.programs()).toEqual({ programs: 1, bytes: 0, hits: 90, misses: 6, ms: 30 });
  });

  test('nor does the time that programs took when members go, whatever the order of the sum', () => {
    const members = fc.uniqueArray(
      fc.record({ ms: fc.double({ min: 1e-3, max: 1e4, noNaN: true }), order: fc.nat() }),
      { selector: ({ order }) => order, minLength: 3, maxLength: 8 },
    );
    fc.assert(
      fc.property(members, (list) => {
        const { metrics } = metricsAt();
        for (const { ms, order } of list) {
          const joined = page();
          metrics.attach(order, joined);
          joined[status.contextAt(0) + status.inContext.compileMs] = ms;
        }
        let before = metrics.programs().ms;
        for (const { order } of [...list].sort((a, b) => a.order - b.order)) {
          metrics.retire(order);
          const after = metrics.programs().ms;
          if (after < before) throw new Error(`from ${before} to ${after}`);
          before = after;
        }
      }),
      { numRuns: 200 },
    );
  });

  test('frames a second, and what one takes', () => {
    const { metrics, clock } = metricsAt({ workloads: ['add', 'render/one', 'kernel', 'render'] });
    for (let second = 0; second < 12; ++second) {
      for (let i = 0; i < 20; ++i) metrics.own.completed(1, { compute: 4 }, 1);
      for (let i = 0; i < 10; ++i) metrics.own.completed(3, { compute: 10 }, 1);
      for (let i = 0; i < 500; ++i) metrics.own.completed(0, { compute: 100 }, 1);
      clock.ms += 1000;
      metrics.sample();
    }
    const { frameRate, renderTime } = metrics.snapshot({ contexts: [] }).performance;
    expect(frameRate).toBeCloseTo(30, 0);
    expect(renderTime).toBeCloseTo(6, 5);
  });

  test('memoryStats of a device', () => {
    const { metrics } = metricsAt();
    const contexts = [
      contextOf('1-cuda-0', 'cuda:0', { memoryUsage: 100 * 2 ** 20, reserved: 200 * 2 ** 20 }),
      contextOf('2-cuda-0', 'cuda:0', { memoryUsage: 28 * 2 ** 20, reserved: 56 * 2 ** 20 }),
      contextOf('2-cpu-1', 'cpu:0', { memoryUsage: 2 ** 20, reserved: undefined }),
    ];
    expect(metrics.memoryStats('cuda:0', { contexts })).toEqual({
      allocatedMb: 128,
      reservedMb: 256,
      maxAllocatedMb: 128,
      totalMb: 1024,
      utilizationPct: 12.5,
    });
    expect(metrics.memoryStats('cpu:0', { contexts })).toEqual({
      allocatedMb: 1,
      reservedMb: 1,
      maxAllocatedMb: 1,
      totalMb: 512,
      utilizationPct: 100 / 512,
    });
    contexts[0].memoryUsage = 0;
    const of = page();
    of[status.contextAt(0) + status.inContext.gpuTotalBytes] = 2048 * 2 ** 20;
    expect(metrics.memoryStats('cuda:0', { contexts, members: [{ workerId: 1, page: of }] })).toMatchObject({
      allocatedMb: 28,
      maxAllocatedMb: 128,
      totalMb: 2048,
    });
    expect(metrics.memoryStats('cuda:0', { contexts, totalBytes: 280 * 2 ** 20 })).toMatchObject({
      totalMb: 280,
      utilizationPct: 10,
    });
    expect(metrics.memoryStats('cuda:0', { contexts: [] })).toEqual({
      allocatedMb: 0,
      reservedMb: 0,
      maxAllocatedMb: 128,
      totalMb: 0,
      utilizationPct: 0,
    });
    expect(() => metrics.memoryStats('cuda:1', { contexts })).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining("did you mean 'cuda:0'"),
      }),
    );
    expect(() => metrics.memoryStats(/** @type {any} */ (5), { contexts })).toThrow(/no context is on a device 5/);
  });
});
