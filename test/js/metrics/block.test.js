// What one process counts: completed and failed jobs, stages, and what a count costs.
'use strict';
const { execFileSync } = require('node:child_process');
const { MetricsBlock, layout, kMetricsSize, kCodes, kMaxWorkloads } = require('../../../lib/metrics/metrics');
const { countedNames } = require('../../../lib/call');
const histogram = require('../../../lib/metrics/histogram');
const { kStages, stages, plainBucket } = require('../../support/metrics-fixtures');

const { kDurationBounds, kDurationBuckets, kDurationSum, kSizeBounds, kSizeSum } = histogram;
const { childProgram } = require('../../support/paths');

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

  test('every kind of job has a place of its own', () => {
    expect(countedNames.length).toBeLessThan(kMaxWorkloads);
  });

  test('workloads without a place of their own have the last one, codes that of ERR_INTERNAL', () => {
    const block = new MetricsBlock();
    for (const index of [-1, kMaxWorkloads, 1000, NaN, undefined, kMaxWorkloads - 1])
      block.completed(index, stages(1), 1);
    expect(block.view[layout.kWorkloadJobs + kMaxWorkloads - 1]).toBe(6);
    block.failed('ERR_UNHEARD_OF');
    block.failed('ERR_INTERNAL');
    block.failed('ERR_INVALID_ARGUMENT');
    expect(block.view[layout.kFailed + kCodes.indexOf('ERR_INTERNAL')]).toBe(2);
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
      execFileSync(process.execPath, [childProgram('metrics-speed.js')], {
        encoding: 'utf8',
      }),
    );
    expect(best).toBeGreaterThan(0);
    expect(best).toBeLessThan(150); // ns; 30 on an idle machine
  });
});
