// Finds and loads the addon, and starts its part for this thread.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { isMainThread } = require('node:worker_threads');
const { GPUError, buildRemedy, loadRemedy, setClock } = require('../core');
const { keepHeldMemory } = require('./transfers');

/** @typedef {{ release: () => void }} DeviceMemory the addon's object inside a DeviceTensor */
/**
 * What the addon reads a tensor's bytes from.
 * @typedef {import('../index').TensorData|DeviceMemory|undefined} Memory
 */
/**
 * The outputs' memory: one, or an array of several; undefined: it is in `into`.
 * @typedef {ArrayBuffer|undefined|(ArrayBuffer|undefined)[]} Buffers
 */
/**
 * The tensors of a job: up to four inputs by themselves, or all of them as an array, with the program that they are for
 * in the next place.
 * @typedef {[a: Memory|Memory[], b: Memory|ProgramHandle, c: Memory, d: Memory, into: Memory[]|undefined]} Tensors
 */
/**
 * What runs begins where the scratch array says what; null: it has only begun, and its end will be delivered.
 * @typedef {object} NativeContext
 * @property {(...tensors: Tensors) => Buffers|null} run
 * @property {(description: Float64Array, into: Memory[]|undefined, ...inputs: (Memory|Memory[])[]) => Buffers|null}
 *   runGraph
 * @property {(data: Memory) => void} upload delivers a DeviceMemory
 * @property {(tensor: DeviceMemory|undefined, into: Memory[]|undefined) => void} read delivers an ArrayBuffer, or
 *   undefined
 * @property {(id: number) => void} close
 * @property {(keepsPrograms?: boolean) => void} trim
 * @property {() => boolean} memoryUse
 * @property {() => void} programUse to the scratch array: programs, their bytes, hits, misses, ms of compiling
 * @property {() => import('../index').DeviceInfo} device
 */
/** @typedef {'vector'|'matrix'|'attention'|'search'|'render'} WorkKind */
/**
 * @typedef {object} CodeFacts
 * @property {import('../index').ErrorCode} name
 * @property {string} text what it means
 * @property {number} httpStatus
 * @property {boolean} retry whether the same call may end well when it is made again
 * @property {number} rpcCode of JSON-RPC
 */
/**
 * @typedef {object} DTypeFacts
 * @property {import('../index').DType} name
 * @property {number} bytes
 * @property {'floating'|'signed'|'unsigned'} kind
 * @property {string} array the typed array that carries it
 * @property {string} alias another one, '' for none
 */
/**
 * @typedef {object} BackendFacts
 * @property {import('../index').Backend} name
 * @property {string} label what sentences call it
 * @property {number} rank of its devices for compute, the preferred ones first
 * @property {number} softwareRank of those that compute on the processor
 * @property {number} drawRank
 */
/**
 * @typedef {object} Facts
 * @property {readonly CodeFacts[]} codes
 * @property {readonly DTypeFacts[]} dtypes
 * @property {readonly BackendFacts[]} backends
 * @property {readonly WorkKind[]} kinds
 */
/**
 * @typedef {object} InputEntry
 * @property {string} name
 * @property {boolean} optional
 * @property {import('../index').DType[]} dtypes that it may have
 */
/**
 * @typedef {object} ParamEntry
 * @property {string} name
 * @property {'number'|'integer'|'boolean'|'choice'|'list'} kind `list`: whole numbers, one an axis
 * @property {boolean} required
 * @property {number} places how many numbers of a call are its own
 * @property {string[]} choices
 * @property {number} fallback what it is when left out, of a choice its index; NaN: the workload works it out
 * @property {number} min of a choice, of its index
 * @property {number} max
 * @property {boolean} aboveMin min itself is refused
 */
/**
 * @typedef {object} WorkloadEntry
 * @property {string} type
 * @property {WorkKind} kind
 * @property {InputEntry[]} inputs
 * @property {ParamEntry[]} params
 * @property {string[]} outputs
 * @property {string[][]} splits of each way in which it may be cut by rows, the inputs that are cut
 * @property {string[]} [texts] names of parameters that are texts: they travel in the input 'text'
 */
