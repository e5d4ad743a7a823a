// Copies of one segment where jobs run: they are released once they are dropped and no job reads them any more.
'use strict';

/** @typedef {import('./segments').Inputs} Inputs */
/** @typedef {import('./owner').Placed} Placed */

class PlacedInputs {
  #inputs;
  #copies;
  #users = 0;
  #isDropped = false;

  /**
   * @param {Inputs} inputs
   * @param {Placed[]} copies that they are
   */
  constructor(inputs, copies) {
    this.#inputs = inputs;
    this.#copies = copies;
  }

  /** @returns {{ inputs: Inputs, leave: () => void }} for one job, which calls `leave` when it has ended */
  use() {
    this.#users += 1;
    const leave = () => {
      this.#users -= 1;
      this.#release();
    };
    return { inputs: this.#inputs, leave };
  }

  /** Nobody uses them from here on but who does so already. */
  drop() {
    this.#isDropped = true;
    this.#release();
  }

  #release() {
    if (!this.#isDropped || this.#users > 0) return;
    for (const copy of this.#copies.splice(0)) copy.release();
  }
}

module.exports = { PlacedInputs };
