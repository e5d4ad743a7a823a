// The types of switchyard's public interface.
import { EventEmitter } from 'node:events';
import type { Backend, DType, ErrorCode, GPUClusterMetrics, ManagerOptions, SceneName } from './generated';
export type {
  Backend,
  DType,
  ErrorCode,
  GPUClusterMetrics,
  LogLevel,
  ManagerOptions,
  Percentiles,
  SceneName,
} from './generated';

/**
 * What carries a tensor's elements, row-major. `float16` is a Uint16Array of IEEE half bits (or a Float16Array where
 * there is one).
 */
export type TensorData =
  Float32Array | Uint16Array | Int32Array | Uint32Array | Int8Array | Uint8Array | Uint8ClampedArray;
export interface TensorInfo {
  shape: readonly number[];
  dtype: DType;
}
export interface Tensor<Data extends TensorData = TensorData> extends TensorInfo {
  data: Data;
}
/** As an input, shape and dtype may be left out: a bare typed array is one-dimensional. */
export type TensorLike = TensorData | { data: TensorData; shape?: readonly number[]; dtype?: DType };
export type InputTensor = TensorLike | DeviceTensor;
export interface NumberArray extends ReadonlyArray<number | NumberArray> {}
interface DataOf {
  float32: Float32Array;
  float16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int8: Int8Array;
  uint8: Uint8Array;
}

/** Makes and checks a tensor. Plain (nested) arrays of numbers become float32, or the dtype that is given. */
export function tensor(data: NumberArray, shape?: readonly number[]): Tensor<Float32Array>;
export function tensor<D extends DType>(
  data: NumberArray,
  shape: readonly number[] | undefined,
  dtype: D,
): Tensor<DataOf[D]>;
export function tensor<Data extends TensorData>(data: Data, shape?: readonly number[], dtype?: DType): Tensor<Data>;

export interface DeviceInfo {
  id: string;
  backend: Backend;
  index: number;
  name: string;
  uuid: string;
  vendor: string;
  driver: string;
  apiVersion: string;
  type: 'discrete' | 'integrated' | 'virtual' | 'cpu';
  /** In bytes. */
  memory: { total: number; free: number };
  computeUnits: number;
  /** CUDA alone: '9.0' for example. */
  computeCapability?: string;
  features: {
    float16: boolean;
    int8: boolean;
    subgroups: boolean;
    cooperativeMatrix: boolean;
    graphics: boolean;
    externalHostMemory: boolean;
    timelineSemaphore: boolean;
  };
  maxViewBytes: number;
  warning?: string;
}
/** In the order CUDA, hardware Vulkan, CPU, software Vulkan. Asks the drivers in this process. */
export function devices(): DeviceInfo[];

export interface BackendProblem {
  /** 'no driver', 'driver too old', 'built without CUDA', 'driver crashes', ... */
  reason: string;
  detail: string;
  remedy: string;
}
export interface GPUCapabilities {
  cuda: boolean;
  vulkan: boolean;
  cpu: boolean;
  graphics: boolean;
  webgpu: boolean;
  webgl: boolean;
  webgl2: boolean;
  devices: DeviceInfo[];
  /** For each backend that is not there, why. */
  problems: Partial<Record<Backend, BackendProblem>>;
}
/**
 * Asks each driver in a child process of its own; one that crashes, or does not answer within `timeout` ms, is a
 * problem listed.
 */
export function checkGPUCapabilities(options?: { timeout?: number }): Promise<GPUCapabilities>;

export interface ContextOptions {
  /** 'auto' (the default), a backend, or a device like 'vulkan:0'. */
  device?: 'auto' | Backend | `${Backend}:${number}`;
  /** Bytes of device memory; GPU_MEMORY_LIMIT (MB) or 512 MiB when left out. */
  memoryLimit?: number;
  /** CPU: the most threads one job may use. */
  threads?: number;
}
export function createContext(options?: ContextOptions): Promise<GPUContext>;

