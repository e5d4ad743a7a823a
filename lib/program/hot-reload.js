// Programs whose sources are files: compiled again when a file changes, and swapped when that went well.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout, clearTimeout } = require('node:timers');
const { Program } = require('../call');
const { readSources, sameSources } = require('./source');
const { describeError, plainError } = require('../core');

/** @typedef {import('./source').Sources} Sources */
/** @typedef {import('./source').Checked} Checked */
/** @typedef {import('../index').ManagerEvents} ManagerEvents */
/** @typedef {import('../call/program').Kernel|import('../call/program').Shader} AnyProgram */
/**
 * What managers say of programs.
 * @typedef {['shader-compiled', ...ManagerEvents['shader-compiled']]|
 *   ['shader-failed', ...ManagerEvents['shader-failed']]} ProgramEvent
 */
/** @typedef {(...event: ProgramEvent) => void} Emit */
/**
 * @typedef {object} HotReloadParts
 * @property {(sources: Sources) => Promise<AnyProgram>} make
 * @property {(sources: Sources) => Promise<import('../call/program').Version>} obtain
 * @property {import('../core/log').Logger} log
 * @property {Emit} emit
 */

const kQuietMs = 50; // editors write a file in several steps

/** One program and its files. */
class Watched {
  /**
   * @param {Checked} checked
   * @param {string[]} files
   */
  constructor(checked, files) {
    this.checked = checked;
    this.files = new Set(files);
    /** @type {Promise<AnyProgram>|undefined} undefined for no longer than it takes to begin */
    this.promise = undefined;
    /** @type {AnyProgram|undefined} */
    this.program = undefined;
    /** @type {Sources|undefined} what was compiled last, well or not */
    this.sources = undefined;
    /** @type {NodeJS.Timeout|undefined} */
    this.timer = undefined;
    this.look = 0; // at the files, the newest: an older one that ends later has read what is no longer there
    this.turn = 0; // of the newest compilation: an older one that ends later is of no use
  }
}

class HotReload {
  /** @type {Map<string, Watched>} */
  #watched = new Map();
  /**
   * @type {Map<string, fs.FSWatcher>} by folder: a file that an editor puts in another's place has no watcher of its
   *   own
   */
  #folders = new Map();
  #closed = false;

  /** @param {HotReloadParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /**
   * @param {Checked} checked
   * @param {string[]} files
   * @returns {Promise<AnyProgram>}
   */
  find(checked, files) {
    const { spirv, ...rest } = checked;
    const key = JSON.stringify([
      rest,
      spirv instanceof Uint8Array ? Buffer.from(spirv).toString('base64') : spirv?.file,
    ]);
    const known = this.#watched.get(key);
    if (known?.promise) {
      if (known.program) Program.found(known.program);
      return known.promise;
    }
    const watched = new Watched(checked, files);
    this.#watched.set(key, watched);
    watched.promise = this.#first(watched).catch((error) => {
      this.#watched.delete(key);
      throw error;
    });
    return watched.promise;
  }

  /** @param {Watched} watched */
  async #first(watched) {
    for (const file of watched.files) this.#watch(path.dirname(file));
    watched.sources = await readSources(watched.checked);
    watched.program = await this.parts.make(watched.sources);
    return watched.program;
  }

  /** @param {string} folder */
  #watch(folder) {
    if (this.#folders.has(folder) || this.#closed) return;
    try {
      const watcher = fs.watch(folder, { persistent: false }, (_, name) => this.#onChange(folder, name));
      watcher.on('error', (error) => {
        this.parts.log.warn({ reason: error.message }, 'a folder of watched sources can be watched no more');
        watcher.close();
        this.#folders.delete(folder);
      });
      this.#folders.set(folder, watcher);
    } catch (error) {
      this.parts.log.warn(
        { reason: error.message },
        "a folder of sources can't be watched: its programs stay as they are",
      );
    }
  }

  /**
   * @param {string} folder
   * @param {string|null} name null where the system does not tell
   */
  #onChange(folder, name) {
    for (const watched of this.#watched.values()) {
      const concerns = [...watched.files].some(
        (file) => path.dirname(file) === folder && (name === null || path.basename(file) === name),
      );
      if (!concerns) continue;
      clearTimeout(watched.timer);
      watched.timer = setTimeout(() => this.#reload(watched), kQuietMs);
      watched.timer.unref();
    }
  }

  /** @param {Watched} watched */
  async #reload(watched) {
    const look = ++watched.look;
    let { turn } = watched;
    const { name } = watched.checked;
    try {
      if (!watched.program) await watched.promise;
    } catch {
      return; // whoever asked for it has the error
    }
    try {
      const sources = await readSources(watched.checked);
      // Saved again as it was, what is being compiled goes on.
      if (look !== watched.look || (watched.sources && sameSources(sources, watched.sources))) return;
      watched.sources = sources;
      turn = ++watched.turn;
      const version = await this.parts.obtain(sources);
      if (this.#closed || turn !== watched.turn || !watched.program) return;
      Program.swap(watched.program, version);
      this.parts.log.info({ program: name, ms: version.ms }, 'a program was compiled again');
      this.parts.emit('shader-compiled', {
        name,
        compilationTime: version.ms,
        cacheHitRate: 0,
        memoryUsage: 0,
        ...version.cache,
      });
    } catch (error) {
      if (this.#closed || turn !== watched.turn) return;
      if (error.cause?.code === 'ENOENT') return; // between the steps of an editor; another change follows
      this.parts.log.warn(
        { program: name, ...describeError(error) },
        'a source that was changed does not compile: the program stays as it was',
      );
      this.parts.emit('shader-failed', { name, log: '', ...plainError(error) });
    }
  }

  close() {
    this.#closed = true;
    for (const watcher of this.#folders.values()) watcher.close();
    this.#folders.clear();
    for (const { timer } of this.#watched.values()) clearTimeout(timer);
    this.#watched.clear();
  }
}

module.exports = { HotReload };
