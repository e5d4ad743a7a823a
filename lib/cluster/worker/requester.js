// Asks for jobs: on this process's own idle context where that is the best there is, else from the coordinator.
'use strict';
const { createHash } = require('node:crypto');
const { setTimeout, clearTimeout } = require('node:timers');
const { native } = require('../../addon');
const {
  scratch,
  layout,
  nextId,
  track,
  settle,
  isAwaited,
  checkWaiting,
  kDirect,
  specOf,
  encodeCall,
  encodeInto,
  callInto,
  workloadIndex,
  isProgramJob,
  needOf,
  contextTypeFor,
  describeProgramCall,
  encodeProgramCall,
  asRun,
  publicType,
  encodeGraph,
  DeviceTensor,
  digestOf,
} = require('../../call');
const { GPUError, invalid, asGpuError, show, refuseUnknownKeys, nowMs } = require('../../core');
const { takeOutput, lastRun } = require('../../context');
const { messages: protocol } = require('../wire');

const { ask, result: at, kKinds, kContextTypes, kCodes } = protocol;
const kOptions = new Set(['priority', 'timeout', 'signal', 'contextType', 'affinity', 'cache', 'retries', 'into']);
const kTypes = kContextTypes.slice(1, 4); // that a caller may ask for
const { callId, callAsk, resultCount } = layout;
// An ask is described in the scratch array from callAsk on, in the order of its message.
const kAskAt = callAsk - protocol.ask.number;
/** @type {any[]} the inputs of the call that is being made */
const arrays = new Array(layout.maxTensors).fill(undefined);
const kNoDigest = [0, 0, 0, 0];

/**
 * @param {any} options
 */
function checkOptions(options) {
  if (options === null || typeof options !== 'object')
    throw invalid(`executeWorkload()'s options are ${show(options)}, but must be an object`);
  refuseUnknownKeys(options, kOptions, 'option of executeWorkload()');
  checkWaiting(options);
  const { priority, contextType, affinity, cache, retries } = options;
  if (priority !== undefined && !Number.isSafeInteger(priority))
    throw invalid(`priority is ${show(priority)}, but must be a whole number (0 is the default, higher goes first)`);
  if (contextType !== undefined && !kTypes.includes(contextType))
    throw invalid(`contextType is ${show(contextType)}, but must be 'cuda', 'vulkan' or 'cpu'`);
  if (affinity !== undefined && (typeof affinity !== 'string' || !affinity))
    throw invalid(`affinity is ${show(affinity)}, but must be a string that is not empty`);
  if (cache !== undefined && typeof cache !== 'boolean')
    throw invalid(`cache is ${show(cache)}, but must be true or false`);
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0 && retries <= 100))
    throw invalid(`retries is ${show(retries)}, but must be a whole number from 0 to 100`);
}

/**
 * Some context may have them, but which one a job gets is not the caller's business: wherever it would run, the answer
 * is the same.
 * @param {any} inputs
 * @param {string} [what]
 */
function refuseDeviceTensors(inputs, what = 'input') {
  if (inputs === null || typeof inputs !== 'object') return;
  for (const name in inputs)
    if (inputs[name] instanceof DeviceTensor)
      throw invalid(
        `${what} '${name}' is a DeviceTensor, which belongs to one context: give the cluster a tensor, or a shared tensor`,
      );
}

/**
 * The kind of work a job is and the type of context it has to have, '' for any. @typedef {{ kind: typeof
 * kKinds[number], type: typeof kContextTypes[number] }} Need
 */
/** @type {Map<string, Need>} the same object again: a small job makes none */
const needs = new Map();

/**
 * @param {typeof kKinds[number]} kind
 * @param {typeof kContextTypes[number]} type
 * @returns {Need}
 */
function needFor(kind, type) {
  const key = type ? `${kind} ${type}` : kind;
  let need = needs.get(key);
  if (!need) needs.set(key, (need = { kind, type }));
  return need;
}

/**
 * @param {any} workload as it is run
 * @param {any} options
 * @returns {Need}
 */
function needsOf(workload, options) {
  const asked = options?.contextType;
  const { type } = workload;
  if (type !== 'kernel' && type !== 'render') {
    const kind = protocol.kindOf(workload);
    return needFor(
      kind,
      kind === 'render' ? contextTypeFor(workload, { kind, contextType: '' }, asked) : (asked ?? ''),
    );
  }
  const need = needOf(workload);
  refuseDeviceTensors(workload.attributes, 'attribute');
  refuseDeviceTensors(workload.uniforms, 'uniform');
  return needFor(need.kind, contextTypeFor(workload, need, asked));
}

