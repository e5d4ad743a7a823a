// The embedding pipeline of a manager or a context: what a call wants becomes steps, its rows become jobs.
'use strict';
const { invalid, nowMs } = require('../../core');
const { Basis } = require('./basis');
const { basesOf } = require('./bases');
const { checkMade, checkRows } = require('./finite');
const { JobSizes } = require('./job-sizes');
const { Models } = require('./models');
const { PlacedBases } = require('./placed-bases');
const { RowBatches } = require('./row-batches');
const { checkJob, checkRequest } = require('./request');
const { arrayOf, fitGraph, stepsOf } = require('./steps');
const { restOf } = require('./waiting');

/** @typedef {import('../../index').JobOptions} JobOptions */
/** @typedef {import('../../index').ProcessedEmbeddings} ProcessedEmbeddings */
/**
 * @template {import('../../index').TensorData} [Data=import('../../index').TensorData]
 * @typedef {import('../../index').Tensor<Data>} Tensor
 */
/** @typedef {import('../../text/owners').Owner} Owner */
/** @typedef {import('./request').Wanted} Wanted */
/** @typedef {import('./steps').Steps} Steps */
/** @typedef {import('./row-call').Made} Made */
/** @typedef {() => JobOptions} Rest */

const kFitRows = 1 << 16; // that a basis is fitted to, at most

class Pipeline {
  /** What was done, for metrics. */
  counts = { calls: 0, failed: 0, rows: 0, jobs: 0, joined: 0 };
  #owner;
  #sizes;
  #models;
  /** @type {Map<string, RowBatches>} */
  #batches = new Map();
  #placed;

  /**
   * @param {Owner} owner
   * @param {import('../../index').Backend} [contextType] that models run on which are loaded here
   */
  constructor(owner, contextType) {
    this.#owner = owner;
    this.#sizes = new JobSizes(owner, (steps, rows) => this.#run(steps, rows, { timeout: Infinity }));
    this.#models = new Models(owner, contextType);
    this.#placed = new PlacedBases(owner);
  }

  /**
   * @param {unknown} request
   * @param {unknown} [options] of jobs
   * @returns {Promise<ProcessedEmbeddings>}
   */
  async process(request, options) {
    const began = nowMs();
    ++this.counts.calls;
    try {
      const owner = this.#owner;
      owner.checkOpen();
      const wanted = checkRequest(request);
      const job = checkJob(options, owner.isContext, 'processEmbeddings()');
      const rest = restOf(job, owner.timeout);
      const { rows, model } = await this.#rowsOf(wanted, rest);
      const basis = wanted.reduces ? await this.#basisOf(wanted, rows, model, rest) : undefined;
      const steps = stepsOf(rows, { ...wanted, basis });
      const size = wanted.batchSize ?? (await this.#sizes.of(steps, rows.shape[0], rest));
      const made = await this.#batch(steps, size, rows, rest());
      checkMade(rows, made.outputs);
      this.counts.rows += rows.shape[0];
      return resultOf(made, steps, wanted.isOne, nowMs() - began);
    } catch (error) {
      ++this.counts.failed;
      throw error;
    }
  }

  /** Gives back what is kept for speed alone. */
  async cleanup() {
    await this.#placed.clear();
    await this.#models.close();
  }

  /**
   * @param {Wanted} wanted
   * @param {Rest} rest
   * @returns {Promise<{ rows: Tensor, model: string }>} `model`: which has made them, '': they were given
   */
  async #rowsOf({ rows, texts, model }, rest) {
    if (rows) return { rows, model: '' };
    const { embeddings, digest } = await this.#models.embed(model, /** @type {string[]} */ (texts), rest);
    return { rows: embeddings, model: digest };
  }

  /**
   * @param {Wanted} wanted
   * @param {Tensor} rows
   * @param {string} model
   * @param {Rest} rest
   * @returns {Promise<Basis>}
   */
  async #basisOf({ basis, dimensions, normalize, store }, rows, model, rest) {
    const [, d] = rows.shape;
    let found = basis;
    if (!(found instanceof Basis)) {
      const name = found ?? usualName(d, /** @type {number} */ (dimensions), normalize, model);
      const of = { normalized: normalize, model: model || undefined };
      found = await basesOf(store).get(name, () => this.#fit(name, rows, of, dimensions, rest), rest);
    }
    found.checkFits({ width: d, normalized: normalize, model: model || undefined });
    if (dimensions !== undefined && found.dimensions !== dimensions)
      throw invalid(
        `dimension_reduction is ${dimensions}, but the basis '${found.name}' has ${found.dimensions} dimensions`,
        'options.dimension_reduction',
      );
    return found;
  }