/**
 * @typedef {object} ProgramBinding
 * @property {string} name
 * @property {'buffer'|'image'} kind
 * @property {import('../index').DType|'other'} element
 * @property {number} elementBytes
 * @property {number} minBytes
 * @property {boolean} readOnly
 * @property {boolean} writeOnly
 */
/**
 * @typedef {object} ProgramParam
 * @property {string} name
 * @property {'float'|'int'|'uint'|'bool'} scalar
 * @property {number} rows
 * @property {number} columns
 * @property {number} elements
 * @property {number} offset
 * @property {number} arrayStride
 * @property {number} matrixStride
 */
/**
 * @typedef {object} ProgramInfo
 * @property {'kernel'|'shader'} kind
 * @property {string} name
 * @property {ProgramBinding[]} bindings
 * @property {ProgramParam[]} params
 * @property {number} paramBytes
 * @property {[number, number, number]} groupSize
 * @property {{ name: string, scalar: 'float'|'int'|'uint'|'bool', rows: number, columns: number }[]} attributes
 * @property {{ attributes: string[], buffers: string[], uniforms: string[] }} unused what a shader declares and does
 *   not use: it may be given, and may be left out
 * @property {boolean} vulkan
 * @property {boolean} cuda
 * @property {string[]} [cudaOnly] the compute capabilities that alone run it; left out: all from its own on
 * @property {number} bytes
 */
/** @typedef {{ readonly id: string, readonly info: ProgramInfo, bytes: () => Uint8Array }} ProgramHandle */
/**
 * The sources of a program, and what they are compiled for.
 * @typedef {object} CompileRequest
 * @property {'kernel'|'shader'} kind
 * @property {string} name
 * @property {string} [glsl]
 * @property {Uint8Array} [spirv]
 * @property {string} [cuda]
 * @property {string[]} [bindings]
 * @property {string[]} [cudaOptions]
 * @property {'portable'|'architecture'} [cudaFeatures]
 * @property {number} [sharedBytes]
 * @property {string} [vertex]
 * @property {string} [fragment]
 * @property {number} [cudaArch] what to compile for; 0: for this machine's cards
 * @property {readonly string[]} [cudaDevices] those that count among them, or 'cuda'; left out: all
 * @property {string} folder of programs that were compiled before; '' for none
 * @property {boolean} [vulkan] says what Vulkan devices here do to its loops
 */
/**
 * @typedef {{ path?: string, origin?: string, version?: string, fault?: string, passedOver: string[] }} CudaFile no
 *   path: none
 */
/**
 * @typedef {{ folders: string[], version: string, passedOver: string[], advice: string, isWhole: boolean }} CudaHeaders
 */
/**
 * A folder below the cache folder. `magic`: 8 characters, the kind and version of what is in its files; `mostBytes`: of
 * all of them together.
 * @typedef {{ folder: string, name: string, magic: string, mostBytes: number }} CacheShelf
 */
