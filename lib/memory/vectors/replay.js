// Records of an index's log, applied to its table: what lies behind a checkpoint, and what another process goes on to
// write. To replay is to upsert and to remove, so a record whose effect is there already does no harm.
'use strict';
const { GPUError } = require('../../core');
const { unpackMark } = require('../store');
const { offLoop } = require('./off-loop');

/** @typedef {import('../../addon/vector-calls').NativeVectorTable} Table */
/** @typedef {{ sequence: number, bytes: Uint8Array }} Recorded */
/**
 * What is to be known of one that was applied; `last`: the number of its last row.
 * @typedef {(record: Recorded, last: number|undefined, marked: ReturnType<typeof unpackMark>) => void} OnApplied
 */

const kAtOnce = 1024; // records, by another thread
const kBytesAtOnce = 4 << 20;

class Replay {
  #table;
  #onApplied;

  /**
   * @param {Table} table
   * @param {OnApplied} onApplied
   */
  constructor(table, onApplied) {
    this.#table = table;
    this.#onApplied = onApplied;
  }

  /**
   * @param {AsyncIterable<Recorded>} records
   * @param {number} upTo the last one
   */
  async all(records, upTo) {
    /** @type {Recorded[]} */
    let some = [];
    let bytes = 0;
    for await (const record of records) {
      if (record.sequence > upTo) break;
      some.push(record);
      bytes += record.bytes.length;
      if (some.length < kAtOnce && bytes < kBytesAtOnce) continue;
      await this.some(some);
      some = [];
      bytes = 0;
    }
    await this.some(some);
  }

  /** @param {readonly Recorded[]} records in their order */
  async some(records) {
    if (!records.length) return;
    const marked = records.map(({ bytes }) => unpackMark(bytes));
    const bare = records.map(({ bytes }, i) => marked[i]?.rest ?? bytes);
    const lasts = await this.#apply(records, bare);
    for (const [i, record] of records.entries()) this.#onApplied(record, lasts[i], marked[i]);
  }

  /**
   * @param {readonly Recorded[]} records
   * @param {Uint8Array[]} bare what they are without their marks
   * @returns {Promise<(number|undefined)[]>}
   */
  async #apply(records, bare) {
    try {
      return await offLoop((id) => this.#table.replay(id, bare));
    } catch {
      // One by one, to say which of them it is.
      /** @type {(number|undefined)[]} */
      const lasts = [];
      for (const [i, { sequence }] of records.entries()) lasts.push(await this.#applyOne(sequence, bare[i]));
      return lasts;
    }
  }

  /**
   * @param {number} sequence
   * @param {Uint8Array} bytes
   * @returns {Promise<number|undefined>}
   */
  async #applyOne(sequence, bytes) {
    try {
      const [last] = /** @type {(number|undefined)[]} */ (await offLoop((id) => this.#table.replay(id, [bytes])));
      return last;
    } catch (error) {
      const { code } = /** @type {Partial<GPUError>} */ (error);
      if (!(error instanceof GPUError) || (code !== 'ERR_INVALID_ARGUMENT' && code !== 'ERR_DAMAGED')) throw error;
      const what = `the record ${sequence} of the index is no write that it could have made: ${error.message}`;
      throw new GPUError('ERR_DAMAGED', what, { cause: error });
    }
  }
}

module.exports = { Replay };
