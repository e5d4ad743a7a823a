// The memory system on a manager.
import { EventEmitter } from 'node:events';
import type {
  EmbeddingsJobOptions,
  EmbeddingService,
  EmbeddingsRequest,
  ProcessedEmbeddings,
  ServiceOptions,
} from './embeddings';
import type { Memory, MemoryOptions } from './documents';
import type { Store, StoreOptions } from './memory';

/** A part of GPUClusterManager. */
export class ManagerMemory extends EventEmitter {
  protected constructor();
  /**
   * Vectors or texts as vectors to search: normalized, reduced, as codes, in one job on one context. Bases are kept in
   * the memory of each process, unless a store is given.
   * @example
   * const options = { dimension_reduction: 2, quantization: true };
   * const request = { embeddings: [[1, 2, 3], [4, 5, 7], [2, 9, 1]], options };
   * const { embeddings, scales, basis } = await manager.processEmbeddings(request, { priority: 5 });
   * @throws {GPUError} ERR_INVALID_ARGUMENT: an option; a row that holds NaN or an infinity, with its number; too few
   *   rows to fit a basis to; ERR_NOT_FOUND: there is no such model; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST;
   *   ERR_WORKER_LOST; ERR_QUEUE_FULL, with `retryAfter`; ERR_TIMEOUT and ERR_CANCELED, with `released`; ERR_CLOSED
   */
  processEmbeddings(request: EmbeddingsRequest, options?: EmbeddingsJobOptions): Promise<ProcessedEmbeddings>;
  /**
   * Embeddings as a service, on contexts of one kind: cards where there are some, else the processor.
   * @example
   * const service = await manager.createService({ device: 'auto' });
   * const { embeddings } = await service.processEmbeddings({ embeddings: [[3, 4], [0, 2]] });
   * @throws {GPUError} ERR_UNSUPPORTED: there is no context of that kind; ERR_INVALID_ARGUMENT; ERR_CLOSED; what
   *   `ready` rejects with
   */
  createService(options?: ServiceOptions): Promise<EmbeddingService>;
  /**
   * Texts that are remembered by what they mean: their model and their index run on the contexts of the cluster. Of one
   * path one process of a cluster can have a memory.
   * @example
   * const memory = await manager.createMemory({ model: './models/all-MiniLM-L6-v2' });
   * await memory.remember({ id: 'mit', text: 'You may use, copy and sell it. There is no warranty.' });
   * const [best] = await memory.recall('may I sell it?', { k: 1 });
   * await memory.close();
   * @throws {GPUError} ERR_INVALID_ARGUMENT: an option; another model than a kept memory was made with; ERR_NOT_FOUND:
   *   there is no such model; ERR_UNSUPPORTED: the model is a cross-encoder, or the reranker none; ERR_OUT_OF_MEMORY;
   *   ERR_DEVICE_LOST; ERR_WORKER_LOST; ERR_CLOSED; what opening the store is refused with
   */
  createMemory(options?: MemoryOptions): Promise<Memory>;
  /**
   * Opens a store in a folder, as `openStore` of the package does: all processes of a cluster share it, and no other
   * process writes to it.
   * @example
   * const store = await manager.openStore('./data');
   * await store.put('greeting', 'hello');
   * await store.close();
   * @throws {GPUError} ERR_LOCKED: it is open for writing already; ERR_DAMAGED; ERR_INVALID_ARGUMENT: the folder is no
   *   store, or may not be written; ERR_UNSUPPORTED: it is of a newer version, or of a machine with another byte order;
   *   ERR_OUT_OF_MEMORY
   */
  openStore(path: string | URL, options?: StoreOptions): Promise<Store>;
  /**
   * Makes a store of a snapshot, as `restoreStore` of the package does.
   * @example await manager.restoreStore('./snapshot', './another');
   * @throws {GPUError} ERR_INVALID_ARGUMENT: there is no snapshot, or something where the store is to be; ERR_DAMAGED;
   *   ERR_UNSUPPORTED; ERR_OUT_OF_MEMORY
   */
  restoreStore(snapshot: string | URL, path: string | URL): Promise<void>;
}
