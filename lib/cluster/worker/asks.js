// Jobs that the coordinator was asked for: the ask, and the result that comes back.
'use strict';
const { setTimeout, clearTimeout } = require('node:timers');
const { native } = require('../../addon');
const {
  scratch,
  layout,
  nextId,
  track,
  settle,
  isAwaited,
  takeOutputs,
  timingsOf,
  resultOf,
  inCluster,
} = require('../../call');
const { asGpuError, nowMs } = require('../../core');
const { codec, protocol } = require('../wire');
const { affinityNumber } = require('./job-options');

/** @typedef {import('../../call/describe').AnyCall} AnyCall */
/** @typedef {import('../../call/result').Buffers} Buffers */
/** @typedef {import('../../index').GPUResult} GPUResult */
/** @typedef {import('./job-options').JobOptions} JobOptions */
/** @typedef {import('../../core/errors').GPUError} GPUError */
/** @typedef {import('./needs').Need} Need */
/**
 * A result that has come: what takeRemote() gave, and where its message is.
 * @typedef {{ buffers: Buffers, numbers: Float64Array, start: number }} Answer
 */
/**
 * @typedef {object} AsksParts
 * @property {number} workerId
 * @property {import('../../config/config').Config} config
 * @property {import('./context-registry').ContextRegistry} registry
 * @property {import('./job-events').JobEvents} events
 */

const { ask, result: at, kKinds, kContextTypes } = protocol;
// An ask is described in the scratch array from callAsk on, as in its message.
const { callAsk: kAskAt } = layout;
const kWhereMs = 50; // for the coordinator to say where a job was whose time is up
/** The digest of a job that equals no other. */
const kNoDigest = [0, 0, 0, 0];

class Asks {
  /** @type {import('../wire/channel').Channel|undefined} */
  #channel;
  /** @type {GPUError|undefined} why nothing can be asked any more */
  #ended;
  /** @type {Set<number>} the numbers of jobs whose result has not come */
  #numbers = new Set();
  /** @type {Map<number, (text: string) => void>} by number: who is to be told where a job is */
  #wheres = new Map();
  #prefix;
  /** @type {Answer} the one that is being read */
  #answer = { buffers: undefined, numbers: new Float64Array(0), start: 0 };
  /** Jobs the coordinator was asked for so far. */
  count = 0;
  /** Those that are not settled. */
  waiting = 0;

  /** @param {AsksParts} parts */
  constructor(parts) {
    this.parts = parts;
    this.#prefix = `job-${parts.workerId}-`;
  }

  get isConnected() {
    return this.#channel !== undefined;
  }

  /** @param {import('../wire/channel').Channel} channel */
  connect(channel) {
    this.#channel = channel;
  }

  /**
   * @param {AnyCall} call
   * @param {unknown} workload that it describes
   * @param {JobOptions|undefined} options
   * @param {Need} need
   * @param {number[]} digest
   * @param {number} attempts already made
   * @returns {Promise<GPUResult>}
   */
  ask(call, workload, options, need, digest, attempts) {
    const { events, config } = this.parts;
    const started = nowMs();
    const timeout = options?.timeout ?? config.timeout;
    try {
      if (this.#ended) throw this.#ended;
      const channel = /** @type {import('../wire/channel').Channel} */ (this.#channel);
      ++this.count;
      call.number = nextId();
      if (call.id !== undefined)
        channel.post(codec.encodeToCoordinator({ type: 'named', number: call.number, id: call.id }));
      this.#writeAsk(call, options, need, digest, timeout === Infinity ? 0 : started + timeout);
      call.ask(channel.handle);
      channel.sent();
      this.#numbers.add(call.number);
      if (this.waiting++ === 0) channel.ref();
      const { number, outputs, targets, type } = call;
      const id = call.id ?? this.#prefix + number;
      const answered = track(
        call.number,
        { signal: options?.signal, timeout },
        call.holds(undefined),
        (/** @type {Answer} */ answer) => this.#resultOf(answer, id, outputs, targets, started, attempts),
        this.#cancel,
      );
      return answered.then(
        (result) => events.completed(type, result),
        async (error) => {
          if (error.code === 'ERR_TIMEOUT') await this.#sayWhere(error, number, timeout);
          throw events.failed(workload, error, id);
        },
      );
    } catch (error) {
      return Promise.reject(events.failed(workload, asGpuError(error)));
    }
  }

  /**
   * @param {AnyCall} call
   * @param {JobOptions|undefined} options
   * @param {Need} need
   * @param {number[]} digest
   * @param {number} deadline
   */
  #writeAsk(call, options, need, digest, deadline) {
    scratch[kAskAt + ask.number] = call.number;
    scratch[kAskAt + ask.priority] = options?.priority ?? 0;
    scratch[kAskAt + ask.deadline] = deadline;
    scratch[kAskAt + ask.kind] = kKinds.indexOf(need.kind);
    scratch[kAskAt + ask.contextType] = kContextTypes.indexOf(need.type);
    scratch[kAskAt + ask.affinity] = options?.affinity === undefined ? 0 : affinityNumber(options.affinity);
    scratch[kAskAt + ask.retries] = options?.retries ?? this.parts.config.retries;
    scratch[kAskAt + ask.flags] = digest === kNoDigest ? 0 : protocol.kCacheFlag;
    scratch[kAskAt + ask.workload] = call.workload;
    for (let i = 0; i < 4; ++i) scratch[kAskAt + ask.digest + i] = digest[i];
  }

  /** @param {number} number */
  #cancel = (number) => {
    this.#channel?.post(protocol.withNumber(protocol.kCancel, number));
  };

