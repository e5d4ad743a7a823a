// Where what is in a block of counters, as the table's rows follow each other. All numbers only grow.
'use strict';
const { kMetrics } = require('./table');
const { kCodes } = require('./codes');
const { inPage } = require('./status-page');
const { kDurationSize, kSizeSize } = require('./histogram');

/** @typedef {import('./table').Metric} Metric */

const kMaxWorkloads = 64; // the last place is for all that have none of their own

/**
 * How many numbers a row has in a block.
 * @param {Metric} metric
 */
function sizeOf({ kind, values, each }) {
  if (kind === 'histogram') return values === 'size' ? kSizeSize : kDurationSize;
  if (each === 'code') return kCodes.length;
  return each === 'workload' ? kMaxWorkloads : 1;
}

/** @type {Record<string, number>} the first number of each place */
const layout = {};
/** @type {Record<string, number>} how many each has */
const sizes = {};
let end = 0;
for (const metric of kMetrics) {
  const { name, kind, place, samples, total } = metric;
  if (place === undefined) {
    if (kind === 'histogram' || !(samples ?? total))
      throw new TypeError(`the metric ${name} has no place and no samples`);
    continue;
  }
  if (Object.hasOwn(layout, place)) throw new TypeError(`two metrics have the place ${place}`);
  layout[place] = end;
  sizes[place] = sizeOf(metric);
  end += sizes[place];
}
const kMetricsSize = end;
if (kMetricsSize > inPage.numbers - inPage.metrics)
  throw new TypeError(`the metrics take ${kMetricsSize} numbers, more than a status page has for them`);

module.exports = { layout: Object.freeze(layout), sizes: Object.freeze(sizes), kMetricsSize, kMaxWorkloads };
