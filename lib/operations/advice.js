// What would cost less, out of what jobs have cost: the same jobs on another device, by what they took there for the
// same estimate; or answered once more from what was kept.
'use strict';

/** @typedef {import('./device-use').UseRow} UseRow */
/** @typedef {import('../index').CostAdvice} CostAdvice */
/** @typedef {{ device: string, workload: string, jobs: number, cost: number, units: number, unitMs: number, ms: number,
 *   unitCost: number, again: number, againCost: number }} Sum */

const kLeastSaving = 0.05; // of the cost of these jobs, or it is not worth a word
const kLeastUnits = 1e-3; // ms of the reference core that must have been measured on the other device
const kMost = 20;

/**
 * @param {readonly UseRow[]} rows
 * @returns {Map<string, Map<string, Sum>>} by workload, then by device
 */
function byWorkload(rows) {
  /** @type {Map<string, Map<string, Sum>>} */
  const all = new Map();
  for (const row of rows) {
    const { device, workload } = row;
    let devices = all.get(workload);
    if (!devices) all.set(workload, (devices = new Map()));
    let sum = devices.get(device);
    if (!sum)
      devices.set(
        device,
        (sum = { device, workload, jobs: 0, cost: 0, units: 0, unitMs: 0, ms: 0, unitCost: 0, again: 0, againCost: 0 }),
      );
    sum.jobs += row.jobs;
    sum.cost += row.cost;
    sum.ms += row.ms;
    sum.units += row.units;
    sum.unitMs += row.unitMs;
    sum.unitCost += row.ms > 0 ? (row.cost * row.unitMs) / row.ms : 0;
    sum.again += row.again;
    sum.againCost += row.againCost;
  }
  return all;
}

/**
 * What a unit of the estimate has cost there.
 * @param {Sum} sum
 * @returns {number|undefined} undefined: too little was measured
 */
function rateOf({ units, unitCost }) {
  return units >= kLeastUnits ? unitCost / units : undefined;
}

/**
 * @param {readonly UseRow[]} rows of a day
 * @returns {CostAdvice[]} the largest saving first
 */
function adviceOf(rows) {
  /** @type {CostAdvice[]} */
  const advice = [];
  for (const [workload, devices] of byWorkload(rows)) {
    const sums = [...devices.values()];
    const rated = sums.flatMap((sum) => {
      const rate = rateOf(sum);
      return rate === undefined ? [] : [{ device: sum.device, rate }];
    });
    const cheapest = rated.reduce(
      (/** @type {typeof rated[number]|undefined} */ best, each) => (best && best.rate <= each.rate ? best : each),
      undefined,
    );
    for (const sum of sums) {
      if (sum.againCost > kLeastSaving * sum.cost) advice.push(keepLonger(sum));
      const rate = rateOf(sum);
      if (!cheapest || rate === undefined || cheapest.device === sum.device || rate === 0) continue;
      const predicted = (sum.cost * cheapest.rate) / rate;
      if (sum.cost - predicted < kLeastSaving * sum.cost) continue;
      advice.push({
        kind: 'device',
        what:
          `run ${workload} on ${cheapest.device}: it costs ${percent(predicted, sum.cost)} less there for the ` +
          'same work',
        jobs: { workload, device: sum.device, count: sum.jobs },
        cost: sum.cost,
        predicted,
      });
    }
  }
  return advice.sort((a, b) => b.cost - b.predicted - (a.cost - a.predicted)).slice(0, kMost);
}

/**
 * @param {Sum} sum
 * @returns {CostAdvice}
 */
function keepLonger({ workload, device, jobs, cost, again, againCost }) {
  const runs = Math.round(again);
  return {
    kind: 'cache',
    what:
      `keep results of ${workload} for longer, or more of them (resultMemory, resultMemoryTime): ` +
      `${runs} of its jobs ran again though their result had been kept`,
    jobs: { workload, device, count: jobs },
    cost,
    predicted: cost - againCost,
  };
}

/**
 * @param {number} predicted
 * @param {number} cost
 */
function percent(predicted, cost) {
  return `${Math.round(100 * (1 - predicted / cost))}%`;
}

module.exports = { adviceOf };
