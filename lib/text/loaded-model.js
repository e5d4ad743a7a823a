// A model as it is loaded once for a manager or a context, however many have it: its tokenizer, its plan, its weights,
// and the jobs that are made of texts.
'use strict';
const { GPUError } = require('../core');
const { TextBatches } = require('./batches');

/** @typedef {import('../index').JobOptions} JobOptions */
/** @typedef {import('./plan').Batch} Batch */
/** @typedef {import('./plan').Wanted} Wanted */
/** @typedef {import('./owners').Owner} Owner */
/** @typedef {import('../index').Tensor} Tensor */
/**
 * @typedef {object} Parts
 * @property {Owner} owner
 * @property {import('./folder').Description} description
 * @property {import('./plan').Plan} plan
 * @property {import('./tokenizer').Tokenizer} tokenizer
 * @property {import('./weights').Placed} placed
 * @property {string} digest
 * @property {import('./precision').Precision} precision
 * @property {string} why it is that
 */

const kTokens = 4096; // of a job

class LoadedModel {
  /** @type {Map<string, TextBatches>} by what is wanted of the rows */
  #batches = new Map();
  #calls = 0;
  /** @type {(() => void)|undefined} */
  #tellIdle;
  #isReleased = false;

  /** @param {Parts} parts */
  constructor({ owner, description, plan, tokenizer, placed, digest, precision, why }) {
    this.owner = owner;
    this.description = description;
    this.plan = plan;
    this.tokenizer = tokenizer;
    this.placed = placed;
    this.digest = digest;
    this.precision = precision;
    this.why = why;
    /** How many have it. */
    this.holders = 0;
  }

  /**
   * Runs a text of no words: a model that no context has memory for, or that its files describe wrongly, is refused
   * where it is loaded.
   * @param {AbortSignal} signal
   */
  async probe(signal) {
    const pairs = this.description.kind === 'cross-encoder' ? [''] : undefined;
    const batch = await this.tokenizer.encode([''], { pairs });
    if (batch.ids.length) await this.#run(batch, {}, { signal });
  }

  /**
   * A row for each text; calls with equal wishes go together.
   * @param {Batch} batch
   * @param {Wanted} wanted
   * @param {JobOptions} options
   * @returns {Promise<{ rows: Tensor, timings: import('../index').Timings }>}
   */
  rows(batch, wanted, options) {
    if (options.cache) return this.#run(batch, wanted, options);
    const { normalize, dimensions, dtype } = wanted;
    const key = `${normalize} ${dimensions} ${dtype}`;
    let batches = this.#batches.get(key);
    if (!batches) {
      const run = (/** @type {Batch} */ each, /** @type {JobOptions} */ job) => this.#run(each, wanted, job);
      batches = new TextBatches({ run, budget: kTokens, timeout: this.owner.timeout });
      this.#batches.set(key, batches);
    }
    return batches.add(batch, options);
  }

  /**
   * @param {Batch} batch
   * @param {Wanted} wanted
   * @param {JobOptions} options
   */
  async #run(batch, wanted, options) {
    const { outputs, timings } = await this.#job(batch, this.plan.graph(wanted), options);
    return { rows: outputs[0], timings };
  }

  /**
   * The row of one text, and what a layer's attention weighs its tokens with.
   * @param {Batch} batch of one text
   * @param {Wanted} wanted
   * @param {number} layer
   * @param {JobOptions} options
   */
  async attention(batch, wanted, layer, options) {
    const { outputs, timings } = await this.#job(batch, this.plan.graph(wanted, layer), options);
    return { row: outputs[0], weights: outputs[1], timings };
  }

  /**
   * @param {Batch} batch
   * @param {import('./plan').Graph} graph
   * @param {JobOptions} options
   */
  async #job(batch, graph, options) {
    const workload = {
      type: 'graph',
      inputs: { ...this.placed.inputs, ...graph.inputs, ...this.plan.inputs(batch) },
      nodes: graph.nodes,
      outputs: graph.outputs,
      ...(graph.rows && { packed: { rows: graph.rows, offsets: 'offsets', most: kTokens } }),
    };
    const { outputs, timings } = await this.owner.run(workload, options);
    return { outputs: graph.outputs.map((name) => outputs[name]), timings };
  }

  /**
   * Runs a call, which close() waits for.
   * @template T
   * @param {() => Promise<T>} call
   * @returns {Promise<T>}
   */
  async during(call) {
    if (this.#isReleased) throw new GPUError('ERR_CLOSED', 'the model is closed');
    ++this.#calls;
    try {
      return await call();
    } finally {
      if (--this.#calls === 0) this.#tellIdle?.();
    }
  }

  /** Gives its memory back, once what runs has ended. */
  async release() {
    this.#isReleased = true;
    if (this.#calls)
      await new Promise((resolve) => {
        this.#tellIdle = () => resolve(undefined);
      });
    this.tokenizer.close();
    await this.placed.release();
    await this.owner.close?.();
  }
}

module.exports = { LoadedModel };
