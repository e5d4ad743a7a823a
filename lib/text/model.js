// TextModel: what loadModel() gives. Texts are checked and tokenized here, become batches of packed tokens, and what
// those give becomes what a caller asked for.
'use strict';
const { kArrays, kDTypes } = require('../call');
const { GPUError, invalid, nowMs } = require('../core');
const { checkEmbedding, checkRanking, checkText, checkTexts, checkObject, checkFlag } = require('./call-options');

/** @typedef {import('../index').JobOptions} JobOptions */
/**
 * @template {import('../index').TensorData} [Data=import('../index').TensorData]
 * @typedef {import('../index').Tensor<Data>} Tensor
 */
/** @typedef {import('../index').Timings} Timings */
/** @typedef {import('./loaded-model').LoadedModel} LoadedModel */
/** @typedef {import('./tokenizer').Encoded} Encoded */

const kNoLength = 2 ** 31 - 1; // of tokens: none are cut away
const kAtOnce = 8; // texts whose attention is asked for: each is a job by itself
const kTokenizing = new Set(['offsets', 'truncate', 'signal']);

/** @type {() => Timings} */
const noTimings = () => ({ queued: 0, switch: 0, upload: 0, compute: 0, readback: 0, total: 0 });

class TextModel {
  /** @type {LoadedModel} */
  #loaded;
  #release;
  #calls = new Set();
  /** @type {Promise<void>|undefined} */
  #closed;

  /**
   * @param {LoadedModel} loaded
   * @param {{ maxLength: number, why: string, release: () => Promise<void> }} own of this holder: it may take shorter
   *   texts than another; `why`: it has the precision that it has
   */
  constructor(loaded, { maxLength, why, release }) {
    const { description, plan } = loaded;
    this.#loaded = loaded;
    this.#release = release;
    /** @readonly */
    this.kind = description.kind;
    /** @readonly */
    this.family = description.family.name;
    /** @readonly */
    this.digest = loaded.digest;
    /** @readonly of an embedding, or 1: the score of a cross-encoder */
    this.dimensions = plan.dimensions;
    /** @readonly */
    this.layers = plan.layers;
    /** @readonly */
    this.maxLength = maxLength;
    /** @readonly */
    this.precision = loaded.precision;
    /** @readonly */
    this.precisionReason = why;
    /** @readonly */
    this.prompts = Object.freeze({ ...description.prompts });
  }

  /** Whether close() was called. */
  get closed() {
    return this.#closed !== undefined;
  }

  /** Bytes of the weights, and what each context of a GPU keeps of them besides. */
  get memory() {
    const { placed, owner } = this.#loaded;
    const weights = this.#closed ? 0 : placed.bytes;
    return { weights, perContext: weights && owner.usesCards() ? weights : 0 };
  }

  /**
   * Vectors of texts, a row for each.
   * @param {string|readonly string[]} texts
   * @param {import('../index').EmbedOptions} [options] prompt or promptName, normalize, truncate, dimensions, dtype,
   *   returnAttention, and those of jobs
   * @returns {Promise<import('../index').Embeddings>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: an option, a text that is no string, or one that is too
   *   long with `truncate: false`; ERR_UNSUPPORTED: it is a cross-encoder; ERR_CLOSED; ERR_TIMEOUT and ERR_CANCELED;
   *   ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_WORKER_LOST; ERR_QUEUE_FULL, with `retryAfter`
   * @example
   * const { embeddings } = await model.embed(['a text', 'another'], { timeout: 5000 });
   */
  embed(texts, options) {
    return this.#call(async () => {
      const loaded = this.#loaded;
      if (this.kind !== 'encoder')
        throw new GPUError('ERR_UNSUPPORTED', 'the model is a cross-encoder, which gives scores: use rerank()');
      const isOne = typeof texts === 'string';
      const list = checkTexts(isOne ? [texts] : texts, 'texts');
      const { prompts, promptName } = loaded.description;
      const model = { dimensions: this.dimensions, layers: this.layers, prompts, promptName };
      const { prompt, truncate, wanted, layer, job } = checkEmbedding(options, model, loaded.owner.isContext);
      const began = nowMs();
      const prompted = prompt ? list.map((text) => prompt + text) : list;
      const rest = () => this.#rest(job, began);
      const batch = await this.#encode(prompted, undefined, truncate, rest());
      const { rows, timings, attention } =
        layer === undefined
          ? { ...(await this.#rows(batch, wanted, rest())), attention: undefined }
          : await this.#attention(batch, wanted, layer, rest);
      const shape = isOne ? rows.shape.slice(1) : rows.shape;
      timings.total = nowMs() - began;
      return {
        embeddings: { data: rows.data, shape: [...shape], dtype: rows.dtype },
        tokens: lengthsOf(batch.offsets),
        truncated: [...batch.truncated],
        ...(attention && { attention }),
        timings,
      };
    });
  }

