// The metrics: buckets, quantiles, what one process counts, the primary's sum while members come and go, and the text
// for Prometheus.
'use strict';
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const fc = require('fast-check');
const { Metrics, MetricsBlock, layout, kMetricsSize, kCodes, kMaxWorkloads } = require('../../../lib/metrics/metrics');
const histogram = require('../../../lib/metrics/histogram');
const { kContentType } = require('../../../lib/metrics/prometheus');
const status = require('../../../lib/metrics/status-page');

const { kDurationBounds, kDurationBuckets, kDurationSum, kSizeBounds, kSizeSum } = histogram;
const kStages = {
  queued: layout.kQueue,
  upload: layout.kUpload,
  compute: layout.kCompute,
  readback: layout.kReadback,
  total: layout.kRequest,
};
const page = () => new Float64Array(new SharedArrayBuffer(status.kPageSize * 8));
const stages = (ms) => ({ queued: ms, switch: 0, upload: ms, compute: ms, readback: ms, total: ms });
const metricsAt = (options = {}) => {
  const clock = { ms: 1e6 };
  return { clock, metrics: new Metrics({ now: () => clock.ms, ...options }) };
};
const contextOf = (id, device, more = {}) => {
  const [workerId, contextType] = id.split('-');
  return {
    id,
    workerId: Number(workerId),
    contextType,
    device,
    state: 'idle',
    memoryUsage: 0,
    memoryLimit: 2 ** 29,
    reserved: 0,
    ...more,
  };
};

// The plain way to do what the library does fast.
function plainBucket(bounds, value) {
  const i = bounds.findIndex((bound) => value <= bound);
  return i < 0 ? bounds.length : i;
}

describe('histograms', () => {
  test('the block fits the status page', () => {
    expect(kMetricsSize).toBeLessThanOrEqual(status.kPageSize - status.kMetrics);
    expect(status.kMetrics).toBeGreaterThanOrEqual(status.contextAt(status.kMaxContexts));
    const places = Object.values(layout);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(layout.kRetried - layout.kFailed).toBe(kCodes.length);
  });

  test('bounds go from 1 us to 100 s and are exact decimals', () => {
    expect(kDurationBounds[0]).toBe(0.001);
    expect(kDurationBounds[kDurationBounds.length - 1]).toBe(100000);
    for (let i = 1; i < kDurationBounds.length; ++i) {
      expect(kDurationBounds[i] / kDurationBounds[i - 1]).toBeGreaterThan(1.1);
      expect(kDurationBounds[i] / kDurationBounds[i - 1]).toBeLessThan(1.35);
      expect(String(kDurationBounds[i]).length).toBeLessThan(8);
    }
    expect(histogram.kShownDurations.map(({ bound }) => bound)).toEqual([
      0.000001, 0.000002, 0.000005, 0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
      0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100,
    ]);
  });

  test('a bucket ends with its bound, for every bound and its neighbours', () => {
    for (const bound of kDurationBounds)
      for (const value of [bound, bound * (1 + 2 ** -52), bound * (1 - 2 ** -53)])
        expect(histogram.durationBucket(value)).toBe(plainBucket(kDurationBounds, value));
    for (const value of [0, -1, NaN, 1e-300]) expect(histogram.durationBucket(value)).toBe(0);
    for (const value of [1e6, 1e300, Infinity]) expect(histogram.durationBucket(value)).toBe(kDurationBuckets - 1);
    for (let size = 1; size <= 200; ++size) expect(histogram.sizeBucket(size)).toBe(plainBucket(kSizeBounds, size));
  });

  test('any duration is in the bucket that a plain search finds', () => {
    const anywhere = fc.oneof(
      fc.double({ min: 0, max: 2e5, noNaN: true }),
      fc.double({ min: -9, max: 6, noNaN: true }).map((e) => 10 ** e),
    );
    fc.assert(
      fc.property(anywhere, (ms) => histogram.durationBucket(ms) === plainBucket(kDurationBounds, ms)),
      { numRuns: 5000 },
    );
  });

  test('quantiles are near the true ones', () => {
    const block = new MetricsBlock();
    const values = Array.from({ length: 20001 }, (_, i) => 0.05 * 1.0005 ** i);
    for (const ms of values) block.completed(0, { total: ms }, 1);
    for (const share of [0.01, 0.1, 0.5, 0.9, 0.99]) {
      const truth = values[Math.floor(share * 20000)];
      expect(histogram.quantile(block.view, layout.kRequest, share) / truth).toBeCloseTo(1, 1);
    }
  });

  test('quantiles of nothing, of one value, and of values above every bound', () => {
    const block = new MetricsBlock();
    expect(histogram.quantile(block.view, layout.kRequest, 0.5)).toBe(0);
    block.completed(0, { total: 3 }, 1);
    const one = histogram.quantile(block.view, layout.kRequest, 0.5);
    expect(one).toBeGreaterThan(2.5);
    expect(one).toBeLessThanOrEqual(3);
    expect(histogram.quantile(block.view, layout.kRequest, 1)).toBe(3);
    for (let i = 0; i < 9; ++i) block.completed(0, { total: 1e7 }, 1);
    expect(histogram.quantile(block.view, layout.kRequest, 0.99)).toBe(100000);
  });
});

