// The indexes of a store that its owner has open, and what is called of them. Each is opened by the first call that
// names it, so that after an owner's death the next one goes on with whatever comes; it is closed once nobody in the
// cluster has it open.
'use strict';
const { invalid } = require('../../core');
const { collectionOf } = require('../store');
const { IndexCore } = require('../vectors/index-core');
const { ownerOf } = require('../vectors/owner');
const { Followers } = require('./followers');
const { numberOf, packResults, floatsOf } = require('./numbers');

/** @typedef {import('./host').StoreHost} StoreHost */
/** @typedef {import('./host').Calls} Calls */
/** @typedef {import('../vectors/index-core').Kind} Kind */
/** @typedef {import('./stand-by').StandBy} StandBy */
/** @typedef {Awaited<ReturnType<typeof collectionOf>>} Collection */
/** @typedef {Kind & { name: string }} Named */
/**
 * @typedef {object} Hosted
 * @property {Kind} kind
 * @property {Promise<IndexCore>} ready
 * @property {IndexCore|undefined} core once it is
 * @property {Set<object>} users who has it open
 * @property {boolean} isChanged since it was last told of
 */

class HostIndexes {
  #host;
  #standBy;
  #followers;
  /** @type {Map<string, Hosted>} */
  #hosted = new Map();
  /** @type {Map<string, Promise<unknown>>} those that are being closed */
  #closing = new Map();

  /**
   * @param {StoreHost} host
   * @param {StandBy} [standBy] what this process has followed until now
   */
  constructor(host, standBy) {
    this.#host = host;
    this.#standBy = standBy;
    this.#followers = Followers.on(host, () => this.#followed());
  }

