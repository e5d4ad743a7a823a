// Memory: what createMemory() gives. Documents are cut into passages, embedded, kept in an index, and found again by
// what they mean.
'use strict';
const { randomBytes } = require('node:crypto');
const { GPUError, invalid } = require('../../core');
const { orGivenUp, restOf } = require('../embeddings/waiting');
const { Gate } = require('./gate');
const { checkForget, checkRecall, checkRemember } = require('./options');
const { documentOf, idOf, idsOf, kFirst, metadataOf, passageOf } = require('./passages');
const { candidatesOf, groupsOf, kMostPassages, partsOf } = require('./portions');
const { Turns } = require('./turns');

/** @typedef {import('../../index').JobOptions} JobOptions */
/** @typedef {import('../../index').DocumentStats} DocumentStats */
/** @typedef {import('../../index').Recalled} Recalled */
/** @typedef {import('../../index').Remembered} Remembered */
/** @typedef {import('../../index').TextModel} TextModel */
/** @typedef {import('./cutter').Cutter} Cutter */
/** @typedef {import('./cutter').Embedded} Embedded */
/** @typedef {import('./options').Document} Document */
/** @typedef {Record<string, unknown>} Fields */
/**
 * What a memory needs of an index.
 * @typedef {object} Index
 * @property {number} size
 * @property {(ids: string[], vectors: object, options: { metadata: Fields[] }) => Promise<unknown>} upsert
 * @property {(ids: string[]) => Promise<number>} remove
 * @property {(id: string) => boolean|Promise<boolean>} has
 * @property {(ids: string[]) => Promise<{ metadata: (Fields|undefined)[] }>} get
 * @property {(query: Float32Array, options: object) => Promise<{ ids: string[], scores: ArrayLike<number>,
 *   metadata?: (Fields|undefined)[] }>} search
 * @property {() => object} stats
 * @property {() => Promise<void>} close
 */
/**
 * @typedef {object} Parts
 * @property {TextModel} model
 * @property {TextModel} [reranker]
 * @property {Index} index
 * @property {Cutter} cutter
 * @property {import('./intents').Intents} intents
 * @property {string} [queryPrompt]
 * @property {boolean} isContext whether jobs run on one context
 * @property {number} timeout of calls that don't say one
 * @property {() => Promise<void>} close of what was opened for the memory
 */
/** @typedef {{ document: Document, embedded: Embedded }} Ready */

class Memory {
  #parts;
  #turns = new Turns();
  #gate = new Gate();
  /** @type {Set<Promise<unknown>>} */
  #calls = new Set();
  /** Passages of documents that were replaced by shorter ones, until they are removed. @type {Set<string>} */
  #leaving = new Set();
  /**
   * How many passages documents have of which some could not be removed: the next write removes them.
   * @type {Map<string, number>}
   */
  #stuck = new Map();
  /** @type {number|undefined} once they were counted */
  #documents;
  /** @type {Promise<void>|undefined} */
  #closed;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Whether close() was called. */
  get closed() {
    return this.#closed !== undefined;
  }

