// Documents: texts that are remembered by what they mean, and found again by a question, with their places.
import type { EmbeddingsJobOptions } from './embeddings';
import type { Store } from './memory';
import type { TextModel } from './text';
import type { Filter } from './vectors';

/** Options of createMemory(). */
export interface MemoryOptions {
  /**
   * What passages are embedded with: a model, or where one is. A memory that was kept is opened with the same one.
   * @default defaultModel
   */
  model?: TextModel | string | URL;
  /** Where it is kept: a Store, which stays yours. */
  store?: Store;
  /** The same: a folder, in which a store is opened for it. Left out like `store`, it is kept in this process alone. */
  path?: string | URL;
  /**
   * Of several memories in one store. On a manager a memory with a store, a path or a name is one for all processes of
   * the cluster; with a name alone it ends with the cluster.
   * @default 'memory'
   */
  name?: string;
  /** How documents are cut. */
  chunk?: {
    /**
     * The most tokens of a passage, as the model counts them.
     * @default 200, or what the model takes
     */
    tokens?: number;
    /**
     * The most tokens of the sentences that a passage shares with the one before it; at most half of a passage.
     * @default a fifth of a passage, at most 40
     */
    overlap?: number;
  };
  /**
   * What is scanned; answers are the same. It may be another each time that a memory is opened.
   * @default 'float32'
   */
  dtype?: 'float32' | 'float16' | 'bfloat16' | 'int8';
  /** A cross-encoder, or where one is: recall() has it put what it found in order. */
  reranker?: TextModel | string | URL;
}

/** A document. */
export interface GivenDocument {
  /**
   * 1 to 500 bytes of UTF-8. One that is there is replaced.
   * @default made of the text, so that the same text is remembered once
   */
  id?: string;
  /** Its text: at most 8192 passages. */
  text: string;
  /** A JSON object, which filters see: its fields don't begin with '@'. */
  metadata?: Record<string, unknown>;
}

/** Options of remember(); without a manager those of jobs are `signal` and `timeout`. */
export interface RememberOptions extends EmbeddingsJobOptions {
  /** Of all documents of the call; a document's own fields go before it. */
  metadata?: Record<string, unknown>;
}

/** What remember() gives. */
export interface Remembered {
  /** Of the documents, in the order in which they were given, each once. */
  ids: string[];
  /** How many passages each of them has. */
  passages: number[];
}

/** Options of recall(); without a manager those of jobs are `signal` and `timeout`. */
export interface RecallOptions extends EmbeddingsJobOptions {
  /**
   * How many passages: 1 to 10000.
   * @default 5
   */
  k?: number;
  /** Of documents whose metadata is such: as an index's. */
  filter?: Filter;
  /**
   * Whether the reranker decides the order, or of how many passages. true: of four times `k`, from 20 to 200.
   * @default whether there is one
   */
  rerank?: boolean | number;
}

/** A passage that was found. */
export interface Recalled {
  /** Of its document. */
  id: string;
  /** The passage: `text.slice(start, end)` of the document. */
  text: string;
  /** The cosine with the query; what the reranker says of it, where that decided. */
  score: number;
  /** Where it begins in its document, in UTF-16 units. */
  start: number;
  /** Where it ends. */
  end: number;
  /** Of its document. */
  metadata: Record<string, unknown>;
}

/** What forget() is given: ids of documents, or a filter over their metadata. */
export type Forgotten = { ids: string | readonly string[]; filter?: undefined } | { filter: Filter; ids?: undefined };

/** What a memory has. */
export interface DocumentStats {
  /** Documents with at least one passage. */
  documents: number;
  /** Of all documents. */
  passages: number;
  /** Of a vector. */
  dimensions: number;
  /** The model's digest. */
  model: string;
  /** The reranker's, where there is one. */
  reranker?: string;
  /** How documents are cut. */
  chunk: { tokens: number; overlap: number };
  /** What the index says of itself. */
  index: object;
}

/** Documents that are found by what they mean. Made by createMemory(). */
export class Memory {
  private constructor();
  /** close() was called. */
  readonly closed: boolean;
  /**
   * Cuts documents into passages of whole sentences, embeds and keeps them. Each document is there with all of its
   * passages or not at all, whatever happens; of a call that fails those that were written stay.
   * @example
   * const document = { id: 'mit', text: 'You may sell it.', metadata: { kind: 'licence' } };
   * const { ids, passages } = await memory.remember([document, 'Another text.']);
   * @throws {GPUError} ERR_INVALID_ARGUMENT: a document, with its place; an id that is there twice; ERR_OUT_OF_MEMORY;
   *   ERR_DEVICE_LOST; ERR_WORKER_LOST; ERR_TIMEOUT and ERR_CANCELED: nothing is written after those; ERR_CLOSED
   */
  remember(
    documents: string | GivenDocument | readonly (string | GivenDocument)[],
    options?: RememberOptions,
  ): Promise<Remembered>;
  /**
   * The passages that are nearest to a question, best first.
   * @example const [best] = await memory.recall('may I sell it?', { k: 3 });
   * @throws {GPUError} ERR_INVALID_ARGUMENT: an option; a filter on a field that no document has; ERR_OUT_OF_MEMORY;
   *   ERR_DEVICE_LOST; ERR_WORKER_LOST; ERR_TIMEOUT and ERR_CANCELED; ERR_CLOSED
   */
  recall(query: string, options?: RecallOptions): Promise<Recalled[]>;
  /**
   * Removes documents, and says how many were there.
   * @example const count = await memory.forget({ ids: ['mit'] });
   * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_CLOSED
   */
  forget(what: Forgotten): Promise<number>;
  /**
   * What there is. The first call after it was opened looks at all documents.
   * @example const { documents, passages } = await memory.stats();
   * @throws {GPUError} ERR_CLOSED
   */
  stats(): Promise<DocumentStats>;
  /**
   * No new calls; resolves when those that run have ended. Closes what was opened for it: models and a store that were
   * given stay open. Idempotent.
   * @example await memory.close();
   */
  close(): Promise<void>;
  /**
   * As close(), for `await using`.
   * @example await using memory = await createMemory({ path: './memory', model: './models/all-MiniLM-L6-v2' });
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Texts that are remembered by what they mean: cut, embedded, kept, searched and reranked. With `store` or `path` they
 * are there for the next process, too.
 * @example
 * const memory = await createMemory({ path: './memory', model: './models/all-MiniLM-L6-v2' });
 * await memory.remember({ id: 'mit', text: 'You may use, copy and sell it. There is no warranty.' });
 * const [{ id, text, start, end }] = await memory.recall('may I sell it?', { k: 1 });
 * await memory.close();
 * @throws {GPUError} ERR_INVALID_ARGUMENT: an option; another model than a kept memory was made with; ERR_NOT_FOUND:
 *   there is no such model; ERR_UNSUPPORTED: the model is a cross-encoder, or the reranker none; ERR_OUT_OF_MEMORY;
 *   ERR_DEVICE_LOST; what opening the store is refused with
 */
export function createMemory(options?: MemoryOptions): Promise<Memory>;
