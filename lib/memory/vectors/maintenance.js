// What goes on behind writes: sealed segments get their codes, neighbours are merged, segments go where jobs run, and a
// journal makes its checkpoint. What fails of these keeps none of the others from going on: it is left alone for a
// while, a longer one each time, and tried again.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { offLoop } = require('./off-loop');
const { errorText, nowMs } = require('../../core');

/** @typedef {import('../../addon/vector-calls').NativeVectorTable} Table */
/** @typedef {import('../../addon/vector-calls').MergedSegment} MergedSegment */
/** @typedef {import('./segments').Segments} Segments */
/** @typedef {'seal'|'code'|'merge'|'place'|'checkpoint'|'files'} Step */
/** @typedef {{ problem: string, pauseMs: number, until: number }} Failure */

const kPauseMs = 500; // after the first failure; twice as long after each other one
const kMostPauseMs = 60_000;
const kMergedBytes = 2 ** 30; // of rows, that a merge makes at most (src/vectors/merge.cpp)
const kDeadShare = 1 / 8; // of the rows of sealed segments, from which on it is worth while to clear them away

class Maintenance {
  #table;
  #segments;
  #journal;
  /** @type {Promise<void>|undefined} */
  #running;
  #wanted = false;
  #ended = false;
  #compactions = 0; // that run or wait
  /** @type {Map<Step, Failure>} what did not go on, until it does */
  #failures = new Map();
  /** @type {NodeJS.Timeout|undefined} */
  #timer;
  #wantsFiles = false;
  #isSealed = false; // for the journal, since its last checkpoint
  merges = 0;
  /** Some of it was done, or was not. @type {() => void} */
  onTurn = () => {};
  /** Segments are where jobs run, as far as they can be. @type {() => void} */
  onPlaced = () => {};

  /**
   * @param {Table} table
   * @param {Segments} segments
   * @param {import('./journal').Journal} [journal]
   */
  constructor(table, segments, journal) {
    this.#table = table;
    this.#segments = segments;
    this.#journal = journal;
  }

