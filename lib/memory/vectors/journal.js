// An index in a store: each write is a record of its log, sealed segments are its files, and a checkpoint says which of
// them there are, so that opening replays only what lies behind.
//
// A write is seen by searches once the store has acknowledged it; one that the store refuses has left nothing. Writes
// whose ids another one has that is under way wait for that: whether an id is there is decided by what is acknowledged.
'use strict';
const { randomBytes } = require('node:crypto');
const { GPUError } = require('../../core');
const { Marks, packMark } = require('../store');
const { kFormat, checkState } = require('./journal-state');
const { offLoop } = require('./off-loop');
const { Replay } = require('./replay');
const { adoptSegment, mapSegment, readFile, writeSegment } = require('./segment-files');

/** @typedef {import('../../addon/vector-calls').NativeVectorTable} Table */
/** @typedef {import('../../index').VectorId} Id */
/** @typedef {import('./segments').Segments} Segments */
/**
 * What a store has for an index: docs/store-format.md.
 * @typedef {object} Collection
 * @property {(pieces: Uint8Array[], options: { durable?: boolean }) => Promise<number>} append
 * @property {(after?: number) => Promise<Recovered>} recover with the records behind `after`
 * @property {(name: string, pieces: Iterable<Uint8Array>) => Promise<unknown>} writeFile
 * @property {(what: { state: State, files: string[], through: number }) => Promise<void>} checkpoint
 * @property {(name: string) => Mapped | Promise<Mapped>} mapFile
 * @property {(name: string, offset: number, bytes: number) => Promise<void>} check throws where a file is damaged
 * @property {boolean} [readOnly] nothing can be written
 */
/**
 * `source`: what checks it as it is read.
 * @typedef {{ buffer: ArrayBuffer, source?: import('../../addon/vector-calls').FileSource, close: () => void }} Mapped
 */
/** @typedef {import('./replay').Recorded} Recorded */
/** @typedef {{ state: object|undefined, through: number, records: AsyncIterable<Recorded> }} Recovered */
/** @typedef {{ mark: import('../store/marks').Mark, expect: () => number }} Marked `expect`: its result */
/** @typedef {import('./segment-files').Entry} Entry */
/** @typedef {import('./journal-state').State} State */

const kLogBytes = 64 << 20; // of records, before a checkpoint is made though no segment is full

// A file that a crash left behind, unnamed by any checkpoint, may have any other name.
const newName = (/** @type {string} */ kind) => `${kind}-${randomBytes(8).toString('hex')}`;

class Journal {
  #collection;
  #table;
  #segments;
  #what;
  /** @type {Map<number, Entry>} of segments by their names */
  #entries = new Map();
  /** @type {string|null} */
  #alive = null;
  #through = 0;
  #last = 0; // the last sequence that was applied
  /** @type {{ sequence: number, last: number }[]} writes that no checkpoint has, and their last rows' numbers */
  #puts = [];
  /** @type {Set<number>} segments whose rows are read from their files */
  #mapped = new Set();
  /** @type {Set<number>} segments that are not what their files have, so far as can be told: they stay in memory */
  #others = new Set();
  #logged = 0; // bytes of records since the last checkpoint
  /** @type {Set<Id>} of writes under way */
  #pending = new Set();
  /** @type {Promise<unknown>} the last write's beginning */
  #begun = Promise.resolve();
  /** @type {Promise<unknown>} the last write's end */
  #ended = Promise.resolve();
  #underWay = 0;
  #marks = new Marks();
  #isShared;
  /** @type {GPUError|undefined} why nothing is written any more: a record was not applied */
  #broken;
  #replay;
  /** @type {((sequence: number, record: readonly Uint8Array[]) => void)|undefined} a write was applied */
  onRecorded;
  /** @type {(() => void)|undefined} */ onCheckpoint;