describe('a block', () => {
  test('counts a completed job', () => {
    const block = new MetricsBlock();
    block.completed(3, { queued: 0.5, upload: 0, compute: 2, readback: 0.1, total: 2.7 }, 3);
    block.completed(3, { queued: 0.5, upload: 0, compute: 2, readback: 0.1, total: 2.7 }, 0);
    const { view } = block;
    expect(view[layout.kCompleted]).toBe(2);
    expect(view[layout.kWorkloadJobs + 3]).toBe(2);
    expect(view[layout.kWorkloadMs + 3]).toBe(4);
    expect(view[layout.kCompute + plainBucket(kDurationBounds, 2)]).toBe(2);
    expect(view[layout.kCompute + kDurationSum]).toBe(4);
    expect(view[layout.kUpload]).toBe(2);
    expect(view[layout.kBatch + plainBucket(kSizeBounds, 3)]).toBe(1);
    expect(view[layout.kBatch + kSizeSum]).toBe(3);
  });

  test('stages that there were not are not counted; a clock a little behind is 0', () => {
    const block = new MetricsBlock();
    block.completed(0, { queued: -0.001, upload: undefined, compute: NaN, readback: Infinity, total: 1 }, 1);
    for (const stage of ['upload', 'compute', 'readback'])
      expect(histogram.countOf(block.view, kStages[stage], kDurationBuckets)).toBe(0);
    expect(block.view[layout.kQueue]).toBe(1);
    expect(block.view[layout.kQueue + kDurationSum]).toBe(0);
    expect(block.view.every((n) => n >= 0 && Number.isFinite(n))).toBe(true);
  });

  test('workloads and codes without a place of their own have the last one', () => {
    const block = new MetricsBlock();
    for (const index of [-1, 32, 1000, NaN, undefined, kMaxWorkloads - 1]) block.completed(index, stages(1), 1);
    expect(block.view[layout.kWorkloadJobs + kMaxWorkloads - 1]).toBe(6);
    block.failed('ERR_UNHEARD_OF');
    block.failed('ERR_INTERNAL');
    block.failed('ERR_INVALID_ARGUMENT');
    expect(block.view[layout.kFailed + kCodes.length - 1]).toBe(2);
    expect(block.view[layout.kFailed]).toBe(1);
  });

  test('a copy is its own, and a view of another size is refused', () => {
    const block = new MetricsBlock();
    const copy = block.copy();
    block.cacheHit();
    expect(copy.view[layout.kCacheHits]).toBe(0);
    expect(copy.add(block).add(block).view[layout.kCacheHits]).toBe(2);
    expect(() => new MetricsBlock(new Float64Array(7))).toThrow(`has ${kMetricsSize} numbers, not 7`);
  });

  test('counting a job takes well under a microsecond', () => {
    // In a process of its own: in Jest's, each look at a global like Infinity costs more than all the rest.
    const best = Number(
      execFileSync(process.execPath, [path.join(__dirname, '../../support/children/metrics-speed.js')], {
        encoding: 'utf8',
      }),
    );
    expect(best).toBeGreaterThan(0);
    expect(best).toBeLessThan(150); // ns; 30 on an idle machine
  });
});

