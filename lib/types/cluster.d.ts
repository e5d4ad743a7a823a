// A cluster: one manager in each process, jobs for every context of all.
import type { IndexOptions, VectorIndex } from './vectors';
import type { Backend, DType, GPUClusterMetrics, ManagerOptions } from '../generated';
import type { ErrorFields } from './error';
import type { SharedTensor, SharedTensorHandle, TensorLike } from './tensor';
import type { GraphWorkload, Workload, WorkloadType, Workloads } from './workloads';
import type { Kernel, KernelOptions, KernelWorkload, Shader, Source } from './program';
import type { Frame, SceneWorkload, ShaderWorkload, StreamedWorkload, StreamOptions } from './picture';
import type { RunResult, Timings } from './context';
import type { ClusterHealth, ContextInfo, JobInfo, MemoryPressureEvent, MemoryStats } from './health';
import type { ManagerMemory } from './manager-memory';
import type { LoadModelOptions, TextModel } from './text';
import type { Account, AlertEvent, BudgetState, CostReport, DegradationEvent } from './operations';
import type { GPULogger } from './logger';
import type { Ops } from './ops';

/** Options of one job of the cluster. */
export interface JobOptions {
  /**
   * A whole number: higher goes first.
   * @default 0
   */
  priority?: number;
  /**
   * Milliseconds from the call, waiting in the queue included.
   * @default the setting `timeout`
   */
  timeout?: number;
  /** Aborted: ERR_CANCELED. */
  signal?: AbortSignal;
  /** Contexts of this kind alone. */
  contextType?: Backend;
  /** Jobs of one affinity go to one context while it is healthy. */
  affinity?: string;
  /**
   * Lets equal jobs share one run or a stored result, each with its own copy: in memory, in Redis and on disk, as far
   * as the settings say (docs/operations.md).
   * @default false
   */
  cache?: boolean;
  /** Whom its cost is counted for. */
  account?: Account;
  /**
   * How often it is begun again after crashes and lost devices.
   * @default the setting `retries`
   */
  retries?: number;
  /** Memory for outputs, by name; in use until the promise settles, or until `error.released`. */
  into?: Record<string, TensorLike | undefined>;
}
/** What a job of the cluster gives. */
export interface GPUResult<Output extends string = string> extends RunResult<Output> {
  /** 0: the primary process, or one that is alone. */
  workerId: number;
  /** An equal job's run was shared, or its result was kept; of parts, that of at least one. */
  cached: boolean;
  /**
   * What it cost, by the setting `prices`: of a launch that several jobs shared, its part by rows; 0 where it was
   * `cached`, or its device has no price.
   */
  cost: number;
  /** How many jobs ran in one launch. */
  batchSize: number;
  /** How often it was begun; of parts the most often. */
  attempts: number;
  /**
   * With `split: true`: its parts, in the order of their rows, or the job itself where it ran in one piece. The
   * result's own `contextId` and `timings` are those of the part that ended last, its `total` that of the whole job.
   */
  parts?: JobPart[];
}
/** A part of a job that was split over several devices, or one that was not. */
export interface JobPart {
  /** The inputs that were cut, and which of their rows it had; missing where the job ran in one piece. */
  cut?: { inputs: string[]; first: number; rows: number };
  /** Where it ran. */
  contextId: string;
  /** 0: the primary process, or one that is alone. */
  workerId: number;
  /** The kind of device it ran on. */
  contextType: Backend;
  /** As its driver calls it. */
  deviceName: string;
  /** An equal part's run was shared. */
  cached: boolean;
  /** How often it was begun. */
  attempts: number;
  /** Milliseconds. */
  timings: Timings;
}

/** Of publish(). */
export interface PublishOptions {
  /**
   * Bytes that all named tensors of the cluster may take together, this one included, each counting for 64 KB at least:
   * where it would be more, nothing is published.
   */
  limit?: number;
}
/** What publish() gives. */
export interface PublishedName {
  name: string;
  /** Larger than every one that the name had before. */
  version: number;
}

