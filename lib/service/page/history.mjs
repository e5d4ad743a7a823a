// What the figures were, second by second, for the last ten minutes: as charts want it, a column for each series.

const kMost = 600;

export class History {
  /** @type {number[]} seconds since 1970 */
  #at = [];
  /** @type {Map<string, (number|null)[]>} */
  #columns = new Map();

  /** @param {readonly string[]} names of the series */
  constructor(names) {
    for (const name of names) this.#columns.set(name, []);
  }

  /**
   * @param {number} at seconds since 1970
   * @param {Record<string, number|null>} values null: there was none
   */
  add(at, values) {
    this.#at.push(at);
    for (const [name, column] of this.#columns) column.push(values[name] ?? null);
    if (this.#at.length <= kMost) return;
    this.#at.shift();
    for (const column of this.#columns.values()) column.shift();
  }

  /**
   * @param {readonly string[]} names
   * @returns {[number[], ...(number|null)[][]]}
   */
  columns(names) {
    return [this.#at, ...names.map((name) => this.#columns.get(name) ?? [])];
  }

  /** A gap: the lines do not go on across it. */
  cut() {
    if (this.#at.length) this.add(this.#at[this.#at.length - 1] + 0.5, {});
  }
}

/** How much a counter grows a second, from one reading to the next. */
export class Growth {
  /** @type {{ at: number, value: number }|undefined} */
  #last;

  /**
   * @param {number} at seconds
   * @param {number} value
   * @returns {number|null} null: it is the first, or it was begun anew
   */
  of(at, value) {
    const before = this.#last;
    this.#last = { at, value };
    if (!before || value < before.value || at <= before.at) return null;
    return (value - before.value) / (at - before.at);
  }
}
