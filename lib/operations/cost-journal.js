// Costs on a disk, so that a day's budget holds over restarts: a line of JSON for each report; once there are many, all
// of them put together in a file that takes the place of the one before. A line that a crash has cut short is left out.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { nowMs } = require('../core');
const { isRow } = require('./use-rows');

/** @typedef {import('./device-use').UseRow} UseRow */
/** @typedef {{ at: number, rows: readonly UseRow[] }} Record */

const kFile = 'costs-1.jsonl';
const kMostBytes = 8 * 2 ** 20; // beyond which it is put together
const kKeptMs = 93 * 24 * 3_600_000;
const kAgainMs = 10_000; // after which a folder that failed is tried again

/**
 * @param {unknown} value of a line
 * @returns {value is { at: number, rows: UseRow[] }}
 */
function isRecord(value) {
  if (value === null || typeof value !== 'object') return false;
  const { at, rows } = /** @type {{ at?: unknown, rows?: unknown }} */ (value);
  return Number.isFinite(at) && Array.isArray(rows) && rows.every(isRow);
}

class CostJournal {
  #file;
  #log;
  #epoch;
  /** @type {Record[]} to be written */
  #waiting = [];
  #again = -Infinity; // when it is tried again
  /** @type {Promise<void>|undefined} */
  #writing;
  #isBroken = false;
  #isUnread = false; // what stands in the file is not known here, so it is never replaced
  #isBehind = false; // the file lacks some of what was reported, or ends in a line that was cut short
  #size = 0;
  /** All that was reported, in few records; its user sets it. @type {() => Record[]} */
  snapshot = () => [];

  /**
   * @param {string} folder
   * @param {import('../core/log').Logger} log
   * @param {() => number} epoch ms
   */
  constructor(folder, log, epoch) {
    this.#file = path.join(folder, kFile);
    this.#log = log;
    this.#epoch = epoch;
  }

  /** @returns {{ at: number, row: UseRow }[]} what was written, the oldest first; as the process starts */
  read() {
    const found = [];
    try {
      fs.mkdirSync(path.dirname(this.#file), { recursive: true, mode: 0o700 });
      const text = fs.existsSync(this.#file) ? fs.readFileSync(this.#file, 'utf8') : '';
      const since = this.#epoch() - kKeptMs;
      for (const line of text.split('\n')) {
        const record = parsed(line);
        if (!isRecord(record) || record.at < since) continue;
        for (const row of record.rows) found.push({ at: record.at, row });
      }
      this.#size = text.length;
      // A line that was cut short would spoil the next one.
      if (text !== '' && !text.endsWith('\n')) fs.appendFileSync(this.#file, '\n');
    } catch (error) {
      this.#isUnread = true;
      this.#failed(error);
    }
    return found;
  }

  /**
   * @param {number} at the hour
   * @param {readonly UseRow[]} rows
   */
  add(at, rows) {
    if (this.#isBehind && !this.#writing) this.#waiting.length = 0; // they are part of all there is
    this.#waiting.push({ at, rows });
    if (!this.#isBroken || nowMs() >= this.#again) this.#start();
  }

  #start() {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write() {
    while (this.#waiting.length || this.#isBehind) {
      try {
        if (this.#isBehind || (this.#size > kMostBytes && !this.#isUnread)) await this.#putTogether();
        else await this.#append(linesOf(this.#waiting.splice(0)));
        this.#worked();
      } catch (error) {
        this.#isBehind = !this.#isUnread;
        this.#failed(error);
        return;
      }
    }
  }

  #worked() {
    if (this.#isBroken) this.#log.info('costs are written to their folder again');
    this.#isBroken = this.#isBehind = false;
  }

  /** @param {string} text */
  async #append(text) {
    await fs.promises.appendFile(this.#file, text, { mode: 0o600 });
    this.#size += text.length;
  }

  /** What waits is part of all there is. */
  async #putTogether() {
    const text = linesOf(this.snapshot());
    this.#waiting.length = 0;
    const next = `${this.#file}.next`;
    await fs.promises.mkdir(path.dirname(next), { recursive: true, mode: 0o700 });
    await fs.promises.writeFile(next, text, { mode: 0o600, flush: true });
    await fs.promises.rename(next, this.#file);
    // If even that is long, the next time is not before it is twice as long.
    this.#size = Math.max(0, text.length - kMostBytes);
  }

  /** @param {unknown} error */
  #failed(error) {
    const { code } = /** @type {{ code?: string }} */ (error);
    if (!this.#isBroken)
      this.#log.warn({ reason: code }, 'costs are not written to their folder: a restart forgets them');
    this.#isBroken = true;
    this.#again = nowMs() + kAgainMs;
  }

  /** Resolves when all of it is written, or can't be. */
  async close() {
    await this.#writing;
    if (this.#waiting.length || this.#isBehind) this.#start();
    await this.#writing;
  }
}

/** @param {readonly Record[]} records */
function linesOf(records) {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

/** @param {string} line */
function parsed(line) {
  if (line === '') return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // it was cut short, or is somebody else's
  }
}

module.exports = { CostJournal };
