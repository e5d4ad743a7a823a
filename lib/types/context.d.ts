// A context: a lane of execution on a device of this process.
import { EventEmitter } from 'node:events';
import type { Backend } from '../generated';
import type { DeviceInfo } from './device';
import type { LoadModelOptions, TextModel } from './text';
import type { DeviceTensor, InputTensor, Tensor, TensorLike, WaitOptions } from './tensor';
import type { MemoryPressureEvent } from './health';
import type { IndexOptions, VectorIndex } from './vectors';
import type { GraphWorkload, Workload, WorkloadType, Workloads } from './workloads';
import type { Kernel, KernelOptions, KernelWorkload, Shader, Source } from './program';
import type { SceneWorkload, ShaderWorkload } from './picture';

/** Options of createContext(). */
export interface ContextOptions {
  /**
   * 'auto', a backend, or a device like 'vulkan:0'. With 'auto', pictures and users' programs that the device chosen
   * can't run go to one that draws, a software driver if need be: `deviceName` of the result says which.
   * @default 'auto'
   */
  device?: 'auto' | Backend | `${Backend}:${number}`;
  /**
   * Device memory in bytes, or '512 MB'.
   * @default GPU_MEMORY_LIMIT (MB), else 512 MiB
   */
  memoryLimit?: number | string;
  /**
   * CPU: the most threads one job may use.
   * @default all processors
   */
  threads?: number;
}
/**
 * Opens a context in this process.
 * @example
 * const ctx = await createContext({ device: 'auto' });
 * const { outputs } = await ctx.run({ type: 'normalize', inputs: { input } }, { timeout: 5000 });
 * await ctx.close();
 * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_UNSUPPORTED: there is no such device here; ERR_OUT_OF_MEMORY;
 *   ERR_DEVICE_LOST
 */
export function createContext(options?: ContextOptions): Promise<GPUContext>;

/** Options of one job in this process. */
export interface RunOptions extends WaitOptions {
  /** Memory for outputs, by name; in use until the promise settles, or until `error.released`. */
  into?: Record<string, TensorLike | undefined>;
}
/** What a job took, in milliseconds. */
export interface Timings {
  /** Until a context took it. */
  queued: number;
  /** From the decision for another context to its first command; else 0. */
  switch: number;
  /** Moving inputs to the device. */
  upload: number;
  /** Computing. */
  compute: number;
  /** Moving outputs back. */
  readback: number;
  /** From the call to the result. */
  total: number;
}
/** What a job gives. */
export interface RunResult<Output extends string = string> {
  /** By name. */
  outputs: Record<Output, Tensor>;
  /** The workload's, or one that was made. */
  workloadId: string;
  /** Where it ran. */
  contextId: string;
  /** The kind of device it ran on. */
  contextType: Backend;
  /** As its driver calls it. */
  deviceName: string;
  /** Milliseconds. */
  timings: Timings;
}
/** Device memory, in bytes. */
export interface MemoryUsage {
  /** By tensors and jobs. */
  used: number;
  /** Taken from the device, used or not. */
  reserved: number;
  /** The most that was ever used. */
  peak: number;
  /** What may be used. */
  limit: number;
  /** The largest tensor that there is room for as things lie; where it is too small, tensors are moved together. */
  largestFree: number;
}

type PressureListener = (event: MemoryPressureEvent) => void;

// The types of its event, written out as those of a manager.
export interface GPUContext {
  on(name: 'memory-pressure', listener: PressureListener): this;
  once(name: 'memory-pressure', listener: PressureListener): this;
  off(name: 'memory-pressure', listener: PressureListener): this;
  addListener(name: 'memory-pressure', listener: PressureListener): this;
  removeListener(name: 'memory-pressure', listener: PressureListener): this;
  prependListener(name: 'memory-pressure', listener: PressureListener): this;
  prependOnceListener(name: 'memory-pressure', listener: PressureListener): this;
}
/**
 * A lane of execution on a device. Made by createContext(). It emits `memory-pressure`, as a manager does, with each
 * change of the state of its own memory; where indexes are on it, of the host's, too.
 */
