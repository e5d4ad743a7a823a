// How a job is cut: how many parts, where each is to run and which rows it has. Pure: by the speeds that were measured,
// without clocks or I/O.
'use strict';
const { guessedSpeed } = require('../wire');

/** @typedef {import('../wire/messages').SplitTarget} SplitTarget */
/**
 * A job, for one way of cutting it. Costs are ms of the reference core.
 * @typedef {object} SplitWork
 * @property {number} units that are cut
 * @property {number} unitMs what each of them costs
 * @property {number} sharedMs what each part costs by itself, for what every part has whole
 * @property {number} mergeMs what each part costs the event loop afterwards
 */
/** @typedef {SplitTarget & { ms: number }} Measured `ms` for each unit of cost, measured or guessed */
/** @typedef {{ target: SplitTarget, first: number, count: number }} PlannedPart */

const kMinPartMs = 2; // of its own work: less does not pay for a message, an output and a merge
const kMinShare = 1.02; // how much longer the others would take without one: less is not worth its message
const kMinGain = 0.9; // of the time that the best target would take alone
const kBusyLoop = 10; // a ms of the event loop keeps everybody waiting
const kGranules = [64, 8]; // rows that parts begin at multiples of, where there are plenty
const kKeptCuts = 256;
const kNearly = 1.15; // as good as the best cut: the one before is kept, and what lies on devices with it

/**
 * The targets that can be compared: those of the best kind, and, once something was measured of these, others that were
 * measured, too.
 * @param {readonly SplitTarget[]} targets
 * @returns {Measured[]}
 */
function comparable(targets) {
  const best = Math.min(...targets.map(({ rank }) => rank));
  const peers = targets.filter(({ rank }) => rank === best);
  const known = peers.flatMap(({ speed }) => (speed === null ? [] : [speed]));
  const mean = known.reduce((sum, speed) => sum + speed, 0) / known.length;
  const of = (/** @type {SplitTarget} */ target) => target.speed ?? (known.length ? mean : guessedSpeed(target.isCard));
  const others = targets.filter(({ rank, speed }) => rank !== best && speed !== null && known.length);
  return [...peers, ...others].map((target) => ({ ...target, ms: of(target) }));
}

/**
 * When all would be through that share the work so that they end together.
 * @param {SplitWork} work
 * @param {readonly Measured[]} targets
 */
function endMs({ units, unitMs, sharedMs }, targets) {
  const rate = targets.reduce((sum, { ms }) => sum + 1 / ms, 0);
  return (units * unitMs + targets.length * sharedMs) / rate;
}

/**
 * The targets that are worth a part: one whose part is too small is left out, or takes hardly anything off the others,
 * and one that is busy for longer than all of it takes.
 * @param {SplitWork} work
 * @param {readonly SplitTarget[]} targets
 * @returns {{ chosen: Measured[], end: number }|undefined} undefined: one does it as well alone
 */
function choose(work, targets) {
  const all = comparable(targets).sort((a, b) => a.ms - b.ms || a.home - b.home);
  const alone = Math.min(...all.map((target) => endMs(work, [target]) + target.busyMs));
  let chosen = all;
  while (chosen.length > 1) {
    const end = endMs(work, chosen);
    const ownMs = (/** @type {Measured} */ { ms }) => end - work.sharedMs * ms;
    // With what each has whole taken off; of equal ones the slowest, which stands last.
    const badness = (/** @type {Measured} */ target) => (target.busyMs > end ? target.busyMs : -ownMs(target));
    const worst = chosen.reduce((a, b) => (badness(b) >= badness(a) ? b : a));
    const others = chosen.filter((target) => target !== worst);
    const pays = ownMs(worst) >= kMinPartMs && worst.busyMs <= end && endMs(work, others) >= kMinShare * end;
    if (pays && chosen.length <= work.units) {
      const cost = end + chosen.length * work.mergeMs * kBusyLoop;
      return cost < kMinGain * alone ? { chosen, end: cost } : undefined;
    }
    chosen = others;
  }
  return undefined;
}

/**
 * Where the parts begin, and the end: shares as even numbers of rows.
 * @param {readonly number[]} shares of units
 * @param {number} units
 * @returns {number[]}
 */
function boundsOf(shares, units) {
  const granule = kGranules.find((each) => units >= 8 * each * shares.length) ?? 1;
  const bounds = [0];
  let sum = 0;
  for (let i = 1; i < shares.length; ++i) {
    sum += shares[i - 1];
    const even = Math.round(sum / granule) * granule;
    bounds.push(Math.min(Math.max(even, bounds[i - 1] + 1), units - (shares.length - i)));
  }
  bounds.push(units);
  return bounds;
}

/** Plans, and keeps the cuts that were made last: what is alike is cut alike. */
class SplitPlanner {
  /** @type {Map<string, number[]>} */
  #kept = new Map();

  /**
   * @param {string} what of job it is: jobs of one name, cut over the same devices, are cut alike
   * @param {readonly SplitWork[]} ways in which it may be cut, the preferred first
   * @param {readonly SplitTarget[]} targets
   * @returns {{ way: number, parts: PlannedPart[] }|undefined} undefined: it is better off in one piece
   */
  plan(what, ways, targets) {
    if (targets.length < 2) return undefined;
    let best;
    for (let way = 0; way < ways.length; ++way) {
      const found = choose(ways[way], targets);
      if (found && (!best || found.end < best.found.end / kNearly)) best = { way, found };
    }
    if (!best) return undefined;
    const { way, found } = best;
    const chosen = found.chosen.sort((a, b) => a.home - b.home);
    const bounds = this.#bounds(`${what}/${way}`, ways[way], chosen);
    return {
      way,
      parts: chosen.map((target, i) => ({ target, first: bounds[i], count: bounds[i + 1] - bounds[i] })),
    };
  }

  /**
   * @param {string} what
   * @param {SplitWork} work
   * @param {readonly Measured[]} targets
   */
  #bounds(what, work, targets) {
    const end = endMs(work, targets);
    const key = `${what}/${work.units}/${targets.map(({ home }) => home)}`;
    const before = this.#kept.get(key);
    const late = (/** @type {Measured} */ { ms }, /** @type {number} */ i) =>
      before && ms * (work.sharedMs + work.unitMs * (before[i + 1] - before[i])) > kNearly * end;
    if (before && !targets.some(late)) return before;
    const bounds = boundsOf(
      targets.map(({ ms }) => (end / ms - work.sharedMs) / work.unitMs),
      work.units,
    );
    if (this.#kept.size >= kKeptCuts) this.#kept.delete(/** @type {string} */ (this.#kept.keys().next().value));
    this.#kept.set(key, bounds);
    return bounds;
  }
}

module.exports = { SplitPlanner };