/** Durations in ms, memory in MB, rates in per cent. */
export interface ManagerEvents {
  /** Work went to another context than before. */
  'context-switch': [
    event: { from: string | null; to: string; workerId: number; contextType: Backend; duration: number },
  ];
  /** In the manager that asked. */
  'workload-completed': [
    event: { workloadId: string; type: string; context: string; duration: number; memoryUsage: number },
  ];
  /** In the manager that asked. */
  'workload-failed': [event: { workloadId?: string; type?: string } & ErrorFields];
  /**
   * In the manager that asked, at most each 100 ms of a job: `done` of `total` steps are done, of a part of a step its
   * share. Told of jobs of many steps: the nodes of a graph, iterations of `pagerank` (of which it may need fewer) and
   * `force-layout`, and, on Vulkan, one launch or picture that is long enough to be run in pieces. It never goes back,
   * and the end is told by the job's own promise.
   */
  progress: [event: { workloadId: string; type: string; context: string; done: number; total: number }];
  /**
   * In the manager that asked, and in the primary's: a program was compiled, or loaded from disk, for the first time in
   * the cluster. In every manager that has one of a watched source: it was swapped for a new one.
   */
  'shader-compiled': [event: { name: string; compilationTime: number; cacheHitRate: number; memoryUsage: number }];
  /** A watched source was changed and does not compile: the program stays as it was. `log` may be empty. */
  'shader-failed': [event: { name: string; log: string } & ErrorFields];
  /** A worker has joined, and its contexts take jobs. */
  'worker-ready': [event: { workerId: number; pid: number; contexts: string[] }];
  /**
   * A worker has left in good order: its manager was closed, whether its process goes on or not, or the primary has let
   * go of it (`worker.disconnect()`, `worker.kill()`).
   */
  'worker-left': [event: { workerId: number; pid: number }];
  /** A worker has ended otherwise: it crashed, or was ended for a reason that is named. */
  'worker-lost': [event: { workerId: number; pid: number; reason: string }];
  /** A context's device was lost. */
  'context-lost': [event: { contextId: string; workerId: number; message: string }];
  /** Memory fills up, or is free again: a tier has another state, or will soon be full. */
  'memory-pressure': [event: MemoryPressureEvent];
  /**
   * A name has another tensor now, in every manager; `version` is larger than the one before. 0: it was unpublished.
   */
  'tensor-published': [event: { name: string; version: number }];
  /** An alert of the settings was raised, or cleared. */
  alert: [event: AlertEvent];
  /** A budget of the settings has another state. */
  budget: [event: BudgetState];
  /** More or less is given up under overload. */
  degradation: [event: DegradationEvent];
  /** As many jobs wait as may. */
  'queue-full': [event: { retryAfter: number }];
}

type Listener<Name extends keyof ManagerEvents> = (...values: ManagerEvents[Name]) => void;