export interface WaitOptions {
  signal?: AbortSignal;
  /** Milliseconds from the call. */
  timeout?: number;
}
export interface RunOptions extends WaitOptions {
  /** Memory for outputs, by name; in use until the promise settles, or until `error.released`. */
  into?: Record<string, TensorLike | undefined>;
}
export interface ReadOptions extends WaitOptions {
  into?: TensorLike;
}
export interface Timings {
  queued: number;
  switch: number;
  upload: number;
  compute: number;
  readback: number;
  total: number;
}
export interface RunResult<Output extends string = string> {
  outputs: Record<Output, Tensor>;
  workloadId: string;
  contextId: string;
  contextType: Backend;
  deviceName: string;
  /** Milliseconds. */
  timings: Timings;
}
export interface MemoryUsage {
  used: number;
  reserved: number;
  peak: number;
  limit: number;
}

/** Each workload's inputs, parameters and outputs. */
export interface Workloads {
  add: { inputs: Binary; params: {}; outputs: 'output' };
  subtract: { inputs: Binary; params: {}; outputs: 'output' };
  multiply: { inputs: Binary; params: {}; outputs: 'output' };
  divide: { inputs: Binary; params: {}; outputs: 'output' };
  scale: { inputs: Unary; params: { factor?: number; offset?: number }; outputs: 'output' };
  activation: {
    inputs: Unary;
    params: { kind: 'relu' | 'gelu' | 'silu' | 'tanh' | 'sigmoid' | 'exp' };
    outputs: 'output';
  };
  reduce: { inputs: Unary; params: { kind: 'sum' | 'mean' | 'min' | 'max' | 'norm' }; outputs: 'output' };
  normalize: { inputs: Unary; params: { epsilon?: number }; outputs: 'output' };
  softmax: { inputs: Unary; params: { temperature?: number }; outputs: 'output' };
  'layer-norm': {
    inputs: { input: InputTensor; gamma?: InputTensor; beta?: InputTensor };
    params: { epsilon?: number };
    outputs: 'output';
  };
  matmul: {
    inputs: Binary;
    params: { transposeA?: boolean; transposeB?: boolean; alpha?: number; precision?: 'high' | 'fast' };
    outputs: 'output';
  };
  attention: {
    inputs: { query: InputTensor; key: InputTensor; value: InputTensor; mask?: InputTensor };
    params: { scale?: number; causal?: boolean; returnWeights?: boolean };
    outputs: 'output' | 'weights';
  };
  'top-k': { inputs: Unary; params: { k: number; largest?: boolean }; outputs: 'values' | 'indices' };
  'similarity-search': {
    inputs: { queries: InputTensor; base: InputTensor };
    params: { k: number; metric?: 'cosine' | 'dot' | 'l2' };
    outputs: 'scores' | 'indices';
  };
  quantize: { inputs: Unary; params: { bits?: 8 | 4 }; outputs: 'output' | 'scales' };
  dequantize: {
    inputs: { input: InputTensor; scales: InputTensor };
    params: { bits?: 8 | 4; columns?: number };
    outputs: 'output';
  };
  'pca-fit': { inputs: Unary; params: { components: number }; outputs: 'mean' | 'components' | 'explainedVariance' };
  'pca-transform': {
    inputs: { input: InputTensor; mean: InputTensor; components: InputTensor };
    params: {};
    outputs: 'output';
  };
  pagerank: {
    inputs: { rowOffsets: InputTensor; columns: InputTensor; weights?: InputTensor };
    params: { damping?: number; tolerance?: number; maxIterations?: number };
    outputs: 'ranks' | 'iterations' | 'residual';
  };
  'force-layout': {
    inputs: { rowOffsets: InputTensor; columns: InputTensor; weights?: InputTensor; positions?: InputTensor };
    /**
     * `step`: the share of each step taken; `temperature`: the farthest a node goes at first, as a share of the graph's
     * side, cooling over a call's iterations.
     */
    params: {
      iterations?: number;
      step?: number;
      temperature?: number;
      repulsion?: number;
      gravity?: number;
      seed?: number;
    };
    outputs: 'positions' | 'movement';
  };
  'evidence-timeline': {
    inputs: { evidence: InputTensor };
    params: { currentTime?: number; decay?: number };
    outputs: 'timeline';
  };
}
type Binary = { a: InputTensor; b: InputTensor };
type Unary = { input: InputTensor };
export type WorkloadType = keyof Workloads;
type RequiredKeys<T> = { [K in keyof T]-?: {} extends Pick<T, K> ? never : K }[keyof T];
type ParamsOf<T extends WorkloadType> = [RequiredKeys<Workloads[T]['params']>] extends [never]
  ? { params?: Workloads[T]['params'] }
  : { params: Workloads[T]['params'] };