// One step of what can happen to a cluster. `who` picks among the live members, 0 being the primary itself.
const anyMs = fc.oneof(
  fc.constantFrom(...kDurationBounds, 0, -0.5, 1e9),
  fc.double({ min: 0, max: 1000, noNaN: true }),
  fc.constantFrom(NaN, undefined, Infinity),
);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('completed'),
      who: fc.nat(),
      workload: fc.integer({ min: -1, max: 40 }),
      timings: fc.record({ queued: anyMs, upload: anyMs, compute: anyMs, readback: anyMs, total: anyMs }),
      batch: fc.integer({ min: 0, max: 100 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('failed', 'retried'),
      who: fc.nat(),
      code: fc.constantFrom(...kCodes, 'ERR_OTHER'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('cacheHit', 'cacheMiss'), who: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('contextSwitch'), who: fc.nat(), ms: anyMs }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('join', 'retire', 'replace'), who: fc.nat() }) },
);

function expectDuration(expected, at, ms) {
  if (ms === undefined || Number.isNaN(ms) || ms === Infinity) return;
  expected[at + plainBucket(kDurationBounds, Math.max(0, ms))] += 1;
  expected[at + kDurationSum] += Math.max(0, ms);
}

function expectStep(expected, { do: what, workload, timings, batch, code, ms }) {
  if (what === 'completed') {
    const at = workload >= 0 && workload < kMaxWorkloads ? workload : kMaxWorkloads - 1;
    expected[layout.kCompleted] += 1;
    expected[layout.kWorkloadJobs + at] += 1;
    if (timings.compute > 0 && timings.compute < Infinity) expected[layout.kWorkloadMs + at] += timings.compute;
    for (const [stage, place] of Object.entries(kStages)) expectDuration(expected, place, timings[stage]);
    if (batch > 0) {
      expected[layout.kBatch + plainBucket(kSizeBounds, batch)] += 1;
      expected[layout.kBatch + kSizeSum] += batch;
    }
  }
  const codeAt = kCodes.indexOf(code) >= 0 ? kCodes.indexOf(code) : kCodes.length - 1;
  if (what === 'failed') expected[layout.kFailed + codeAt] += 1;
  if (what === 'retried') expected[layout.kRetried + codeAt] += 1;
  if (what === 'cacheHit') expected[layout.kCacheHits] += 1;
  if (what === 'cacheMiss') expected[layout.kCacheMisses] += 1;
  if (what === 'contextSwitch') {
    expected[layout.kContextSwitches] += 1;
    expectDuration(expected, layout.kSwitch, ms);
  }
}

function doStep(block, { do: what, workload, timings, batch, code, ms }) {
  if (what === 'completed') block.completed(workload, timings, batch);
  else if (what === 'failed' || what === 'retried') block[what](code);
  else if (what === 'contextSwitch') block.contextSwitch(ms);
  else block[what]();
}

