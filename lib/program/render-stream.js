// Frames at a rate: rendered when their time comes, dropped when it has gone, never queued.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { GPUError, invalid, asGpuError, show, refuseUnknownKeys, nowMs } = require('../core');

/**
 * @typedef {object} StreamParts
 * @property {(workload: unknown, options: { signal: AbortSignal }) => Promise<import('../index').RunResult>} execute
 * @property {number} fps where the caller names none
 * @property {() => number} [now] ms
 * @property {(run: () => void, ms: number) => NodeJS.Timeout} [setTimer]
 * @property {(timer: NodeJS.Timeout|undefined) => void} [clearTimer]
 */
/** @typedef {import('../index').Frame} Frame */
/** @typedef {import('../index').StreamOptions} StreamOptions */
/** @typedef {Record<string, unknown>} Fields */
/** @typedef {{ type?: unknown, scene?: unknown, time?: unknown, params?: Fields, uniforms?: Fields }} Picture */
/** @typedef {(seconds: number, frame: number) => unknown} WorkloadAt the workload of a frame; checked when it runs */

const kOptions = new Set(['fps', 'signal', 'inFlight']);
const kRestMs = 1000; // without a reader: from then on nothing is rendered until there is one
const kTimeUniforms = ['u_time', 'time'];

/**
 * How the time gets into a workload.
 * @param {unknown} given
 * @returns {WorkloadAt}
 */
function animate(given) {
  if (typeof given === 'function') return /** @type {WorkloadAt} */ (given);
  const workload = /** @type {Picture} */ (given ?? {});
  if (typeof given !== 'object' || workload.type !== 'render')
    throw invalid(
      `renderStream()'s workload is ${show(given)}, but must be { type: 'render', ... }, or a function of ` +
        '(time, frame) that gives one',
    );
  if (workload.scene !== undefined) {
    const start = /** @type {number} */ (workload.time ?? workload.params?.time ?? 0);
    const { time: _, ...params } = workload.params ?? {};
    return (seconds) => ({ ...workload, params, time: start + seconds });
  }
  const name = kTimeUniforms.find((each) => typeof workload.uniforms?.[each] === 'number');
  if (name === undefined) return () => workload;
  const start = /** @type {number} */ (workload.uniforms?.[name]);
  return (seconds) => ({ ...workload, uniforms: { ...workload.uniforms, [name]: start + seconds } });
}

/**
 * @param {unknown} options
 * @returns {StreamOptions}
 */
function checkOptions(options) {
  if (options === null || typeof options !== 'object')
    throw invalid(`renderStream()'s options are ${show(options)}, but must be an object`);
  refuseUnknownKeys(options, kOptions, 'option of renderStream()');
  const { fps, signal, inFlight } = /** @type {Fields} */ (options);
  if (fps !== undefined && !(typeof fps === 'number' && fps > 0 && fps <= 1000))
    throw invalid(`fps is ${show(fps)}, but must be a number above 0 and at most 1000`);
  if (inFlight !== undefined && inFlight !== 1 && inFlight !== 2)
    throw invalid(`inFlight is ${show(inFlight)}, but must be 1 or 2`);
  const { aborted, addEventListener } = /** @type {Partial<AbortSignal>} */ (signal ?? {});
  if (
    signal !== undefined &&
    (typeof signal !== 'object' || typeof aborted !== 'boolean' || typeof addEventListener !== 'function')
  )
    throw invalid(`signal is ${show(signal)}, but must be an AbortSignal`);
  return options;
}

class RenderStream {
  /** @type {WorkloadAt} */
  #at;
  #interval;
  #max;
  /** @type {AbortSignal|undefined} */
  #signal;
  #stop = new AbortController(); // of frames under way
  #startedAt = NaN;
  #frame = 0; // of the next tick
  #rendering = 0;
  #newest = -1; // frame that was delivered or waits to be
  #dropped = 0;
  /** @type {Frame|undefined} that nobody has taken */
  #ready;
  /** @type {GPUError|undefined} why it has ended */
  #error;
  #ended = false;
  #readAt = 0;
  /** @type {{ resolve: (result: IteratorResult<Frame, undefined>) => void, reject: (error: GPUError) => void }[]} */
  #readers = [];
  /** @type {NodeJS.Timeout|undefined} */
  #timer;

  /**
   * @param {unknown} workload
   * @param {unknown} options
   * @param {StreamParts} parts
   * @throws {GPUError} ERR_INVALID_ARGUMENT
   */
  constructor(workload, options, parts) {
    const { fps, inFlight, signal } = checkOptions(options);
    this.#at = animate(workload);
    this.#interval = 1000 / (fps ?? parts.fps);
    this.#max = inFlight ?? 1;
    this.#signal = signal;
    this.execute = parts.execute;
    this.now = parts.now ?? nowMs;
    this.setTimer = parts.setTimer ?? setTimeout;
    this.clearTimer = parts.clearTimer ?? clearTimeout;
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#signal?.aborted) this.#onAbort();
  }

