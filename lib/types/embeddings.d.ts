// Embeddings: vectors or texts, made ready to be searched, and a service that does so on the best device there is.
import type { JobOptions } from './cluster';
import type { ClusterHealth } from './health';
import type { DeviceInfo } from './device';
import type { GPUClusterMetrics, Percentiles } from '../generated';
import type { MemoryUsage, Timings } from './context';
import type { Tensor, TensorLike } from './tensor';
import type { TextModel } from './text';

/** Vectors as rows: a tensor [n, d], or [d]; arrays of numbers; typed arrays, one for each vector or one alone. */
export type EmbeddingVectors =
  TensorLike | readonly number[] | readonly (readonly number[])[] | readonly Float32Array[];

/** Principal components that rows are reduced with. What it holds is a copy: to change it changes no other call. */
export interface EmbeddingBasis {
  /** What it is kept under. */
  readonly name: string;
  /** A digest of its numbers: vectors of one version can be compared with each other, others not. */
  readonly version: string;
  /** [d]: of the rows that it was fitted to. */
  readonly mean: Tensor<Float32Array>;
  /** [c, d]: the directions, the most important first. */
  readonly components: Tensor<Float32Array>;
  /** [c]: of each direction. */
  readonly explainedVariance: Tensor<Float32Array>;
  /** Whether the rows that it was fitted to were normalized: it is used for no others. Left out: not known. */
  readonly normalized?: boolean;
  /** Digest of the model of the texts that it was fitted to: it is used for texts of no other. Left out: not known. */
  readonly model?: string;
}

/** A basis to be given again: all but mean and components may be left out. */
export type GivenBasis = Pick<EmbeddingBasis, 'mean' | 'components'> & Partial<EmbeddingBasis>;

/** Where bases are kept: a Store, or what has the same two methods. */
export interface BasisStore {
  /** Undefined where there is none. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Resolves when it is kept. */
  put(key: string, value: Uint8Array): Promise<unknown>;
}

/**
 * What is done with each row, in this order: normalize, reduce, normalize again, quantize. Names of two words may be
 * written in camel case, too.
 */
export interface EmbeddingsOptions {
  /**
   * Each row over its L2 norm; where rows are reduced, after that once more, so that a product of two is their cosine.
   * A row of zeros stays zeros.
   * @default true
   */
  normalize?: boolean;
  /**
   * Whether rows are reduced to fewer dimensions, by principal components.
   * @default whether dimension_reduction or a basis is given
   */
  reduce_dimensions?: boolean;
  /** To how many dimensions. */
  dimension_reduction?: number;
  /**
   * Codes with a scale for each row: of 8 bits (true, 8) int8, of 4 bits two a byte, as the workload `quantize` makes
   * them.
   * @default false
   */
  quantization?: boolean | 8 | 4;
  /**
   * The most rows that a job has.
   * @default found by measurement, once for each device
   */
  batch_size?: number;
  /**
   * What rows are reduced with: a basis that an earlier call gave, or the name of one. A name that there is none of yet
   * is fitted to the rows of this call, and kept; it is refused for rows that are normalized otherwise, and for texts
   * of another model. Vectors of different origin need names of their own: given as `embeddings` under the usual name
   * all of one width share a basis, that of the first call in the process or the store.
   * @default the name 'pca-d-c' (rows that are not normalized: '-raw'; texts: with the model's digest)
   */
  basis?: string | GivenBasis;
  /**
   * What texts are embedded with: a model, or where one is.
   * @default defaultModel
   */
  model?: TextModel | string | URL;
  /**
   * Where bases are kept, and looked for.
   * @default the memory of this process
   */
  store?: BasisStore;
  /** reduce_dimensions. */
  reduceDimensions?: boolean;
  /** dimension_reduction. */
  dimensionReduction?: number;
  /** batch_size. */
  batchSize?: number;
}

/** What processEmbeddings() is given: vectors, or texts. */
export type EmbeddingsRequest =
  | { embeddings: EmbeddingVectors; texts?: undefined; options?: EmbeddingsOptions }
  | { texts: string | readonly string[]; embeddings?: undefined; options?: EmbeddingsOptions };

/** Options of its jobs; without a manager those are `signal`, `timeout` and `priority`. */
export type EmbeddingsJobOptions = Omit<JobOptions, 'into' | 'cache'>;

/** What processEmbeddings() gives. */
export interface ProcessedEmbeddings {
  /** [n, c], of one vector or text [c]: float32; int8; of 4 bits uint8, two codes a byte. */
  embeddings: Tensor;
  /** [n]: with `quantization`, what codes of a row are multiplied with. */
  scales?: Tensor<Float32Array>;
  /** What rows were reduced with. */
  basis?: EmbeddingBasis;
  /** Of each row, whatever it is written as. */
  dimensions: number;
  /** Milliseconds, of all jobs together; `total` from the call to its end. */
  timings: Timings;
}