describe('the primary', () => {
  test('the sum is that of all records, and never goes back while members come and go', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { metrics } = metricsAt();
        const members = [];
        const expected = new Float64Array(kMetricsSize);
        let lastId = 0,
          before = metrics.merged();
        const join = (id) => {
          const joined = page();
          metrics.attach(id, joined);
          return { id, block: MetricsBlock.ofPage(joined) };
        };
        for (const each of steps) {
          const which = members.length ? each.who % members.length : 0;
          if (each.do === 'join') members.push(join(++lastId));
          else if (each.do === 'retire') {
            if (members.length) metrics.retire(members.splice(which, 1)[0].id);
          } else if (each.do === 'replace') {
            if (members.length) members[which] = join(members[which].id);
          } else {
            const writers = [metrics.own, ...members.map(({ block }) => block)];
            doStep(writers[each.who % writers.length], each);
            expectStep(expected, each);
          }
          const after = metrics.merged();
          for (let i = 0; i < kMetricsSize; ++i) {
            if (after.view[i] < before.view[i])
              throw new Error(`number ${i} went from ${before.view[i]} to ${after.view[i]}`);
            if (Math.abs(after.view[i] - expected[i]) > 1e-9 * expected[i])
              throw new Error(`number ${i} is ${after.view[i]}, not ${expected[i]}`);
          }
          before = after;
        }
      }),
      { numRuns: 300 },
    );
  });

  test('rounding in another order of adding is not a step back', () => {
    const at = layout.kRequest + kDurationSum;
    const members = fc.uniqueArray(
      fc.record({ ms: fc.double({ min: 0.001, max: 1000, noNaN: true }), order: fc.nat() }),
      { minLength: 3, maxLength: 12, selector: ({ order }) => order },
    );
    fc.assert(
      fc.property(members, (list) => {
        const { metrics } = metricsAt();
        for (const { ms, order } of list) {
          const joined = page();
          metrics.attach(order, joined);
          MetricsBlock.ofPage(joined).completed(0, stages(ms), 1);
        }
        let before = metrics.merged().view[at];
        for (const { order } of [...list].sort((a, b) => a.order - b.order)) {
          metrics.retire(order);
          const after = metrics.merged().view[at];
          if (after < before) throw new Error(`from ${before} to ${after}`);
          before = after;
        }
      }),
      { numRuns: 200 },
    );
  });

  test('what a crashed worker left in its page does not spoil the sum', () => {
    const { metrics } = metricsAt();
    const joined = page();
    metrics.attach('w', joined);
    metrics.own.completed(0, stages(1), 1);
    MetricsBlock.ofPage(joined).completed(0, stages(1), 1);
    joined[status.kMetrics + layout.kCacheHits] = NaN;
    joined[status.kMetrics + layout.kCacheMisses] = -5;
    joined[status.kMetrics + layout.kContextSwitches] = Infinity;
    for (let i = 0; i < 2; ++i) {
      const { view } = metrics.merged();
      expect([
        view[layout.kCompleted],
        view[layout.kCacheHits],
        view[layout.kCacheMisses],
        view[layout.kContextSwitches],
      ]).toEqual([2, 0, 0, 0]);
      metrics.retire('w');
      metrics.retire('w');
      metrics.retire('someone else');
    }
  });

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
      contextOf('1-cpu-0', 'cpu:0', { state: 'busy', memoryUsage: 3 * 2 ** 20 }),
      contextOf('1-vulkan-1', 'vulkan:0', { memoryUsage: 2 ** 20 }),
      contextOf('2-cpu-0', 'cpu:0', { state: 'lost' }),
      contextOf('3-cpu-0', 'cpu:0', { state: 'starting' }),
    ];
    const got = metrics.snapshot({ contexts, queueDepth: 7 });
    expect(got).toEqual({
      totalContexts: 4,
      activeContexts: 2,
      totalShaders: 0,
      cacheHitRate: 0,
      compilationTime: 0,
      memoryUsage: {
        total: 4,
        perContext: { '1-cpu-0': 3, '1-vulkan-1': 1, '2-cpu-0': 0, '3-cpu-0': 0 },
        shaderCache: 0,
      },
      performance: {
        frameRate: 0,
        renderTime: 0,
        contextSwitches: 1,
        contextSwitchTime: { p50: expect.any(Number), p99: expect.any(Number) },
        jobsPerSecond: 100,
        queueDepth: 7,
        latency: { p50: expect.any(Number), p99: expect.any(Number) },
      },
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
      pages[n].set([programs, bytes, hits, misses, ms], at + status.kPrograms);
    };
    put(0, 0, [2, 2 ** 20, 30, 2, 10]);
    put(0, 1, [1, 0, 0, 1, 5]);
    put(1, 15, [3, 2 ** 20, 60, 3, 15]);
    expect(metrics.programs()).toEqual({ programs: 6, bytes: 2 ** 21, hits: 90, misses: 6, ms: 30 });
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
          joined[status.contextAt(0) + status.kCompileMs] = ms;
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
    of[status.contextAt(0) + status.kGpuTotalBytes] = 2048 * 2 ** 20;
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

// The text format 0.0.4, strictly: families in one piece, HELP and TYPE before their samples, no series twice.
const kSample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?(?:\d+(?:\.\d+)?(?:e[+-]\d+)?)|[+-]Inf|NaN)$/;
const kLabel = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|$)/;

