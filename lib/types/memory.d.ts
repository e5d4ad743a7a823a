// The durable store: objects by key, in a folder.
import type { StoreIndexOptions, VectorIndex } from './vectors';

/** Options of openStore(). */
export interface StoreOptions {
  /**
   * Whether a write's promise waits until it is on the disk (`fdatasync`); each call may say otherwise. Without, it is
   * with the system by then: it outlives the process, and not a power cut.
   * @default true
   */
  durable?: boolean;
  /**
   * Only reads, beside a process that writes, and shows what there was when it was opened.
   * @default false
   */
  readOnly?: boolean;
  /**
   * The most bytes on the disk, at least 1 MB; what would be more is refused with ERR_OUT_OF_MEMORY.
   * @default none
   */
  limit?: number;
}

/** Options of put(). */
export interface PutOptions {
  /** Milliseconds, by the clock on the wall, after which it is gone. */
  ttl?: number;
  /**
   * Whether the promise waits until it is on the disk.
   * @default the store's own
   */
  durable?: boolean;
}

/** Options of delete(). */
export interface DeleteOptions {
  /**
   * Whether the promise waits until it is on the disk.
   * @default the store's own
   */
  durable?: boolean;
}

/** Options of list(). */
export interface ListOptions {
  /**
   * Only keys that begin so.
   * @default ''
   */
  prefix?: string;
  /**
   * How many, at most 100,000.
   * @default 1000
   */
  limit?: number;
  /** Only keys behind this one: the last of the page before. */
  after?: string;
}

/** What is not as it was written. */
export interface StoreProblem {
  /** The file. */
  file: string;
  /** Where in it. */
  offset: number;
  /** What is wrong there. */
  what: string;
}

/** What an opening has found. */
export interface StoreRecovery {
  /** Records that were read again, since the store was not closed the time before. */
  records: number;
  /** Bytes of these. */
  bytes: number;
  /** Bytes at the end that had not been written whole, which nobody was told of: they were cut off. */
  torn: number;
  /** The store was closed in order the time before. */
  wasClosed: boolean;
  /** None: what can't be put right is an error of the opening. */
  problems: StoreProblem[];
}

/** What a store has. */
export interface StoreStats {
  /** How many objects. */
  objects: number;
  /** Bytes of their values. */
  objectBytes: number;
  /** Bytes on the disk, with what is allocated ahead. */
  diskBytes: number;
  /** Bytes of these that nothing needs any more; files of which half is such are written anew without it. */
  deadBytes: number;
  /** Files of the log. */
  logFiles: number;
  /** Files of indexes. */
  dataFiles: number;
  /** What is built on it: indexes. */
  collections: number;
  /** How many writes there were, in all its life. */
  sequence: number;
  /** Times that it waited for the disk. */
  syncs: number;
  /** Times that it wrote; each has all that had come meanwhile. */
  commits: number;
  /** Times that files were written anew without what nothing needs. */
  rewritten: number;
  /** It was opened with `readOnly`. */
  readOnly: boolean;
  /** Why it takes no more writes: a sync has failed. */
  failure?: string;
  /** What its opening has found. */
  recovery: StoreRecovery;
  /** What was met since then that is not as it was written. */
  problems: StoreProblem[];
}

/** What verify() has found. */
export interface StoreVerification {
  /** There is no problem. */
  ok: boolean;
  /** How many files were read. */
  files: number;
  /** How many records are right. */
  records: number;
  /** The first 100. */
  problems: StoreProblem[];
}