/** @type {Map<string, number>} */
const affinities = new Map();
const kMaxAffinities = 4096; // names remembered

/**
 * 48 bits of an affinity's digest, the same in every process: two names with the same would only share a context.
 * @param {string} name
 */
function affinityNumber(name) {
  let number = affinities.get(name);
  if (number === undefined) {
    number = createHash('sha256').update(name).digest().readUIntBE(0, 6) + 1;
    if (affinities.size >= kMaxAffinities) affinities.clear();
    affinities.set(name, number);
  }
  return number;
}

/**
 * @typedef {object} RequesterParts
 * @property {number} workerId
 * @property {import('../../config/config').Config} config
 * @property {import('./context-registry').ContextRegistry} registry
 * @property {import('../../metrics/metrics').MetricsBlock|undefined} metrics of jobs that did not go through the
 *   coordinator
 * @property {import('node:events').EventEmitter} emitter
 */

class Requester {
  /** @type {import('../wire/channel').Channel|undefined} */
  #channel;
  /** @type {import('./pool').Pool|undefined} */
  #pool;
  /** @type {GPUError|undefined} why nothing can be asked any more */
  #ended;
  /** @type {(() => void)[]} jobs given before there was a connection */
  #early = [];
  #waiting = 0;
  /** @type {Set<number>} the numbers of jobs that run on this process's own contexts */
  #here = new Set();
  /** @type {GPUError|undefined} why those are stopped */
  #cut;
  #switchedTo = '';
  /** Jobs the coordinator was asked for so far. */
  asked = 0;
  /** @type {Float64Array} the message that is being handled */
  #message = new Float64Array(0);
  #messageAt = 0;

  /** @param {RequesterParts} parts */
  constructor({ workerId, config, registry, metrics, emitter }) {
    this.workerId = workerId;
    this.config = config;
    this.registry = registry;
    this.metrics = metrics;
    this.emitter = emitter;
  }

  /** Jobs asked of the coordinator and not settled. */
  get waiting() {
    return this.#waiting + this.#early.length;
  }

  /** Jobs that run on this process's own contexts. */
  get running() {
    return this.#here.size;
  }