  /**
   * @param {Collection} collection
   * @param {Table} table
   * @param {Segments} segments
   * @param {{ dimensions: number, metric: string }} what
   * @param {boolean} isShared whether writes have marks
   */
  constructor(collection, table, segments, what, isShared = false) {
    this.#isShared = isShared;
    this.#collection = collection;
    this.#table = table;
    this.#segments = segments;
    this.#what = what;
    this.#replay = new Replay(table, ({ sequence, bytes }, last, marked) => {
      this.#note(sequence, last, bytes.length);
      if (marked) this.#marks.note(marked.mark, marked.result);
    });
  }

  /**
   * Reads what is there, into a table that has nothing yet.
   * @param {number} [upTo] the last record, where another process goes on with the rest
   * @param {ReadonlySet<string>} [checked] files that this process has checked before
   */
  async recover(upTo = Infinity, checked = new Set()) {
    const { state: given, through, records } = await this.#collection.recover();
    const state = /** @type {State|undefined} */ (given);
    this.#through = this.#last = through;
    if (state) await this.#adopt(state, checked);
    this.#marks = new Marks(state?.marks);
    await this.#replay.all(records, upTo);
    if (this.#collection.readOnly || (state && !(this.#isShared && state.format < kFormat))) return;
    // Before a record has a mark, which format 1 does not know.
    const segments = state?.segments ?? [];
    const files = [...segments.map(({ file }) => file), ...(this.#alive === null ? [] : [this.#alive])];
    await this.#collection.checkpoint({ state: this.#state(segments), files, through: this.#through });
  }

  /** Which marked writes were done. */
  get marks() {
    return this.#marks;
  }

  /** The last record that was applied. */
  get last() {
    return this.#last;
  }

  /** The files of the segments that there are. */
  get files() {
    return [...this.#entries.values()].map(({ file }) => file);
  }

  /** @param {readonly Recorded[]} records of another process, in order; some may have been applied already */
  async follow(records) {
    await this.#replay.some(records.filter(({ sequence }) => sequence > this.#last));
  }

  /**
   * The same as the collection has it, by now.
   * @param {Collection} collection
   * @param {number} upTo the last record
   * @returns {Promise<State & { through: number }|undefined>} its checkpoint; undefined: that has records missing here
   */
  async catchUp(collection, upTo) {
    const { state: given, through, records } = await collection.recover(this.#last);
    const state = /** @type {State|undefined} */ (given);
    if (!state || state.format !== kFormat || through > this.#last) return undefined;
    await this.#replay.all(records, upTo);
    return { ...state, through };
  }

  /**
   * Goes on where another process, which was followed, has ended: this one writes from now on.
   * @param {Collection} collection
   * @returns {Promise<boolean>} false: it must be recovered
   */
  async takeOver(collection) {
    const state = await this.catchUp(collection, Infinity);
    if (!state) return false;
    const files = new Set(state.segments.map(({ file }) => file));
    for (const [name, { file }] of [...this.#entries])
      // Merged there, and here not: the rows are of a file without a name.
      if (!files.has(file)) this.#forget(name);
    if (state.through !== this.#through) {
      // Of the rows that grow here some are in files there: no record is replayed for those any more.
      await offLoop((id) => this.#table.seal(id));
      this.#puts = this.#puts.filter(({ sequence }) => sequence > state.through);
      this.#through = state.through;
    }
    this.#alive = state.alive;
    this.#collection = collection;
    return true;
  }

  /** @param {number} name of a segment that no file of the collection has */
  #forget(name) {
    this.#entries.delete(name);
    this.#mapped.delete(name);
    this.#others.delete(name);
  }

  /**
   * @param {State} state
   * @param {ReadonlySet<string>} checked
   */
  async #adopt(state, checked) {
    const { dimensions } = this.#what;
    checkState(state, this.#what);
    this.#alive = state.alive;
    const alive = state.alive === null ? undefined : new Uint8Array(await readFile(this.#collection, state.alive));
    let at = 0;
    for (const entry of state.segments) {
      const bits = alive?.subarray(at, (at += Math.ceil(entry.rows / 8)));
      const { name, rows, isChecked } = await adoptSegment(this.#collection, this.#table, entry, dimensions, bits);
      this.#segments.adopt(name, rows, isChecked || checked.has(entry.file), true);
      this.#entries.set(name, entry);
      this.#mapped.add(name);
    }
  }

  /** Whether there are, or soon will be, rows in memory that a file has, too. */
  mayMap() {
    return this.#table.segments().some(({ name, isSealed }) => isSealed && !this.#isSettled(name));
  }

  /** @param {number} name of a segment whose rows are where they are to stay */
  #isSettled(name) {
    return this.#mapped.has(name) || this.#others.has(name);
  }

  /** Rows of sealed segments give way to the files that have them. Nothing else of the journal runs meanwhile. */
  async toFiles() {
    for (const [name, entry] of [...this.#entries]) {
      if (this.#isSettled(name)) continue;
      const { rows, bytes, at, source } = await mapSegment(this.#collection, entry, this.#what.dimensions);
      await this.#collection.check(entry.file, 0, bytes.length);
      await offLoop(
        (id) => this.#table.exchange(id, name, bytes, entry.rows, at, source),
        // Before anybody can meet the new name.
        (/** @type {number|undefined} */ renamed) => {
          if (renamed === undefined) {
            this.#others.add(name);
            return;
          }
          this.#segments.exchange(name, renamed, rows);
          this.#entries.delete(name);
          this.#entries.set(renamed, entry);
          this.#mapped.add(renamed);
        },
      );
    }
  }

  /**
   * @param {number} sequence
   * @param {number|undefined} last number of its rows; undefined: it has none
   * @param {number} bytes
   */
  #note(sequence, last, bytes) {
    this.#last = sequence;
    this.#logged += bytes;
    if (last !== undefined) this.#puts.push({ sequence, last });
  }

  /**
   * A write: recorded, then applied.
   * @template Result
   * @param {readonly Id[]} ids
   * @param {boolean|undefined} durable
   * @param {() => Promise<Uint8Array[]>} pack its record; rejects where it can't be
   * @param {() => Result|Promise<Result>} apply
   * @param {(result: Result) => number|undefined} lastOf the number of its last row
   * @param {Marked} [marked]
   * @returns {Promise<Result>}
   */
  async write(ids, durable, pack, apply, lastOf, marked) {
    const before = this.#begun;
    /** @type {() => void} */
    let onBegun = () => {};
    this.#begun = new Promise((resolve) => {
      onBegun = () => resolve(undefined);
    });
    /** @type {Promise<Result>} */
    let end;
    this.#underWay += 1;
    try {
      if (this.#underWay > 1) await before;
      if (ids.some((id) => this.#pending.has(id))) await this.#ended.catch(() => {});
      if (this.#broken) throw this.#broken;
      const pieces = await pack();
      const result = marked?.expect() ?? 0;
      if (marked) pieces.unshift(packMark(marked.mark, result));
      const note = marked && (() => this.#marks.note(marked.mark, result));
      end = this.#record(ids, durable, pieces, apply, lastOf, note);
    } catch (error) {
      this.#underWay -= 1;
      throw error;
    } finally {
      onBegun();
    }
    return end.finally(() => {
      this.#underWay -= 1;
    });
  }

  /**
   * @template Result
   * @param {readonly Id[]} ids
   * @param {boolean|undefined} durable
   * @param {Uint8Array[]} pieces
   * @param {() => Result|Promise<Result>} apply
   * @param {(result: Result) => number|undefined} lastOf
   * @param {(() => void)|undefined} onApplied
   * @returns {Promise<Result>}
   */
  #record(ids, durable, pieces, apply, lastOf, onApplied) {
    const before = this.#ended.catch(() => {});
    const appended = this.#collection.append(pieces, durable === undefined ? {} : { durable }); // which may throw
    for (const id of ids) this.#pending.add(id);
    const end = (async () => {
      try {
        const [recorded] = await Promise.allSettled([appended, before]);
        if (recorded.status === 'rejected') throw recorded.reason;
        const result = await this.#apply(apply);
        const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
        this.#note(recorded.value, lastOf(result), bytes);
        onApplied?.();
        this.onRecorded?.(recorded.value, pieces);
        return result;
      } finally {
        for (const id of ids) this.#pending.delete(id);
      }
    })();
    this.#ended = end;
    return end;
  }

  /**
   * What is recorded but can't be applied will be there after the next opening alone, and so will what comes behind it:
   * nothing is applied out of order, and no checkpoint takes the place of these records.
   * @template Result
   * @param {() => Result|Promise<Result>} apply
   */
  async #apply(apply) {
    if (this.#broken) throw this.#broken;
    try {
      return await apply();
    } catch (error) {
      this.#broken = new GPUError(
        'ERR_OUT_OF_MEMORY',
        'a write was recorded, but there was no memory to apply it: open the index again, it is there then',
        { cause: error },
      );
      throw this.#broken;
    }
  }

  /** Whether so much was recorded that a segment is to be sealed though it is not full. */
  get isLong() {
    return this.#logged > kLogBytes;
  }

  /**
   * @param {Entry[]} segments
   * @param {ReturnType<Marks['dump']>} [marks]
   * @returns {State}
   */
  #state(segments, marks = this.#marks.dump()) {
    const { dimensions, metric } = this.#what;
    return { format: kFormat, dimensions, metric, alive: this.#alive, segments, ...(marks.length > 0 && { marks }) };
  }

  /** Files for sealed segments that have none, and a checkpoint, if there is anything new. */
  async checkpoint() {
    if (this.#broken) throw this.#broken;
    if (this.#collection.readOnly) return;
    const isNew = this.#table.segments().some(({ name, isSealed }) => isSealed && !this.#entries.has(name));
    if (!isNew && !this.isLong) return;
    const { handle, segments } = this.#table.snapshot();
    // Nothing comes between the snapshot and this.
    const sealed = segments.flatMap((segment, place) => (segment.isSealed ? [{ ...segment, place }] : []));
    const open = segments.find(({ isSealed }) => !isSealed);
    const kept = open ? this.#puts.filter(({ last }) => last >= open.firstNumber) : [];
    const through = kept.length ? kept[0].sequence - 1 : this.#last;
    const logged = this.#logged;
    const marks = this.#marks.dump();
    const alive = sealed.map(({ place }) => new Uint8Array(this.#table.aliveOf(handle, place)));
    const held = sealed.map(({ name }) => this.#segments.enter(name, true));
    try {
      for (const [i, { name, rows, place }] of sealed.entries()) {
        if (this.#entries.has(name)) continue;
        const pack = (/** @type {number} */ id) => this.#table.packMapped(id, handle, place);
        const vectors = held[i].rows.subarray(0, rows * this.#what.dimensions);
        this.#entries.set(name, await writeSegment(this.#collection, newName('segment'), rows, vectors, pack));
      }
    } finally {
      for (const each of held) this.#segments.leave(each);
    }
    const entries = sealed.map(({ name }) => /** @type {Entry} */ (this.#entries.get(name)));
    this.#alive = alive.length ? newName('alive') : null;
    if (this.#alive !== null) await this.#collection.writeFile(this.#alive, alive);
    const files = entries.map(({ file }) => file);
    if (this.#alive !== null) files.push(this.#alive);
    await this.#collection.checkpoint({ state: this.#state(entries, marks), files, through });
    this.#through = through;
    this.onCheckpoint?.();
    this.#puts = this.#puts.filter(({ sequence }) => sequence > through);
    this.#logged -= logged;
    const names = new Set(sealed.map(({ name }) => name));
    for (const name of this.#entries.keys()) if (!names.has(name)) this.#forget(name);
    for (const each of [this.#mapped, this.#others]) for (const name of each) if (!names.has(name)) each.delete(name);
  }

  /** Resolves when every write has ended. */
  async settle() {
    await this.#begun;
    await this.#ended.catch(() => {});
  }
}

module.exports = { Journal };
