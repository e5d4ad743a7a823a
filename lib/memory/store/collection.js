// A collection in a store: records in the store's log, and files that a checkpoint puts in the place of records. For
// what is built on a store, a vector index for example; nobody else's business.
'use strict';
const { native } = require('../../addon');

/** @typedef {import('../../addon/store-calls').StoreHandle} StoreHandle */
/**
 * A call of the store's addon, which the store's close waits for.
 * @typedef {<Result>(begin: (id: number, handle: StoreHandle) => void, kept: unknown) => Promise<Result>} Call
 */
/** @typedef {{ sequence: number, bytes: Uint8Array }} Recorded */
/** @typedef {{ name: string, path: string, bytes: number }} DataFile */
/**
 * @typedef {{ buffer: ArrayBuffer, source: import('../../addon/vector-calls').FileSource, close: () => void }} Mapped
 */
/** @typedef {{ sequence: number, buffer: ArrayBuffer, offset: number, bytes: number }} Read */

class Collection {
  #run;
  #number;
  #durable;

  /**
   * @param {Call} run
   * @param {number} number
   * @param {string} name
   * @param {boolean} durable the store's own
   * @param {boolean} readOnly
   */
  constructor(run, number, name, durable, readOnly) {
    this.#run = run;
    this.#number = number;
    this.name = name;
    this.#durable = durable;
    this.readOnly = readOnly;
  }

  /**
   * @template Result
   * @param {(id: number, handle: StoreHandle, number: number) => void} begin
   * @param {unknown} [kept]
   * @returns {Promise<Result>}
   */
  #call(begin, kept) {
    return this.#run((id, handle) => begin(id, handle, this.#number), kept);
  }

  /**
   * Appends a record, in order with all writes of the store. Pieces are in use until it has settled.
   * @param {Uint8Array[]} pieces one behind the other
   * @param {{ durable?: boolean }} [options]
   * @returns {Promise<number>} its sequence; later ones have larger ones
   */
  append(pieces, { durable = this.#durable } = {}) {
    return this.#call((id, handle, number) => native.appendRecord(id, handle, number, pieces, durable), pieces);
  }

  /**
   * What there is: the last checkpoint, and the records behind it in order.
   * @param {number} [after] those behind this one alone
   * @returns {Promise<{ state: object|undefined, files: DataFile[], through: number,
   *   records: AsyncIterable<Recorded> }>}
   */
  async recover(after = 0) {
    /** @type {{ state: string, files: DataFile[], through: number }} */
    const { state, files, through } = await this.#call((id, handle, number) =>
      native.recoverCollection(id, handle, number),
    );
    const records = this.#records(Math.max(through, after));
    return { state: state === '' ? undefined : JSON.parse(state), files, through, records };
  }

  /** @param {number} through */
  async *#records(through) {
    for (let after = through; ;) {
      /** @type {Read[]} */
      const some = await this.#call((id, handle, number) => native.readRecords(id, handle, number, after));
      if (some.length === 0) return;
      for (const { sequence, buffer, offset, bytes } of some)
        yield { sequence, bytes: new Uint8Array(buffer, offset, bytes) };
      after = some[some.length - 1].sequence;
    }
  }

  /**
   * Writes a file, with checksums, onto the disk. It is a part of the store once a checkpoint names it; one that none
   * names is gone after the next opening.
   * @param {string} name another one than those that there are
   * @param {Iterable<Uint8Array>|AsyncIterable<Uint8Array>} pieces
   * @returns {Promise<{ path: string, bytes: number }>}
   */
  async writeFile(name, pieces) {
    /** @type {import('../../addon/store-calls').FileWriterHandle} */
    const writer = await this.#call((id, handle, number) => native.beginFile(id, handle, number, name));
    try {
      for await (const piece of pieces)
        await this.#call((id, handle) => native.writeToFile(id, handle, writer, piece), piece);
      return await this.#call((id, handle, number) => native.endFile(id, handle, number, name, writer));
    } catch (error) {
      // What is there of it takes room. Of a store that is closed the next opening removes it.
      await this.#call((id, handle) => native.abandonFile(id, handle, writer)).catch(() => {});
      throw error;
    }
  }

  /**
   * In one step: from now on a recovery gives these files, this state, and the records behind `through`.
   * @param {{ state: object, files: string[], through: number }} checkpoint
   * @returns {Promise<void>}
   */
  async checkpoint({ state, files, through }) {
    const text = JSON.stringify(state);
    await this.#call((id, handle, number) => native.makeCheckpoint(id, handle, number, through, text, files));
  }

  /**
   * A file as memory, which nobody may write to: a write ends the process. It is there until the buffer is collected,
   * so closing is letting go of it; a checkpoint that does not name the file any more takes nothing away. Its content
   * is not checked: check() does that, or whoever of the addon gets `source`, as it reads.
   * @param {string} name
   * @returns {Promise<Mapped>}
   */
  async mapFile(name) {
    /** @type {Omit<Mapped, 'close'>} */
    const { buffer, source } = await this.#call((id, handle, number) => native.mapFile(id, handle, number, name));
    /** @type {Mapped} */
    const mapped = {
      buffer,
      source,
      close: () => {
        mapped.buffer = new ArrayBuffer(0);
      },
    };
    return mapped;
  }

  /**
   * Compares the blocks of 1 MB that hold these bytes with their checksums, each once for as long as the store is open.
   * @param {string} name
   * @param {number} offset
   * @param {number} bytes
   * @returns {Promise<void>}
   * @throws {import('../../core').GPUError} (rejects with) ERR_DAMAGED, which names the file and the place
   */
  async check(name, offset, bytes) {
    await this.#call((id, handle, number) => native.checkFile(id, handle, number, name, offset, bytes));
  }

  /** Removes it with all that it has. */
  async drop() {
    await this.#call((id, handle, number) => native.dropCollection(id, handle, number));
  }
}

module.exports = { Collection };
