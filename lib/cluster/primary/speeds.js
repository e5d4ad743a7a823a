// How fast devices were with workloads so far: what the scheduler goes by once enough was measured.
'use strict';

const kEnoughRuns = 12; // before a measured speed counts
const kNewest = 1 / 16;
const kMaxSpeeds = 16384; // of workloads on devices, programs among them

/** What was measured of one workload on one device. */
class Speeds {
  /** @type {Map<string, { runs: number, average: number }>} */
  #seen = new Map();

  /**
   * @param {string} device
   * @param {number} workload
   * @param {number} perCost ms of compute for each unit of cost
   */
  note(device, workload, perCost) {
    const key = `${device}/${workload}`;
    const seen = this.#seen.get(key);
    if (!seen) {
      if (this.#seen.size >= kMaxSpeeds) this.#seen.delete(/** @type {string} */ (this.#seen.keys().next().value));
      this.#seen.set(key, { runs: 1, average: perCost });
      return;
    }
    ++seen.runs;
    seen.average += Math.max(kNewest, 1 / seen.runs) * (perCost - seen.average);
  }

  /**
   * @param {string} device
   * @param {number} workload
   */
  of(device, workload) {
    const seen = this.#seen.get(`${device}/${workload}`);
    return seen && seen.runs >= kEnoughRuns ? seen.average : undefined;
  }
}

module.exports = { Speeds };