  /**
   * Scores of documents for a query, the best first; of equal ones the earlier.
   * @param {string} query
   * @param {readonly string[]} documents
   * @param {import('../index').RerankOptions} [options] topK, truncate, and those of jobs
   * @returns {Promise<import('../index').Ranked[]>}
   * @throws {GPUError} (rejects with) ERR_UNSUPPORTED: it is an encoder; ERR_INVALID_ARGUMENT; ERR_CLOSED; ERR_TIMEOUT
   *   and ERR_CANCELED; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_WORKER_LOST; ERR_QUEUE_FULL, with `retryAfter`
   * @example
   * const [best] = await reranker.rerank('a question', documents, { topK: 5 });
   */
  rerank(query, documents, options) {
    return this.#call(async () => {
      if (this.kind !== 'cross-encoder')
        throw new GPUError(
          'ERR_UNSUPPORTED',
          `the model is an encoder ('${this.family}'), which gives vectors: embed() texts and compare them, or load ` +
            'a cross-encoder',
        );
      const text = checkText(query, 'query');
      const list = checkTexts(documents, 'documents', 'an array of strings');
      const { topK = list.length, truncate, job } = checkRanking(options, this.#loaded.owner.isContext);
      const began = nowMs();
      const rest = () => this.#rest(job, began);
      const batch = await this.#encode(list, text, truncate, rest());
      const { rows } = await this.#rows(batch, {}, rest());
      const ranked = Array.from(rows.data, (score, index) => ({ index, score }));
      return ranked.sort((a, b) => b.score - a.score || a.index - b.index).slice(0, topK);
    });
  }

  /**
   * The tokens of texts, as the model gets them: with its special ones, and cut to what it takes.
   * @param {string|readonly string[]} texts
   * @param {import('../index').TokenizeOptions} [options] offsets: where each token stands in its text, too; truncate:
   *   false for all tokens of a text, however many the model takes
   * @returns {Promise<import('../index').Tokens>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_CLOSED; ERR_CANCELED
   * @example
   * const { ids, offsets, spans } = await model.tokenize(['a text'], { offsets: true });
   */
  tokenize(texts, options) {
    return this.#call(async () => {
      const list = checkTexts(typeof texts === 'string' ? [texts] : texts, 'texts');
      const given = checkObject(options, kTokenizing, 'tokenize()');
      const wantsSpans = checkFlag(given.offsets, 'offsets') ?? false;
      const truncate = checkFlag(given.truncate, 'truncate') ?? true;
      const { tokenizer } = this.#loaded;
      const encoded = await tokenizer.encode(list, {
        maxLength: truncate ? this.maxLength : kNoLength,
        spans: wantsSpans,
        signal: /** @type {AbortSignal|undefined} */ (given.signal),
      });
      const { ids, offsets, spans, truncated } = encoded;
      return { ids, offsets, truncated, ...(wantsSpans && { spans }) };
    });
  }

  /**
   * A text of tokens, without the special ones.
   * @param {ArrayLike<number>} ids
   * @returns {string}
   * @throws {GPUError} ERR_INVALID_ARGUMENT: an id that there is not; ERR_CLOSED
   * @example
   * const text = model.decode(ids);
   */
  decode(ids) {
    this.#checkOpen();
    return this.#loaded.tokenizer.decode(ids);
  }

  /**
   * How many tokens texts have, the special ones included, however long they are.
   * @param {string|readonly string[]} texts
   * @returns {Promise<number[]>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_CLOSED
   * @example
   * const [tokens] = await model.count('a text');
   */
  count(texts) {
    return this.#call(() =>
      this.#loaded.tokenizer.count(checkTexts(typeof texts === 'string' ? [texts] : texts, 'texts')),
    );
  }

  /**
   * No new calls; those that run end first. The weights go with the last that has the model.
   * @returns {Promise<void>}
   * @example
   * await model.close();
   */
  close() {
    this.#closed ??= Promise.allSettled([...this.#calls]).then(() => this.#release());
    return this.#closed;
  }

  /**
   * As close(), for `await using`.
   * @returns {Promise<void>}
   * @example
   * await using model = await manager.loadModel('./models/all-MiniLM-L6-v2');
   */
  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close();
  }

  // ---- inside

  #checkOpen() {
    if (this.#closed) throw new GPUError('ERR_CLOSED', 'the model is closed');
  }

  /**
   * @template T
   * @param {() => Promise<T>} call
   * @returns {Promise<T>}
   */
  async #call(call) {
    this.#checkOpen();
    const running = this.#loaded.during(call);
    this.#calls.add(running);
    try {
      return await running;
    } finally {
      this.#calls.delete(running);
    }
  }

  /**
   * @param {string[]} texts
   * @param {string|undefined} query that each is paired with, of a cross-encoder
   * @param {boolean} truncate
   * @param {JobOptions} job
   * @returns {Promise<Encoded>}
   */
  async #encode(texts, query, truncate, { signal, timeout }) {
    const { tokenizer } = this.#loaded;
    const { maxLength } = this;
    const options = { maxLength: truncate ? maxLength : kNoLength, signal, timeout };
    const encoded =
      query === undefined
        ? await tokenizer.encode(texts, options)
        : await tokenizer.encodePairs(query, texts, { ...options, most: maxLength });
    if (truncate) return encoded;
    const { offsets } = encoded;
    for (let i = 0; i + 1 < offsets.length; ++i)
      if (offsets[i + 1] - offsets[i] > maxLength) {
        const [name, beside] = query === undefined ? ['texts', ''] : ['documents', ' with its query'];
        throw invalid(
          `${name}[${i}] has ${offsets[i + 1] - offsets[i]} tokens${beside}, but the model ` +
            `takes ${maxLength} at most: shorten it, or leave truncate: false out`,
          `${name}[${i}]`,
        );
      }
    return encoded;
  }

  /**
   * A call's options from now on: what is left of its time, which begins with the call, whatever it waits for.
   * @param {JobOptions} job
   * @param {number} began
   * @returns {JobOptions}
   */
  #rest(job, began) {
    const { timeout = this.#loaded.owner.timeout } = job;
    if (timeout === Infinity) return job;
    const left = timeout - (nowMs() - began);
    if (left > 0) return { ...job, timeout: left };
    const error = new GPUError('ERR_TIMEOUT', `the call was not done within ${timeout} ms`);
    error.released = Promise.resolve();
    throw error;
  }

  /**
   * @param {Encoded} batch
   * @param {import('./plan').Wanted} wanted
   * @param {JobOptions} options
   * @returns {Promise<{ rows: Tensor, timings: Timings }>}
   */
  async #rows(batch, wanted, options) {
    if (batch.offsets.length > 1) {
      const { rows, timings } = await this.#loaded.rows(batch, wanted, options);
      return { rows, timings: { ...timings } };
    }
    const { dimensions = this.dimensions, dtype = 'float32' } = wanted;
    const Data = kArrays[kDTypes.indexOf(dtype)];
    return {
      rows: { data: new Data(0), shape: [0, dimensions], dtype },
      timings: noTimings(),
    };
  }

  /**
   * @param {Encoded} batch
   * @param {import('./plan').Wanted} wanted
   * @param {number} layer
   * @param {() => JobOptions} rest
   */
  async #attention(batch, wanted, layer, rest) {
    const { rows, timings } = await this.#rows({ ...batch, offsets: new Int32Array(1) }, wanted, rest());
    const count = batch.offsets.length - 1;
    const [, width] = rows.shape;
    const data = new kArrays[kDTypes.indexOf(rows.dtype)](count * width);
    /** @type {import('../index').TextAttention[]} */
    const attention = [];
    for (let from = 0; from < count; from += kAtOnce) {
      const places = Array.from({ length: Math.min(kAtOnce, count - from) }, (_, i) => from + i);
      const options = rest();
      const ran = await Promise.all(
        places.map((place) => this.#loaded.attention(textOf(batch, place), wanted, layer, options)),
      );
      for (const [i, { row, weights, timings: taken }] of ran.entries()) {
        data.set(row.data, (from + i) * width);
        const labels = this.#loaded.tokenizer.tokens(textOf(batch, from + i).ids);
        attention.push({ labels, weights: /** @type {Tensor<Float32Array>} */ (weights) });
        for (const name of /** @type {(keyof Timings)[]} */ (Object.keys(timings))) timings[name] += taken[name];
      }
    }
    return { rows: { data, shape: [count, width], dtype: rows.dtype }, timings, attention };
  }
}

/**
 * One text of a batch.
 * @param {Encoded} batch
 * @param {number} i
 */
function textOf({ ids, typeIds, offsets }, i) {
  const [from, to] = [offsets[i], offsets[i + 1]];
  return { ids: ids.slice(from, to), typeIds: typeIds.slice(from, to), offsets: Int32Array.of(0, to - from) };
}

/** @param {Int32Array} offsets */
function lengthsOf(offsets) {
  return Array.from({ length: offsets.length - 1 }, (_, i) => offsets[i + 1] - offsets[i]);
}

module.exports = { TextModel };