  /**
   * Stops the jobs that run on this process's own contexts.
   * @param {GPUError} error what they fail with
   */
  cut(error) {
    this.#cut = error;
    for (const id of this.#here) native.cancel(id);
  }

  /** @param {import('../wire/channel').Channel} channel */
  connect(channel) {
    this.#channel = channel;
    for (const start of this.#early.splice(0)) start();
  }

  /** @param {import('./pool').Pool|undefined} pool */
  usePool(pool) {
    this.#pool = pool;
  }

  /**
   * Nothing more can be asked; what is under way is settled with the error, its memory stays until the process ends.
   * @param {GPUError} error
   */
  end(error) {
    if (this.#ended) return;
    this.#ended = error;
    for (const start of this.#early.splice(0)) start();
    for (const id of this.#ids) this.#settle(id, error, undefined);
    this.#ids.clear();
  }

  /** @type {Set<number>} */
  #ids = new Set();

  /**
   * @param {any} workload
   * @param {any} [options]
   * @returns {Promise<any>}
   */
  execute(workload, options) {
    try {
      if (this.#ended) throw this.#ended;
      if (options !== undefined) checkOptions(options);
      if (workload === null || typeof workload !== 'object')
        throw invalid(`the workload is ${show(workload)}, but must be an object { type, inputs, params }`);
      const { id } = workload;
      if (id !== undefined && typeof id !== 'string')
        throw invalid(`the workload's id is ${show(id)}, but must be a string`);
      if (workload.type === 'render') workload = asRun(workload);
      const need = needsOf(workload, options);
      const context = this.#pool?.choose(need, options);
      if (context) {
        refuseDeviceTensors(workload.inputs);
        return this.#runHere(context, workload, options, need);
      }
      if (options?.cache)
        return digestOf(workload, options.contextType).then(
          (digest) => this.#ask(workload, options, need, digest, 0),
          (error) => {
            throw this.#failed(workload, asGpuError(error));
          },
        );
      return this.#ask(workload, options, need, kNoDigest, 0);
    } catch (error) {
      return Promise.reject(this.#failed(workload, asGpuError(error)));
    }
  }

  /**
   * @param {import('./pool').PoolContext} context
   * @param {any} workload
   * @param {any} options
   * @param {Need} need
   */
  #runHere(context, workload, options, need) {
    const started = nowMs();
    const timeout = options?.timeout ?? this.config.timeout;
    context.begin();
    lastRun.wasInline = false;
    const running = context.gpu.run(workload, { signal: options?.signal, timeout, into: options?.into });
    // What ran inside the call is over already, though its promise is not settled yet.
    const { wasInline } = lastRun;
    const id = scratch[callId];
    if (wasInline) context.end(started);
    else this.#here.add(id);
    return running.then(
      (/** @type {any} */ done) => {
        if (!wasInline) {
          this.#here.delete(id);
          context.end(started);
        }
        this.metrics?.completed(workloadIndex(workload), done.timings, 1);
        this.#switched(context.gpu.id, done.timings.queued, context.gpu.contextType, true);
        done.workloadId = workload.id ?? `job-${this.workerId}-${done.workloadId.slice(4)}`;
        done.workerId = this.workerId;
        done.cached = false;
        done.batchSize = 1;
        done.attempts = 1;
        return this.#completed(workload, done);
      },
      (/** @type {any} */ error) => {
        if (!wasInline) {
          this.#here.delete(id);
          this.#leave(context, started, error.released);
        }
        if (this.#cut && error.code === 'ERR_CANCELED' && !options?.signal?.aborted) error = this.#cut;
        // Whoever lost its device may run again elsewhere, unless the caller did not want that or has gone.
        const retries = options?.retries ?? this.config.retries;
        if (error.code === 'ERR_DEVICE_LOST' && retries > 0 && !this.#ended) {
          this.#pool?.lose(context, error.message);
          this.metrics?.retried(error.code);
          const left = timeout === Infinity ? Infinity : Math.max(1, timeout - (nowMs() - started));
          return this.#ask(workload, { ...options, timeout: left, retries: retries - 1 }, need, kNoDigest, 1);
        }
        this.metrics?.failed(error.code);
        throw this.#failed(workload, error, this.#idOf(workload, id));
      },
    );
  }

  /**
   * A job of the context has failed; one that was given up still runs there for a while.
   * @param {import('./pool').PoolContext} context
   * @param {number} started
   * @param {Promise<void>|undefined} released
   */
  #leave(context, started, released) {
    if (!released) {
      context.end(started);
      return;
    }
    const patience = setTimeout(() => this.#pool?.stuck(context), this.config.contextSwitchTimeout);
    patience.unref();
    released.then(() => {
      clearTimeout(patience);
      context.end(started);
    });
  }

  /**
   * @param {any} workload
   * @param {any} options
   * @param {Need} need
   * @param {number[]} digest
   * @param {number} attempts already made
   * @returns {Promise<any>}
   */
  #ask(workload, options, need, digest, attempts) {
    if (!this.#channel && !this.#ended) return this.#askLater(workload, options, need, digest, attempts);
    const started = nowMs();
    const timeout = options?.timeout ?? this.config.timeout;
    try {
      if (this.#ended) throw this.#ended;
      ++this.asked;
      const id = nextId();
      /** @type {any} */
      let holds, names;
      this.#describe(id, options, need, digest, timeout === Infinity ? 0 : started + timeout);
      if (workload.type === 'graph') {
        const { description, arrays: inputs, targets, outputs } = encodeGraph(workload, id, options?.into);
        scratch[kAskAt + ask.workload] = -1;
        native.askGraph(/** @type {any} */ (this.#channel).handle, description, inputs, targets);
        holds = [inputs, targets];
        names = outputs;
      } else if (isProgramJob(workload)) {
        const call = describeProgramCall(workload);
        const inputs = encodeProgramCall(call);
        const targets =
          options?.into === undefined
            ? undefined
            : encodeInto(options.into, call.outputs, scratch, callInto, call.owner);
        scratch[kAskAt + ask.workload] = call.workload;
        native.ask(/** @type {any} */ (this.#channel).handle, inputs, call.handle, undefined, undefined, targets);
        holds = [inputs, targets];
        names = call.outputs;
      } else {
        const spec = specOf(workload.type);
        encodeCall(spec, workload, arrays);
        const targets =
          options?.into === undefined
            ? undefined
            : encodeInto(options.into, spec.outputs, scratch, callInto, spec.type);
        scratch[kAskAt + ask.workload] = spec.index;
        const { handle } = /** @type {any} */ (this.#channel);
        if (spec.inputs.length > kDirect) native.ask(handle, arrays.slice(), undefined, undefined, undefined, targets);
        else native.ask(handle, arrays[0], arrays[1], arrays[2], arrays[3], targets);
        holds = [arrays.slice(), targets];
        names = spec.outputs;
      }
      /** @type {any} */ (this.#channel).sent();
      this.#ids.add(id);
      if (this.#waiting++ === 0) this.#channel?.ref();
      const waited = track(
        id,
        { signal: options?.signal, timeout },
        holds,
        (value) => this.#decode(value, names, workload, id, holds[1], started, attempts),
        this.#cancel,
      );
      return waited.then(
        (/** @type {any} */ done) => this.#completed(workload, done),
        (/** @type {any} */ error) => {
          // whoever noticed it first
          if (error.code === 'ERR_TIMEOUT') error.message = `the job did not finish within ${timeout} ms`;
          throw this.#failed(workload, error, this.#idOf(workload, id));
        },
      );
    } catch (error) {
      return Promise.reject(this.#failed(workload, asGpuError(error)));
    } finally {
      arrays.fill(undefined);
    }
  }

  /**
   * Until there is a connection, a job waits here; its time runs.
   * @param {any} workload
   * @param {any} options
   * @param {Need} need
   * @param {number[]} digest
   * @param {number} attempts
   */
  #askLater(workload, options, need, digest, attempts) {
    refuseDeviceTensors(workload.inputs);
    if (this.#early.length >= this.config.queueLimit)
      return Promise.reject(this.#failed(workload, queueFull(this.config.queueLimit, 1000)));
    const started = nowMs();
    const timeout = options?.timeout ?? this.config.timeout;
    const id = nextId();
    const waited = track(
      id,
      { signal: options?.signal, timeout },
      [workload, options],
      (value) => value,
      (given) => {
        settle(given, null, undefined); // nobody uses its memory
      },
    );
    this.#early.push(() => {
      if (!isAwaited(id)) return;
      const left = timeout === Infinity ? Infinity : Math.max(1, timeout - (nowMs() - started));
      // A pool that has become ready meanwhile may take it.
      const context = this.#ended || digest !== kNoDigest ? undefined : this.#pool?.choose(need, options);
      const rest = { ...options, timeout: left };
      const asked = context
        ? this.#runHere(context, workload, rest, need)
        : this.#ask(workload, rest, need, digest, attempts);
      asked.then(
        (/** @type {any} */ done) => settle(id, null, done),
        (/** @type {any} */ error) => settle(id, error, undefined),
      );
    });
    return waited;
  }

  /**
   * @param {number} id
   * @param {any} options
   * @param {Need} need
   * @param {number[]} digest
   * @param {number} deadline
   */
  #describe(id, options, need, digest, deadline) {
    scratch[kAskAt + ask.number] = id;
    scratch[kAskAt + ask.priority] = options?.priority ?? 0;
    scratch[kAskAt + ask.deadline] = deadline;
    scratch[kAskAt + ask.kind] = kKinds.indexOf(need.kind);
    scratch[kAskAt + ask.contextType] = kContextTypes.indexOf(need.type);
    scratch[kAskAt + ask.affinity] = options?.affinity === undefined ? 0 : affinityNumber(options.affinity);
    scratch[kAskAt + ask.retries] = options?.retries ?? this.config.retries;
    scratch[kAskAt + ask.flags] = digest === kNoDigest ? 0 : protocol.kCacheFlag;
    for (let i = 0; i < 4; ++i) scratch[kAskAt + ask.digest + i] = digest[i];
  }

  /** @param {number} id */
  #cancel = (id) => {
    this.#channel?.post(new Float64Array([3, protocol.kCancel, id]));
  };

  /**
   * A result has come.
   * @param {Float64Array} numbers
   * @param {number} start
   */
  onResult(numbers, start) {
    const id = numbers[start + at.number];
    const code = numbers[start + at.code];
    if (!this.#ids.delete(id)) return;
    this.#message = numbers;
    this.#messageAt = start;
    const shared = numbers[start + at.shared];
    let error = null,
      value;
    if (!isAwaited(id)) {
      native.dropRemote(id);
    } else if (code) {
      native.dropRemote(id);
      error = this.#errorOf(numbers, start, code);
    } else {
      try {
        value = shared
          ? native.takeRemote(id, numbers.slice(start + at.text, start + at.text + shared))
          : native.takeRemote(id);
      } catch (failed) {
        error = failed;
      }
    }
    if (shared) this.#channel?.post(new Float64Array([3, protocol.kCopied, id]));
    this.#settle(id, error, value);
  }

  /**
   * @param {number} id
   * @param {any} error
   * @param {any} value
   */
  #settle(id, error, value) {
    if (--this.#waiting === 0) this.#channel?.unref();
    settle(id, error, value);
  }

  /**
   * @param {Float64Array} numbers
   * @param {number} start
   * @param {number} code
   */
  #errorOf(numbers, start, code) {
    const text = protocol.readText(numbers, start + at.text, numbers[start + at.textBytes]);
    const error = new GPUError(kCodes[code - 1] ?? 'ERR_INTERNAL', text);
    if (error.code === 'ERR_QUEUE_FULL') error.retryAfter = numbers[start + at.retryAfter];
    return error;
  }

  /**
   * @param {any} value what takeRemote() gave
   * @param {readonly string[]} names
   * @param {any} workload
   * @param {number} id
   * @param {any[]|undefined} targets
   * @param {number} started
   * @param {number} attempts made before
   */
  #decode(value, names, workload, id, targets, started, attempts) {
    const numbers = this.#message,
      start = this.#messageAt;
    const count = scratch[resultCount];
    /** @type {Record<string, import('../../index').Tensor>} */
    const outputs = {};
    if (count === 1) outputs[names[0]] = takeOutput(0, value, targets);
    else for (let i = 0; i < count; ++i) outputs[names[i]] = takeOutput(i, value[i], targets);
    const context = this.registry.find(numbers[start + at.member], numbers[start + at.context]);
    this.#switched(context.id, numbers[start + at.switch], context.contextType, false);
    return {
      outputs,
      workloadId: this.#idOf(workload, id),
      contextId: context.id,
      workerId: context.workerId,
      contextType: context.contextType,
      deviceName: context.deviceName,
      cached: numbers[start + at.cached] !== 0,
      batchSize: numbers[start + at.batch],
      attempts: numbers[start + at.attempts] + attempts,
      timings: {
        queued: Math.max(0, numbers[start + at.started] - started),
        switch: numbers[start + at.switch],
        upload: numbers[start + at.upload],
        compute: numbers[start + at.compute],
        readback: numbers[start + at.readback],
        total: nowMs() - started,
      },
    };
  }

  /**
   * @param {string} to
   * @param {number} duration
   * @param {string} contextType
   * @param {boolean} here the coordinator did not see it
   */
  #switched(to, duration, contextType, here) {
    const from = this.#switchedTo;
    if (from === to) return;
    this.#switchedTo = to;
    if (here) this.metrics?.contextSwitch(duration);
    if (this.emitter.listenerCount('context-switch'))
      this.emitter.emit('context-switch', { from: from || null, to, workerId: this.workerId, contextType, duration });
  }

  /**
   * @param {any} workload
   * @param {any} done
   */
  #completed(workload, done) {
    if (this.emitter.listenerCount('workload-completed'))
      this.emitter.emit('workload-completed', {
        workloadId: done.workloadId,
        type: publicType(workload.type),
        context: done.contextId,
        duration: done.timings.total,
        memoryUsage: this.registry.memoryMb(done.contextId),
      });
    return done;
  }

  /**
   * @param {any} workload
   * @param {number} id
   * @returns {string} the caller's own, or one that no other job of the cluster has
   */
  #idOf(workload, id) {
    return workload.id ?? `job-${this.workerId}-${id}`;
  }

  /**
   * @param {any} workload
   * @param {GPUError} error
   * @param {string} [workloadId] one that was refused as it was asked for has none of its own
   */
  #failed(workload, error, workloadId = workload?.id ?? null) {
    if (workloadId !== null) error.workloadId = workloadId;
    this.emitter.emit('workload-failed', {
      workloadId,
      type: publicType(workload?.type),
      code: error.code,
      message: error.message,
    });
    if (error.code === 'ERR_QUEUE_FULL') this.emitter.emit('queue-full', { retryAfter: error.retryAfter });
    return error;
  }
}

/**
 * @param {number} limit
 * @param {number} retryAfter
 */
function queueFull(limit, retryAfter) {
  const error = new GPUError(
    'ERR_QUEUE_FULL',
    `the queue is full: ${limit} jobs wait already; try again in ${retryAfter} ms`,
  );
  error.retryAfter = retryAfter;
  return error;
}

module.exports = { Requester, queueFull };