  /**
   * @param {string|import('../../index').GivenDocument|readonly (string|import('../../index').GivenDocument)[]}
   *   documents
   * @param {import('../../index').RememberOptions} [options] metadata, and those of jobs
   * @returns {Promise<Remembered>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_WORKER_LOST;
   *   ERR_TIMEOUT and ERR_CANCELED; ERR_CLOSED
   * @example await memory.remember({ id: 'mit', text }, { metadata: { kind: 'licence' } });
   */
  remember(documents, options) {
    return this.#call(async () => {
      const { isContext, timeout } = this.#parts;
      const { documents: list, job } = checkRemember(documents, options, isContext);
      const rest = restOf(job, timeout);
      const turn = this.#turns.take(list.map(({ id }) => id));
      try {
        /** @type {number[]} */
        const passages = [];
        for (const group of groupsOf(list)) {
          const ready = await this.#embed(group, rest);
          await orGivenUp(turn.comes, rest());
          rest(); // nothing is written once nobody waits any more
          for (const part of partsOf(ready)) await this.#write(part);
          passages.push(...ready.map(({ embedded }) => embedded.places.length));
        }
        return { ids: list.map(({ id }) => id), passages };
      } finally {
        turn.comes.then(turn.end); // later ones come after those before it, too, where it has given up
      }
    });
  }

  /**
   * @param {string} query
   * @param {import('../../index').RecallOptions} [options] k, filter, rerank, and those of jobs
   * @returns {Promise<Recalled[]>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_WORKER_LOST;
   *   ERR_TIMEOUT and ERR_CANCELED; ERR_CLOSED
   * @example const [best] = await memory.recall('may I sell it?', { k: 3, filter: { kind: 'licence' } });
   */
  recall(query, options) {
    return this.#call(async () => {
      const { isContext, timeout, model, reranker, queryPrompt } = this.#parts;
      const { k, filter, rerank, job } = checkRecall(query, options, { isContext, reranks: Boolean(reranker) });
      const rest = restOf(job, timeout);
      const prompt = queryPrompt === undefined ? {} : { promptName: queryPrompt };
      const { embeddings } = await model.embed(query, { ...rest(), ...prompt });
      const vector = /** @type {Float32Array} */ (embeddings.data);
      const found = await this.#search(vector, candidatesOf(k, rerank), filter, rest);
      if (!rerank || !reranker || !found.length) return found;
      const texts = found.map(({ text }) => text);
      const ranked = await reranker.rerank(query, texts, { ...rest(), topK: Math.min(k, texts.length) });
      return ranked.map(({ index, score }) => ({ ...found[index], score }));
    });
  }

  /**
   * @param {import('../../index').Forgotten} what { ids } or { filter }
   * @returns {Promise<number>} documents that were there
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_CLOSED
   * @example const count = await memory.forget({ filter: { kind: 'licence' } });
   */
  forget(what) {
    return this.#call(async () => {
      const { ids, filter } = checkForget(what);
      const turn = this.#turns.take(ids);
      try {
        await turn.comes;
        const there = ids ? await this.#counts(ids) : await this.#firsts(filter);
        const all = [...there.keys()].flatMap((id) => idsOf(id, 0, this.#mostOf(id, there)));
        const isAlone = [...there.keys()].some((id) => this.#stuck.has(id));
        for (let at = 0, end = 0; at < all.length; at = end) {
          end = Math.min(all.length, at + kMostPassages);
          // A document's passages are removed together.
          while (end < all.length && documentOf(all[end]) === documentOf(all[end - 1])) --end;
          const [from, to] = [at, end];
          const remove = () => this.#remove(all.slice(from, to));
          await (isAlone ? this.#gate.alone(remove) : this.#gate.beside(remove));
        }
        return there.size;
      } finally {
        turn.end();
      }
    });
  }

  /**
   * @returns {Promise<DocumentStats>}
   * @throws {GPUError} (rejects with) ERR_CLOSED
   * @example const { documents, passages } = await memory.stats();
   */
  stats() {
    return this.#call(async () => {
      const { index, model, cutter, reranker } = this.#parts;
      // While nothing is written, or what is would be counted twice or never.
      if (this.#documents === undefined)
        await this.#gate.alone(async () => (this.#documents ??= (await this.#firsts(undefined)).size));
      return {
        documents: /** @type {number} */ (this.#documents),
        passages: await this.#gate.beside(async () => index.size - this.#leaving.size),
        dimensions: model.dimensions,
        model: model.digest,
        reranker: reranker?.digest,
        chunk: { ...cutter.limits },
        index: /** @type {DocumentStats['index']} */ (index.stats()),
      };
    });
  }

  /**
   * No new calls; those that run end first.
   * @returns {Promise<void>}
   * @example await memory.close();
   */
  close() {
    this.#closed ??= Promise.allSettled([...this.#calls]).then(() => this.#parts.close());
    return this.#closed;
  }

  /**
   * As close(), for `await using`.
   * @returns {Promise<void>}
   * @example await using memory = await createMemory({ path: './memory' });
   */
  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close();
  }

  // ---- inside

  /**
   * @template T
   * @param {() => Promise<T>} call
   * @returns {Promise<T>}
   */
  async #call(call) {
    if (this.#closed) throw new GPUError('ERR_CLOSED', 'the memory is closed');
    const running = call();
    this.#calls.add(running);
    try {
      return await running;
    } finally {
      this.#calls.delete(running);
    }
  }

  /**
   * @param {Document[]} documents
   * @param {() => JobOptions} rest
   * @returns {Promise<Ready[]>}
   */
  async #embed(documents, rest) {
    const texts = documents.map(({ text }) => text);
    const embedded = await this.#parts.cutter.embed(texts, rest, (i, passages) => {
      if (passages > kMostPassages)
        throw invalid(
          `the document '${documents[i].id}' has ${passages} passages or more, but can have at most ` +
            `${kMostPassages}: give it in parts`,
          'documents',
        );
    });
    return documents.map((document, i) => ({ document, embedded: embedded[i] }));
  }

  /**
   * Documents that go in one write: all of their passages are there after it, or none.
   * @param {Ready[]} ready
   */
  async #write(ready) {
    const before = await this.#counts(ready.map(({ document }) => document.id));
    const stamp = randomBytes(9).toString('base64url');
    const full = ready.filter(({ embedded }) => embedded.places.length > 0);
    const blank = ready.filter(({ document: { id }, embedded }) => !embedded.places.length && before.has(id));
    const replaced = full.flatMap(({ document: { id }, embedded: { places } }) => {
      const to = this.#mostOf(id, before);
      return to > places.length ? [{ id, from: places.length, to, stamp }] : [];
    });
    // The passages of the longer document that was there before: should the process end between the two writes, the
    // next one that opens the memory removes them.
    const intent = replaced.length ? await this.#parts.intents.note(replaced) : undefined;
    const leftover = replaced.flatMap(({ id, from, to }) => idsOf(id, from, to));
    const removed = [...leftover, ...blank.flatMap(({ document: { id } }) => idsOf(id, 0, this.#mostOf(id, before)))];
    await this.#pass(leftover.length > 0, ready, async () => {
      if (full.length) await this.#upsert(full, stamp);
      for (const { document, embedded } of full) {
        for (const id of idsOf(document.id, 0, embedded.places.length)) this.#leaving.delete(id);
        this.#stuck.delete(document.id);
      }
      for (const id of leftover) this.#leaving.add(id);
      for (const { id, to } of replaced) this.#stuck.set(id, to);
      this.#count(full.filter(({ document }) => !before.has(document.id)).length);
      if (removed.length) await this.#remove(removed);
    });
    await intent?.done();
  }

  /**
   * A write, alone where searches would see half of it, or where what they pass over changes.
   * @param {boolean} isHalf
   * @param {Ready[]} ready
   * @param {() => Promise<void>} write
   */
  #pass(isHalf, ready, write) {
    const isAlone = isHalf || ready.some(({ document }) => this.#stuck.has(document.id));
    return isAlone ? this.#gate.alone(write) : this.#gate.beside(write);
  }

  /**
   * @param {Ready[]} ready
   * @param {string} stamp
   */
  async #upsert(ready, stamp) {
    const { index, model } = this.#parts;
    const d = model.dimensions;
    const ids = ready.flatMap(({ document, embedded }) => idsOf(document.id, 0, embedded.places.length));
    const vectors = new Float32Array(ids.length * d);
    let at = 0;
    for (const { embedded } of ready) {
      vectors.set(embedded.vectors, at);
      at += embedded.vectors.length;
    }
    const metadata = ready.flatMap(({ document, embedded }) => metadataOf(document, embedded.places, stamp));
    await index.upsert(ids, { data: vectors, shape: [ids.length, d], dtype: 'float32' }, { metadata });
  }

  /** @param {string[]} ids of passages: all that there are of a document, or all that were left over of one */
  async #remove(ids) {
    await this.#parts.index.remove(ids);
    for (const id of ids) {
      this.#leaving.delete(id);
      this.#stuck.delete(documentOf(id));
    }
    this.#count(-ids.filter((id) => id === idOf(documentOf(id), 0)).length);
  }

  /** @param {number} more documents that there are since */
  #count(more) {
    if (this.#documents !== undefined) this.#documents += more;
  }

  /**
   * How many passages of a document may be there, those included that could not be removed.
   * @param {string} id
   * @param {Map<string, number>} counts
   */
  #mostOf(id, counts) {
    return Math.max(counts.get(id) ?? 0, this.#stuck.get(id) ?? 0);
  }

  /**
   * How many passages documents have, of those that are there.
   * @param {string[]} documents
   * @returns {Promise<Map<string, number>>}
   */
  async #counts(documents) {
    const { index } = this.#parts;
    const there = await Promise.all(documents.map((id) => index.has(idOf(id, 0))));
    const found = documents.filter((_, i) => there[i]);
    if (!found.length) return new Map();
    const { metadata } = await index.get(found.map((id) => idOf(id, 0)));
    return new Map(found.map((id, i) => [id, passageOf(idOf(id, 0), /** @type {Fields} */ (metadata[i])).count]));
  }

  /**
   * The same of all documents that a filter lets through.
   * @param {unknown} filter
   * @returns {Promise<Map<string, number>>}
   */
  async #firsts(filter) {
    const { index, model } = this.#parts;
    if (!index.size) return new Map();
    const first = { [kFirst]: true };
    const { ids, metadata } = await index.search(new Float32Array(model.dimensions), {
      k: index.size,
      filter: filter === undefined ? first : { $and: [filter, first] },
      includeMetadata: true,
    });
    const all = /** @type {Fields[]} */ (metadata);
    return new Map(ids.map((id, i) => [documentOf(id), passageOf(id, all[i]).count]));
  }

  /**
   * @param {Float32Array} query
   * @param {number} k
   * @param {unknown} filter
   * @param {() => JobOptions} rest
   * @returns {Promise<Recalled[]>}
   */
  async #search(query, k, filter, rest) {
    const { index, isContext } = this.#parts;
    if (!index.size) return [];
    const search = async () => {
      const leaving = new Set(this.#leaving);
      const { timeout, ...others } = rest();
      const found = await index.search(query, {
        k: k + leaving.size,
        includeMetadata: true,
        ...(filter !== undefined && { filter }),
        ...others,
        ...(!(isContext && timeout === Infinity) && { timeout }), // searches without one are joined
      });
      return { ...found, leaving };
    };
    const { ids, scores, metadata, leaving } = await this.#gate.beside(search, rest);
    /** @type {Recalled[]} */
    const found = [];
    for (const [i, id] of ids.entries()) {
      if (leaving.has(id) || found.length === k) continue;
      const { text, start, end, metadata: own, id: document } = passageOf(id, /** @type {Fields[]} */ (metadata)[i]);
      found.push({ id: document, text, score: scores[i], start, end, metadata: own });
    }
    return found;
  }
}

module.exports = { Memory };
