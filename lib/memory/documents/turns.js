// The order of writes: of two calls that write the same document the one that was made first writes first, whatever
// takes how long before that. Others don't wait for each other.
'use strict';

class Turns {
  /** @type {Map<string, Promise<void>>} the last call's end, by document */
  #last = new Map();
  /** @type {Set<Promise<void>>} those of all calls */
  #all = new Set();
  /** The end of the last call that was about any document. @type {Promise<void>|undefined} */
  #barrier;

  /**
   * @param {readonly string[]} [ids] of documents; left out: any
   * @returns {{ comes: Promise<unknown>, end: () => void }} `comes`: those before it have ended
   */
  take(ids) {
    const before = ids ? [this.#barrier, ...ids.map((id) => this.#last.get(id))] : [...this.#all];
    /** @type {() => void} */
    let tell = () => {};
    const ended = /** @type {Promise<void>} */ (new Promise((resolve) => (tell = () => resolve(undefined))));
    this.#all.add(ended);
    if (!ids) this.#barrier = ended;
    for (const id of ids ?? []) this.#last.set(id, ended);
    const end = () => {
      this.#all.delete(ended);
      if (this.#barrier === ended) this.#barrier = undefined;
      for (const id of ids ?? []) if (this.#last.get(id) === ended) this.#last.delete(id);
      tell();
    };
    return { comes: Promise.all(before), end };
  }
}

module.exports = { Turns };