  /**
   * Whoever noticed first that a job's time is up: the coordinator knows where it was.
   * @param {GPUError} error
   * @param {number} number
   * @param {number} timeout
   */
  async #sayWhere(error, number, timeout) {
    const where = this.#numbers.has(number) ? await this.#where(number) : error.message;
    error.message = `the job did not finish within ${timeout} ms: ${where}`;
  }

  /**
   * What the coordinator says of a job that it was told to stop.
   * @param {number} number
   * @returns {Promise<string>}
   */
  #where(number) {
    return new Promise((resolve) => {
      const tell = (/** @type {string} */ text) => {
        clearTimeout(timer);
        this.#wheres.delete(number);
        resolve(text);
      };
      const timer = setTimeout(
        tell,
        kWhereMs,
        'the coordinator does not answer at once, and may say in its log where it was',
      );
      this.#wheres.set(number, tell);
    });
  }

  /**
   * A job that is given up has ended, which says where it was, too.
   * @param {number} number
   * @param {Float64Array} numbers
   * @param {number} start
   */
  #tellEnded(number, numbers, start) {
    const { code, message } = numbers[start + at.code] ? codec.readError(numbers, at, start) : {};
    const isLate = code === 'ERR_TIMEOUT';
    this.#wheres.get(number)?.(isLate && message ? message : 'it had ended, but its result had not come');
  }

  /**
   * The coordinator says where a job was.
   * @param {number} number
   * @param {string} text
   */
  onWhere(number, text) {
    this.#wheres.get(number)?.(text);
  }

  /**
   * A result has come.
   * @param {Float64Array} numbers
   * @param {number} start
   */
  onResult(numbers, start) {
    const number = numbers[start + at.number];
    const shared = numbers[start + at.shared];
    if (shared && this.#numbers.has(number)) {
      const places = numbers.slice(start + at.text, start + at.text + shared);
      const wait = nextId();
      if (!native.awaitRegions(wait, places)) {
        // Memory of another process, which this one hears of by another way: the event loop goes on until it has.
        const message = numbers.slice(start, start + numbers[start]);
        const take = () => this.#take(message, 0); // which finds out what has come
        track(wait, undefined, undefined, nothing, nothing).then(take, take);
        return;
      }
    }
    this.#take(numbers, start);
  }

  /**
   * Settles a job by its result, whose memory is known here, or won't come.
   * @param {Float64Array} numbers
   * @param {number} start
   */
  #take(numbers, start) {
    const number = numbers[start + at.number];
    if (!this.#numbers.delete(number)) return;
    const shared = numbers[start + at.shared];
    const answer = this.#answer;
    answer.numbers = numbers;
    answer.start = start;
    let error = null;
    if (!isAwaited(number)) {
      native.dropRemote(number);
      this.#tellEnded(number, numbers, start);
    } else if (numbers[start + at.code]) {
      native.dropRemote(number);
      error = asGpuError(codec.readError(numbers, at, start));
    } else {
      try {
        answer.buffers = shared
          ? native.takeRemote(number, numbers.slice(start + at.text, start + at.text + shared))
          : native.takeRemote(number);
      } catch (failed) {
        error = failed;
      }
    }
    if (shared) this.#channel?.post(protocol.withNumber(protocol.kCopied, number));
    this.#settle(number, error, answer);
    answer.buffers = undefined;
  }

  /**
   * @param {number} number
   * @param {unknown} error
   * @param {Answer|undefined} answer
   */
  #settle(number, error, answer) {
    if (--this.waiting === 0) this.#channel?.unref();
    settle(number, error, answer);
  }

  /**
   * @param {Answer} answer
   * @param {string} id of the job
   * @param {readonly string[]} names of its outputs
   * @param {AnyCall['targets']} targets
   * @param {number} started
   * @param {number} attempts made before
   * @returns {GPUResult}
   */
  #resultOf({ buffers, numbers, start }, id, names, targets, started, attempts) {
    const context = this.parts.registry.find(numbers[start + at.member], numbers[start + at.context]);
    const switched = numbers[start + at.switch];
    const timings = timingsOf(
      Math.max(0, numbers[start + at.started] - started),
      switched,
      numbers[start + at.upload],
      numbers[start + at.compute],
      numbers[start + at.readback],
      nowMs() - started,
    );
    const outputs = takeOutputs(names, buffers, targets);
    this.parts.events.ranIn(context.id, switched, context.contextType);
    return inCluster(
      resultOf(outputs, id, context.id, context.contextType, context.deviceName, timings),
      context.workerId,
      numbers[start + at.cached] !== 0,
      numbers[start + at.batch],
      numbers[start + at.attempts] + attempts,
    );
  }

  /** @param {GPUError} error what everything that is asked from now on fails with */
  refuse(error) {
    this.#ended = error;
  }

  /**
   * What is under way is settled with the error; its memory stays until the process ends.
   * @param {GPUError} error
   */
  end(error) {
    for (const number of this.#numbers) this.#settle(number, error, undefined);
    this.#numbers.clear();
    for (const tell of [...this.#wheres.values()]) tell(error.message);
  }
}

function nothing() {}

module.exports = { Asks, kNoDigest };
