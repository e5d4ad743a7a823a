// Indexes of vectors: exact search, filters over metadata, and writes while they are searched.
import type { GPUClusterManager, JobOptions } from './cluster';
import type { GPUContext } from './context';
import type { MemoryTier } from './health';
import type { Store } from './memory';
import type { NumberArray, Tensor } from './tensor';

/** What a vector is called: a string of 1 to 512 bytes of UTF-8, or a safe integer; `'1'` and `1` are two. */
export type VectorId = string | number;

/**
 * How near a vector is. `cosine` (0 with a vector of zeros) and `dot`: the larger, the nearer. `l2`: the squared
 * distance, the smaller, the nearer.
 */
export type Metric = 'cosine' | 'dot' | 'l2';

/** What an index is scanned by; answers are the same. All but `float32` keep the rows beside it, on the host. */
export type IndexDType = 'float32' | 'float16' | 'bfloat16' | 'int8';

/** Rows: a tensor [n, d] or [d], a Float32Array of whole rows, or nested arrays of numbers. Float32 alone. */
export type Vectors = Tensor | Float32Array | NumberArray;

/** Options of createIndex(). */
export interface IndexOptions {
  /** Of each vector: 1 to 65536. */
  dimensions: number;
  /** @default 'cosine' */
  metric?: Metric;
  /**
   * What is scanned: codes are smaller than rows, so a scan takes less time.
   * @default 'float32'
   */
  dtype?: IndexDType;
  /**
   * What is scanned stays where jobs run, however full that memory is: what others have there goes first.
   * @default false
   */
  pinned?: boolean;
  /**
   * A store that has the index, under `name`: it is there again when the store is opened the next time. Close the index
   * before the store. In a cluster all processes share it.
   */
  store?: Store;
  /**
   * What the index is called in its store: 1 to 200 bytes. Without a store, on a manager: one index for all processes
   * of the cluster, which ends with it; another `dimensions`, `metric` or `dtype` than it has is refused.
   */
  name?: string;
}

/** Options of a store's index(). */
export interface StoreIndexOptions extends Omit<IndexOptions, 'store' | 'name'> {
  /**
   * A manager or a context, on which it is searched.
   * @default a context of its own, on the best device there is, which is closed with it
   */
  on?: GPUClusterManager | GPUContext;
}

/** Of writes. */
export interface DurableOptions {
  /**
   * Of an index in a store: whether the write is on the disk when it is acknowledged.
   * @default the store's
   */
  durable?: boolean;
}

/** Options of add() and upsert(). */
export interface WriteOptions extends DurableOptions {
  /**
   * Of each vector an object, or undefined: plain JSON, at most 64 KB and 16 levels each.
   */
  metadata?: ReadonlyArray<object | undefined>;
}

/** A value that a field of metadata is compared with. */
export type FilterValue = string | number | boolean | null;

/** What a field is compared with; all of several must hold. */
export interface FilterComparison {
  /** Equal; of an array, one of its elements is. */
  $eq?: FilterValue;
  /** Not so; a field that is not there is unequal. */
  $ne?: FilterValue;
  /** Equal to one of these. */
  $in?: readonly FilterValue[];
  /** To none of these. */
  $nin?: readonly FilterValue[];
  /** Greater: numbers, or strings by their code points. */
  $gt?: number | string;
  /** Greater or equal. */
  $gte?: number | string;
  /** Less. */
  $lt?: number | string;
  /** Less or equal. */
  $lte?: number | string;
  /** Whether the field is there, be it null. */
  $exists?: boolean;
}

/**
 * Which vectors may be found: `{ field: value }`, `{ field: { $gte: 1 } }`, several of which all must hold, and `$and`,
 * `$or`, `$not` over others. A field within an object is named with dots: `'place.city'`. A field that no vector has is
 * refused, and so is a value of a kind that the field has nowhere.
 */
export type Filter = {
  $and?: readonly Filter[];
  $or?: readonly Filter[];
  $not?: Filter;
  [field: string]: FilterValue | FilterComparison | Filter | readonly Filter[] | undefined;
};

/** What search() and range() have in common; on a context's index the options of jobs are `signal` and `timeout`. */
export interface AnswerOptions extends Omit<JobOptions, 'into'> {
  /** Vectors whose metadata is such. */
  filter?: Filter;
  /** These alone; ids that are not there are passed over. */
  ids?: readonly VectorId[];
  /** The vectors found, too. */
  includeVectors?: boolean;
  /** Their metadata. */
  includeMetadata?: boolean;
  /** How the answer was found. */
  explain?: boolean;
}

/** Options of search(). */
export interface SearchOptions extends AnswerOptions {
  /**
   * How many, at least 1; where there are fewer, all there are.
   * @default 10
   */
  k?: number;
  /** None that are worse: a score of `cosine` and `dot` below it, a distance above it. */
  threshold?: number;
  /**
   * What codes find is not proven to be the nearest; its scores are exact.
   * @default false
   */
  approximate?: boolean;
}