  /** What kept it from going on, until it goes on. */
  get problem() {
    return [...this.#failures.values()].at(0)?.problem;
  }

  /** There may be something to do. */
  wake() {
    if (this.#ended) return;
    this.#wanted = true;
    if (!this.#running) this.#begin(this.#run());
  }

  /**
   * Merges as far as it goes, rows that are removed left out: all that is there now, so it ends whatever comes
   * meanwhile.
   * @returns {Promise<void>}
   */
  compact() {
    return this.#compactBy(false);
  }

  /** @param {boolean} isShort memory: each merge's rows give way to a file before the next one */
  async #compactBy(isShort) {
    this.#compactions += 1;
    try {
      while (this.#running) await this.#running.catch(() => {});
      await this.#begin(this.#compact(isShort));
    } finally {
      this.#compactions -= 1;
      if (this.#wanted) this.wake();
    }
  }

  /** Memory is short: rows that a store's files have are read from there, once those files are written. */
  toFiles() {
    if (this.#wantsFiles || !this.#journal?.mayMap()) return;
    this.#wantsFiles = true;
    this.wake();
  }

  /**
   * Memory is short: merges without what was removed, if that is a good part, and there is room for the largest merge
   * beside what it takes the place of. Rows that are a file's take no memory of the host that cleaning would give back.
   * What fails, `problem` says.
   * @param {'host'|'disk'} of which
   * @param {number} room bytes
   */
  clean(of, room) {
    if (this.#ended || this.#compactions || (of === 'host' && this.#journal)) return;
    let rows = 0,
      live = 0;
    for (const segment of this.#table.segments()) {
      if (!segment.isSealed) continue;
      rows += segment.rows;
      live += segment.live;
    }
    const dead = rows - live;
    if (dead === 0 || dead < rows * kDeadShare) return;
    const bytes = Math.min(kMergedBytes, live * this.#segments.rowBytes);
    if (bytes <= room) this.#compactBy(true).catch(() => {});
  }

  /** @param {Promise<void>} run */
  #begin(run) {
    const running = run.finally(() => {
      this.#running = undefined;
      if (this.#wanted && !this.#compactions) this.wake();
    });
    this.#running = running;
    return running;
  }

  /** No more of it; resolves when what runs has ended. */
  async end() {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#running?.catch(() => {});
  }

  async #run() {
    while (this.#wanted && !this.#isOver()) {
      this.#wanted = false;
      await this.#all(undefined);
    }
  }

  /** Whether what goes on by itself is to stop: a compaction waits for it, while writes would keep it going. */
  #isOver() {
    return this.#ended || this.#compactions > 0;
  }

  /** @param {boolean} isShort */
  async #compact(isShort) {
    await offLoop((id) => this.#table.seal(id));
    const newest = this.#table.segments().reduce((most, { name }) => Math.max(most, name), 0);
    this.#failures.clear(); // nothing waits for its time
    const [failed] = await this.#all(newest, isShort);
    if (failed) throw failed.error;
  }

  /**
   * @param {number|undefined} upTo of a compaction the newest segment
   * @param {boolean} [isShort] memory
   * @returns {Promise<{ error: unknown }[]>} what kept a compaction from being done
   */
  async #all(upTo, isShort = false) {
    const failed = [
      await this.#step('seal', () => this.#seal()),
      await this.#step('code', () => this.#eachSealed((segment) => this.#segments.code(segment))),
      await this.#step('merge', async () => {
        while (!(upTo === undefined ? this.#isOver() : this.#ended) && (await this.#merge(upTo))) {
          if (!isShort || !this.#journal) continue;
          await this.#journal.checkpoint();
          await this.#journal.toFiles();
        }
      }),
    ];
    // Copies on devices make searches quicker: a compaction is done without.
    await this.#step('place', () => this.#eachSealed((segment) => this.#segments.place(segment)));
    this.onPlaced();
    failed.push(
      await this.#step('checkpoint', async () => {
        await this.#journal?.checkpoint();
        this.#isSealed = false;
      }),
    );
    await this.#step('files', async () => {
      if (!this.#wantsFiles) return;
      await this.#journal?.toFiles();
      this.#wantsFiles = false;
    });
    this.#setTimer();
    this.onTurn();
    return failed.flatMap((each) => each ?? []);
  }

  /**
   * @param {Step} step
   * @param {() => Promise<unknown>} run
   * @returns {Promise<{ error: unknown }|undefined>} undefined: it has not failed
   */
  async #step(step, run) {
    const before = this.#failures.get(step);
    if (this.#ended || (before && nowMs() < before.until)) return undefined;
    try {
      await run();
      this.#failures.delete(step);
      return undefined;
    } catch (error) {
      // The index works on without: it is searched by what is there.
      const pauseMs = before ? Math.min(2 * before.pauseMs, kMostPauseMs) : kPauseMs;
      this.#failures.set(step, { problem: errorText(error), pauseMs, until: nowMs() + pauseMs });
      return { error };
    }
  }

  /** What failed is tried again, also where nothing else is written. */
  #setTimer() {
    clearTimeout(this.#timer);
    if (this.#ended || this.#failures.size === 0) return;
    const next = Math.min(...[...this.#failures.values()].map(({ until }) => until));
    this.#timer = setTimeout(() => this.wake(), Math.max(1, Math.ceil(next - nowMs())));
    this.#timer.unref();
  }

  /** Once before each checkpoint: while those fail, it would make a segment of each write. */
  async #seal() {
    if (!this.#journal?.isLong || this.#isSealed) return;
    await offLoop((id) => this.#table.seal(id));
    this.#isSealed = true;
  }

  /**
   * All of them, though one fails.
   * @param {(segment: MergedSegment) => Promise<void>} run
   */
  async #eachSealed(run) {
    /** @type {{ error: unknown }|undefined} */
    let failed;
    for (const segment of this.#table.segments()) {
      if (this.#ended) return;
      if (!segment.isSealed) continue;
      try {
        await run(segment);
      } catch (error) {
        failed ??= { error };
      }
    }
    if (failed) throw failed.error;
  }

  /**
   * One merge.
   * @param {number|undefined} upTo
   * @returns {Promise<boolean>} whether there was one
   */
  async #merge(upTo) {
    /** @type {MergedSegment|undefined} */
    let merged;
    let isDone = false;
    try {
      merged = await offLoop((id) => this.#table.merge(id, upTo));
      if (!merged) return false;
      const made = merged;
      if (made.rows && !this.#ended) {
        // Searched by its rows it would be slower than those that it takes the place of.
        await this.#segments.code(made);
        await this.#step('place', () => this.#segments.place(made));
      }
      isDone = true;
    } finally {
      this.#table.endMerge(isDone);
      if (merged && !isDone) this.#segments.drop(merged.name);
    }
    this.merges += 1;
    this.#segments.keep(new Set(this.#table.segments().map(({ name }) => name)));
    return true;
  }
}

module.exports = { Maintenance };