// The types of its events, written out: EventEmitter takes none before @types/node 20.11.
export interface GPUClusterManager {
  on<Name extends keyof ManagerEvents>(name: Name, listener: Listener<Name>): this;
  once<Name extends keyof ManagerEvents>(name: Name, listener: Listener<Name>): this;
  off<Name extends keyof ManagerEvents>(name: Name, listener: Listener<Name>): this;
  addListener<Name extends keyof ManagerEvents>(name: Name, listener: Listener<Name>): this;
  removeListener<Name extends keyof ManagerEvents>(name: Name, listener: Listener<Name>): this;
  prependListener<Name extends keyof ManagerEvents>(name: Name, listener: Listener<Name>): this;
  prependOnceListener<Name extends keyof ManagerEvents>(name: Name, listener: Listener<Name>): this;
}
/** Jobs for every context of a cluster, from any of its processes. Made by createGPUClusterManager(). */
export class GPUClusterManager extends ManagerMemory {
  private constructor();
  /** Resolves when jobs find a context; jobs given earlier wait in the queue. */
  readonly ready: Promise<void>;
  /** What this process is. 'lone': there is no cluster. */
  readonly role: 'undecided' | 'primary' | 'worker' | 'lone';
  /** The built-in workloads as functions. */
  readonly ops: Ops;
  /**
   * Runs a workload, a graph of them, a kernel, or draws a picture, on whichever context suits best.
   * @example
   * const job = { type: 'normalize', inputs: { input } };
   * const { outputs, contextId } = await manager.executeWorkload(job, { priority: 5, timeout: 2000 });
   * @throws {GPUError} ERR_INVALID_ARGUMENT, ERR_UNKNOWN_WORKLOAD, ERR_UNSUPPORTED, ERR_OUT_OF_MEMORY,
   *   ERR_DEVICE_LOST, ERR_WORKER_LOST, ERR_CLOSED; ERR_COMPILE: a device's driver refuses the program; ERR_QUEUE_FULL
   *   with `retryAfter`; ERR_TIMEOUT and ERR_CANCELED with `released`
   */
  executeWorkload<T extends WorkloadType>(
    workload: Workload<T> & { type: T },
    options?: JobOptions,
  ): Promise<GPUResult<Workloads[T]['outputs']>>;
  executeWorkload<Output extends string>(
    graph: GraphWorkload<Output>,
    options?: JobOptions,
  ): Promise<GPUResult<Output>>;
  executeWorkload<Output extends string>(
    workload: KernelWorkload<Output>,
    options?: JobOptions,
  ): Promise<GPUResult<Output>>;
  executeWorkload(workload: ShaderWorkload | SceneWorkload, options?: JobOptions): Promise<GPUResult<'image'>>;
  /**
   * Compiles a kernel once for the whole cluster, in a worker and off its event loop; the same sources again give the
   * same Kernel.
   * @example const kernel = await manager.compileKernel({ name: 'recency', glsl: { file: 'recency.comp' } });
   * @throws {GPUError} ERR_COMPILE with the compiler's `log`, `line` and `column`; ERR_WORKER_LOST: the source took two
   *   workers down; ERR_TIMEOUT: there was no coordinator in time; ERR_INVALID_ARGUMENT, ERR_UNSUPPORTED,
   *   ERR_OUT_OF_MEMORY, ERR_CLOSED
   */
  compileKernel(options: KernelOptions): Promise<Kernel>;
  /**
   * The same for drawing: Vulkan GLSL (`#version 450`) or WebGL's (GLSL ES 1.00 and 3.00), which looks as it does in a
   * browser.
   * @example const shader = await manager.compileShader('disc', vertexSource, fragmentSource);
   * @throws {GPUError} as compileKernel()
   */
  compileShader(name: string, vertex: Source, fragment: Source): Promise<Shader>;
  /**
   * Frames at a rate: those that are late or not read are dropped, never queued.
   * @example
   * for await (const { image, frame } of manager.renderStream(scene, { fps: 30 })) {
   *   show(image);
   *   if (frame >= 2) break;
   * }
   * @throws {GPUError} ERR_INVALID_ARGUMENT, ERR_CLOSED; who waits for a frame gets what executeWorkload() throws
   */
  renderStream(workload: StreamedWorkload, options?: StreamOptions): AsyncIterableIterator<Frame> & AsyncDisposable;
  /**
   * Zeros in memory that every process of the cluster can see.
   * @example const base = manager.sharedTensor([1000, 384]);
   * @throws {GPUError} ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY, ERR_CLOSED; ERR_UNSUPPORTED: Electron allows no such
   *   memory
   */
  sharedTensor<D extends DType = 'float32'>(shape: readonly number[], dtype?: D): SharedTensor<D>;
  /**
   * Opens a tensor that another process has made. Where this process has not been told of its memory yet, which takes
   * well under a millisecond after the tensor was made, the call waits for that: 2 s at most, in which the event loop
   * stands still.
   * @example const vectors = manager.openTensor(handle); // base.handle, sent by the process that made base
   * @throws {GPUError} ERR_INVALID_ARGUMENT: that is no handle; ERR_CLOSED: the tensor is gone; ERR_UNSUPPORTED:
   *   Electron allows no such memory
   */
  openTensor(handle: SharedTensorHandle | string): SharedTensor;
  /**
   * Gives a tensor a name, under which every process of the cluster finds it. The primary holds it: the name stays when
   * this process lets go of its tensor, exits or is killed. Publishing again under the name swaps the tensor at once;
   * several at a time are done in the order in which they reach the primary, and the last one stays. When the promise
   * resolves, a lookup() that begins anywhere finds this version or a later one.
   *
   * A SharedTensor is published as it is, without a copy: it is sealed, and stays yours to release, even at once.
   * Another tensor is copied before the call returns. The name has 1 to 200 bytes of UTF-8, no control characters, and
   * does not begin with 'switchyard:': such names are the library's own.
   * @example
   * const base = manager.sharedTensor([100_000, 384]);
   * base.data.set(vectors);
   * const { version } = await manager.publish('base', base);
   * base.release();
   * @throws {GPUError} ERR_INVALID_ARGUMENT: the name, the tensor or an option; ERR_OUT_OF_MEMORY: there is no memory,
   *   or it goes beyond `limit`; ERR_CLOSED: the tensor was released, or the manager closed; ERR_WORKER_LOST: the
   *   coordinator has gone; ERR_UNSUPPORTED: Electron allows no such memory
   */
  publish(name: string, tensor: TensorLike | SharedTensor, options?: PublishOptions): Promise<PublishedName>;
  /**
   * The current version of a named tensor: sealed, and held until its release(), whatever is published meanwhile; at
   * most until this manager is closed, after which its memory may be another's. Each call gives a tensor of its own. As
   * long as the name does not change, this process asks nobody for it again, and a copy stays on the devices that use
   * it.
   * @example
   * const base = await manager.lookup('base');
   * const found = await manager.executeWorkload({ type: 'similarity-search', inputs: { queries, base }, params });
   * base.release();
   * @throws {GPUError} ERR_NOT_FOUND: nothing is published under that name; ERR_INVALID_ARGUMENT; ERR_CLOSED;
   *   ERR_WORKER_LOST: the coordinator has gone; ERR_OUT_OF_MEMORY; ERR_UNSUPPORTED: Electron allows no such memory
   */
  lookup(name: string): Promise<SharedTensor>;
  /**
   * Takes a name away, and says whether there was one. Who has looked its tensor up keeps that until release().
   * @example await manager.unpublish('base');
   * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_CLOSED; ERR_WORKER_LOST: the coordinator has gone
   */
  unpublish(name: string): Promise<boolean>;
  /**
   * Loads a model of texts: its weights lie on this machine once, in memory that all processes of the cluster share.
   * @example
   * const model = await manager.loadModel('./models/all-MiniLM-L6-v2');
   * const { embeddings } = await model.embed(['a text', 'another'], { timeout: 5000 });
   * @throws {GPUError} ERR_NOT_FOUND: there is no such folder or package; ERR_INVALID_ARGUMENT: it is no model, or a
   *   file of it is damaged; ERR_UNSUPPORTED: it has what is not built here, which is named, or no context could be
   *   opened; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_WORKER_LOST; ERR_CANCELED; ERR_TIMEOUT; ERR_CLOSED
   */
  loadModel(source: string | URL, options?: LoadModelOptions): Promise<TextModel>;
  /**
   * Makes an index of vectors, in this process; it is searched on the contexts of all.
   * @example
   * const index = await manager.createIndex({ dimensions: 2 });
   * await index.add(['a', 'b'], [[1, 0], [0, 1]], { metadata: [{ year: 1990 }, { year: 2020 }] });
   * const { ids, scores } = await index.search([1, 0.5], { k: 1, filter: { year: { $gte: 2000 } } });
   * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY; ERR_CLOSED
   */
  createIndex(options: IndexOptions): Promise<VectorIndex>;
  /**
   * The contexts of all workers; none once the manager is closed.
   * @example const ready = manager.contexts().filter(({ isActive }) => isActive);
   */
  contexts(): ContextInfo[];
  /**
   * The jobs under way in the whole cluster, waiting and running: how long, where, what each will cost, and why one
   * waits. Those of the coordinator come first, in the order in which it was asked for them. Jobs that a process runs
   * on its own contexts are told by that process; one whose event loop is blocked is waited for for 250 ms, then its
   * status page says what it runs, but not the id that its user gave it.
   * @example for (const { id, type, state, reason } of await manager.jobs()) console.log(id, type, state, reason);
   * @throws {GPUError} ERR_CLOSED: the manager or its cluster is closed
   */
  jobs(): Promise<JobInfo[]>;
  /**
   * The steps and waits of a job in plain words: of one that is under way, or of the last 10,000 that ended, in the
   * coordinator and in each process that ran some on its own contexts. Where several have the id, of the one that was
   * asked for last. Of an id the first 256 characters count.
   * @example console.log((await manager.why(error.workloadId)).join('\n'));
   * @throws {GPUError} ERR_NOT_FOUND: no such job was asked for, or it is none of the last 10,000;
   *   ERR_INVALID_ARGUMENT: the id is no string; ERR_CLOSED: the manager or its cluster is closed
   */
  why(id: string): Promise<string[]>;
  /**
   * The most used figures: docs/metrics.md.
   * @example const { performance } = await manager.getMetrics();
   * @throws {GPUError} ERR_CLOSED: the manager or its cluster is closed
   */
  getMetrics(): Promise<GPUClusterMetrics>;
  /**
   * What jobs have cost, by hour and by day, and what would cost less: docs/operations.md.
   * @example const { currency, day, byCaller } = await manager.costs();
   * @throws {GPUError} ERR_INVALID_ARGUMENT: the caller; ERR_CLOSED: the manager or its cluster is closed
   */
  costs(options?: { caller?: string }): Promise<CostReport>;
  /**
   * How much work a job is, from 0 to 100, before it is run: by the cost model, which knows shapes, and by how its
   * estimates of that workload have held so far in this process.
   * @example
   * const job = { type: 'normalize', inputs: { input } };
   * if (manager.complexity(job) > 60) await manager.executeWorkload(job, { priority: -1 });
   * @throws {GPUError} ERR_INVALID_ARGUMENT, ERR_UNKNOWN_WORKLOAD, ERR_CLOSED: what running it would be refused with
   */
  complexity(workload: Workload | GraphWorkload | KernelWorkload | ShaderWorkload | SceneWorkload): number;
  /**
   * How the cluster is.
   * @example if ((await manager.health()).status === 'down') alarm();
   * @throws {GPUError} ERR_CLOSED: the manager or its cluster is closed
   */
  health(): Promise<ClusterHealth>;
  /**
   * The metrics in the text format of Prometheus.
   * @example response.setHeader('content-type', 'text/plain; version=0.0.4').end(await manager.prometheus());
   * @throws {GPUError} ERR_CLOSED: the manager or its cluster is closed
   */
  prometheus(): Promise<string>;
  /**
   * What a device's memory is used for.
   * @example
   * const [{ device }] = manager.contexts();
   * const { allocatedMb, totalMb } = await manager.memoryStats(device);
   * @throws {GPUError} ERR_INVALID_ARGUMENT: no context is on such a device; ERR_CLOSED
   */
  memoryStats(deviceId: string): Promise<MemoryStats>;
  /**
   * Gives unused memory back, in every process of the cluster: what helps after ERR_OUT_OF_MEMORY.
   * @example manager.cleanup();
   */
  cleanup(): void;
  /**
   * Finishes what was given (`drain`, the default), for at most `timeout` ms, and ends. In the primary it ends the
   * cluster for all.
   * @example await manager.close({ timeout: 10_000 });
   * @throws {GPUError} ERR_INVALID_ARGUMENT: an option that can't be right
   */
  close(options?: { drain?: boolean; timeout?: number }): Promise<void>;
  /**
   * As close(), for `await using`.
   * @example await using manager = createGPUClusterManager();
   */
  [Symbol.asyncDispose](): Promise<void>;
}
/**
 * The manager of this process: the first call makes it, the others give it again until it is closed. Options may be
 * left out there, but not differ. The same call in the primary and in every worker.
 * @example
 * const manager = createGPUClusterManager({ workers: 2 });
 * await manager.ready;
 * @throws {GPUError} ERR_INVALID_ARGUMENT: a setting that can't be right, with where it stands; an option that is not
 *   what it was in the first call
 */
export function createGPUClusterManager(options?: ManagerOptions & { logger?: GPULogger }): GPUClusterManager;