/** Options of range(). */
export interface RangeOptions extends AnswerOptions {
  /** How far: of `l2` the largest squared distance, else the least score. */
  distance: number;
  /**
   * At most so many of each query, the nearest.
   * @default no limit
   */
  limit?: number;
}

/** How a search went. */
export interface SearchExplanation {
  /** In the order of insertion. */
  segments: {
    /** Rows, those that were removed included. */
    rows: number;
    /** That might be found. */
    allowed: number;
    /** All of those were compared one by one, as they were few, or an answer could not be proven otherwise. */
    scanned: boolean;
    /** How often it was asked: more than once where codes did not prove the answer. */
    rounds: number;
    /** Rows whose exact score was worked out, of all queries. */
    candidates: number;
    /** By their ids: those that searched it. None where it was scanned on a thread. */
    contexts: string[];
  }[];
  /** The longest job, in ms. */
  jobMs: number;
  /** In ms. */
  totalMs: number;
}

/** What a search of one vector gives: the nearest first, of equal ones that which was inserted first. */
export interface SearchResult {
  /** Ids. */
  ids: VectorId[];
  /** Worked out in double precision from the float32 rows, and rounded once. */
  scores: Float32Array;
  /** [hits, d], where it is asked for. */
  vectors?: Tensor<Float32Array>;
  /** Where it is asked for; undefined for a vector without. */
  metadata?: (Record<string, unknown> | undefined)[];
  /** Where it is asked for. */
  explain?: SearchExplanation;
}

/** What a search of many gives: as SearchResult, for each query. */
export interface SearchResults {
  /** Ids. */
  ids: VectorId[][];
  /** Scores. */
  scores: Float32Array[];
  /** [hits, d] each, where it is asked for. */
  vectors?: Tensor<Float32Array>[];
  /** Where it is asked for. */
  metadata?: (Record<string, unknown> | undefined)[][];
  /** Where it is asked for. */
  explain?: SearchExplanation;
}

/** What an index is made of. */
export interface IndexStats {
  /** Vectors. */
  size: number;
  /** Of each. */
  dimensions: number;
  /** As it was made. */
  metric: Metric;
  /** As it was made. */
  dtype: IndexDType;
  /** In the order of insertion; the last one takes writes until it is full. */
  segments: {
    /** Rows, those that were removed included. */
    rows: number;
    /** Those that were not. */
    live: number;
    /** Whether it takes no more. */
    sealed: boolean;
    /** Whether it has codes; until then, and where codes could not hold its numbers, its rows are scanned. */
    coded: boolean;
    /** Whether what is scanned stays where jobs run. */
    placed: boolean;
    /** Whether its rows are read from a file of its store, which takes memory while the system has some to spare. */
    mapped: boolean;
    /** Of this process's memory, codes left out. */
    bytes: number;
  }[];
  /** The tiers of memory that it lies in: of its context, where that is a card's, of the host, and of its store. */
  tiers: MemoryTier[];
  /** In bytes: of segments, and of the map of ids. */
  memory: { segments: number; ids: number };
  /** How many merges there were. */
  merges: number;
  /**
   * What keeps codes from being made, segments from being merged or placed, or a store's log from being cut short: that
   * is tried again, after 0.5 to 60 seconds. Searches stay exact.
   */
  problem?: string;
}

/**
 * Made by createIndex(). What a call is given it reads before it returns: arrays may be changed, or transferred, right
 * after it.
 */
export class VectorIndex {
  private constructor();
  /** Of each vector. */
  readonly dimensions: number;
  /** As it was made. */
  readonly metric: Metric;
  /** As it was made. */
  readonly dtype: IndexDType;
  /** How many vectors there are; 0 once it is closed. */
  readonly size: number;
  /** Whether close() was called. */
  readonly closed: boolean;

  /**
   * Adds vectors: all of them, or none. Searches that begin after it has resolved see them.
   * @throws {GPUError} ERR_INVALID_ARGUMENT: an id that is there already or twice in the call, a vector that is not
   *   finite, another number of dimensions, metadata that is no JSON; ERR_OUT_OF_MEMORY; ERR_CLOSED
   * @example
   * await index.add(['c', 7], tensor([[1, 0], [0, 1]]), { metadata: [{ lang: 'en' }, undefined] });
   */
  add(ids: readonly VectorId[], vectors: Vectors, options?: WriteOptions): Promise<void>;

  /**
   * Adds vectors, and replaces those that have the same ids, with their metadata: as if they were removed and added, so
   * among equal scores they come last.
   * @throws {GPUError} ERR_INVALID_ARGUMENT: as add(), but for ids that are there; ERR_OUT_OF_MEMORY; ERR_CLOSED
   * @example
   * await index.upsert(['a'], tensor([[0, 1]]));
   */
  upsert(ids: readonly VectorId[], vectors: Vectors, options?: WriteOptions): Promise<void>;

