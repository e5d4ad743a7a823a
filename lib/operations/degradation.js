// What is given up under overload, stage by stage, by how long the oldest job waits. Which priorities are refused in
// the last one follows what was asked for lately: the lowest goes first, the highest never.
'use strict';

/** @typedef {import('../index').DegradationStage} DegradationStage */
/** @typedef {import('../index').Degradation} DegradationState */

/** @type {readonly DegradationStage[]} */
const kStages = Object.freeze(['none', 'no-prefetch', 'small-batches', 'refuse-low']);
const kFactors = [0, 1, 2, 4]; // of the age of overload, from which on each stage is entered
const kCalm = 0.5; // of it: below, the stage is left
const kSmaller = 4; // by how much launches are smaller
const kStepMs = 1000; // that a stage lasts at least before the next one down
const kRefuseStepMs = 250; // before one more priority is refused, or one less
const kForgetMs = 10_000; // priorities that nobody has asked for are forgotten

class Degradation {
  #age;
  #epoch;
  #onChange;
  #stage = 0;
  #changedAt = -Infinity;
  #since;
  #refused = 0;
  /** @type {Map<number, number>} when each priority was asked for last */
  #seen = new Map();
  /** How many of them, from the lowest on, are refused. */
  #levels = 0;
  #levelAt = -Infinity;
  /** Priorities below this one are refused. */
  below = -Infinity;

  /**
   * @param {number} age ms; Infinity: nothing is ever given up
   * @param {() => number} epoch as Date.now() has it
   * @param {(stage: DegradationStage, age: number) => void} onChange
   */
  constructor(age, epoch, onChange) {
    this.#age = age;
    this.#epoch = epoch;
    this.#onChange = onChange;
    this.#since = epoch();
    /** Whether it can ever be. */
    this.isOn = age < Infinity;
  }

  get stage() {
    return kStages[this.#stage];
  }

  /**
   * Whether the stage of that name is reached.
   * @param {DegradationStage} name
   */
  has(name) {
    return this.#stage >= kStages.indexOf(name);
  }

  /**
   * Small jobs that one launch may run together: fewer, so that the urgent wait for less.
   * @param {number} size as the settings say
   */
  batchOf(size) {
    return this.has('small-batches') ? Math.ceil(size / kSmaller) : size;
  }

  /**
   * A job comes.
   * @param {number} priority
   * @param {number} now
   * @returns {boolean} whether it is refused
   */
  refuses(priority, now) {
    if (!this.isOn) return false;
    this.#seen.set(priority, now);
    if (priority >= this.below) return false;
    ++this.#refused;
    return true;
  }

  /**
   * @param {number} now
   * @param {number} oldest ms that the oldest job has waited; 0: none waits
   */
  look(now, oldest) {
    if (!this.isOn) return;
    const reached = kFactors.findLastIndex((factor) => oldest >= factor * this.#age);
    if (reached > this.#stage) this.#enter(reached, now, oldest);
    else if (this.#levels === 0 && this.#isCalm(oldest) && now - this.#changedAt >= kStepMs)
      this.#enter(this.#stage - 1, now, oldest);
    this.#chooseLevel(now, oldest);
  }

  /** @param {number} oldest */
  #isCalm(oldest) {
    return oldest < kCalm * kFactors[this.#stage] * this.#age;
  }

  /**
   * @param {number} stage
   * @param {number} now
   * @param {number} oldest
   */
  #enter(stage, now, oldest) {
    this.#stage = stage;
    this.#changedAt = now;
    this.#since = this.#epoch();
    this.#onChange(kStages[stage], oldest);
  }

  /**
   * @param {number} now
   * @param {number} oldest
   */
  #chooseLevel(now, oldest) {
    if (!this.has('refuse-low')) {
      this.#levels = 0;
    } else if (now - this.#levelAt >= kRefuseStepMs) {
      this.#levelAt = now;
      if (oldest >= kFactors[this.#stage] * this.#age) ++this.#levels;
      else if (this.#isCalm(oldest)) this.#levels = Math.max(0, this.#levels - 1);
    }
    for (const [priority, at] of this.#seen) if (now - at > kForgetMs) this.#seen.delete(priority);
    const priorities = [...this.#seen.keys()].sort((a, b) => a - b);
    this.#levels = Math.min(this.#levels, Math.max(0, priorities.length - 1));
    this.below = this.#levels > 0 ? priorities[this.#levels] : -Infinity;
  }

  /** @returns {DegradationState} */
  state() {
    return {
      stage: this.stage,
      stages: [...kStages],
      since: this.#since,
      refused: this.#refused,
      refusedBelow: this.below === -Infinity ? null : this.below,
    };
  }
}

module.exports = { Degradation, kStages };
