// A context: where jobs run. Thin: a call is checked and described in lib/call, and waited for there; the work is the
// addon's.
'use strict';
const {
  scratch,
  layout,
  nextId,
  track,
  checkWaiting,
  settleNow,
  describe,
  encodeTensor,
  encodeInto,
  callInto,
  takeOutputs,
  timingsOf,
  resultOf,
  DeviceTensor,
  handleOf,
  kDTypes,
} = require('../call');
const { layouts } = require('../addon');
const { GPUError, invalid, asGpuError, show, refuseUnknownKeys } = require('../core');
const { readSettings } = require('../config');
const { Beside, needsDriver } = require('./beside');
const { ContextModels } = require('./context-models');
const { Programs, compileHere, prepareOn, fits, cacheFolder } = require('../program');

/** @typedef {import('../index').RunOptions} RunOptions */
/** @typedef {import('../index').WaitOptions} WaitOptions */
/** @typedef {import('../index').RunResult} RunResult */
/** @typedef {import('../call/describe').AnyCall} AnyCall */
/** @typedef {import('../call/result').Buffers} Buffers */
/** @typedef {import('../call/device-tensor').DeviceTensor} Held */
/** @typedef {import('../addon/native').NativeContext} NativeContext */

const { callInputs, callTimeout, usedMemory, reservedMemory, peakMemory, memoryLimit, largestFree } = layout;
const { programs, programBytes, programHits, programMisses, compileMs } = layout;
const { resultQueued, resultUpload, resultCompute, resultReadback, resultTotal } = layout;
const { slot } = layouts;
const kRunOptions = new Set(['signal', 'timeout', 'into']);
const kWaitOptions = new Set(['signal', 'timeout']);
const kRead = Object.freeze(['tensor']); // what a read has as its outputs
/** @type {Record<string, number>} */
const lastNumber = {};

/**
 * @param {unknown} options
 * @param {ReadonlySet<string>} known
 * @param {string} what
 */
function checkOptions(options, known, what) {
  if (options === undefined) return;
  if (options === null || typeof options !== 'object')
    throw invalid(`${what}'s options are ${show(options)}, but must be an object`, 'options');
  refuseUnknownKeys(options, known, `option of ${what}`, 'options.');
}

/**
 * @param {unknown} value a DeviceTensor, or what was written to the scratch array just now
 * @returns {import('../index').TensorInfo}
 */
function infoOf(value) {
  if (value instanceof DeviceTensor) return value;
  const extents = callInputs + slot.extents;
  const shape = Array.from(scratch.subarray(extents, extents + scratch[callInputs + slot.rank]));
  return { shape, dtype: kDTypes[scratch[callInputs + slot.dtype]] };
}

class GPUContext extends ContextModels {
  /** @type {NativeContext} */
  #handle;
  /** @type {Promise<void>|undefined} */
  #closed;
  #beside;

  /**
   * @param {NativeContext} handle
   * @param {string} [id] one is made where none is given
   * @param {() => Promise<GPUContext>|undefined} [openBeside] of one opened as 'auto', whose device does not draw
   */
  constructor(handle, id, openBeside) {
    super();
    this.#handle = handle;
    this.#beside = openBeside && new Beside(openBeside);
    /** @readonly */
    this.device = Object.freeze(handle.device());
    /** @readonly */
    this.contextType = this.device.backend;
    const number = id === undefined ? (lastNumber[this.contextType] = (lastNumber[this.contextType] ?? -1) + 1) : 0;
    /** @readonly */
    this.id = id ?? `${this.contextType}-${number}`;
  }

  /** @param {GPUContext} context the addon's object in it, for the executor */
  static handleOf(context) {
    return context.#handle;
  }

  /** @param {GPUContext} context gives unused memory back, and keeps programs: those are compiled again else */
  static trimMemoryOf(context) {
    if (!context.closed) context.#handle.trim(true);
  }

  get closed() {
    return this.#closed !== undefined;
  }

  /** @returns {import('../index').MemoryUsage} in bytes; zeros once it is closed */
  get memoryUsage() {
    this.#handle.memoryUse();
    return {
      used: scratch[usedMemory],
      reserved: scratch[reservedMemory],
      peak: scratch[peakMemory],
      limit: scratch[memoryLimit],
      largestFree: scratch[largestFree],
    };
  }

  /** Whether its device was lost: then only a new context helps, or for a card of CUDA a new process. */
  get lost() {
    return this.#handle.memoryUse();
  }

