// The primary's sum over all members: of all records, never going back while members come, go and crash.
'use strict';
const fc = require('fast-check');
const { MetricsBlock, layout, kMetricsSize, kCodes, kMaxWorkloads } = require('../../../lib/metrics/metrics');
const { kDurationBounds, kDurationSum, kSizeBounds, kSizeSum } = require('../../../lib/metrics/histogram');
const status = require('../../../lib/metrics/status-page');
const { kStages, page, stages, metricsAt, plainBucket } = require('../../support/metrics-fixtures');

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
  const codeAt = kCodes.indexOf(code) >= 0 ? kCodes.indexOf(code) : kCodes.indexOf('ERR_INTERNAL');
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
    joined[status.inPage.metrics + layout.kCacheHits] = NaN;
    joined[status.inPage.metrics + layout.kCacheMisses] = -5;
    joined[status.inPage.metrics + layout.kContextSwitches] = Infinity;
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
});