  /**
   * @param {StoreHost} host
   * @param {StandBy} [standBy] what this process has followed until now
   */
  static on(host, standBy) {
    const made = new HostIndexes(host, standBy);
    host.add(made.#calls(), {
      close: () => made.#closeAll(),
      leave: (who) => made.#leave(who),
      news: () => made.#news(),
    });
    return made;
  }

  /**
   * @param {Named} index
   * @param {object} who has it open from now on
   * @returns {IndexCore|Promise<IndexCore>}
   */
  of(index, who) {
    const { name, dimensions, metric, dtype } = index;
    let hosted = this.#hosted.get(name);
    if (!hosted) {
      hosted = {
        kind: { dimensions, metric, dtype },
        ready: this.#recover(index),
        core: undefined,
        users: new Set(),
        isChanged: true,
      };
      const mine = hosted;
      hosted.ready.then(
        (core) => {
          mine.core = core;
          this.#followers.opened({ name, ...mine.kind, last: core.journal.last });
        },
        () => this.#hosted.get(name) === mine && this.#hosted.delete(name),
      );
      this.#hosted.set(name, hosted);
    }
    for (const field of /** @type {const} */ (['dimensions', 'metric', 'dtype']))
      if (hosted.kind[field] !== index[field])
        throw invalid(
          `${field} is ${index[field]}, but the index '${name}' is open in this cluster with ${hosted.kind[field]}`,
          `options.${field}`,
        );
    hosted.users.add(who);
    return hosted.core ?? hosted.ready;
  }

  /** @param {Named} index */
  async #recover(index) {
    const { name } = index;
    await this.#closing.get(name);
    const collection = await collectionOf(this.#host.store, `index/${name}`);
    const core = (await this.#takeOver(index, collection)) ?? (await this.#open(index, collection));
    core.journal.onRecorded = (sequence, record) => this.#followers.recorded(name, sequence, record);
    core.journal.onCheckpoint = () => this.#followers.checkpoint(name);
    core.onUpkeep = () => this.changed(name);
    return core;
  }

  /**
   * @param {Named} index
   * @param {Collection} collection
   * @returns {Promise<IndexCore|undefined>} undefined: this process has not followed it, or not far enough
   */
  async #takeOver(index, collection) {
    const core = await this.#standBy?.take(index);
    try {
      if (await core?.takeOver(collection)) return core;
    } catch {
      // What is wrong the files tell, when they are read from the beginning.
    }
    await core?.close();
    return undefined;
  }

  /**
   * @param {Named} index
   * @param {Collection} collection
   */
  async #open({ dimensions, metric, dtype }, collection) {
    const place = { collection, isShared: true };
    const core = new IndexCore(ownerOf(this.#host.manager), { dimensions, metric, dtype }, {}, place);
    try {
      await core.recover();
      return core;
    } catch (error) {
      await core.close();
      throw error;
    }
  }

  /** What a follower is to have, and up to which record; of the rest it is told. */
  #followed() {
    return [...this.#hosted].flatMap(([name, { core, kind }]) =>
      core ? [{ name, ...kind, last: core.journal.last }] : [],
    );
  }

  /** @param {string} name of one that was written to */
  changed(name) {
    const hosted = this.#hosted.get(name);
    if (hosted) hosted.isChanged = true;
    this.#host.changed();
  }

  /** Of those that have changed since the last time. */
  #news() {
    /** @type {Record<string, unknown>} */
    const indexes = {};
    for (const [name, hosted] of this.#hosted) {
      if (!hosted.core || !hosted.isChanged) continue;
      hosted.isChanged = false;
      indexes[name] = hosted.core.stats();
    }
    return { indexes };
  }

  /** @returns {Calls} */
  #calls() {
    /** @type {(call: import('./host').Call, who: object) => IndexCore|Promise<IndexCore>} */
    const of = ({ index }, who) => this.of(index, who);
    return {
      'index.open': async (call, _parts, { who }) => ({ value: (await of(call, who)).stats() }),
      'index.put': async (call, [vectors], { who }) => {
        const core = await of(call, who);
        const { ids, metadata, durable, replaces, mark, index } = call;
        const data = floatsOf(vectors);
        if (data.length !== ids.length * index.dimensions)
          throw invalid(`vectors has ${data.length} numbers for ${ids.length} ids`, 'vectors');
        const rows = { data, isOwn: true, count: ids.length, isOne: false };
        const texts = metadata?.map((text) => text ?? undefined);
        await core.putChecked({ list: ids, rows, metadata: texts, durable }, replaces, this.#host.markOf(mark));
        this.changed(index.name);
        return { value: core.size };
      },
      'index.remove': async (call, _parts, { who }) => {
        const core = await of(call, who);
        const { ids, durable, mark, index } = call;
        const count = await core.removeChecked({ list: ids, durable }, this.#host.markOf(mark));
        this.changed(index.name);
        return { value: { count, size: core.size } };
      },
      'index.get': async (call, _parts, { who }) => {
        const core = await of(call, who);
        const { vectors, metadata } = await core.get(call.ids);
        return { value: metadata, parts: [vectors.data] };
      },
      'index.has': async (call, _parts, { who }) => ({ value: (await of(call, who)).has(call.of) }),
      'index.search': async (call, [queries], { who, signal }) => {
        const core = await of(call, who);
        const { count, given, isCancelable } = call;
        const { k, threshold, job, ...others } = given;
        const found = await core.search(
          { data: floatsOf(queries), shape: [count, core.kind.dimensions], dtype: 'float32' },
          {
            ...others,
            k: Number(k),
            threshold: numberOf(threshold),
            job: isCancelable ? { ...job, signal } : job, // searches that nobody can cancel are joined
          },
        );
        return packResults(/** @type {import('../../index').SearchResults} */ (found));
      },
      'index.compact': async (call, _parts, { who }) => {
        await (await of(call, who)).compact();
        this.changed(call.index.name);
        return { value: null };
      },
      'index.save': async (call, _parts, { who }) => {
        await (await of(call, who)).save(call.path);
        return { value: null };
      },
      'index.close': async (call, _parts, { who }) => {
        await this.release(call.index.name, who);
        return { value: null };
      },
    };
  }

  /**
   * @param {string} name
   * @param {object} who has it open no longer
   */
  async release(name, who) {
    const hosted = this.#hosted.get(name);
    if (!hosted?.users.delete(who) || hosted.users.size) return;
    this.#hosted.delete(name);
    this.#followers.closed(name);
    const closed = hosted.ready.then((core) => core.close()).catch(() => {});
    this.#closing.set(name, closed);
    await closed;
    if (this.#closing.get(name) === closed) this.#closing.delete(name);
  }

  /** @param {object} who */
  #leave(who) {
    for (const name of [...this.#hosted.keys()]) this.release(name, who);
  }

  async #closeAll() {
    await Promise.all(
      [...this.#hosted.values()].map(({ ready }) => ready.then((core) => core.close()).catch(() => {})),
    );
    await Promise.all(this.#closing.values());
    this.#hosted.clear();
    this.#standBy?.close();
  }
}

module.exports = { HostIndexes };
