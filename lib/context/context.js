// A context: where jobs run. Thin: the checks are in encode.js and graph.js, the waiting in jobs.js, the work in the
// addon.
'use strict';
const { native } = require('../addon');
const {
  scratch,
  layout,
  nextId,
  track,
  checkWaiting,
  settleNow,
  mayRunNow,
  kDirect,
  specOf,
  encodeCall,
  encodeTensor,
  encodeInto,
  callInto,
  isProgramJob,
  describeProgramCall,
  encodeProgramCall,
  asRun,
  encodeGraph,
  DeviceTensor,
  handleOf,
  kDTypes,
  kArrays,
} = require('../call');
const { GPUError, invalid, asGpuError, show, suggestion, refuseUnknownKeys } = require('../core');
const { readSettings } = require('../config');
const { Programs, compileHere, prepareOn, fits, cacheFolder } = require('../program');

/** @typedef {import('../index').RunOptions} RunOptions */
/** @typedef {import('../index').Tensor} Tensor */

const { slotSize, callInline, callInputs, resultCount, resultTimings, resultOutputs } = layout;
const kRunOptions = new Set(['signal', 'timeout', 'into']);
const kWaitOptions = new Set(['signal', 'timeout']);
const kContextOptions = new Set(['device', 'memoryLimit', 'threads']);
const kBackends = ['auto', 'cuda', 'vulkan', 'cpu'];
/** @type {any[]} the inputs of the call that is being made */
const arrays = new Array(layout.maxTensors).fill(undefined);
/** @type {Record<string, number>} */
const lastNumber = {};
/** What the last run() has done, for who counts what is running. */
const lastRun = { wasInline: false };

/**
 * The output number i of a finished job, from what the addon left in the scratch array.
 * @param {number} i
 * @param {ArrayBuffer|undefined} buffer undefined where the output went into the caller's memory
 * @param {any[]|undefined} targets
 */
function takeOutput(i, buffer, targets) {
  const at = resultOutputs + i * slotSize;
  const dtype = scratch[at + 1];
  const rank = scratch[at + 2];
  const shape = [];
  for (let axis = 0; axis < rank; ++axis) shape.push(scratch[at + 3 + axis]);
  const data = buffer === undefined && targets ? targets[i] : new kArrays[dtype](/** @type {ArrayBuffer} */ (buffer));
  return { data, shape, dtype: kDTypes[dtype] };
}

/**
 * @param {GPUContext} context
 * @param {readonly string[]} names of the outputs
 * @param {string|undefined} id
 * @param {any} value one buffer, or an array of several
 * @param {any[]|undefined} targets
 * @returns {import('../index').RunResult}
 */
function takeResult(context, names, id, value, targets) {
  const count = scratch[resultCount];
  /** @type {Record<string, Tensor>} */
  const outputs = {};
  if (count === 1) outputs[names[0]] = takeOutput(0, value, targets);
  else for (let i = 0; i < count; ++i) outputs[names[i]] = takeOutput(i, value[i], targets);
  return {
    outputs,
    workloadId: id === undefined ? `job-${scratch[layout.resultId]}` : id,
    contextId: context.id,
    contextType: context.contextType,
    deviceName: context.device.name,
    timings: {
      queued: scratch[resultTimings],
      switch: 0,
      upload: scratch[resultTimings + 1],
      compute: scratch[resultTimings + 2],
      readback: scratch[resultTimings + 3],
      total: scratch[resultTimings + 4],
    },
  };
}

/**
 * @param {any} options
 * @param {ReadonlySet<string>} known
 * @param {string} what
 */
function checkOptions(options, known, what) {
  if (options === undefined) return;
  if (options === null || typeof options !== 'object')
    throw invalid(`${what}'s options are ${show(options)}, but must be an object`);
  refuseUnknownKeys(options, known, `option of ${what}`);
}

class GPUContext {
  /** @type {import('../addon/native').NativeContext} */
  #handle;
  /** @type {Promise<void>|undefined} */
  #closed;