  /**
   * Runs a workload: a built-in one, a graph, a kernel or a picture.
   * @param {unknown} workload { type, inputs, params, id } and the like: see Workload, GraphWorkload, KernelWorkload,
   *   ShaderWorkload and SceneWorkload in lib/index.d.ts
   * @param {RunOptions} [options] signal, timeout (ms), memory for outputs
   * @returns {Promise<RunResult>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT, with the `argument` where it is known;
   *   ERR_UNKNOWN_WORKLOAD; ERR_UNSUPPORTED; ERR_OUT_OF_MEMORY; ERR_COMPILE; ERR_DEVICE_LOST; ERR_CANCELED;
   *   ERR_TIMEOUT; ERR_CLOSED
   * @example
   * const { outputs } = await context.run({ type: 'add', inputs: { a, b } }, { timeout: 100 });
   */
  run(workload, options) {
    try {
      this.#checkOpen();
      if (options !== undefined) {
        checkOptions(options, kRunOptions, 'run()');
        checkWaiting(options);
      }
      const call = describe(workload, options?.into);
      try {
        scratch[callTimeout] = options?.timeout ?? 0;
        const value = call.run(this.#handle);
        if (value === null) {
          const ended = this.#end(call, 'job-', options);
          if (this.#beside === undefined || !needsDriver(call)) return ended;
          const beside = this.#beside;
          return ended.catch((error) => beside.run(error, () => this.#checkOpen(), workload, options));
        }
        const id = call.id ?? `job-${call.number}`;
        const result = this.#takeResult(call.outputs, id, /** @type {Buffers} */ (value), call.targets);
        return settleNow(result, result.timings.total);
      } finally {
        call.clear();
      }
    } catch (error) {
      return Promise.reject(asGpuError(error));
    }
  }

  /**
   * For the cluster's requester: begins a described call.
   * @param {GPUContext} context
   * @param {AnyCall} call whose number is that of the job from now on
   * @param {string} prefix of the names of jobs that have none
   * @returns {RunResult|undefined} of a job that has run in here; undefined: it goes on, and end() is to be called
   * @throws {GPUError}
   */
  static begin(context, call, prefix) {
    context.#checkOpen();
    scratch[callTimeout] = 0;
    const value = call.run(context.#handle);
    if (value === null) return undefined;
    const id = call.id ?? prefix + call.number;
    return context.#takeResult(call.outputs, id, /** @type {Buffers} */ (value), call.targets);
  }

  /**
   * For the cluster's requester: the end of a call that begin() has begun just now.
   * @param {GPUContext} context
   * @param {AnyCall} call
   * @param {string} prefix
   * @param {WaitOptions} options
   * @returns {Promise<RunResult>}
   */
  static end(context, call, prefix, options) {
    return context.#end(call, prefix, options);
  }

  /**
   * @param {AnyCall} call
   * @param {string} prefix
   * @param {WaitOptions|undefined} options
   * @returns {Promise<RunResult>}
   */
  #end(call, prefix, options) {
    const { outputs, targets } = call;
    const id = call.id ?? prefix + call.number;
    return track(call.number, options, call.holds(this), (/** @type {Buffers} */ value) =>
      this.#takeResult(outputs, id, value, targets),
    );
  }

  /**
   * @param {readonly string[]} names of the outputs
   * @param {string} id
   * @param {Buffers} value
   * @param {AnyCall['targets']} targets
   */
  #takeResult(names, id, value, targets) {
    const outputs = takeOutputs(names, value, targets);
    const timings = timingsOf(
      scratch[resultQueued],
      0,
      scratch[resultUpload],
      scratch[resultCompute],
      scratch[resultReadback],
      scratch[resultTotal],
    );
    return resultOf(outputs, id, this.id, this.contextType, this.device.name, timings);
  }

  /** @type {Programs|undefined} */
  #programs;

  /** What was compiled for this context alone. */
  #compiling() {
    return (this.#programs ??= new Programs({
      limit: readSettings().shaderCacheSize,
      closedError: () => new GPUError('ERR_CLOSED', `the context ${this.id} is closed`),
      obtain: async (sources) => {
        // What one architecture alone has is of use to this device, and to no other.
        const own = sources.cudaFeatures === 'architecture' && this.device.backend === 'cuda';
        const devices = own ? [this.device.id] : undefined;
        const compiled = await compileHere(sources, cacheFolder(readSettings()), undefined, devices);
        const { handle, fromDisk, ms, problems } = compiled;
        const { ms: prepared } = fits(this.device, handle.info) ? await prepareOn(this.#handle, handle) : { ms: 0 };
        return { handle, ms: ms + prepared, cached: fromDisk ? 'disk' : false, problems };
      },
    }));
  }

  /**
   * Compiles a compute kernel for this context alone, off the event loop.
   * @param {unknown} options { name, glsl?, spirv?, cuda?, bindings? }: see KernelOptions in lib/index.d.ts
   * @returns {Promise<import('../call/program').Kernel>}
   * @throws {GPUError} (rejects with) ERR_COMPILE, with the compiler's `log`, `line` and `column`;
   *   ERR_INVALID_ARGUMENT; ERR_UNSUPPORTED; ERR_CLOSED
   * @example
   * const kernel = await context.compileKernel({ name: 'double', glsl: { file: 'double.comp' } });
   */
  async compileKernel(options) {
    this.#checkOpen();
    return this.#compiling().compileKernel(options);
  }

  /**
   * Compiles a vertex and a fragment shader for this context alone, off the event loop.
   * @param {unknown} name
   * @param {unknown} vertex GLSL, or { file }
   * @param {unknown} fragment
   * @returns {Promise<import('../call/program').Shader>}
   * @throws {GPUError} (rejects with) ERR_COMPILE, with the compiler's `log`, `line` and `column`;
   *   ERR_INVALID_ARGUMENT; ERR_UNSUPPORTED; ERR_CLOSED
   * @example
   * const shader = await context.compileShader('points', { file: 'points.vert' }, { file: 'points.frag' });
   */
  async compileShader(name, vertex, fragment) {
    this.#checkOpen();
    return this.#compiling().compileShader(name, vertex, fragment);
  }

  /**
   * Programs compiled for this device that it keeps, their bytes; jobs that found theirs and that did not; ms of making
   * them.
   */
  get programUse() {
    this.#handle.programUse();
    return {
      programs: scratch[programs],
      bytes: scratch[programBytes],
      hits: scratch[programHits],
      misses: scratch[programMisses],
      ms: scratch[compileMs],
    };
  }

  /**
   * Copies a tensor to this context's device, where it stays until it is released.
   * @param {unknown} value a tensor, a typed array, or a DeviceTensor of another device
   * @param {WaitOptions} [options]
   * @returns {Promise<Held>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_CANCELED;
   *   ERR_TIMEOUT; ERR_CLOSED
   * @example
   * const base = await context.upload(tensor(vectors, [1000, 384]));
   * await context.run({ type: 'similarity-search', inputs: { queries, base }, params: { k: 5 } });
   */
  async upload(value, options) {
    this.#checkOpen();
    checkOptions(options, kWaitOptions, 'upload()');
    if (options) checkWaiting(options);
    const data = encodeTensor(scratch, callInputs, value, 'upload', 'argument', 'tensor');
    const info = { ...infoOf(value), device: this.device.id };
    const number = nextId();
    try {
      this.#handle.upload(data);
    } catch (error) {
      throw asGpuError(error);
    }
    return track(
      number,
      options,
      [data, this],
      (/** @type {import('../call/device-tensor').Handle} */ handle) =>
        new DeviceTensor(handle, (tensor, readOptions) => this.#read(tensor, readOptions), info),
    );
  }

  /**
   * @param {Held} tensor
   * @param {import('../index').ReadOptions} [options]
   * @returns {Promise<import('../index').Tensor>}
   */
  async #read(tensor, options) {
    this.#checkOpen();
    checkOptions(options, kRunOptions, 'read()');
    if (options) checkWaiting(options);
    encodeTensor(scratch, callInputs, tensor, 'read', 'argument', 'tensor');
    const targets =
      options?.into === undefined ? undefined : encodeInto({ into: options.into }, ['into'], scratch, callInto, 'read');
    const number = nextId();
    try {
      this.#handle.read(handleOf(tensor), targets);
    } catch (error) {
      throw asGpuError(error);
    }
    return track(
      number,
      options,
      [tensor, targets, this],
      (/** @type {ArrayBuffer|undefined} */ buffer) => takeOutputs(kRead, buffer, targets).tensor,
    );
  }

  /**
   * Gives memory that is not in use back to the device and the system.
   * @throws {GPUError} ERR_CLOSED: the context is closed
   * @example context.trim();
   */
  trim() {
    this.#checkOpen();
    this.#handle.trim();
    this.#beside?.trim();
  }

  /**
   * No new jobs. Idempotent.
   * @returns {Promise<void>} when what runs has finished and everything it held is free
   * @example await context.close();
   */
  close() {
    if (!this.#closed) {
      const number = nextId();
      const closed = track(number, undefined, this, () => undefined);
      const beside = this.#beside?.close();
      this.#closed = beside ? Promise.all([closed, beside]).then(() => undefined) : closed;
      this.#programs?.close();
      this.#handle.close(number);
    }
    return this.#closed;
  }

  /**
   * As close(), for `await using`.
   * @returns {Promise<void>}
   * @example await using context = await createContext();
   */
  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close();
  }

  #checkOpen() {
    if (this.#closed) throw new GPUError('ERR_CLOSED', `the context ${this.id} is closed`);
  }
}

module.exports = { GPUContext, checkOptions };