/**
 * Vectors or texts as vectors to search: normalized, reduced, as codes, in one job, of which nothing is read
 * back in between. Large calls are cut, small ones of one turn of the event loop go together, each with its own rows.
 * Runs on a context that such calls share, on the best device there is, which is closed when there are none for 30 s.
 * @example
 * const options = { dimension_reduction: 2, quantization: true };
 * const request = { embeddings: [[1, 2, 3], [4, 5, 7], [2, 9, 1]], options };
 * const { embeddings, scales, basis } = await processEmbeddings(request);
 * @throws {GPUError} ERR_INVALID_ARGUMENT: an option; a row that holds NaN or an infinity, with its number; too few
 *   rows to fit a basis to; ERR_NOT_FOUND: there is no such model; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_TIMEOUT and
 *   ERR_CANCELED, with `released`
 */
export function processEmbeddings(
  request: EmbeddingsRequest,
  options?: Pick<EmbeddingsJobOptions, 'signal' | 'timeout' | 'priority'>,
): Promise<ProcessedEmbeddings>;

/** Options of createService(). */
export interface ServiceOptions {
  /**
   * `gpu`: a card, not a driver that computes on the processor; `auto`: a card where there is one, else the processor.
   * @default 'auto'
   */
  device?: 'auto' | 'gpu' | 'cpu';
}

/** What a service has done. */
export interface ServiceMetrics {
  /** What it runs on. */
  device: string;
  /** Calls of processEmbeddings(), those that failed included. */
  calls: number;
  /** Calls that failed. */
  failed: number;
  /** Rows that were processed. */
  rows: number;
  /** Jobs that were run. */
  jobs: number;
  /** Calls that shared a job with others. */
  joined: number;
  /** Milliseconds from a call to its result. */
  latency: Percentiles;
  /** Of its context, in bytes; of a manager's service in `cluster`. */
  memory?: MemoryUsage;
  /** Of a manager's service: the figures of the cluster. */
  cluster?: GPUClusterMetrics;
}

/** How a service is. */
export interface ServiceHealth {
  /** `degraded`: a manager's, where something is wrong; `down`: it takes no calls. */
  status: 'ok' | 'degraded' | 'down';
  /** What it runs on. */
  device: string;
  /** Why on that. */
  reason: string;
  /** What is wrong. */
  problems: string[];
  /** Of a manager's service. */
  cluster?: ClusterHealth;
}

/** Embeddings as a service. Made by createService(). */
export class EmbeddingService {
  private constructor();
  /** The id of the device it runs on: 'cuda:0'; of a manager's service, of the best one. */
  readonly device: DeviceInfo['id'];
  /** Why on that device. */
  readonly reason: string;
  /** close() was called. */
  readonly closed: boolean;
  /**
   * As processEmbeddings() of the package, on the service's own device.
   * @example const { embeddings } = await service.processEmbeddings({ embeddings: [[3, 4], [0, 2]] });
   * @throws {GPUError} as processEmbeddings(); ERR_CLOSED
   */
  processEmbeddings(request: EmbeddingsRequest, options?: EmbeddingsJobOptions): Promise<ProcessedEmbeddings>;
  /**
   * What it has done.
   * @example const { calls, latency } = await service.getMetrics();
   * @throws {GPUError} ERR_CLOSED
   */
  getMetrics(): Promise<ServiceMetrics>;
  /**
   * How it is; of one that is closed, too.
   * @example if ((await service.health()).status === 'down') alarm();
   */
  health(): Promise<ServiceHealth>;
  /**
   * Gives memory back that is there for speed alone: what helps after a ResourceError of a device. Models that were
   * loaded for texts go, and are loaded again when they are needed. Bases that no store has stay.
   * @example await service.cleanup();
   * @throws {GPUError} ERR_CLOSED
   */
  cleanup(): Promise<void>;
  /**
   * No new calls; resolves when those that run have ended, and its memory is free. Idempotent.
   * @example await service.close();
   */
  close(): Promise<void>;
  /**
   * As close(), for `await using`.
   * @example await using service = await createService();
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Embeddings as a service, on a card where there is one, else on the processor: `reason` says why. Of a manager its
 * jobs run on contexts of the kind that was chosen.
 * @example
 * const service = await createService({ device: 'auto' });
 * const { embeddings } = await service.processEmbeddings({ embeddings: [[3, 4], [0, 2]] });
 * await service.close();
 * @throws {GPUError} ERR_UNSUPPORTED: there is no card, and `gpu` was asked for; ERR_INVALID_ARGUMENT;
 *   ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST
 */
export function createService(options?: ServiceOptions): Promise<EmbeddingService>;

/** Makes services: createService() under another name. */
export interface ServiceFactory {
  /**
   * As createService().
   * @example const service = await hpcServiceFactory.initialize();
   * @throws {GPUError} as createService()
   */
  initialize(options?: ServiceOptions): Promise<EmbeddingService>;
}
/** createService() as a factory's method. */
export const hpcServiceFactory: ServiceFactory;
