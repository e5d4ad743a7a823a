// Counters and histograms with one writer, who may be in another process than their readers.
'use strict';
const { inPage } = require('./status-page');
const { recordDuration, recordSize } = require('./histogram');
const { indexOfCode } = require('./codes');
const { layout, kMetricsSize, kMaxWorkloads } = require('./layout');

/**
 * Milliseconds.
 * @typedef {{ queued?: number, upload?: number, compute?: number, readback?: number, total?: number }} StageTimes
 */

const {
  kCompleted,
  kCacheHits,
  kCacheMisses,
  kContextSwitches,
  kFailed,
  kRetried,
  kWorkloadJobs,
  kWorkloadMs,
  kRequest,
  kQueue,
  kUpload,
  kCompute,
  kReadback,
  kSwitch,
  kBatch,
} = layout;

class MetricsBlock {
  /**
   * @param {Float64Array} [view] zeros at first
   * @throws {RangeError} a view of another size
   */
  constructor(view = new Float64Array(kMetricsSize)) {
    if (view.length !== kMetricsSize)
      throw new RangeError(`a metrics block has ${kMetricsSize} numbers, not ${view.length}`);
    this.view = view;
  }

  /**
   * The block of a member's status page.
   * @param {Float64Array} page
   */
  static ofPage(page) {
    return new MetricsBlock(page.subarray(inPage.metrics, inPage.metrics + kMetricsSize));
  }

  /**
   * A job has ended well. Stages it did not have are left out of its timings, or NaN.
   * @param {number} workload its place in the list of workloads; any other number for one that is in no list
   * @param {StageTimes} timings
   * @param {number} batchSize with one job of each launch: how many jobs the launch had; 0 with the others
   */
  completed(workload, timings, batchSize) {
    const view = this.view;
    const { compute } = timings;
    const at = workload >= 0 && workload < kMaxWorkloads ? workload : kMaxWorkloads - 1;
    view[kCompleted] += 1;
    view[kWorkloadJobs + at] += 1;
    if (compute !== undefined && compute > 0 && compute < Infinity) view[kWorkloadMs + at] += compute;
    recordDuration(view, kQueue, timings.queued);
    recordDuration(view, kUpload, timings.upload);
    recordDuration(view, kCompute, compute);
    recordDuration(view, kReadback, timings.readback);
    recordDuration(view, kRequest, timings.total);
    if (batchSize > 0) recordSize(view, kBatch, batchSize);
  }

  /** @param {string} code why a job's promise was rejected */
  failed(code) {
    this.view[kFailed + indexOfCode(code)] += 1;
  }

  /** @param {string} code what the job would have failed with, had it had no more retries */
  retried(code) {
    this.view[kRetried + indexOfCode(code)] += 1;
  }

  cacheHit() {
    this.view[kCacheHits] += 1;
  }

  cacheMiss() {
    this.view[kCacheMisses] += 1;
  }

  /** @param {number} ms from the decision to the first command */
  contextSwitch(ms) {
    this.view[kContextSwitches] += 1;
    recordDuration(this.view, kSwitch, ms);
  }

  /** @param {MetricsBlock} other */
  add(other) {
    const from = other.view,
      to = this.view;
    // A process that crashed may have written anything to its page. One such number must not spoil the sum for good.
    for (let i = 0; i < kMetricsSize; ++i) if (from[i] > 0 && from[i] < Infinity) to[i] += from[i];
    return this;
  }

  copy() {
    return new MetricsBlock(this.view.slice());
  }
}

module.exports = { MetricsBlock };
