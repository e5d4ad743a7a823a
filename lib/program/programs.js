// The programs of one manager or context: each source is asked for once, and gives the same Kernel or Shader again.
'use strict';
const { Kernel, Shader, Program } = require('../call');
const { checkKernel, checkShader, filesOf, readSources, sameSources } = require('./source');
const { HotReload } = require('./hot-reload');

/** @typedef {import('./source').Sources} Sources */
/** @typedef {import('./source').Checked} Checked */
/** @typedef {import('../call/program').Version} Version */
/** @typedef {{ sources: Sources, promise: Promise<Kernel|Shader>, program?: Kernel|Shader }} Entry */
/**
 * @typedef {object} ProgramsParts
 * @property {(sources: Sources) => Promise<Version>} obtain compiles, or finds
 * @property {number} limit programs remembered; those that are forgotten go on working
 * @property {boolean} [hotReload]
 * @property {boolean} [countsUses] whether somebody calls takeUses()
 * @property {import('../core/log').Logger} [log]
 * @property {import('./hot-reload').Emit} [emit]
 * @property {() => import('../core/errors').GPUError} closedError
 */

class Programs {
  /** @type {Map<string, Entry[]>} by kind and name: comparing sources is cheaper than a digest of them */
  #table = new Map();
  /** @type {Set<Entry>} the longest unused first */
  #recent = new Set();
  /** @type {HotReload|undefined} */
  #reload;
  /** @type {Map<string, number>} uses since they were last reported */
  #uses = new Map();
  closed = false;

  /** @param {ProgramsParts} parts */
  constructor(parts) {
    this.parts = parts;
  }

  /**
   * Compiles a kernel, or finds it again.
   * @param {unknown} options { name, glsl?, spirv?, cuda?, bindings? }
   * @returns {Promise<Kernel>}
   * @throws {import('../core/errors').GPUError} (rejects with) ERR_INVALID_ARGUMENT, what closedError() gives, and what
   *   obtain() rejects with
   */
  compileKernel(options) {
    try {
      return /** @type {Promise<Kernel>} */ (this.#find(checkKernel(options)));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * The same for a shader.
   * @param {unknown} name
   * @param {unknown} vertex
   * @param {unknown} fragment
   * @returns {Promise<Shader>}
   * @throws {import('../core/errors').GPUError} (rejects with) as compileKernel()
   */
  compileShader(name, vertex, fragment) {
    try {
      return /** @type {Promise<Shader>} */ (this.#find(checkShader(name, vertex, fragment)));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * @param {Checked} checked
   * @returns {Promise<Kernel|Shader>}
   */
  #find(checked) {
    if (this.closed) throw this.parts.closedError();
    const files = filesOf(checked);
    if (!files.length) return this.#remembered(/** @type {Sources} */ (checked));
    if (!this.parts.hotReload) return readSources(checked).then((sources) => this.#remembered(sources));
    return this.#reloaded(checked, files);
  }

  /**
   * @param {Sources} sources
   * @returns {Promise<Kernel|Shader>}
   */
  #remembered(sources) {
    const place = `${sources.kind} ${sources.name}`;
    const entries = this.#table.get(place);
    if (entries) {
      for (const entry of entries) {
        if (!sameSources(entry.sources, sources)) continue;
        this.#recent.delete(entry);
        this.#recent.add(entry);
        if (entry.program) Program.found(entry.program);
        return entry.promise;
      }
    }
    const kept = sources.spirv ? { ...sources, spirv: sources.spirv.slice() } : sources;
    /** @type {Entry} */
    const entry = {
      sources: kept,
      promise: this.#make(kept).then(
        (program) => (entry.program = program),
        (error) => {
          this.#drop(entry, place); // a failure is not remembered: its cause may be fixed
          throw error;
        },
      ),
    };
    if (entries) entries.push(entry);
    else this.#table.set(place, [entry]);
    this.#recent.add(entry);
    if (this.#recent.size > this.parts.limit) {
      const [oldest] = this.#recent;
      this.#drop(oldest, `${oldest.sources.kind} ${oldest.sources.name}`);
    }
    return entry.promise;
  }

  /**
   * @param {Entry} entry
   * @param {string} place
   */
  #drop(entry, place) {
    this.#recent.delete(entry);
    const left = this.#table.get(place)?.filter((other) => other !== entry) ?? [];
    if (left.length) this.#table.set(place, left);
    else this.#table.delete(place);
  }

  /** @param {Sources} sources */
  async #make(sources) {
    const version = await this.#obtain(sources);
    if (version.cached !== 'cluster')
      this.parts.emit?.('shader-compiled', {
        name: sources.name,
        compilationTime: version.ms,
        cacheHitRate: 0,
        memoryUsage: 0,
        ...version.cache,
      });
    return new (sources.kind === 'kernel' ? Kernel : Shader)(sources.name, version, this);
  }

  /** @param {Sources} sources */
  async #obtain(sources) {
    const version = await this.parts.obtain(sources);
    if (this.closed) throw this.parts.closedError();
    return version;
  }

  /**
   * @param {Checked} checked
   * @param {string[]} files
   */
  #reloaded(checked, files) {
    this.#reload ??= new HotReload({
      make: (sources) => this.#make(sources),
      obtain: (sources) => this.#obtain(sources),
      log: /** @type {import('../core/log').Logger} */ (this.parts.log),
      emit: this.parts.emit ?? (() => {}),
    });
    return this.#reload.find(checked, files);
  }

  /** @param {string} id of a program that a job is made of */
  programUsed(id) {
    if (!this.parts.countsUses) return;
    this.#uses.set(id, (this.#uses.get(id) ?? 0) + 1);
  }

  /**
   * @returns {Record<string, number>|undefined} how often which program was used since the last time; undefined: none
   *   was
   */
  takeUses() {
    if (!this.#uses.size) return undefined;
    const uses = Object.fromEntries(this.#uses);
    this.#uses.clear();
    return uses;
  }

  close() {
    this.closed = true;
    this.#reload?.close();
    this.#table.clear();
    this.#recent.clear();
  }
}

module.exports = { Programs };