  /**
   * @param {import('../addon/native').NativeContext} handle
   * @param {string} [id] one is made where none is given
   */
  constructor(handle, id) {
    this.#handle = handle;
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

  get closed() {
    return this.#closed !== undefined;
  }

  /** @returns {import('../index').MemoryUsage} in bytes; zeros once it is closed */
  get memoryUsage() {
    this.#handle.memoryUse();
    return {
      used: scratch[callInputs],
      reserved: scratch[callInputs + 1],
      peak: scratch[callInputs + 2],
      limit: scratch[callInputs + 3],
    };
  }

  /** Whether its device was lost: then only a new context helps. */
  get lost() {
    return this.#handle.memoryUse();
  }

  /**
   * @param {any} workload
   * @param {RunOptions} [options]
   * @returns {Promise<any>}
   */
  run(workload, options) {
    try {
      this.#checkOpen();
      if (options !== undefined) {
        checkOptions(options, kRunOptions, 'run()');
        checkWaiting(options);
      }
      if (workload === null || typeof workload !== 'object')
        throw invalid(`the workload is ${show(workload)}, but must be an object { type, inputs, params }`);
      const id = workload.id;
      if (id !== undefined && typeof id !== 'string')
        throw invalid(`the workload's id is ${show(id)}, but must be a string`);
      if (workload.type === 'graph') return this.#runGraph(workload, id, options);
      if (workload.type !== 'kernel' && workload.type !== 'render') return this.#runWorkload(workload, id, options);
      return isProgramJob(workload)
        ? this.#runProgram(workload, id, options)
        : this.#runWorkload(asRun(workload), id, options);
    } catch (error) {
      return Promise.reject(asGpuError(error));
    }
  }

  /**
   * @param {any} workload
   * @param {string|undefined} id
   * @param {RunOptions|undefined} options
   */
  #runWorkload(workload, id, options) {
    const spec = specOf(workload.type);
    let holds;
    try {
      encodeCall(spec, workload, arrays);
      const targets =
        options === undefined || options.into === undefined
          ? undefined
          : encodeInto(options.into, spec.outputs, scratch, callInto, spec.type);
      scratch[callInline] = mayRunNow() ? 1 : 0;
      const number = nextId();
      const value =
        spec.inputs.length > kDirect
          ? this.#handle.run(arrays.slice(), undefined, undefined, undefined, targets)
          : this.#handle.run(arrays[0], arrays[1], arrays[2], arrays[3], targets);
      lastRun.wasInline = value !== null;
      if (value !== null)
        return settleNow(takeResult(this, spec.outputs, id, value, targets), scratch[resultTimings + 4]);
      holds = [arrays.slice(), targets, this];
      return track(number, options, holds, (buffers) => takeResult(this, spec.outputs, id, buffers, targets));
    } finally {
      for (let i = 0; i < spec.inputs.length; ++i) arrays[i] = undefined;
    }
  }

