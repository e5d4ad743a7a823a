// A model as it is loaded once for a manager or a context, however many have it: its tokenizer, its plan, its weights,
// and the jobs that are made of texts.
'use strict';
const { readSettings } = require('../config');
const { GPUError, nowMs } = require('../core');
const { withModel } = require('../operations');
const { cacheFolder } = require('../program');
const { TextBatches } = require('./batches');
const { keptBudget, tokenBudget } = require('./budget');
const { joinRows, piecesOf } = require('./pieces');

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
 * @property {import('./model-tokenizer').ModelTokenizer} tokenizer
 * @property {import('./weights').Placed} placed
 * @property {string} digest
 * @property {import('./precision').Precision} precision
 */

const kNameDigits = 12; // of the digest
const kTokens = 4096; // of a job, where nothing was measured

class LoadedModel {
  /** @type {Map<string, TextBatches>} by what is wanted of the rows */
  #batches = new Map();
  #calls = 0;
  /** @type {(() => void)|undefined} */
  #tellIdle;
  #isReleased = false;

  /** @param {Parts} parts */
  constructor({ owner, description, plan, tokenizer, placed, digest, precision }) {
    this.owner = owner;
    this.description = description;
    this.plan = plan;
    this.tokenizer = tokenizer;
    this.placed = placed;
    this.digest = digest;
    this.precision = precision;
    /** What costs are counted under. */
    this.name = `${description.family.name} ${digest.slice(0, kNameDigits)}`;
    /** Tokens that a job has at most, unless one text has more. */
    this.budget = kTokens;
    /** How many have it. */
    this.holders = 0;
  }

  /**
   * Runs a text of one token: a model that no context has memory for, or that its files describe wrongly, is refused
   * where it is loaded.
   * @param {AbortSignal} signal
   */
  async probe(signal) {
    const ids = Int32Array.of(this.tokenizer.vocabularySize - 1);
    await this.#run({ ids, typeIds: new Int32Array(1), offsets: Int32Array.of(0, 1) }, {}, { signal });
  }

  /**
   * Finds how many tokens its jobs should have: as it was measured before, or is now.
   * @param {AbortSignal} signal
   */
  async findBudget(signal) {
    const { owner, tokenizer, description } = this;
    const devices = await owner.devices();
    const options = {
      run: (/** @type {Batch} */ batch) => this.#run(batch, {}, { signal }),
      vocabulary: tokenizer.vocabularySize,
      longest: Math.min(description.maxLength, description.family.maxTokens(description.sizes)),
      device: [...devices, this.precision].join('; '),
      digest: this.digest,
      folder: cacheFolder(readSettings()),
    };
    const kept = await keptBudget(options);
    if (kept !== undefined || !owner.measures) {
      this.budget = kept ?? kTokens;
      return;
    }
    const { device, digest } = options;
    const key = { what: 'budget', device, digest };
    const { tokens, problem } = await owner.once(key, () => tokenBudget(options), { signal });
    this.budget = tokens;
    if (problem !== undefined)
      process.emitWarning(`what was measured of a model can't be kept: ${problem}`, { code: 'SWITCHYARD_CACHE' });
  }

  /**
   * A row for each text; calls with equal wishes go together.
   * @param {Batch} batch
   * @param {Wanted} wanted
   * @param {JobOptions} options
   * @returns {Promise<{ rows: Tensor, timings: import('../index').Timings }>}
   */
  rows(batch, wanted, options) {
    if (options.cache) return this.#cached(batch, wanted, options);
    const { normalize, dimensions, dtype } = wanted;
    const key = `${normalize} ${dimensions} ${dtype}`;
    let batches = this.#batches.get(key);
    if (!batches) {
      const run = (/** @type {Batch} */ each, /** @type {JobOptions} */ job) => this.#run(each, wanted, job);
      const { budget, owner } = this;
      batches = new TextBatches({ run, budget, width: owner.width, timeout: owner.timeout });
      this.#batches.set(key, batches);
    }
    return batches.add(batch, options);
  }

  /**
   * The same where equal jobs are to run once: a call's texts stay together, so that an equal call has equal jobs.
   * @param {Batch} batch
   * @param {Wanted} wanted
   * @param {JobOptions} options
   */
  async #cached(batch, wanted, options) {
    const { timeout = this.owner.timeout } = options;
    const deadline = nowMs() + timeout;
    const pieces = piecesOf(batch, this.budget);
    /** @type {{ rows: Tensor, timings: import('../index').Timings }[]} */
    const results = new Array(pieces.length);
    let next = 0;
    const work = async () => {
      while (next < pieces.length) {
        const i = next++;
        const rest = timeout === Infinity ? timeout : Math.max(1e-3, deadline - nowMs());
        try {
          results[i] = await this.#run(pieces[i], wanted, { ...options, timeout: rest });
        } catch (error) {
          next = pieces.length; // no more of them
          throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(pieces.length, this.owner.width()) }, work));
    return joinRows(results);
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
      ...(graph.rows && { packed: { rows: graph.rows, offsets: 'offsets', most: this.budget } }),
    };
    const account = withModel(options.account, this.name);
    const { outputs, timings } = await this.owner.run(workload, { ...options, account });
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
    this.owner.forget?.(this.name);
    this.tokenizer.close();
    await this.placed.release();
    await this.owner.close?.();
  }
}

module.exports = { LoadedModel };