  /**
   * Removes vectors, and says how many were there.
   * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY; ERR_CLOSED
   * @example
   * const count = await index.remove(['a', 'b']);
   */
  remove(ids: readonly VectorId[], options?: DurableOptions): Promise<number>;

  /**
   * Vectors [n, d] as they were given, and their metadata.
   * @throws {GPUError} ERR_NOT_FOUND: an id that is not there; ERR_INVALID_ARGUMENT; ERR_DAMAGED: metadata; ERR_CLOSED
   * @example
   * const { vectors, metadata } = await index.get(['a']);
   */
  get(
    ids: readonly VectorId[],
  ): Promise<{ vectors: Tensor<Float32Array>; metadata: (Record<string, unknown> | undefined)[] }>;

  /**
   * Whether there is a vector of that id.
   * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_CLOSED
   * @example
   * if (!(await index.has('a'))) await index.add(['a'], [[1, 0]]);
   */
  has(id: VectorId): Promise<boolean>;

  /**
   * The nearest vectors: exactly those, whatever the dtype, in the order of their scores. It sees every write that was
   * acknowledged before it began. One vector [d] is answered by one list. Searches that ask alike, and have neither a
   * signal nor a timeout, may run as one.
   * @throws {GPUError} ERR_INVALID_ARGUMENT: `argument` says what; a query that is not finite, a filter on a field that
   *   no vector has, or with a value of another kind; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_WORKER_LOST; ERR_TIMEOUT
   *   and ERR_CANCELED; ERR_DAMAGED: metadata that a filter or the answer needs; ERR_CLOSED
   * @example
   * const { ids, scores } = await index.search(query, { k: 5, filter: { lang: 'en', year: { $gte: 2000 } } });
   */
  search(query: Float32Array | readonly number[], options?: SearchOptions): Promise<SearchResult>;
  search(queries: Vectors, options?: SearchOptions): Promise<SearchResults>;

  /**
   * All vectors within a distance of each query, the nearest first.
   * @throws {GPUError} ERR_INVALID_ARGUMENT: as search(); ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_WORKER_LOST;
   *   ERR_TIMEOUT and ERR_CANCELED; ERR_DAMAGED; ERR_CLOSED
   * @example
   * const { ids } = await index.range(query, { distance: 0.9, limit: 1000 });
   */
  range(query: Float32Array | readonly number[], options: RangeOptions): Promise<SearchResult>;
  range(queries: Vectors, options: RangeOptions): Promise<SearchResults>;

  /**
   * What it is made of.
   * @throws {GPUError} ERR_CLOSED
   * @example
   * const { segments, memory } = index.stats();
   */
  stats(): IndexStats;

  /**
   * Merges segments, without the rows that were removed, whose memory goes. Searches and writes go on meanwhile; what
   * they add or remove is left to the next compaction.
   * @throws {GPUError} ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_CLOSED
   * @example
   * await index.compact();
   */
  compact(): Promise<void>;

  /**
   * Writes the index as it is now into one file, in the place of one that is there: it has the old index or the new
   * one, whatever happens. Searches and writes go on meanwhile.
   * @throws {GPUError} ERR_INVALID_ARGUMENT: the path, or what the system says of it; ERR_NOT_FOUND: there is no such
   *   folder; ERR_OUT_OF_MEMORY: the disk is full; ERR_CLOSED
   * @example
   * await index.save('vectors.index');
   */
  save(path: string | URL): Promise<void>;

  /**
   * Reads an index that save() has written: on a manager or a context, else on a context of its own. All of it is read,
   * and checked.
   * @throws {GPUError} ERR_NOT_FOUND: there is no such file; ERR_INVALID_ARGUMENT: it is no index; ERR_DAMAGED;
   *   ERR_UNSUPPORTED: it is of a newer version; ERR_OUT_OF_MEMORY; ERR_CLOSED
   * @example
   * const index = await VectorIndex.load('vectors.index');
   */
  static load(path: string | URL, options?: { on?: GPUClusterManager | GPUContext }): Promise<VectorIndex>;

  /**
   * Ends it: idempotent, and resolves when what runs has ended.
   * @example
   * await index.close();
   */
  close(): Promise<void>;
  /**
   * As close(), for `await using`.
   * @example
   * await using index = await createIndex({ dimensions: 384 });
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Makes an index on a context of its own, on the best device there is, which is closed with it.
 * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY
 * @example
 * const index = await createIndex({ dimensions: 2, metric: 'cosine', dtype: 'int8' });
 * await index.add(['a', 'b'], [[1, 0], [0, 1]]);
 * const { ids, scores } = await index.search([1, 0.5], { k: 1 });
 * await index.close();
 */
export function createIndex(options: IndexOptions): Promise<VectorIndex>;