  /**
   * @param {any} workload of a kernel or a shader
   * @param {string|undefined} id
   * @param {RunOptions|undefined} options
   */
  #runProgram(workload, id, options) {
    const call = describeProgramCall(workload);
    const inputs = encodeProgramCall(call);
    const targets =
      options?.into === undefined ? undefined : encodeInto(options.into, call.outputs, scratch, callInto, call.owner);
    scratch[callInline] = mayRunNow() ? 1 : 0;
    const number = nextId();
    const value = this.#handle.run(inputs, call.handle, undefined, undefined, targets);
    lastRun.wasInline = value !== null;
    if (value !== null)
      return settleNow(takeResult(this, call.outputs, id, value, targets), scratch[resultTimings + 4]);
    return track(number, options, [inputs, targets, this], (buffers) =>
      takeResult(this, call.outputs, id, buffers, targets),
    );
  }

  /** @type {Programs|undefined} */
  #programs;

  /** What was compiled for this context alone. */
  #compiling() {
    return (this.#programs ??= new Programs({
      limit: readSettings().shaderCacheSize,
      closedError: () => new GPUError('ERR_CLOSED', `the context ${this.id} is closed`),
      obtain: async (sources) => {
        const { handle, fromDisk, ms, problems } = await compileHere(sources, cacheFolder(readSettings()));
        const { ms: prepared } = fits(this.device, handle.info) ? await prepareOn(this.#handle, handle) : { ms: 0 };
        return { handle, ms: ms + prepared, cached: fromDisk ? 'disk' : false, problems };
      },
    }));
  }

  /**
   * @param {any} options
   * @returns {Promise<import('../call/program').Kernel>}
   */
  async compileKernel(options) {
    this.#checkOpen();
    return this.#compiling().compileKernel(options);
  }

  /**
   * @param {string} name
   * @param {any} vertex
   * @param {any} fragment
   * @returns {Promise<import('../call/program').Shader>}
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
      programs: scratch[callInputs],
      bytes: scratch[callInputs + 1],
      hits: scratch[callInputs + 2],
      misses: scratch[callInputs + 3],
      ms: scratch[callInputs + 4],
    };
  }

  /**
   * @param {any} workload
   * @param {string|undefined} id
   * @param {RunOptions|undefined} options
   */
  #runGraph(workload, id, options) {
    const number = nextId();
    const { description, arrays: inputs, targets, outputs } = encodeGraph(workload, number, options?.into);
    this.#handle.runGraph(description, inputs, targets);
    return track(number, options, [inputs, targets, this], (buffers) =>
      takeResult(this, outputs, id, buffers, targets),
    );
  }

  /**
   * @param {any} value
   * @param {import('../index').WaitOptions} [options]
   * @returns {Promise<DeviceTensor>}
   */
  async upload(value, options) {
    this.#checkOpen();
    checkOptions(options, kWaitOptions, 'upload()');
    if (options) checkWaiting(options);
    const data = encodeTensor(scratch, callInputs, value, 'upload', 'argument', 'tensor');
    if (handleOf(value)) throw invalid(`upload: the tensor is on ${value.device} already`);
    const rank = scratch[callInputs + 2];
    const shape = Array.from(scratch.subarray(callInputs + 3, callInputs + 3 + rank));
    const info = { shape, dtype: kDTypes[scratch[callInputs + 1]], device: this.device.id };
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
      (handle) => new DeviceTensor(handle, (tensor, readOptions) => this.#read(tensor, readOptions), info),
    );
  }

  /**
   * @param {DeviceTensor} tensor
   * @param {import('../index').ReadOptions} [options]
   * @returns {Promise<any>}
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
    return track(number, options, [tensor, targets, this], (buffer) => takeOutput(0, buffer, targets));
  }

  /** Gives memory that is not in use back to the device and the system. */
  trim() {
    this.#checkOpen();
    this.#handle.trim();
  }

  /** @returns {Promise<void>} when what runs has finished and everything it held is free */
  close() {
    if (!this.#closed) {
      const number = nextId();
      this.#closed = track(number, undefined, this, () => undefined);
      this.#programs?.close();
      this.#handle.close(number);
    }
    return this.#closed;
  }

  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close();
  }

  #checkOpen() {
    if (this.#closed) throw new GPUError('ERR_CLOSED', `the context ${this.id} is closed`);
  }
}

/** @param {any} device */
function checkDevice(device) {
  if (typeof device !== 'string')
    throw invalid(`device is ${show(device)}, but must be a string: 'auto', 'cuda', 'vulkan:0', 'cpu'`);
  const [, backend, index] = /^([^:]*)(:.*)?$/s.exec(device) ?? [];
  if (!kBackends.includes(backend))
    throw invalid(
      `device is ${show(device)}, but must be 'auto', a backend or a device like 'vulkan:0'${suggestion(backend, kBackends)}`,
    );
  if (index !== undefined && (backend === 'auto' || !/^:\d{1,4}$/.test(index)))
    throw invalid(`device is ${show(device)}, but must be a backend with a number, 'vulkan:0' for example`);
}

/**
 * @param {import('../index').ContextOptions} [options]
 * @returns {Promise<GPUContext>}
 */
async function createContext(options = {}) {
  return openContext(options, undefined);
}

/**
 * @param {import('../index').ContextOptions} options
 * @param {string|undefined} id what it is called
 * @returns {Promise<GPUContext>}
 */
async function openContext(options, id) {
  checkOptions(options, kContextOptions, 'createContext()');
  const settings = readSettings();
  const { device = 'auto', memoryLimit = settings.memoryLimit, threads = 0 } = options;
  checkDevice(device);
  if (!Number.isSafeInteger(memoryLimit) || memoryLimit < 2 ** 20)
    throw invalid(`memoryLimit is ${show(memoryLimit)}, but must be a whole number of bytes, at least 1048576`);
  if (options.threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 1024))
    throw invalid(`threads is ${show(threads)}, but must be a whole number from 1 to 1024`);
  const number = nextId();
  native.openContext(number, device, settings.cuda, settings.vulkan, memoryLimit, threads, settings.shaderCacheSize);
  return track(number, undefined, undefined, (handle) => new GPUContext(handle, id));
}

module.exports = { GPUContext, createContext, openContext, takeOutput, lastRun };
