// Jobs that the coordinator was asked for: the ask, and the result that comes back.
'use strict';
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
  costMs,
} = require('../../call');
const { asGpuError, nowMs } = require('../../core');
const { codec, protocol } = require('../wire');
const { cutId } = require('../journal');
const { tellOfCopies } = require('./copied-again');
const { countTurn } = require('./copied-in-turn');
const { affinityNumber } = require('./job-options');
const { errorAnew, lateText } = require('./job-events');
const { Wheres } = require('./wheres');

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
 * @property {import('./own-jobs').OwnJobs} own
 * @property {import('../../operations').DeviceUse} use
 */

const { ask, result: at, kKinds, kContextTypes } = protocol;
// An ask is described in the scratch array from callAsk on, as in its message.
const { callAsk: kAskAt } = layout;
/** The digest of a job that equals no other. */
const kNoDigest = [0, 0, 0, 0];

class Asks {
  /** @type {import('../wire/channel').Channel|undefined} */
  #channel;
  /** @type {GPUError|undefined} why nothing can be asked any more */
  #ended;
  /** @type {Set<number>} the numbers of jobs whose result has not come */
  #numbers = new Set();
  /** @type {Set<number>} those of them that are asked for once their memory is ready */
  #staging = new Set();
  #wheres = new Wheres();
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
    const now = nowMs();
    const started = now - (options?.waited ?? 0);
    const timeout = options?.timeout ?? config.timeout;
    try {
      if (this.#ended) throw this.#ended;
      const channel = /** @type {import('../wire/channel').Channel} */ (this.#channel);
      ++this.count;
      call.number = nextId();
      if (call.id !== undefined) sayId(channel, call.number, call.id);
      this.#writeAsk(call, options, need, digest, started, timeout === Infinity ? 0 : now + timeout);
      const putOff = call.ask(channel.handle);
      const cost = costMs(scratch[kAskAt + ask.flops], scratch[kAskAt + ask.bytes]);
      countTurn();
      channel.sent();
      const { number, outputs, targets, type, counted } = call;
      const account = options?.account;
      const id = call.id ?? this.#prefix + number;
      if (putOff !== undefined) {
        const deadline = timeout === Infinity ? Infinity : now + timeout;
        this.#stage(number, call.id);
        this.parts.own.begun(number, call.id, call.counted, options, started, deadline, cost, undefined);
        if (putOff > 0) (options?.onCopies ?? tellOfCopies)(call);
      }
      this.#numbers.add(number);
      if (this.waiting++ === 0) channel.ref();
      const answered = track(
        call.number,
        { signal: options?.signal, timeout },
        call.holds(undefined),
        (/** @type {Answer} */ answer) =>
          this.#resultOf(answer, id, outputs, targets, started, attempts, counted, cost, account),
        this.#cancel,
      );
      return answered.then(
        (result) => events.completed(type, result),
        async (error) => {
          if (error.code === 'ERR_TIMEOUT')
            error.message = `${lateText(id, type, timeout)}: ${await this.#whereIs(number, error)}`;
          this.parts.own.ended(number, undefined, error); // before the coordinator had heard of it
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
   * @param {number} started
   * @param {number} deadline
   */
  #writeAsk(call, options, need, digest, started, deadline) {
    scratch[kAskAt + ask.number] = call.number;
    scratch[kAskAt + ask.priority] = options?.priority ?? 0;
    scratch[kAskAt + ask.deadline] = deadline;
    scratch[kAskAt + ask.asked] = started;
    scratch[kAskAt + ask.kind] = kKinds.indexOf(need.kind);
    scratch[kAskAt + ask.contextType] = kContextTypes.indexOf(need.type);
    scratch[kAskAt + ask.affinity] = options?.affinity === undefined ? 0 : affinityNumber(options.affinity);
    scratch[kAskAt + ask.home] = options?.home ?? 0;
    scratch[kAskAt + ask.retries] = options?.retries ?? this.parts.config.retries;
    scratch[kAskAt + ask.flags] = digest === kNoDigest ? 0 : protocol.kCacheFlag;
    scratch[kAskAt + ask.workload] = call.workload;
    for (let i = 0; i < 4; ++i) scratch[kAskAt + ask.digest + i] = digest[i];
  }

  /**
   * A job whose memory takes a while: it is copied, and touched for the first time, off the event loop, and asked for
   * after that.
   * @param {number} number
   * @param {string|undefined} id by its user
   */
  #stage(number, id) {
    const operation = nextId();
    try {
      native.stageRemote(operation, number);
    } catch (error) {
      native.dropRemote(number);
      throw error;
    }
    this.#staging.add(number);
    const staged = (/** @type {unknown} */ error) => {
      this.#staging.delete(number);
      if (!error && isAwaited(number)) this.parts.own.left(number);
      this.#post(number, id, error);
    };
    track(operation, undefined, undefined, nothing, nothing).then(() => staged(null), staged);
  }

  /**
   * @param {number} number
   * @param {string|undefined} id
   * @param {unknown} error why it can't be asked for
   */
  #post(number, id, error) {
    const channel = this.#channel;
    const isWanted = isAwaited(number);
    try {
      if (!error && isWanted && channel && this.#numbers.has(number)) {
        if (id !== undefined) sayId(channel, number, id);
        native.postRemote(channel.handle, number);
        channel.sent();
        return;
      }
    } catch (failed) {
      error = failed;
    }
    native.dropRemote(number);
    if (this.#numbers.delete(number)) this.#settle(number, error, undefined);
  }

  /**
   * Whoever noticed first that a job's time is up: the coordinator knows where it was.
   * @param {number} number
   * @param {GPUError} error as it says so far
   */
  async #whereIs(number, error) {
    if (this.#staging.has(number)) return 'its memory was being made ready';
    return this.#numbers.has(number) ? this.#wheres.of(number) : error.message;
  }

  /** @param {number} number */
  #cancel = (number) => {
    if (this.#staging.has(number)) return; // the coordinator has not heard of it
    this.#channel?.post(protocol.withNumber(protocol.kCancel, number));
  };

  /**
   * The coordinator says where a job was.
   * @param {number} number
   * @param {string} text
   */
  onWhere(number, text) {
    this.#wheres.tell(number, text);
  }

  /**
   * A result has come: settles its job.
   * @param {Float64Array} numbers
   * @param {number} start
   * @param {unknown} [failed] why its outputs could not be copied
   */
  onResult(numbers, start, failed) {
    const number = numbers[start + at.number];
    if (!this.#numbers.delete(number)) return;
    const shared = numbers[start + at.shared];
    const answer = this.#answer;
    answer.numbers = numbers;
    answer.start = start;
    let error = failed ?? null;
    if (!isAwaited(number)) {
      native.dropRemote(number);
      this.#wheres.ended(number, numbers, start);
    } else if (error) {
      native.dropRemote(number);
    } else if (numbers[start + at.code]) {
      native.dropRemote(number);
      error = asGpuError(codec.readError(numbers, at, start));
    } else {
      try {
        const places = shared ? numbers.slice(start + at.text, start + at.text + shared) : undefined;
        const buffers = places ? native.takeRemote(number, places) : native.takeRemote(number);
        if (buffers === null) {
          this.#copy(number, numbers.slice(start, start + numbers[start]), places);
          return;
        }
        answer.buffers = buffers;
      } catch (thrown) {
        native.dropRemote(number);
        error = thrown;
      }
    }
    if (shared) this.#channel?.post(protocol.withNumber(protocol.kCopied, number));
    this.#settle(number, error, answer);
    answer.buffers = undefined;
  }

  /**
   * Much is to be copied, or from memory of another process, which this one hears of by another way: the event loop
   * goes on until it is there.
   * @param {number} number
   * @param {Float64Array} message the result
   * @param {Float64Array|undefined} places where an equal job has written the outputs
   */
  #copy(number, message, places) {
    const operation = nextId();
    if (places) native.copyRemote(operation, number, places);
    else native.copyRemote(operation, number);
    this.#numbers.add(number);
    const take = (/** @type {unknown} */ error) => this.onResult(message, 0, error);
    track(operation, undefined, undefined, nothing, nothing).then(take, take);
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
   * @param {number} counted
   * @param {number} units that it was estimated at
   * @param {JobOptions['account']} account
   * @returns {GPUResult}
   */
  #resultOf({ buffers, numbers, start }, id, names, targets, started, attempts, counted, units, account) {
    const context = this.parts.registry.find(numbers[start + at.member], numbers[start + at.context]);
    const switched = numbers[start + at.switch];
    const upload = numbers[start + at.upload];
    const compute = numbers[start + at.compute];
    const readback = numbers[start + at.readback];
    const queued = Math.max(0, numbers[start + at.started] - started);
    const timings = timingsOf(queued, switched, upload, compute, readback, nowMs() - started);
    const isCached = numbers[start + at.cached] !== 0;
    const batch = numbers[start + at.batch];
    const ms = (upload + compute + readback) * numbers[start + at.part];
    const { use } = this.parts;
    let cost = 0;
    if (!isCached) cost = use.ran(context, counted, ms, units, batch, account);
    else use.wasKept(context, counted, ms * use.priceOf(context), account);
    const outputs = takeOutputs(names, buffers, targets);
    this.parts.events.ranIn(context.id, switched, context.contextType);
    return inCluster(
      resultOf(outputs, id, context.id, context.contextType, context.deviceName, timings),
      context.workerId,
      isCached,
      batch,
      numbers[start + at.attempts] + attempts,
      cost,
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
    for (const number of this.#numbers) this.#settle(number, errorAnew(error), undefined);
    this.#numbers.clear();
    native.abandonRemote();
    this.#wheres.end(error.message);
  }
}

/**
 * @param {import('../wire/channel').Channel} channel
 * @param {number} number of the job that is asked for next
 * @param {string} id by its user
 */
function sayId(channel, number, id) {
  channel.post(codec.encodeToCoordinator({ type: 'named', number, id: cutId(id) }));
}

function nothing() {}

module.exports = { Asks, kNoDigest };
