// What goes on behind writes: sealed segments get their codes and go where jobs run, neighbours are merged.
'use strict';
const { offLoop } = require('./lead-search');
const { errorText } = require('../../core');

/** @typedef {import('../../addon/vector-calls').NativeVectorTable} Table */
/** @typedef {import('./segments').Segments} Segments */

class Maintenance {
  #table;
  #segments;
  #journal;
  /** @type {Promise<void>|undefined} */
  #running;
  #wanted = false;
  #ended = false;
  /** @type {string|undefined} what kept it from going on, until it goes on */
  problem;
  merges = 0;

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

  /** There may be something to do. */
  wake() {
    if (this.#ended) return;
    this.#wanted = true;
    if (!this.#running) this.#begin(this.#run());
  }

  /**
   * Merges as far as it goes, rows that are removed left out.
   * @returns {Promise<void>}
   */
  async compact() {
    while (this.#running) await this.#running.catch(() => {});
    const sealed = offLoop((id) => this.#table.seal(id));
    await this.#begin(sealed.then(() => this.#all(true)));
  }

  /** @param {Promise<void>} run */
  #begin(run) {
    const running = run.finally(() => {
      this.#running = undefined;
      if (this.#wanted) this.wake();
    });
    this.#running = running;
    return running;
  }

  /** No more of it; resolves when what runs has ended. */
  async end() {
    this.#ended = true;
    await this.#running?.catch(() => {});
  }

  async #run() {
    while (this.#wanted && !this.#ended) {
      this.#wanted = false;
      try {
        await this.#all(false);
        this.problem = undefined;
      } catch (error) {
        // The index works on without: it is searched by what is there.
        this.problem = errorText(error);
      }
    }
  }

  /** @param {boolean} isCompaction */
  async #all(isCompaction) {
    if (this.#journal?.isLong) await offLoop((id) => this.#table.seal(id));
    await this.#prepare();
    while (!this.#ended && (await this.#merge(isCompaction)));
    await this.#prepare();
    if (!this.#ended) await this.#journal?.checkpoint();
  }

  async #prepare() {
    for (const segment of this.#table.segments()) {
      if (this.#ended) return;
      if (segment.isSealed && !this.#segments.isPrepared(segment.name)) await this.#segments.prepare(segment);
    }
  }

  /**
   * One merge.
   * @param {boolean} isCompaction
   * @returns {Promise<boolean>} whether there was one
   */
  async #merge(isCompaction) {
    /** @type {import('../../addon/vector-calls').MergedSegment|undefined} */
    const merged = await offLoop((id) => this.#table.merge(id, isCompaction));
    if (!merged) return false;
    let isDone = false;
    try {
      if (merged.rows && !this.#ended) await this.#segments.prepare(merged);
      isDone = true;
    } finally {
      this.#table.endMerge(isDone);
    }
    this.merges += 1;
    this.#segments.keep(new Set(this.#table.segments().map(({ name }) => name)));
    return true;
  }
}

module.exports = { Maintenance };
