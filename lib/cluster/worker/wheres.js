// Where jobs were whose time is up: the coordinator is waited for a moment, since it knows.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { codec, protocol } = require('../wire');

const { result: at } = protocol;
const kWhereMs = 50;

class Wheres {
  /** @type {Map<number, (text: string) => void>} by number: who is to be told where a job is */
  #waiting = new Map();

  /**
   * What the coordinator says of a job that it was told to stop.
   * @param {number} number
   * @returns {Promise<string>}
   */
  of(number) {
    return new Promise((resolve) => {
      const tell = (/** @type {string} */ text) => {
        clearTimeout(timer);
        this.#waiting.delete(number);
        resolve(text);
      };
      const timer = setTimeout(
        tell,
        kWhereMs,
        'the coordinator does not answer at once, and may say in its log where it was',
      );
      this.#waiting.set(number, tell);
    });
  }

  /**
   * A job that is given up has ended, which says where it was, too.
   * @param {number} number
   * @param {Float64Array} numbers its result
   * @param {number} start
   */
  ended(number, numbers, start) {
    const { code, message } = numbers[start + at.code] ? codec.readError(numbers, at, start) : {};
    const isLate = code === 'ERR_TIMEOUT';
    this.tell(number, isLate && message ? message : 'it had ended, but its result had not come');
  }

  /**
   * @param {number} number
   * @param {string} text
   */
  tell(number, text) {
    this.#waiting.get(number)?.(text);
  }

  /** @param {string} text nothing more comes */
  end(text) {
    for (const tell of [...this.#waiting.values()]) tell(text);
  }
}

module.exports = { Wheres };