/** @typedef {import('../index').BackendProblem & { backend: 'cuda'|'vulkan'|'cpu' }} ProblemEntry */
/**
 * @typedef {object} NativeCalls
 * @property {Facts} facts
 * @property {Record<string, Record<string, number>>} layouts
 * @property {(onDone: (error: unknown, value: unknown) => void) => { scratch: Float64Array,
 *   firstId: number }} start
 * @property {() => WorkloadEntry[]} workloads
 * @property {(cuda: boolean, vulkan: boolean) => { devices: import('../index').DeviceInfo[], problems: ProblemEntry[]
 *   }} devices
 * @property {(device: string) => string|undefined} lostForGood what is to be said of a device that this process has
 *   lost and can't open again; undefined: it may
 * @property {(load?: boolean) => { cublasLt: CudaFile, nvrtc: CudaFile, headers: CudaHeaders }} cudaFiles which of CUDA
 *   would be taken; `load`: and whether they can be loaded
 * @property {() => number} numaNode whose processors this process is bound to; -1: it is bound to none
 * @property {(id: number, device: string, cuda: boolean, vulkan: boolean, memoryLimit: number, threads: number,
 *   programs: number, onLibuvsPool: boolean) => void} openContext
 * @property {(id: number, request: CompileRequest) => void} compileProgram delivers { handle, fromDisk, ms, problems }
 * @property {(bytes: Uint8Array) => ProgramHandle} openProgram
 * @property {(id: number, program: string, folder: string) => void} loadProgram delivers { handle, problems }; handle:
 *   null where there is none
 * @property {(id: number, context: NativeContext, program: ProgramHandle) => void} prepareProgram delivers { ms }
 * @property {(folder: string) => { ids: string[], problems: string[] }} loadWarmUp
 * @property {(folder: string, programs: string[]) => boolean} storeWarmUp
 * @property {() => string} cacheFolder '' where there is none
 * @property {(id: number, shelf: CacheShelf, file: string) => void} readCached delivers { bytes, problem }; bytes: an
 *   ArrayBuffer, null where there is none
 * @property {(id: number, shelf: CacheShelf, file: string, bytes: Uint8Array) => void} writeCached delivers { isKept,
 *   problem }
 * @property {(id: number) => void} cancel
 * @property {(id: number) => boolean} progressOf whether it tells how far it is; the scratch array has it then
 * @property {(id: number) => void} letGo the process need not stay alive for it
 * @property {(buffer: ArrayBuffer) => boolean} isDetached
 * @property {(allowed: boolean) => void} allowHolding for tests: false makes the addon copy what it would hold
 * @property {(buffer: ArrayBuffer, transfer: () => void) => boolean} resizesHeld whether `transfer` changes a
 *   buffer that a job holds
 * @property {() => number} clockMs CLOCK_MONOTONIC
 * @property {(exitCode: number, isLeaving: boolean) => void} shutdown
 * @property {new (fd: number, onMessages: (numbers: Float64Array, count: number) => void) => NativeChannel}
 *   ChannelHandle
 * @property {new (onConnection: (fd: number, pid: number) => void) => { name: string, close: () => void }}
 *   ListenerHandle
 * @property {new (fd: number, page: number, exitWhenGone: boolean) => NativeExecutor} ExecutorHandle
 * @property {new (...place: number[]) => NativeShared} SharedHandle bytes, 1 for zeros or 0 for what was there; or
 *   region, descriptor, generation, ms to wait for the region
 * @property {(name: string) => number} connect
 * @property {() => [number, number]} makePair
 * @property {(fd: number) => void} closeDescriptor
 * @property {() => number} createPage
 * @property {(region: number) => ArrayBuffer} pageBuffer
 * @property {(region: number) => void} dropPage
 * @property {(slot: number) => void} setMember
 * @property {(slot: number) => void} clearMember
 * @property {(region: number, descriptor: number, generation: number, slot: number) => boolean} holdFor a member that
 *   is about to open the block; false: the block is gone
 * @property {(region: number) => boolean} regionHeld
 * @property {() => { count: number, bytes: number }} heldTensors
 * @property {(region: number) => void} dropRegion
 * @property {() => number[]} refusedRegions those that exist, and that this process had no descriptor or no addresses
 *   for
 * @property {() => { regionBytes: number, usedBytes: number, blocks: number }} sharedUse
 * @property {() => void} trimShared
 * @property {(channel: NativeChannel, ...tensors: Tensors) => number|undefined} ask undefined: it was posted; else it
 *   is put off, this many bytes are to be copied, and stageRemote() and postRemote() are to follow
 * @property {(channel: NativeChannel, description: Float64Array, arrays: Memory[], into: Memory[]|undefined) =>
 *   number|undefined} askGraph
 * @property {(...tensors: (Memory|Memory[]|ProgramHandle)[]) => NativeEstimate} estimate of what the scratch array
 *   describes
 * @property {(description: Float64Array, arrays: Memory[]) => NativeEstimate} estimateGraph
 * @property {(...tensors: (Memory|Memory[]|ProgramHandle|undefined)[]) => NativeSplits} splits of what the scratch
 *   array describes
 * @property {(buffer: ArrayBuffer) => void} release its memory now: views of it become empty
 * @property {(operation: number, id: number) => void} stageRemote delivers when what was put off is done
 * @property {(channel: NativeChannel, id: number) => void} postRemote
 * @property {(id: number, places?: Float64Array) => Buffers|null} takeRemote null: copyRemote() is to come first
 * @property {(operation: number, id: number, places?: Float64Array) => void} copyRemote delivers when takeRemote() can
 *   give the outputs
 * @property {(id: number) => void} dropRemote
 * @property {() => void} abandonRemote nothing more is heard of what is under way
 * @property {() => [bytes: number, onLoop: number]} copyCounts bytes copied for jobs of this process so far, in pieces
 *   of 256 KB and more; and those that an event loop waited for
 * @property {(channel: NativeChannel) => void} announce
 * @property {(id: number, path: string) => void} openWeights delivers OpenedWeights
 * @property {(id: number, handle: WeightsHandle, names: ReadonlyArray<string>,
 *   targets: ReadonlyArray<import('../index').TensorData|undefined>) => void} readWeights delivers an ArrayBuffer for
 *   each name that has no target, undefined for the others
 * @property {new () => NativeTexts} TextBatch
 * @property {(id: number, folder: string|undefined, json: string|undefined) => void} loadTokenizer delivers a
 *   LoadedTokenizer
 * @property {(id: number, uuid: string) => void} readCard delivers { utilization, usedBytes, totalBytes, temperature }
 *   or null
 */