/** A store in a folder, made by openStore(). What touches the disk does not hold the event loop. */
export class Store {
  private constructor();
  /** The folder. */
  readonly path: string;
  /** close() was called. */
  readonly closed: boolean;
  /**
   * Keeps a value under a key, in the place of what was there. Writes that come while one is under way go to the disk
   * together, so many at a time cost little more than one. The bytes are in use until the promise settles.
   * @param key 1 to 512 bytes of UTF-8
   * @param value at most 64 MB; a string is kept as UTF-8
   * @example await store.put('session', JSON.stringify({ user: 7 }), { ttl: 3_600_000 });
   * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY: the disk is full, or the limit reached; ERR_CLOSED: it
   *   is closed, or takes no more writes since the disk has failed
   */
  put(key: string, value: Uint8Array | string, options?: PutOptions): Promise<void>;
  /**
   * The value of a key, memory of its own, compared with its checksum; undefined where there is none.
   * @example const session = JSON.parse((await store.get('session')).toString());
   * @throws {GPUError} ERR_DAMAGED: what the disk has is not what was written; ERR_INVALID_ARGUMENT; ERR_CLOSED
   */
  get(key: string): Promise<Buffer | undefined>;
  /**
   * Forgets a key, and says whether it was there.
   * @example const wasThere = await store.delete('session');
   * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_OUT_OF_MEMORY: the disk is full; ERR_CLOSED
   */
  delete(key: string, options?: DeleteOptions): Promise<boolean>;
  /**
   * Keys in the order of their bytes in UTF-8.
   * @example const keys = await store.list({ prefix: 'user:', limit: 100 });
   * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_CLOSED
   */
  list(options?: ListOptions): Promise<string[]>;
  /**
   * Copies the store as it is now to a folder that is not there, while it goes on; files are linked where the file
   * system can. The copy is a store itself.
   * @example await store.snapshot('./backup');
   * @throws {GPUError} ERR_INVALID_ARGUMENT: there is something already; ERR_OUT_OF_MEMORY; ERR_CLOSED;
   *   ERR_UNSUPPORTED: it was opened to read, beside a writer
   */
  snapshot(path: string | URL): Promise<void>;
  /**
   * The index of that name; a new one where there is none. Close it before the store.
   * @param name 1 to 200 bytes
   * @example
   * const index = await store.index('words', { dimensions: 2 });
   * await index.add(['a'], [[1, 0]], { durable: true });
   * @throws {GPUError} ERR_INVALID_ARGUMENT: also where it is open already, or of another kind; ERR_DAMAGED;
   *   ERR_UNSUPPORTED; ERR_OUT_OF_MEMORY; ERR_CLOSED
   */
  index(name: string, options: StoreIndexOptions): Promise<VectorIndex>;
  /**
   * Reads everything, and says what is not as it was written.
   * @example const { ok, problems } = await store.verify();
   * @throws {GPUError} ERR_CLOSED
   */
  verify(): Promise<StoreVerification>;
  /**
   * What it has, and what its opening has found.
   * @example const { objects, diskBytes, recovery } = store.stats();
   */
  stats(): StoreStats;
  /**
   * Waits for what was asked for, and ends the log in order, so that the next opening is quick. Idempotent.
   * @example await store.close();
   * @throws {GPUError} ERR_OUT_OF_MEMORY: the disk is too full for the end of the log; what was acknowledged is there
   *   all the same
   */
  close(): Promise<void>;
  /**
   * As close(), for `await using`.
   * @example await using store = await openStore('./data');
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens a store in a folder, which becomes one where it is empty or is not there. One process at a time writes to it;
 * the kernel lets go of its lock when that dies. In a process of a cluster that has a manager it is the one store of
 * that path, which all of the cluster's processes share.
 * @example
 * const store = await openStore('./data');
 * await store.put('greeting', 'hello');
 * await store.close();
 * @throws {GPUError} ERR_LOCKED: it is open for writing already; ERR_DAMAGED: the file and the place are named;
 *   ERR_INVALID_ARGUMENT: the folder is no store, or may not be written; ERR_UNSUPPORTED: it is of a newer version, or
 *   of a machine with another byte order; ERR_OUT_OF_MEMORY
 */
export function openStore(path: string | URL, options?: StoreOptions): Promise<Store>;

/**
 * Makes a store of a snapshot, which stays as it is.
 * @example await restoreStore('./snapshot', './restored');
 * @throws {GPUError} ERR_INVALID_ARGUMENT: there is no snapshot, or something where the store is to be; ERR_DAMAGED;
 *   ERR_UNSUPPORTED; ERR_OUT_OF_MEMORY
 */
export function restoreStore(snapshot: string | URL, path: string | URL): Promise<void>;