export class GPUContext extends EventEmitter {
  private constructor();
  /** Its name in results and logs. */
  readonly id: string;
  /** The kind of its device. */
  readonly contextType: Backend;
  /** Its device. */
  readonly device: Readonly<DeviceInfo>;
  /** close() was called. */
  readonly closed: boolean;
  /** The device was lost: only a new context helps, or for a card of CUDA a new process. */
  readonly lost: boolean;
  /** Bytes of device memory. */
  readonly memoryUsage: MemoryUsage;
  /**
   * Runs a workload, a graph of them, a kernel, or draws a picture. Inputs are never written to, and must not change
   * until the promise settles.
   * @example const { outputs, timings } = await ctx.run({ type: 'matmul', inputs: { a, b } }, { timeout: 5000 });
   * @throws {GPUError} ERR_INVALID_ARGUMENT, ERR_UNKNOWN_WORKLOAD, ERR_UNSUPPORTED, ERR_OUT_OF_MEMORY,
   *   ERR_DEVICE_LOST, ERR_CLOSED; ERR_COMPILE: the device's driver refuses the program; ERR_TIMEOUT and ERR_CANCELED
   *   with `released`
   */
  run<T extends WorkloadType>(
    workload: Workload<T> & { type: T },
    options?: RunOptions,
  ): Promise<RunResult<Workloads[T]['outputs']>>;
  run<Output extends string>(graph: GraphWorkload<Output>, options?: RunOptions): Promise<RunResult<Output>>;
  run<Output extends string>(workload: KernelWorkload<Output>, options?: RunOptions): Promise<RunResult<Output>>;
  run(workload: ShaderWorkload | SceneWorkload, options?: RunOptions): Promise<RunResult<'image'>>;
  /**
   * Compiles for this context alone, off the event loop.
   * @example const kernel = await ctx.compileKernel({ name: 'scale', glsl: source });
   * @throws {GPUError} ERR_COMPILE with the compiler's `log`, `line` and `column`; ERR_INVALID_ARGUMENT,
   *   ERR_UNSUPPORTED, ERR_CLOSED
   */
  compileKernel(options: KernelOptions): Promise<Kernel>;
  /**
   * The same for drawing: Vulkan GLSL (`#version 450`), or WebGL's.
   * @example const shader = await ctx.compileShader('disc', vertexSource, fragmentSource);
   * @throws {GPUError} as compileKernel()
   */
  compileShader(name: string, vertex: Source, fragment: Source): Promise<Shader>;
  /**
   * Puts a tensor on the device, where it stays: one of the host's memory, or a copy of one that another context of
   * this process has on its device.
   * @example const base = await ctx.upload(tensor(vectors, [1000, 384]));
   * @throws {GPUError} ERR_INVALID_ARGUMENT: it is on this device already, for example; ERR_OUT_OF_MEMORY;
   *   ERR_DEVICE_LOST: this device was lost, or the one that the tensor is on; ERR_TIMEOUT, ERR_CANCELED, ERR_CLOSED
   */
  upload(tensor: InputTensor, options?: WaitOptions): Promise<DeviceTensor>;
  /**
   * Loads a model of texts: its weights lie in this process, on a GPU on the device, once for all that load it here.
   * @example
   * const model = await ctx.loadModel('./models/all-MiniLM-L6-v2');
   * const { embeddings } = await model.embed(['a text', 'another']);
   * @throws {GPUError} ERR_NOT_FOUND: there is no such folder or package; ERR_INVALID_ARGUMENT: it is no model, or a
   *   file of it is damaged; ERR_UNSUPPORTED: it has what is not built here, which is named; ERR_OUT_OF_MEMORY;
   *   ERR_DEVICE_LOST; ERR_CANCELED; ERR_CLOSED
   */
  loadModel(source: string | URL, options?: Omit<LoadModelOptions, 'contextType'>): Promise<TextModel>;
  /**
   * Makes an index of vectors, searched on this context.
   * @example
   * const index = await ctx.createIndex({ dimensions: 2 });
   * await index.add(['a', 'b'], [[1, 0], [0, 1]], { metadata: [{ year: 1990 }, { year: 2020 }] });
   * const { ids, scores } = await index.search([1, 0.5], { k: 1, filter: { year: { $gte: 2000 } } });
   * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY; ERR_CLOSED
   */
  createIndex(options: IndexOptions): Promise<VectorIndex>;
  /**
   * Gives memory that is not in use back to the device and the system.
   * @example ctx.trim();
   * @throws {GPUError} ERR_CLOSED: the context is closed
   */
  trim(): void;
  /**
   * No new jobs; resolves when those taken have finished and all memory is free.
   * @example await ctx.close();
   */
  close(): Promise<void>;
  /**
   * As close(), for `await using`.
   * @example await using ctx = await createContext();
   */
  [Symbol.asyncDispose](): Promise<void>;
}