function parseLabels(text) {
  const labels = {};
  while (text) {
    const match = kLabel.exec(text);
    if (!match || match[1] in labels) throw new Error(`labels: ${text}`);
    labels[match[1]] = match[2].replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
    text = text.slice(match[0].length);
  }
  return labels;
}

function checkHistogram({ name, samples }) {
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket`);
  expect(buckets.length).toBe(samples.length - 2);
  const bounds = buckets.map(({ labels }) => (labels.le === '+Inf' ? Infinity : Number(labels.le)));
  expect(bounds[bounds.length - 1]).toBe(Infinity);
  for (let i = 1; i < buckets.length; ++i) {
    expect(bounds[i]).toBeGreaterThan(bounds[i - 1]);
    expect(buckets[i].value).toBeGreaterThanOrEqual(buckets[i - 1].value);
  }
  expect(samples.map((sample) => sample.name).slice(-2)).toEqual([`${name}_sum`, `${name}_count`]);
  expect(samples[samples.length - 1].value).toBe(buckets[buckets.length - 1].value);
}

function parse(text) {
  expect(text.endsWith('\n')).toBe(true);
  const families = new Map(),
    seen = new Set();
  let family;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, keyword, name, rest] = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (families.has(name)) throw new Error(`${name} twice`);
      families.set(name, (family = { name, help: rest, type: undefined, samples: [] }));
    } else if (keyword === 'TYPE') {
      if (family?.name !== name || family.type || family.samples.length)
        throw new Error(`TYPE of ${name} out of place`);
      if (!['counter', 'gauge', 'histogram'].includes(rest)) throw new Error(`type ${rest}`);
      family.type = rest;
    } else {
      const match = kSample.exec(line);
      if (!match || !family?.type) throw new Error(`not a sample: ${line}`);
      const allowed =
        family.type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => family.name + end) : [family.name];
      if (!allowed.includes(match[1])) throw new Error(`${match[1]} among those of ${family.name}`);
      const sample = {
        name: match[1],
        labels: parseLabels(match[2]),
        value: Number(match[3].replace('Inf', 'Infinity')),
      };
      const key = sample.name + JSON.stringify(Object.entries(sample.labels).sort());
      if (seen.has(key)) throw new Error(`${key} twice`);
      seen.add(key);
      family.samples.push(sample);
    }
  }
  for (const each of families.values()) if (each.type === 'histogram') checkHistogram(each);
  return families;
}

describe('the text for Prometheus', () => {
  const kGib = 2 ** 30;
  function clusterOfTwo() {
    const { metrics, clock } = metricsAt({ workloads: ['add', 'matmul'] });
    const members = [1, 2].map((workerId) => {
      const of = page();
      metrics.attach(workerId, of);
      of[status.kLoopBeat] = clock.ms - 250 * workerId;
      of[status.kExecutorBeat] = workerId === 1 ? clock.ms + 0.01 : 0;
      of[status.kLoopLag] = 12;
      of[status.contextAt(0) + status.kGpuUtilization] = workerId === 1 ? 0.25 : NaN;
      of[status.contextAt(0) + status.kGpuUsedBytes] = kGib + workerId;
      of[status.contextAt(0) + status.kGpuTotalBytes] = 8 * kGib;
      return { workerId, page: of };
    });
    const contexts = [
      contextOf('1-cuda-0', 'cuda:0', { state: 'busy', reserved: 100 }),
      contextOf('2-cuda-0', 'cuda:0', { reserved: 50 }),
      contextOf('2-cpu-0', 'cpu:0', { slot: 1, reserved: 7 }),
    ];
    const state = {
      now: clock.ms,
      pending: 3,
      running: 2,
      oldestPendingAgeMs: 1500,
      restarts: { crash: 2, 'a "quote"\\\n': 1 },
      contexts,
      members,
    };
    return { metrics, clock, members, state };
  }
  const valuesOf = (families, name) =>
    families.get(`switchyard_${name}`).samples.map(({ labels, value }) => [labels, value]);

  test('has every name of the interface, each of its type', async () => {
    const { metrics, state } = clusterOfTwo();
    const families = parse(await metrics.prometheus(state));
    const types = Object.fromEntries(
      [...families.values()].map(({ name, type }) => [name.replace(/^switchyard_/, ''), type]),
    );
    expect(types).toEqual({
      requests_total: 'counter',
      failures_total: 'counter',
      retries_total: 'counter',
      workload_jobs_total: 'counter',
      workload_compute_seconds_total: 'counter',
      cache_hits_total: 'counter',
      cache_misses_total: 'counter',
      context_switches_total: 'counter',
      worker_restarts_total: 'counter',
      context_switch_seconds: 'histogram',
      request_duration_seconds: 'histogram',
      queue_duration_seconds: 'histogram',
      upload_duration_seconds: 'histogram',
      compute_duration_seconds: 'histogram',
      readback_duration_seconds: 'histogram',
      batch_size: 'histogram',
      pending: 'gauge',
      running: 'gauge',
      oldest_pending_age_seconds: 'gauge',
      contexts: 'gauge',
      gpu_memory_used_bytes: 'gauge',
      gpu_memory_total_bytes: 'gauge',
      gpu_memory_pool_bytes: 'gauge',
      gpu_utilization_ratio: 'gauge',
      event_loop_lag_seconds: 'gauge',
      heartbeat_age_seconds: 'gauge',
      programs: 'gauge',
      program_bytes: 'gauge',
      program_cache_hits_total: 'counter',
      program_cache_misses_total: 'counter',
      program_compile_seconds_total: 'counter',
    });
    expect([...families.keys()].every((name) => name.startsWith('switchyard_'))).toBe(true);
    expect(kContentType).toMatch(/^text\/plain; version=0\.0\.4/);
  });

  test('gauges of members, contexts and cards; a card that two workers see counts once', async () => {
    const { metrics, state } = clusterOfTwo();
    const families = parse(await metrics.prometheus(state));
    const of = (name) => valuesOf(families, name);
    expect(of('pending')).toEqual([[{}, 3]]);
    expect(of('running')).toEqual([[{}, 2]]);
    expect(of('oldest_pending_age_seconds')).toEqual([[{}, 1.5]]);
    expect(of('worker_restarts_total')).toEqual([
      [{ reason: 'crash' }, 2],
      [{ reason: 'a "quote"\\\n' }, 1],
    ]);
    expect(of('contexts')).toEqual([
      [{ state: 'idle' }, 2],
      [{ state: 'busy' }, 1],
      [{ state: 'lost' }, 0],
      [{ state: 'starting' }, 0],
    ]);
    expect(of('gpu_memory_used_bytes')).toEqual([[{ device: 'cuda:0' }, kGib + 2]]);
    expect(of('gpu_memory_total_bytes')).toEqual([[{ device: 'cuda:0' }, 8 * kGib]]);
    expect(of('gpu_memory_pool_bytes')).toEqual([
      [{ device: 'cuda:0' }, 150],
      [{ device: 'cpu:0' }, 7],
    ]);
    expect(of('gpu_utilization_ratio')).toEqual([[{ device: 'cuda:0' }, 0.25]]);
    expect(of('event_loop_lag_seconds')).toEqual([
      [{ worker: '1' }, 0.012],
      [{ worker: '2' }, 0.012],
    ]);
    expect(of('heartbeat_age_seconds')).toEqual([
      [{ worker: '1', which: 'loop' }, 0.25],
      [{ worker: '1', which: 'device' }, 0],
      [{ worker: '2', which: 'loop' }, 0.5],
    ]);
  });

  test('counters and histograms are sums over members, also when one has gone', async () => {
    const { metrics, members, state } = clusterOfTwo();
    const blocks = members.map(({ page: of }) => MetricsBlock.ofPage(of));
    blocks[0].completed(0, { queued: 0.01, upload: 0, compute: 1, readback: 0, total: 1.5 }, 4);
    blocks[1].completed(1, { queued: 0.01, upload: 0, compute: 30, readback: 0, total: 40 }, 1);
    metrics.own.completed(31, { queued: 0.01, upload: 0, compute: 30, readback: 0, total: 200000 }, 100);
    blocks[0].failed('ERR_TIMEOUT');
    metrics.own.failed('ERR_TIMEOUT');
    metrics.own.failed('ERR_QUEUE_FULL');
    blocks[1].retried('ERR_DEVICE_LOST');
    blocks[1].cacheHit();
    const text = await metrics.prometheus(state);
    const families = parse(text);
    expect(valuesOf(families, 'requests_total')).toEqual([
      [{ outcome: 'completed' }, 3],
      [{ outcome: 'failed' }, 3],
    ]);
    expect(valuesOf(families, 'failures_total').filter(([, n]) => n)).toEqual([
      [{ reason: 'ERR_TIMEOUT' }, 2],
      [{ reason: 'ERR_QUEUE_FULL' }, 1],
    ]);
    expect(valuesOf(families, 'retries_total').filter(([, n]) => n)).toEqual([[{ reason: 'ERR_DEVICE_LOST' }, 1]]);
    expect(valuesOf(families, 'workload_jobs_total')).toEqual([
      [{ type: 'add' }, 1],
      [{ type: 'matmul' }, 1],
      [{ type: 'other' }, 1],
    ]);
    expect(valuesOf(families, 'cache_hits_total')).toEqual([[{}, 1]]);
    const request = new Map(
      families
        .get('switchyard_request_duration_seconds')
        .samples.map((s) => [s.labels.le ?? s.name.split('_').pop(), s.value]),
    );
    expect([
      request.get('0.001'),
      request.get('0.002'),
      request.get('0.02'),
      request.get('0.05'),
      request.get('100'),
      request.get('+Inf'),
    ]).toEqual([0, 1, 1, 2, 2, 3]);
    expect(request.get('sum')).toBeCloseTo(200.0415, 9);
    expect(request.get('count')).toBe(3);
    expect(valuesOf(families, 'batch_size').map(([, n]) => n)).toEqual([1, 1, 2, 2, 2, 2, 2, 3, 105, 3]);
    metrics.retire(1);
    metrics.retire(2);
    expect(await metrics.prometheus(state)).toBe(text);
  });

  test("texts made at once do not disturb each other, and the application's own registry is left alone", async () => {
    const { metrics, state } = clusterOfTwo();
    const texts = await Promise.all([1, 2, 3].map((pending) => metrics.prometheus({ ...state, pending })));
    texts.forEach((text, i) => expect(valuesOf(parse(text), 'pending')).toEqual([[{}, i + 1]]));
    expect(require('prom-client').register.getMetricsAsArray()).toEqual([]);
  });

  test('a cluster with nothing in it has a text, too', async () => {
    const { metrics, clock } = metricsAt();
    const state = {
      now: clock.ms,
      pending: 0,
      running: 0,
      oldestPendingAgeMs: 0,
      restarts: {},
      contexts: [],
      members: [],
    };
    expect(parse(await metrics.prometheus(state)).size).toBe(31);
  });
});