  /** The signal's listener. */
  #onAbort = () => {
    this.#end(new GPUError('ERR_CANCELED', 'the stream was canceled by its signal', { cause: this.#signal?.reason }));
  };

  /**
   * The frames, for `for await`.
   * @returns {this}
   * @example
   * for await (const { image, frame } of manager.renderStream(scene, { fps: 30 })) {
   *   show(image);
   *   if (frame >= 2) break;
   * }
   */
  [Symbol.asyncIterator]() {
    return this;
  }

  /**
   * The newest frame there is, or the next one; the first call starts the clock.
   * @returns {Promise<IteratorResult<Frame, undefined>>}
   * @throws {GPUError} (rejects with) ERR_CANCELED: its signal was aborted; what executeWorkload() throws; once, after
   *   which the stream is over
   * @example const { value: frame } = await stream.next();
   */
  next() {
    this.#readAt = this.now();
    if (this.#error) {
      const error = this.#error;
      this.#error = undefined; // it is told once; then the stream is over
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    if (Number.isNaN(this.#startedAt)) this.#start();
    const frame = this.#ready;
    if (frame) {
      this.#ready = undefined;
      return Promise.resolve({ done: false, value: { ...frame, dropped: this.#dropped } });
    }
    this.#timer?.ref?.();
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
    });
  }

  /**
   * Stops: what is under way is given up. `break` in a `for await` calls it.
   * @returns {Promise<IteratorResult<Frame, undefined>>}
   * @example await stream.return();
   */
  return() {
    this.#end(undefined);
    this.#error = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  /**
   * Stops as return() does, and rejects with the error.
   * @param {unknown} error
   * @returns {Promise<IteratorResult<Frame, undefined>>}
   * @throws {unknown} (rejects with) the error that was given
   * @example await stream.throw(new Error('enough')).catch(() => {});
   */
  throw(error) {
    this.return();
    return Promise.reject(error);
  }

  /**
   * As return(), for `await using`.
   * @returns {Promise<void>}
   * @example await using stream = manager.renderStream(scene);
   */
  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.return().then(() => {});
  }

  #start() {
    this.#startedAt = this.now();
    this.#tick();
  }

  #tick() {
    if (this.#ended) return;
    const elapsed = this.now() - this.#startedAt;
    // A timer that comes late has missed ticks: their frames are dropped.
    const due = Math.max(this.#frame, Math.floor(elapsed / this.#interval + 1e-6));
    this.#dropped += due - this.#frame;
    this.#frame = due + 1;
    const rests = this.#ready !== undefined && this.now() - this.#readAt > kRestMs;
    if (this.#rendering >= this.#max || rests) ++this.#dropped;
    else this.#render(due, elapsed / 1000);
    if (this.#ended) return;
    this.#timer = this.setTimer(
      () => this.#tick(),
      Math.max(0, this.#startedAt + this.#frame * this.#interval - this.now()),
    );
    if (!this.#readers.length) this.#timer?.unref?.();
  }

  /**
   * @param {number} frame
   * @param {number} time seconds
   */
  #render(frame, time) {
    ++this.#rendering;
    /** @type {Promise<import('../index').RunResult>} */
    let running;
    try {
      running = this.execute(this.#at(time, frame), { signal: this.#stop.signal });
    } catch (error) {
      running = Promise.reject(error);
    }
    running.then(
      ({ outputs, timings }) => {
        --this.#rendering;
        this.#deliver({ image: outputs.image, frame, time, dropped: 0, timings });
      },
      (error) => {
        --this.#rendering;
        this.#end(asGpuError(error));
      },
    );
  }

  /** @param {Frame} frame */
  #deliver(frame) {
    if (this.#ended) return;
    if (frame.frame < this.#newest) {
      // with two under way, a later one was faster
      ++this.#dropped;
      return;
    }
    this.#newest = frame.frame;
    const reader = this.#readers.shift();
    if (reader) {
      if (!this.#readers.length) this.#timer?.unref?.();
      reader.resolve({ done: false, value: { ...frame, dropped: this.#dropped } });
      return;
    }
    if (this.#ready) ++this.#dropped;
    this.#ready = frame;
  }

  /** @param {GPUError|undefined} error undefined: it was stopped */
  #end(error) {
    if (this.#ended) return;
    this.#ended = true;
    this.#ready = undefined;
    this.clearTimer(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#stop.abort();
    const [first, ...rest] = this.#readers.splice(0);
    if (error && first) first.reject(error);
    else {
      this.#error = error;
      first?.resolve({ done: true, value: undefined });
    }
    for (const { resolve } of rest) resolve({ done: true, value: undefined });
  }
}

module.exports = { RenderStream };
