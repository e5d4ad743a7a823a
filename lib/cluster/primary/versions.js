// Versions of names: each is larger than the ones before, also of a name that was given up meanwhile.
'use strict';

const kMostRetired = 10_000; // names that are not in use and whose last version is remembered

class Versions {
  /** @type {Map<string, number>} the last version of those given up, the latest at the end */
  #retired = new Map();
  /** @type {Map<string, number>} the version of those in use */
  #current = new Map();
  #floor = 0; // no forgotten name had a larger one

  /** @param {string} name */
  next(name) {
    const version = 1 + (this.#current.get(name) ?? this.#retired.get(name) ?? this.#floor);
    this.#retired.delete(name);
    this.#current.set(name, version);
    return version;
  }

  /** @param {string} name that is not in use any more */
  retire(name) {
    const version = this.#current.get(name);
    if (version === undefined) return;
    this.#current.delete(name);
    this.#retired.set(name, version);
    if (this.#retired.size <= kMostRetired) return;
    const [[oldest, last]] = this.#retired;
    this.#retired.delete(oldest);
    this.#floor = Math.max(this.#floor, last);
  }
}

module.exports = { Versions };