  /**
   * @param {string} name
   * @param {Tensor} rows
   * @param {{ normalized: boolean, model?: string }} of
   * @param {number|undefined} components
   * @param {Rest} rest
   */
  async #fit(name, rows, of, components, rest) {
    const [n, d] = rows.shape;
    if (components === undefined)
      throw invalid(
        `there is no basis '${name}' yet, and nothing says of how many dimensions one would be: give ` +
          'dimension_reduction, 256 for example',
        'options.dimension_reduction',
      );
    if (components > d)
      throw invalid(
        `dimension_reduction is ${components}, but embeddings have ${d} dimensions`,
        'options.dimension_reduction',
      );
    if (n < 2 || n < components)
      throw invalid(
        `there is no basis '${name}' yet, and to fit one of ${components} dimensions takes at least ` +
          `${Math.max(2, components)} rows, but embeddings have ${n}: give more, or a basis`,
        'options.basis',
      );
    checkRows(rows);
    const { outputs } = await this.#owner.run(fitGraph(sampleOf(rows), of.normalized, components), rest());
    const [mean, found, variance] = ['mean', 'components', 'explainedVariance'].map(
      (output) => /** @type {Float32Array} */ (outputs[output].data),
    );
    return new Basis(name, mean.slice(), found.slice(), variance.slice(), of);
  }

  /**
   * @param {Steps} steps
   * @param {number} size
   * @param {Tensor} rows
   * @param {JobOptions} options
   * @returns {Promise<Made>}
   */
  async #batch(steps, size, rows, options) {
    const key = `${steps.key} ${size}`;
    const there = this.#batches.get(key);
    const batches = there ?? this.#newBatches(steps, size, () => drop());
    const drop = () => this.#batches.get(key) === batches && this.#batches.delete(key);
    this.#batches.set(key, batches);
    try {
      return await batches.add(rows, options);
    } finally {
      if (batches.isIdle) drop(); // of no rows there was nothing to do
    }
  }

  /**
   * @param {Steps} steps
   * @param {number} size
   * @param {() => void} onIdle
   */
  #newBatches(steps, size, onIdle) {
    return new RowBatches({
      steps,
      size,
      run: (each, job) => this.#run(steps, each, job),
      width: this.#owner.width,
      onJob: (_, calls) => {
        ++this.counts.jobs;
        if (calls > 1) this.counts.joined += calls;
      },
      onIdle,
    });
  }

  /**
   * @param {Steps} steps
   * @param {Tensor} rows
   * @param {JobOptions} options
   * @returns {Promise<Made>}
   */
  async #run({ nodes, outputs: kinds, basis }, rows, options) {
    const run = async (/** @type {Record<string, import('../../index').InputTensor>} */ placed) => {
      const inputs = { rows, ...placed };
      const workload = { type: 'graph', inputs, nodes, outputs: kinds.map(({ name }) => name) };
      const { outputs, timings } = await this.#owner.run(workload, options);
      return { outputs: kinds.map(({ name }) => outputs[name]), timings };
    };
    return basis ? this.#placed.use(basis, run) : run({});
  }
}

/**
 * What a basis is called that nobody gave a name: rows of one kind have one.
 * @param {number} d
 * @param {number} c
 * @param {boolean} normalize
 * @param {string} model
 */
function usualName(d, c, normalize, model) {
  return ['pca', d, c, ...(normalize ? [] : ['raw']), ...(model ? [model.slice(0, 12)] : [])].join('-');
}

/**
 * All rows, or so many of them, evenly spread.
 * @param {Tensor} rows
 * @returns {Tensor}
 */
function sampleOf({ data, shape: [n, d], dtype }) {
  if (n <= kFitRows) return { data, shape: [n, d], dtype };
  const sample = /** @type {Float32Array} */ (arrayOf(dtype, kFitRows * d));
  for (let i = 0; i < kFitRows; ++i) {
    const row = Math.floor((i * n) / kFitRows);
    sample.set(/** @type {Float32Array} */ (data).subarray(row * d, (row + 1) * d), i * d);
  }
  return { data: sample, shape: [kFitRows, d], dtype };
}

/**
 * @param {Made} made
 * @param {Steps} steps
 * @param {boolean} isOne
 * @param {number} total ms
 * @returns {ProcessedEmbeddings}
 */
function resultOf({ outputs: [embeddings, scales], timings }, { basis, dimensions }, isOne, total) {
  const plain = (/** @type {Tensor} */ { data, shape, dtype }) => ({
    data,
    shape: isOne ? shape.slice(1) : [...shape],
    dtype,
  });
  return {
    embeddings: plain(embeddings),
    ...(scales && { scales: /** @type {Tensor<Float32Array>} */ ({ ...plain(scales), shape: [...scales.shape] }) }),
    ...(basis && { basis: basis.given }),
    dimensions,
    timings: { ...timings, total },
  };
}

module.exports = { Pipeline };