export type Workload<T extends WorkloadType = WorkloadType> = T extends WorkloadType
  ? { type: T; inputs: Workloads[T]['inputs']; id?: string } & ParamsOf<T>
  : never;
export type GraphNode = {
  [T in WorkloadType]: {
    type: T;
    inputs: { [K in keyof Workloads[T]['inputs']]: string };
    outputs: { [K in Workloads[T]['outputs']]?: string };
  } & ParamsOf<T>;
}[WorkloadType];
/**
 * Nodes in any order; names lead from the inputs over the nodes to the outputs. Intermediates never leave the device.
 */
export interface GraphWorkload<Output extends string = string> {
  type: 'graph';
  inputs: Record<string, InputTensor>;
  nodes: readonly GraphNode[];
  outputs: readonly Output[];
  id?: string;
}

// ---- Programs

/**
 * A source as text, or the file it is in: with ENABLE_GPU_HOT_RELOAD a manager compiles it again whenever the file
 * changes.
 */
export type Source<Text = string> = Text | { file: string };
/**
 * A kernel's sources: GLSL (`#version 450`) or SPIR-V for Vulkan, CUDA C++ for CUDA, or one of each. At most 1 MiB
 * each.
 */
export interface KernelOptions {
  name: string;
  glsl?: Source;
  /** Instead of glsl: the words of a module. */
  spirv?: Source<Uint8Array | Uint32Array>;
  /**
   * CUDA C++, whose entry is the `__global__` function called `name`, or the only one. Its accesses are not checked
   * against bounds: trusted code only.
   */
  cuda?: Source;
  /** With cuda (required): what its parameters are called, in order. With spirv: what its buffers are called. */
  bindings?: readonly string[];
}
/** A buffer, or (of a shader) a picture to sample. */
export interface ProgramBinding {
  readonly name: string;
  readonly kind: 'buffer' | 'image';
  /** 'other': structs, vectors, 64-bit values; any dtype will do. */
  readonly element: DType | 'other';
  /** Bytes of an element of its run-time array; 0: it has none. */
  readonly elementBytes: number;
  /** The bytes it must have at least. */
  readonly minBytes: number;
  readonly readOnly: boolean;
  readonly writeOnly: boolean;
}
export type ProgramScalar = 'float' | 'int' | 'uint' | 'bool';
/** A value of the parameter block: columns x rows numbers, as often as it has elements. */
export interface ProgramParam {
  readonly name: string;
  readonly scalar: ProgramScalar;
  readonly rows: number;
  readonly columns: number;
  /** Of an array; 0: it is none. */
  readonly elements: number;
  /** Bytes from the start of the block. */
  readonly offset: number;
  readonly arrayStride: number;
  readonly matrixStride: number;
}
interface Program {
  readonly name: string;
  /** 64 hexadecimal digits, of its sources, options and compilers. */
  readonly id: string;
  readonly bindings: readonly ProgramBinding[];
  readonly params: readonly ProgramParam[];
  readonly backends: readonly ('vulkan' | 'cuda')[];
  /** Milliseconds, of the source and of the devices' part of it. */
  readonly compilationTime: number;
  /** Where it was found when it was last asked for; false: it was compiled. */
  readonly cached: 'memory' | 'cluster' | 'disk' | false;
  /** What went wrong on the way and was got over: a damaged file in the cache for example. */
  readonly problems: readonly string[];
}
/** A compute program. Made by compileKernel(). Of no use once its manager or context is closed (ERR_CLOSED). */
export interface Kernel extends Program {}
export class Kernel {
  private constructor();
  /** Invocations of a work group; zeros where a CUDA kernel leaves it open. */
  readonly groupSize: readonly [number, number, number];
}
/** A vertex and a fragment program. Made by compileShader(). */
export interface Shader extends Program {}
export class Shader {
  private constructor();
  readonly attributes: readonly {
    readonly name: string;
    readonly scalar: ProgramScalar;
    readonly rows: number;
    readonly columns: number;
  }[];
}
/**
 * Scalars as numbers (bool: true, false); vectors, matrices column by column, and arrays with exactly their number of
 * values.
 */