/** @typedef {NativeCalls & import('./store-calls').StoreCalls} Native */
/** @typedef {{ readonly isWeightsHandle: never }} WeightsHandle the addon's object for an open safetensors file */
/**
 * `kind`: as the file says it, 'F32'; no dtype: there is none for it here.
 * @typedef {{ name: string, kind: string, dtype?: import('../index').DType, shape: number[], bytes: number }}
 *   StoredTensor
 */
/** @typedef {{ handle: WeightsHandle, bytes: number, tensors: StoredTensor[] }} OpenedWeights */
/**
 * Texts on their way to a tokenizer.
 * @typedef {object} NativeTexts
 * @property {(texts: ReadonlyArray<string>, from: number, mostUnits: number, mostTexts: number) => number} add gives
 *   the first that was not added: there were enough, or it is longer than mostUnits
 * @property {(part: string, ends: boolean) => void} append
 */
/**
 * @typedef {object} NativeTokenizer
 * @property {(id: number, texts: NativeTexts, pairs: NativeTexts|undefined, maxLength: number, truncates: boolean,
 *   addsSpecial: boolean, spans: boolean) => void} encode maxLength -1: the file's own. Delivers ArrayBuffers: offsets,
 *   ids, typeIds, truncated, and spans where they are asked for
 * @property {(id: number, texts: NativeTexts) => void} count delivers [offsets]
 * @property {(ids: Float64Array, skipsSpecial: boolean) => string} decode
 * @property {(ids: Float64Array) => string[]} tokens
 * @property {(token: string) => number|undefined} idOf
 * @property {() => void} close
 */
/**
 * @typedef {{ handle: NativeTokenizer, vocabularySize: number, maxLength?: number, addedToOne: number,
 *   addedToPair: number }} LoadedTokenizer maxLength: the file's own truncation
 */
