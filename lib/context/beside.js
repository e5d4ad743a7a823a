// A context beside one that was opened as 'auto': it runs the pictures and users' programs that the other's device
// can't.
'use strict';

/** @typedef {import('./context').GPUContext} GPUContext */
/** @typedef {import('../core/errors').GPUError} GPUError */

class Beside {
  #open;
  /** @type {Promise<GPUContext>|undefined} */
  #context;

  /** @param {() => Promise<GPUContext>|undefined} open on a device that draws, if there is one */
  constructor(open) {
    this.#open = open;
  }

  /**
   * Runs what the first context's device could not.
   * @param {GPUError} error what it said
   * @param {() => void} checkOpen throws when the first context is closed
   * @param {unknown} workload
   * @param {import('../index').RunOptions|undefined} options
   * @returns {Promise<import('../index').RunResult>}
   */
  async run(error, checkOpen, workload, options) {
    if (error.code !== 'ERR_UNSUPPORTED') throw error;
    checkOpen();
    this.#context ??= this.#open();
    if (!this.#context) throw error;
    let context;
    try {
      context = await this.#context;
    } catch (failed) {
      this.#context = undefined; // the next job tries again
      throw failed;
    }
    checkOpen();
    return context.run(workload, options);
  }

  trim() {
    this.#context?.then(
      (context) => context.closed || context.trim(),
      () => {},
    );
  }

  /** @returns {Promise<void>|undefined} undefined: there is nothing to close */
  close() {
    return this.#context?.then(
      (context) => context.close(),
      () => {},
    );
  }
}

/**
 * Whether only a driver's device has code for it.
 * @param {import('../call/describe').AnyCall} call
 */
function needsDriver({ kind, contextType }) {
  return kind === 'render' || contextType !== '';
}

module.exports = { Beside, needsDriver };
