// Tensors: plain objects of a typed array, its shape and its dtype.
import type { DType } from '../generated';

/**
 * What carries a tensor's elements, row-major. `float16` is a Uint16Array of IEEE half bits (or a Float16Array where
 * there is one), which it is taken for where no dtype is given; `bfloat16` a Uint16Array of the upper halves of
 * float32.
 */
export type TensorData =
  Float32Array | Uint16Array | Int32Array | Uint32Array | Int8Array | Uint8Array | Uint8ClampedArray;
/** What a tensor is, without its elements. */
export interface TensorInfo {
  /** The extents, the slowest axis first; `[]`: a scalar. */
  shape: readonly number[];
  /** The kind of its numbers. */
  dtype: DType;
}
/** A tensor in this process's memory. */
export interface Tensor<Data extends TensorData = TensorData> extends TensorInfo {
  /** Its elements, row-major. */
  data: Data;
}
/** As an input, shape and dtype may be left out: a bare typed array is one-dimensional. */
export type TensorLike = TensorData | { data: TensorData; shape?: readonly number[]; dtype?: DType };
/** What a workload takes: a tensor of this process, or one that lies on a device. */
export type InputTensor = TensorLike | DeviceTensor;
/** Plain arrays of numbers, nested as deep as the tensor has axes. */
export interface NumberArray extends ReadonlyArray<number | NumberArray> {}
/** The typed array of each dtype. */
export interface DataOf {
  float32: Float32Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int8: Int8Array;
  uint8: Uint8Array;
}

/**
 * Makes and checks a tensor. Plain (nested) arrays of numbers become float32, or the dtype that is given.
 * @example
 * const a = tensor(new Float32Array(6), [2, 3]);
 * const b = tensor([[1, 2], [3, 4]]);                 // float32 [2, 2]
 * const c = tensor([1, 2, 3], undefined, 'int32');
 * @throws {GPUError} ERR_INVALID_ARGUMENT: the data do not fit the shape or the dtype
 */
export function tensor(data: NumberArray, shape?: readonly number[]): Tensor<Float32Array>;
export function tensor<D extends DType>(
  data: NumberArray,
  shape: readonly number[] | undefined,
  dtype: D,
): Tensor<DataOf[D]>;
export function tensor<Data extends TensorData>(data: Data, shape?: readonly number[], dtype?: DType): Tensor<Data>;

/**
 * A tensor that stays on its device. Made by GPUContext.upload(); gone when released, collected, or its context is
 * closed. Every context of its process takes it as an input: those of the same device where it lies; to those of other
 * devices it is copied for the job, from card to card under CUDA, else by way of the host's memory, and never through
 * JavaScript's. For many jobs there `upload()` it to that context.
 */
export class DeviceTensor {
  private constructor();
  /** The extents. */
  readonly shape: readonly number[];
  /** The kind of its numbers. */
  readonly dtype: DType;
  /** The id of the device it lies on. */
  readonly device: string;
  /**
   * Its elements as they are now.
   * @example const { data } = await base.read();
   * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_CLOSED: it was released, or its context closed; ERR_TIMEOUT,
   *   ERR_CANCELED, ERR_DEVICE_LOST
   */
  read(options?: ReadOptions): Promise<Tensor>;
  /**
   * Gives its memory back once no job uses it. Idempotent.
   * @example base.release();
   */
  release(): void;
  /**
   * As release(), for `using`.
   * @example using base = await ctx.upload(vectors);
   */
  [Symbol.dispose](): void;
}

/** How long to wait for something. */
export interface WaitOptions {
  /** Aborted: ERR_CANCELED. */
  signal?: AbortSignal;
  /** Milliseconds from the call; then ERR_TIMEOUT. */
  timeout?: number;
}
/** Of DeviceTensor.read(). */
export interface ReadOptions extends WaitOptions {
  /** Memory to read into, of the tensor's size and dtype. */
  into?: TensorLike;
}

/** JSON that another process of the cluster gives to openTensor(). */
export interface SharedTensorHandle {
  /** The region of shared memory. */
  region: number;
  /** Its place there. */
  block: number;
  /** How often the place was used before: an old handle does not open another's tensor. */
  generation: number;
  /** Its size. */
  bytes: number;
  /** The extents. */
  shape: number[];
  /** The kind of its numbers. */
  dtype: DType;
}
/** A tensor in memory that every process of the cluster can see. Made by sharedTensor() and openTensor(). */
export class SharedTensor<D extends DType = DType> {
  private constructor();
  /** The extents. */
  readonly shape: readonly number[];
  /** The kind of its numbers. */
  readonly dtype: D;
  /** In memory that other processes may change; views of it are empty once the tensor is released. */
  readonly data: DataOf[D];
  /** What another process opens it by; keep this tensor until it has. */
  readonly handle: SharedTensorHandle;
  /** Whether it was promised that its contents don't change any more. */
  readonly sealed: boolean;
  /**
   * Promises that the contents don't change any more: only then may a copy stay on a device between jobs. It is a
   * promise, and no lock: `data` can still be written to, and whoever does gets results of the old contents, the new
   * ones, or both.
   * @example
   * const base = manager.sharedTensor([1000, 384]);
   * base.data.set(vectors);
   * base.seal();
   * @throws {GPUError} ERR_CLOSED: it was released
   */
  seal(): this;
  /**
   * Lets go: the memory is free once every process has, and no job uses it. Idempotent.
   * @example base.release();
   */
  release(): void;
  /**
   * The handle, so that JSON.stringify() carries it.
   * @example worker.send(JSON.stringify({ base }));
   * @throws {GPUError} ERR_CLOSED: it was released
   */
  toJSON(): SharedTensorHandle;
  /**
   * As release(), for `using`.
   * @example using base = manager.sharedTensor([1000, 384]);
   */
  [Symbol.dispose](): void;
}