/** @typedef {{ flops: number, bytes: number, outputBytes: number }} NativeEstimate */
/**
 * A way of cutting a job by rows: how many there are; of each input how many leading axes are cut, as one of so many
 * rows (0: every part has all of it); and how the outputs of the parts become the job's.
 * @typedef {{ units: number, axes: number[], merge: 'rows'|'largest'|'smallest' }} NativeSplit
 */
/**
 * `dtype`: its place among all.
 * @typedef {NativeEstimate & { outputs: { dtype: number, shape: number[] }[], splits: NativeSplit[] }} NativeSplits
 */
/**
 * @typedef {object} NativeChannel
 * @property {(numbers: Float64Array, length: number, region: number) => boolean} post
 * @property {() => void} flush
 * @property {() => void} close
 * @property {() => void} ref
 * @property {() => void} unref
 * @property {() => number} unsent
 * @property {(lends: boolean) => void} lend whether what is asked for over it runs in this process
 */
/**
 * @typedef {object} NativeExecutor
 * @property {(index: number, context: NativeContext) => void} add
 * @property {(index: number) => void} remove
 * @property {(index: number, bytes: number, idleMs: number) => void} limitResident lets go of sealed tensors on its
 *   device, beyond so many bytes, that were not used for so long; no more than are left then may stay. Infinity: as
 *   many as ever
 * @property {(numbers: Float64Array) => void} post
 * @property {(cancel: boolean, timeoutMs: number) => void} stop
 */
/**
 * @typedef {object} NativeShared
 * @property {() => ArrayBuffer} buffer
 * @property {() => void} release
 * @property {() => void} seal
 * @property {() => boolean} sealed
 * @property {() => [region: number, descriptor: number, generation: number, bytes: number]} place
 */

const root = path.join(__dirname, '../..');
// SWITCHYARD_BUILD names another folder of build/, one made with a sanitizer for example.
const addonPath = path.resolve(root, 'build', process.env.SWITCHYARD_BUILD || 'release', 'switchyard.node');

/** @returns {Native & import('./vector-calls').VectorCalls} */
function load() {
  if (!fs.existsSync(addonPath))
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `switchyard's native addon is not built: ${addonPath} is missing. What helps: ${buildRemedy()}`,
    );
  try {
    return require(addonPath);
  } catch (error) {
    throw new GPUError(
      'ERR_UNSUPPORTED',
      `switchyard's native addon can't be loaded: ${String(error.message).replace(/\.$/, '')}. ` +
        `What helps: ${loadRemedy(error, addonPath)}`,
      { cause: error },
    );
  }
}

/**
 * Whoever leaves past the 'exit' event does so here; process.exit() comes by at its end, too. The C library's own exit
 * is too late: libraries of a driver that is still compiling have been torn down by then.
 * @param {(exitCode: number, isLeaving: boolean) => void} end
 */
function endBefore(end) {
  const leaving = /** @type {{ reallyExit: (code?: number) => void }} */ (/** @type {unknown} */ (process));
  const { reallyExit } = leaving;
  leaving.reallyExit = function (code) {
    end(code ?? 0, true);
    return reallyExit.call(this, code);
  };
}

const native = load();
setClock(native.clockMs());
keepHeldMemory(native.resizesHeld);

// process.exit() runs no clean-up of addons on the main thread, but joins libuv's pool: jobs must have stopped before.
// One listener serves every copy of this module in the process.
const kCopies = Symbol.for('switchyard.shutdown');
const holder = /** @type {Record<symbol, Set<Native['shutdown']>|undefined>} */ (/** @type {unknown} */ (process));
let copies = holder[kCopies];
if (!copies) {
  const all = (copies = new Set());
  Object.defineProperty(holder, kCopies, { value: all });
  const end = (/** @type {number} */ exitCode, isLeaving = false) => {
    for (const shutdown of all) shutdown(exitCode, isLeaving);
  };
  // Ahead of the application's listeners: one that throws ends the event's round.
  process.prependListener('exit', end);
  if (isMainThread) endBefore(end);
}
copies.add(native.shutdown);

module.exports = { native, addonPath };
