// The memory system on a manager: what it offers of the room for memory, which lies above the cluster.
'use strict';
const { makeOn } = require('../core');
const { ManagerModels } = require('./manager-models');

/** @typedef {import('../core').GPUError} GPUError */

class ManagerMemory extends ManagerModels {
  /**
   * Vectors or texts as vectors to search: normalized, reduced, as codes, in one job on one context.
   * @param {import('../index').EmbeddingsRequest} request { embeddings, options } or { texts, options }
   * @param {import('../index').EmbeddingsJobOptions} [options] signal, timeout, priority, contextType, affinity,
   *   retries
   * @returns {Promise<import('../index').ProcessedEmbeddings>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: an option, or a row, which is named; ERR_NOT_FOUND: there
   *   is no such model; ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_WORKER_LOST; ERR_QUEUE_FULL, with `retryAfter`;
   *   ERR_TIMEOUT and ERR_CANCELED, with `released`; ERR_CLOSED
   * @example
   * const options = { dimension_reduction: 256, quantization: true };
   * const { embeddings, scales, basis } = await manager.processEmbeddings({ embeddings: vectors, options });
   */
  async processEmbeddings(request, options) {
    const made = /** @type {unknown} */ (await makeOn('processEmbeddings', this, request, options));
    return /** @type {import('../index').ProcessedEmbeddings} */ (made);
  }

  /**
   * Embeddings as a service, on contexts of one kind: cards where there are some, else the processor.
   * @param {import('../index').ServiceOptions} [options] device: 'auto', 'gpu' or 'cpu'
   * @returns {Promise<import('../index').EmbeddingService>}
   * @throws {GPUError} (rejects with) ERR_UNSUPPORTED: there is no context of that kind; ERR_INVALID_ARGUMENT;
   *   ERR_CLOSED; what `ready` rejects with
   * @example
   * const service = await manager.createService({ device: 'auto' });
   * const { embeddings } = await service.processEmbeddings({ texts: ['a text', 'another'] });
   */
  async createService(options) {
    const made = /** @type {unknown} */ (await makeOn('createService', this, options));
    return /** @type {import('../index').EmbeddingService} */ (made);
  }

  /**
   * Texts that are remembered by what they mean: their model and their index run on the contexts of the cluster.
   * @param {import('../index').MemoryOptions} [options] model, store or path, name, chunk, dtype, reranker
   * @returns {Promise<import('../index').Memory>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT; ERR_NOT_FOUND: there is no such model; ERR_UNSUPPORTED;
   *   ERR_OUT_OF_MEMORY; ERR_DEVICE_LOST; ERR_WORKER_LOST; ERR_CLOSED; what opening the store is refused with
   * @example
   * const memory = await manager.createMemory({ path: './memory' });
   * await memory.remember({ id: 'mit', text });
   * const [best] = await memory.recall('may I sell it?', { k: 1 });
   */
  async createMemory(options) {
    const made = /** @type {unknown} */ (await makeOn('createMemory', this, options));
    return /** @type {import('../index').Memory} */ (made);
  }

  /**
   * Opens a store in a folder, as `openStore` of the package does: all processes of a cluster share it, and no other
   * process writes to it.
   * @param {string|URL} path the folder
   * @param {import('../index').StoreOptions} [options] durable (true), readOnly (false), limit
   * @returns {Promise<import('../index').Store>}
   * @throws {GPUError} (rejects with) ERR_LOCKED: it is open for writing already; ERR_DAMAGED; ERR_INVALID_ARGUMENT:
   *   the folder is no store, or may not be written; ERR_UNSUPPORTED: it is of a newer version, or of a machine with
   *   another byte order; ERR_OUT_OF_MEMORY
   * @example
   * const store = await manager.openStore('./data');
   * await store.put('greeting', 'hello');
   * await store.close();
   */
  async openStore(path, options) {
    const made = /** @type {unknown} */ (await makeOn('openStore', this, path, options));
    return /** @type {import('../index').Store} */ (made);
  }

  /**
   * Makes a store of a snapshot, as `restoreStore` of the package does.
   * @param {string|URL} snapshot
   * @param {string|URL} path where the store is to be: a folder that is not there
   * @returns {Promise<void>}
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: there is no snapshot, or something where the store is to
   *   be; ERR_DAMAGED; ERR_UNSUPPORTED; ERR_OUT_OF_MEMORY
   * @example
   * await manager.restoreStore('./snapshot', './another');
   */
  async restoreStore(snapshot, path) {
    await makeOn('restoreStore', this, snapshot, path);
  }
}

module.exports = { ManagerMemory };