export type ParamValue =
  number | boolean | readonly number[] | readonly boolean[] | Float32Array | Float64Array | Int32Array | Uint32Array;

/**
 * One run of a kernel. A binding that stands in both inputs and outputs starts as the input and comes back as the
 * output; the input itself is never written. Outputs start as zeros unless the kernel declares them `writeonly`. At
 * most 8 inputs and 8 outputs.
 */
export interface KernelWorkload<Output extends string = string> {
  type: 'kernel';
  kernel: Kernel;
  inputs?: Record<string, InputTensor>;
  /** dtype: what the kernel declares, float32 where it does not tell. */
  outputs: Record<Output, { shape: readonly number[]; dtype?: DType }>;
  /** All of the kernel's. */
  params?: Record<string, ParamValue>;
  /** How many invocations there must be at least, along x, or along x, y and z: the kernel checks its own bounds. */
  threads: number | readonly [number] | readonly [number, number] | readonly [number, number, number];
  id?: string;
}
/** A picture drawn by a shader. Its output is `image`: uint8 [height, width, 4]. */
export interface ShaderWorkload {
  type: 'render';
  shader: Shader;
  /** Pixels. */
  width: number;
  height: number;
  /** 'triangles' when left out. */
  primitive?: 'points' | 'lines' | 'triangles';
  /** Vertices; as many as every attribute has data for when left out. */
  count?: number;
  /** 1 when left out. */
  instances?: number;
  attributes?: Record<string, InputTensor>;
  /** Storage buffers, by name. */
  inputs?: Record<string, InputTensor>;
  /**
   * Values, and pictures for samplers: [height, width] or [height, width, channels] of uint8 or float32, sampled with
   * `filter` ('linear' when left out), rows in the order of their second texture coordinate.
   */
  uniforms?: Record<string, ParamValue | (InputTensor & { filter?: 'linear' | 'nearest' })>;
  /**
   * 'alpha' when left out: colours are not multiplied by their alpha; 'premultiplied': they are; 'additive': colour
   * times alpha is added.
   */
  blend?: 'none' | 'alpha' | 'additive' | 'premultiplied';
  /** Red, green, blue and alpha from 0 to 1; transparent black when left out. */
  background?: readonly number[];
  /** Four samples a pixel; true when left out. */
  antialias?: boolean;
  id?: string;
}
/** A picture of a kind the engine knows how to draw. Its output is `image`: uint8 [height, width, 4]. */
export interface SceneWorkload {
  type: 'render';
  scene: SceneName;
  /** Pixels. */
  width?: number;
  height?: number;
  /** Seconds: what moves is shown as it is then. */
  time?: number;
  inputs: Record<string, InputTensor>;
  /** The scene's own; texts are strings or arrays of strings. */
  params?: Record<string, number | boolean | string | readonly string[]>;
  id?: string;
}

export interface StreamOptions {
  /** Frames a second; GPU_TARGET_FPS when left out. */
  fps?: number;
  /** Ends the stream: whoever waits for a frame gets ERR_CANCELED. */
  signal?: AbortSignal;
  /** Frames under way at a time, 1 when left out. */
  inFlight?: 1 | 2;
}
export interface Frame {
  /** uint8 [height, width, 4] */
  image: Tensor;
  /** Its tick: frames that were dropped leave gaps. */
  frame: number;
  /** Seconds since the first frame. */
  time: number;
  /** Frames dropped so far: not rendered in time, or not read before the next was there. */
  dropped: number;
  timings: Timings;
}
/**
 * A workload whose time the stream sets: of a scene its `time`, of a shader the uniform `u_time` or `time`; or a
 * function that makes each frame's.
 */
export type StreamedWorkload =
  SceneWorkload | ShaderWorkload | ((time: number, frame: number) => SceneWorkload | ShaderWorkload);

/**
 * An image, uint8 [height, width, 4] (or 3, 1, or no channels), as a PNG file. Needs the package `sharp`
 * (ERR_UNSUPPORTED without it).
 */
export function encodePNG(image: Tensor): Promise<Buffer>;

/** A lane of execution on a device. Made by createContext(). */
export class GPUContext {
  private constructor();
  readonly id: string;
  readonly contextType: Backend;
  readonly device: Readonly<DeviceInfo>;
  readonly closed: boolean;
  /** The device was lost: only a new context helps. */
  readonly lost: boolean;
  /** Bytes of device memory. */
  readonly memoryUsage: MemoryUsage;
  run<T extends WorkloadType>(
    workload: Workload<T> & { type: T },
    options?: RunOptions,
  ): Promise<RunResult<Workloads[T]['outputs']>>;
  run<Output extends string>(graph: GraphWorkload<Output>, options?: RunOptions): Promise<RunResult<Output>>;
  run<Output extends string>(workload: KernelWorkload<Output>, options?: RunOptions): Promise<RunResult<Output>>;
  run(workload: ShaderWorkload | SceneWorkload, options?: RunOptions): Promise<RunResult<'image'>>;
  /** Compiles for this context alone, off the event loop. ERR_COMPILE has the compiler's `log`, `line` and `column`. */
  compileKernel(options: KernelOptions): Promise<Kernel>;
  compileShader(name: string, vertex: Source, fragment: Source): Promise<Shader>;
  upload(tensor: TensorLike, options?: WaitOptions): Promise<DeviceTensor>;
  /** Gives memory that is not in use back to the device and the system. */
  trim(): void;
  /** No new jobs; resolves when those taken have finished and all memory is free. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A tensor that stays on its device. Made by GPUContext.upload(); gone when released, collected, or its context is
 * closed.
 */
export class DeviceTensor {
  private constructor();
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly device: string;
  read(options?: ReadOptions): Promise<Tensor>;
  release(): void;
  [Symbol.dispose](): void;
}

export class GPUError extends Error {
  constructor(code: ErrorCode, message: string, options?: ErrorOptions);
  readonly code: ErrorCode;
  /** With ERR_COMPILE: what the compiler said. */
  log?: string;
  /** With ERR_COMPILE: where in the source, from 1. */
  line?: number;
  column?: number;
  /** With ERR_TIMEOUT and ERR_CANCELED: resolves when inputs and `into` targets are no longer in use. */
  released?: Promise<void>;
  /** With ERR_QUEUE_FULL: when there will likely be room, in ms from now. */
  retryAfter?: number;
}

// ---- A cluster

export interface JobOptions {
  /** A whole number: higher goes first, 0 when left out. */
  priority?: number;
  /** Milliseconds from the call, waiting in the queue included. */
  timeout?: number;
  signal?: AbortSignal;
  contextType?: Backend;
  /** Jobs of one affinity go to one context while it is healthy. */
  affinity?: string;
  /** Lets equal jobs share one run or a stored result, each with its own copy. */
  cache?: boolean;
  /** After crashes and lost devices. */
  retries?: number;
  /** Memory for outputs, by name; in use until the promise settles, or until `error.released`. */
  into?: Record<string, TensorLike | undefined>;
}
export interface GPUResult<Output extends string = string> extends RunResult<Output> {
  /** 0: the primary process, or one that is alone. */
  workerId: number;
  cached: boolean;
  /** How many jobs ran in one launch. */
  batchSize: number;
  attempts: number;
}

/** JSON that another process of the cluster gives to openTensor(). */
export interface SharedTensorHandle {
  region: number;
  block: number;
  generation: number;
  bytes: number;
  shape: number[];
  dtype: DType;
}
/** A tensor in memory that every process of the cluster can see. Made by sharedTensor() and openTensor(). */
export class SharedTensor<D extends DType = DType> {
  private constructor();
  readonly shape: readonly number[];
  readonly dtype: D;
  /** In memory that other processes may change; views of it are empty once the tensor is released. */
  readonly data: DataOf[D];
  readonly handle: SharedTensorHandle;
  readonly sealed: boolean;
  /** Promises that the contents don't change any more: only then may a copy stay on a device between jobs. */
  seal(): this;
  /** Lets go: the memory is free once every process has, and no job uses it. */
  release(): void;
  toJSON(): SharedTensorHandle;
  [Symbol.dispose](): void;
}

export interface ContextInfo {
  /** '<workerId>-<type>-<n>' */
  id: string;
  workerId: number;
  contextType: Backend;
  /** Its device's id. */
  device: string;
  state: 'idle' | 'busy' | 'lost' | 'starting';
  isActive: boolean;
  /** As Date.now() has it; 0: never. */
  lastUsed: number;
  /** Bytes. */
  memoryUsage: number;
  memoryLimit: number;
  shaderCount: number;
  jobsRun: number;
}
export interface MemoryStats {
  allocatedMb: number;
  reservedMb: number;
  maxAllocatedMb: number;
  totalMb: number;
  utilizationPct: number;
}
export interface ClusterHealth {
  /** 'down': no context can take a job. */
  status: 'ok' | 'degraded' | 'down';
  workers: {
    id: number;
    pid: number;
    state: 'joining' | 'starting' | 'ready' | 'leaving';
    /** Ids of its contexts. */
    contexts: string[];
    /** How long ago its event loop last turned; null: never. */
    loopAgeMs: number | null;
    /** The same of the threads that run jobs. */
    deviceAgeMs: number | null;
  }[];
  contexts: {
    id: string;
    contextType: Backend;
    device: string;
    deviceName: string;
    /** 'closed': it takes no more jobs. */
    state: 'idle' | 'busy' | 'lost' | 'starting' | 'closed';
    /** How long ago it last computed a known answer; null: never. */
    lastKnownAnswerAgeMs: number | null;
  }[];
  queue: { depth: number; running: number; limit: number; oldestAgeMs: number };
  /** How many workers were replaced, by reason. */
  restarts: Record<string, number>;
  /** Devices that have ended the workers that opened them, and are left out. */
  avoidedDevices: string[];
  draining: boolean;
}

/** Durations in ms, memory in MB, rates in per cent. */
export interface ManagerEvents {
  'context-switch': [
    event: { from: string | null; to: string; workerId: number; contextType: Backend; duration: number },
  ];
  'workload-completed': [
    event: { workloadId: string; type: string; context: string; duration: number; memoryUsage: number },
  ];
  'workload-failed': [event: { workloadId?: string; type?: string; code: ErrorCode; message: string }];
  /**
   * In the manager that asked, and in the primary's: a program was compiled, or loaded from disk, for the first time in
   * the cluster. In every manager that has one of a watched source: it was swapped for a new one.
   */
  'shader-compiled': [event: { name: string; compilationTime: number; cacheHitRate: number; memoryUsage: number }];
  /** A watched source was changed and does not compile: the program stays as it was. */
  'shader-failed': [event: { name: string; message: string; log: string }];
  'worker-ready': [event: { workerId: number; pid: number; contexts: string[] }];
  'worker-lost': [event: { workerId: number; pid: number; reason: string }];
  'context-lost': [event: { contextId: string; workerId: number; message: string }];
  'memory-pressure': [
    event: { contextId: string; workerId: number; memoryUsage: number; memoryLimit: number; utilization: number },
  ];
  'queue-full': [event: { retryAfter: number }];
}

type CamelCase<S extends string> = S extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;
type Maybe = InputTensor | null | undefined;
/** A workload's inputs one after the other. */
type Positional<T extends WorkloadType> = Workloads[T]['inputs'] extends Binary
  ? [a: InputTensor, b: InputTensor]
  : T extends 'layer-norm'
    ? [input: InputTensor, gamma: Maybe, beta: Maybe] | [input: InputTensor, gamma: InputTensor] | [input: InputTensor]
    : T extends 'attention'
      ? | [query: InputTensor, key: InputTensor, value: InputTensor, mask: Maybe]
        | [query: InputTensor, key: InputTensor, value: InputTensor]
      : T extends 'pagerank'
        ? | [rowOffsets: InputTensor, columns: InputTensor, weights: Maybe]
          | [rowOffsets: InputTensor, columns: InputTensor]
        : T extends 'force-layout'
          ? | [rowOffsets: InputTensor, columns: InputTensor, weights: Maybe, positions: Maybe]
            | [rowOffsets: InputTensor, columns: InputTensor, weights: Maybe]
            | [rowOffsets: InputTensor, columns: InputTensor]
          : T extends 'similarity-search'
            ? [queries: InputTensor, base: InputTensor]
            : T extends 'dequantize'
              ? [input: InputTensor, scales: InputTensor]
              : T extends 'pca-transform'
                ? [input: InputTensor, mean: InputTensor, components: InputTensor]
                : [input: InputTensor];
type OpRest<T extends WorkloadType> = [RequiredKeys<Workloads[T]['params']>] extends [never]
  ? [params?: Workloads[T]['params'], options?: JobOptions]
  : [params: Workloads[T]['params'], options?: JobOptions];
type IsUnion<T, Whole = T> = T extends unknown ? ([Whole] extends [T] ? false : true) : never;
/** The one output of a workload, or all of them by name. */
type OpResult<T extends WorkloadType> = T extends 'attention'
  ? Tensor
  : IsUnion<Workloads[T]['outputs']> extends true
    ? Record<Workloads[T]['outputs'], Tensor>
    : Tensor;
interface Op<T extends WorkloadType> {
  (...args: [...Positional<T>, ...OpRest<T>]): Promise<OpResult<T>>;
  (inputs: Workloads[T]['inputs'], ...rest: OpRest<T>): Promise<OpResult<T>>;
}
interface AttentionWithWeights {
  (
    query: InputTensor,
    key: InputTensor,
    value: InputTensor,
    params: Workloads['attention']['params'] & { returnWeights: true },
    options?: JobOptions,
  ): Promise<Record<'output' | 'weights', Tensor>>;
  (
    inputs: Workloads['attention']['inputs'],
    params: Workloads['attention']['params'] & { returnWeights: true },
    options?: JobOptions,
  ): Promise<Record<'output' | 'weights', Tensor>>;
}
/** The built-in workloads as functions: ops.matmul(a, b, params, options), or ops.matmul({ a, b }, params, options). */
export type Ops = {
  readonly [T in WorkloadType as T | CamelCase<T>]: T extends 'attention' ? AttentionWithWeights & Op<T> : Op<T>;
};

/** Jobs for every context of a cluster, from any of its processes. Made by createGPUClusterManager(). */
export class GPUClusterManager extends EventEmitter<ManagerEvents> {
  private constructor();
  /** Resolves when jobs find a context; jobs given earlier wait in the queue. */
  readonly ready: Promise<void>;
  readonly role: 'undecided' | 'primary' | 'worker' | 'lone';
  readonly ops: Ops;
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
   * same Kernel. ERR_COMPILE has the compiler's `log`, `line` and `column`; ERR_WORKER_LOST: the source took two
   * workers down.
   */
  compileKernel(options: KernelOptions): Promise<Kernel>;
  /**
   * The same for drawing: Vulkan GLSL (`#version 450`) or WebGL's (GLSL ES 1.00 and 3.00), which looks as it does in a
   * browser.
   */
  compileShader(name: string, vertex: Source, fragment: Source): Promise<Shader>;
  /** Frames at a rate: those that are late or not read are dropped, never queued. */
  renderStream(workload: StreamedWorkload, options?: StreamOptions): AsyncIterableIterator<Frame> & AsyncDisposable;
  sharedTensor<D extends DType = 'float32'>(shape: readonly number[], dtype?: D): SharedTensor<D>;
  openTensor(handle: SharedTensorHandle | string): SharedTensor;
  contexts(): ContextInfo[];
  getMetrics(): Promise<GPUClusterMetrics>;
  health(): Promise<ClusterHealth>;
  /** The metrics in the text format of Prometheus. */
  prometheus(): Promise<string>;
  memoryStats(deviceId: string): Promise<MemoryStats>;
  /** Gives unused memory back, in every process of the cluster: what helps after ERR_OUT_OF_MEMORY. */
  cleanup(): void;
  /** `drain`: jobs that were given are finished first (the default), for at most `timeout` ms. */
  close(options?: { drain?: boolean; timeout?: number }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
/** The manager of this process: the first call makes it, the others give it again until it is closed. */
export function createGPUClusterManager(options?: ManagerOptions): GPUClusterManager;
