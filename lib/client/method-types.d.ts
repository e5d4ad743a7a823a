// Written by `npm run generate`. The methods of the service, from their one table.
import type { CallOptions, Tensor, TensorLike } from './index';

export interface Methods {
  /**
   * Makes vectors, or texts as vectors, ready to be searched: normalized, reduced to fewer
   * dimensions by principal components, quantized. Give embeddings or texts.
   */
  processEmbeddings(
    params?: {
      /**
       * Rows [n, d], or one vector [d]. A tensor: numbers, nested or flat; { data, shape, dtype }
       * with numbers or base64 as data; in a binary frame { shape, dtype, offset }.
       */
      embeddings?: TensorLike;
      /** texts in their place */
      texts?: string | string[];
      options?: {
        /** each row over its length */
        normalize?: boolean;
        /** whether rows are reduced; left out: where dimension_reduction or basis is given */
        reduce_dimensions?: boolean;
        /** to how many dimensions */
        dimension_reduction?: number;
        /** codes of 8 bits (true, 8) or 4 */
        quantization?: true | false | 8 | 4;
        /** the most rows of a job */
        batch_size?: number;
        /** a basis' name, or a basis that an earlier call gave */
        basis?: string | Record<string, unknown>;
        /**
         * a model of texts by its name here: a folder of the server's models; left out: the usual
         * one
         */
        model?: string;
      };
      /** the numbers of the basis, too, to be given again */
      includeBasis?: boolean;
      job?: {
        /** higher goes first */
        priority?: number;
        /** milliseconds from the call */
        timeout?: number;
        /** contexts of this kind alone */
        contextType?: 'cuda' | 'vulkan' | 'cpu';
        /** jobs of one affinity go to one context */
        affinity?: string;
        /** how often it is begun again after a lost device */
        retries?: number;
      };
    },
    options?: CallOptions,
  ): Promise<{
    /**
     * [n, c], of one vector or text [c]. A tensor: numbers, nested or flat; { data, shape, dtype
     * } with numbers or base64 as data; in a binary frame { shape, dtype, offset }.
     */
    embeddings: Tensor;
    /**
     * [n], with quantization: what codes of a row are multiplied with. A tensor: numbers, nested
     * or flat; { data, shape, dtype } with numbers or base64 as data; in a binary frame { shape,
     * dtype, offset }.
     */
    scales?: Tensor;
    /** what rows were reduced with: name, version; with includeBasis mean, components and more */
    basis?: Record<string, unknown>;
    /** of each row */
    dimensions: number;
    /** milliseconds */
    timings: Record<string, unknown>;
  }>;
  /** Turns texts into vectors of their meaning, with a model of texts. */
  embed(
    params: {
      /** the texts */
      texts: string[];
      /**
       * a model of texts by its name here: a folder of the server's models; left out: the usual
       * one
       */
      model?: string;
      /** each row over its length; left out: as the model says */
      normalize?: boolean;
      /** longer texts are cut; false: they are refused */
      truncate?: boolean;
      /** only so many of the first numbers of each row */
      dimensions?: number;
      /** goes before each text */
      prompt?: string;
      /** the same, by its name among the model's prompts */
      promptName?: string;
      /** of the embeddings */
      dtype?: 'float32' | 'float16' | 'bfloat16';
      /** a layer of the model, whose weights of attention come, too */
      returnAttention?: number;
      job?: {
        /** higher goes first */
        priority?: number;
        /** milliseconds from the call */
        timeout?: number;
        /** contexts of this kind alone */
        contextType?: 'cuda' | 'vulkan' | 'cpu';
        /** jobs of one affinity go to one context */
        affinity?: string;
        /** how often it is begun again after a lost device */
        retries?: number;
      };
    },
    options?: CallOptions,
  ): Promise<{
    /**
     * [n, d]. A tensor: numbers, nested or flat; { data, shape, dtype } with numbers or base64
     * as data; in a binary frame { shape, dtype, offset }.
     */
    embeddings: Tensor;
    /** of each text */
    tokens: number[];
    /** of each text, whether it was cut */
    truncated: boolean[];
    /** name, digest, dimensions, maxLength */
    model: Record<string, unknown>;
    /** of each text, with returnAttention */
    attention?: {
      /** its tokens */
      labels: string[];
      /**
       * [heads, t, t]. A tensor: numbers, nested or flat; { data, shape, dtype } with numbers or
       * base64 as data; in a binary frame { shape, dtype, offset }.
       */
      weights: Tensor;
    }[];
    /** milliseconds */
    timings: Record<string, unknown>;
  }>;
  /**
   * Puts documents in the order of how well they answer a query, the best first: by a
   * cross-encoder where the server has one, else by the cosine of their vectors, which `by`
   * says.
   */
  rerank(
    params: {
      /** what is looked for */
      query: string;
      /** the documents */
      documents: string[];
      /**
       * a model of texts by its name here: a folder of the server's models; left out: the usual
       * one
       */
      model?: string;
      /** how many */
      topK?: number;
      /** longer texts are cut; false: they are refused */
      truncate?: boolean;
      job?: {
        /** higher goes first */
        priority?: number;
        /** milliseconds from the call */
        timeout?: number;
        /** contexts of this kind alone */
        contextType?: 'cuda' | 'vulkan' | 'cpu';
        /** jobs of one affinity go to one context */
        affinity?: string;
        /** how often it is begun again after a lost device */
        retries?: number;
      };
    },
    options?: CallOptions,
  ): Promise<{
    /** the best first */
    results: {
      /** its place among the documents */
      index: number;
      /** the larger the better */
      score: number;
    }[];
    /** a cross-encoder, or the cosine of the vectors */
    by: 'cross-encoder' | 'cosine';
    /** name, digest, maxLength */
    model: Record<string, unknown>;
    /** of the query and all documents */
    tokens: number;
  }>;
  /**
   * Remembers texts by what they mean: they are cut into passages, embedded and kept on disk.
   * A document is there with all of its passages, or not at all.
   */
  memory_remember(
    params: {
      /** texts, or { id, text, metadata } */
      documents: (string | Record<string, unknown>)[];
      /** of all documents of the call; a document's own fields go before it */
      metadata?: Record<string, unknown>;
      /** of several memories */
      memory?: string;
      job?: {
        /** higher goes first */
        priority?: number;
        /** milliseconds from the call */
        timeout?: number;
        /** contexts of this kind alone */
        contextType?: 'cuda' | 'vulkan' | 'cpu';
        /** jobs of one affinity go to one context */
        affinity?: string;
        /** how often it is begun again after a lost device */
        retries?: number;
      };
    },
    options?: CallOptions,
  ): Promise<{
    /** of the documents, each once */
    ids: string[];
    /** how many each has */
    passages: number[];
  }>;
  /** Finds the passages that are nearest to a question by what they mean, best first. */
  memory_recall(
    params: {
      /** the question */
      query: string;
      /** how many passages */
      k?: number;
      /** which may be found: { field: value }, { field: { $gte: 1 } }, $and, $or, $not */
      filter?: Record<string, unknown>;
      /** whether a cross-encoder decides the order, or of how many passages */
      rerank?: boolean | number;
      /** of several memories */
      memory?: string;
      job?: {
        /** higher goes first */
        priority?: number;
        /** milliseconds from the call */
        timeout?: number;
        /** contexts of this kind alone */
        contextType?: 'cuda' | 'vulkan' | 'cpu';
        /** jobs of one affinity go to one context */
        affinity?: string;
        /** how often it is begun again after a lost device */
        retries?: number;
      };
    },
    options?: CallOptions,
  ): Promise<{
    /** best first */
    passages: {
      /** of its document */
      id: string;
      /** the passage */
      text: string;
      /** the larger the nearer */
      score: number;
      /** where it begins in its document, in UTF-16 units */
      start: number;
      /** where it ends */
      end: number;
      /** a JSON object that filters see */
      metadata: Record<string, unknown>;
    }[];
  }>;
  /** Removes documents from a memory, by their ids or by a filter over their metadata. */
  memory_forget(
    params?: {
      /** of documents */
      ids?: string[];
      /** which may be found: { field: value }, { field: { $gte: 1 } }, $and, $or, $not */
      filter?: Record<string, unknown>;
      /** of several memories */
      memory?: string;
    },
    options?: CallOptions,
  ): Promise<{
    /** how many were there */
    forgotten: number;
  }>;
  /**
   * Makes an index of vectors that is kept on disk; one that is there with the same
   * dimensions, metric and dtype stays as it is.
   */
  index_create(
    params: {
      /** what the index is called */
      index: string;
      /** of each vector */
      dimensions: number;
      /** how near a vector is */
      metric?: 'cosine' | 'dot' | 'l2';
      /** what is scanned; answers are the same */
      dtype?: 'float32' | 'float16' | 'bfloat16' | 'int8';
    },
    options?: CallOptions,
  ): Promise<{
    /** what the index is called */
    index: string;
    /** of each vector */
    dimensions: number;
    /** how near a vector is */
    metric: 'cosine' | 'dot' | 'l2';
    /** what is scanned */
    dtype: 'float32' | 'float16' | 'bfloat16' | 'int8';
    /** vectors */
    size: number;
    /** whether it was not there before */
    created?: boolean;
  }>;
  /** Adds vectors to an index: all of them, or none. An id that is there already is refused. */
  index_add(
    params: {
      /** what the index is called */
      index: string;
      /** one for each vector */
      ids: (string | number)[];
      /**
       * Rows [n, d], float32. A tensor: numbers, nested or flat; { data, shape, dtype } with
       * numbers or base64 as data; in a binary frame { shape, dtype, offset }.
       */
      vectors: TensorLike;
      /** of each vector an object, or null */
      metadata?: (Record<string, unknown> | null)[];
    },
    options?: CallOptions,
  ): Promise<{
    /** vectors of the index */
    size: number;
  }>;
  /** Adds vectors to an index, and replaces those that have the same ids, with their metadata. */
  index_upsert(
    params: {
      /** what the index is called */
      index: string;
      /** one for each vector */
      ids: (string | number)[];
      /**
       * Rows [n, d], float32. A tensor: numbers, nested or flat; { data, shape, dtype } with
       * numbers or base64 as data; in a binary frame { shape, dtype, offset }.
       */
      vectors: TensorLike;
      /** of each vector an object, or null */
      metadata?: (Record<string, unknown> | null)[];
    },
    options?: CallOptions,
  ): Promise<{
    /** vectors of the index */
    size: number;
  }>;
  /** Removes vectors from an index by their ids, and says how many were there. */
  index_remove(
    params: {
      /** what the index is called */
      index: string;
      /** of vectors */
      ids: (string | number)[];
    },
    options?: CallOptions,
  ): Promise<{
    /** how many were there */
    removed: number;
    /** vectors left */
    size: number;
  }>;
  /**
   * Finds the vectors of an index that are nearest to a query, or to each of several: exactly
   * those.
   */
  index_search(
    params: {
      /** what the index is called */
      index: string;
      /**
       * Queries [n, d], or one [d], float32. A tensor: numbers, nested or flat; { data, shape,
       * dtype } with numbers or base64 as data; in a binary frame { shape, dtype, offset }.
       */
      vectors: TensorLike;
      /** how many */
      k?: number;
      /** which may be found: { field: value }, { field: { $gte: 1 } }, $and, $or, $not */
      filter?: Record<string, unknown>;
      /** these alone */
      ids?: (string | number)[];
      /** none that are worse */
      threshold?: number;
      /** what codes find is not proven */
      approximate?: boolean;
      /** the vectors found, too */
      includeVectors?: boolean;
      /** their metadata */
      includeMetadata?: boolean;
      job?: {
        /** higher goes first */
        priority?: number;
        /** milliseconds from the call */
        timeout?: number;
        /** contexts of this kind alone */
        contextType?: 'cuda' | 'vulkan' | 'cpu';
        /** jobs of one affinity go to one context */
        affinity?: string;
        /** how often it is begun again after a lost device */
        retries?: number;
      };
    },
    options?: CallOptions,
  ): Promise<{
    /** for each query */
    results: {
      /** the nearest first */
      ids: (string | number)[];
      /** of each */
      scores: number[];
      /**
       * [hits, d]. A tensor: numbers, nested or flat; { data, shape, dtype } with numbers or
       * base64 as data; in a binary frame { shape, dtype, offset }.
       */
      vectors?: Tensor;
      /** of each, or null */
      metadata?: (Record<string, unknown> | null)[];
    }[];
  }>;
  /** What an index is made of; without a name the indexes that there are. */
  index_stats(
    params?: {
      /** what the index is called */
      index?: string;
    },
    options?: CallOptions,
  ): Promise<{
    /** each */
    indexes: Record<string, unknown>[];
  }>;
  /** Keeps a value under a key on disk, in the place of what was there. */
  store_put(
    params: {
      /** 1 to 512 bytes of UTF-8 */
      key: string;
      /** a text, base64 (encoding), or bytes: a tensor of dtype uint8 */
      value: string | unknown[] | Record<string, unknown>;
      /** of a text */
      encoding?: 'utf8' | 'base64';
      /** milliseconds after which it is gone */
      ttl?: number;
      /** whether it is on the disk when it is acknowledged */
      durable?: boolean;
    },
    options?: CallOptions,
  ): Promise<{
    /** of the value */
    bytes: number;
  }>;
  /** The value of a key. */
  store_get(
    params: {
      /** 1 to 512 bytes of UTF-8 */
      key: string;
      /** how the value is written; bytes: a tensor of dtype uint8 */
      encoding?: 'utf8' | 'base64' | 'bytes';
    },
    options?: CallOptions,
  ): Promise<{
    /** whether there is one */
    found: boolean;
    /** as encoding says; missing where there is none */
    value?: string | Record<string, unknown>;
  }>;
  /** Forgets a key, and says whether it was there. */
  store_delete(
    params: {
      /** 1 to 512 bytes of UTF-8 */
      key: string;
    },
    options?: CallOptions,
  ): Promise<{
    /** whether it was there */
    deleted: boolean;
  }>;
  /** Keys in the order of their bytes, a page at a time. */
  store_list(
    params?: {
      /** only keys that begin so */
      prefix?: string;
      /** how many */
      limit?: number;
      /** only keys behind this one: the last of the page before */
      after?: string;
    },
    options?: CallOptions,
  ): Promise<{
    /** the keys */
    keys: string[];
  }>;
  /**
   * Runs a workload, a graph of them or a scene on whichever context suits best: listWorkloads
   * says which there are. Kernels and shaders are code: they run only for tokens whose scope
   * says so.
   */
  executeWorkload(
    params: {
      /** the workload's name, 'graph', or 'render' with a scene */
      type: string;
      /** tensors by name; { ref: name }: a published one */
      inputs?: Record<string, unknown>;
      /** by name */
      params?: Record<string, unknown>;
      /** one is made where there is none */
      id?: string;
      /** of a graph */
      nodes?: Record<string, unknown>[];
      /** of a graph or a kernel */
      outputs?: unknown[] | Record<string, unknown>;
      /** a picture's name */
      scene?: string;
      /** of a picture */
      width?: number;
      /** of a picture */
      height?: number;
      /** of a picture */
      time?: number;
      /** over several devices, where the type can be */
      split?: boolean;
      /** { name, glsl, cuda, bindings }: source texts */
      kernel?: Record<string, unknown>;
      /** of a kernel */
      threads?: number | unknown[];
      /** priority, timeout, contextType, affinity, cache, retries, encoding */
      options?: Record<string, unknown>;
    },
    options?: CallOptions,
  ): Promise<Record<string, unknown>>;
  /** The built-in workloads, each with its inputs, parameters and outputs, and the scenes. */
  listWorkloads(
    params?: {},
    options?: CallOptions,
  ): Promise<{
    /** each */
    workloads: Record<string, unknown>[];
  }>;
  /** The devices that jobs run on, and the contexts on each. */
  listDevices(
    params?: {},
    options?: CallOptions,
  ): Promise<{
    /** each */
    devices: Record<string, unknown>[];
  }>;
  /**
   * The most used figures of the cluster: jobs, latency, memory. Durations in ms, memory in
   * MB.
   */
  getMetrics(params?: {}, options?: CallOptions): Promise<Record<string, unknown>>;
  /** How the cluster is: ok, degraded or down, with its contexts and its queue. */
  health(params?: {}, options?: CallOptions): Promise<Record<string, unknown>>;
  /**
   * The models that clients may name, and the memories and indexes that are kept, with their
   * sizes as far as they are open.
   */
  listKept(
    params?: {},
    options?: CallOptions,
  ): Promise<{
    /** each */
    models: Record<string, unknown>[];
    /** each */
    memories: Record<string, unknown>[];
    /** each */
    indexes: Record<string, unknown>[];
  }>;
  /**
   * Gives unused memory back, in every process of the cluster: what helps where memory was
   * short.
   */
  cleanup(
    params?: {},
    options?: CallOptions,
  ): Promise<{
    /** it was asked for */
    done: boolean;
  }>;
  /**
   * Sends events of the cluster as notifications `event` on this connection, and every so
   * often what getMetrics, health and listKept answer and what contexts there are, until it is
   * canceled or the connection ends. What a client does not read in time is left out, and
   * counted.
   */
  subscribe(
    params?: {
      /** which; metrics, contexts, health, kept: now and every so often */
      events?: (
        | 'context-switch'
        | 'workload-completed'
        | 'workload-failed'
        | 'progress'
        | 'worker-ready'
        | 'worker-left'
        | 'worker-lost'
        | 'context-lost'
        | 'memory-pressure'
        | 'tensor-published'
        | 'queue-full'
        | 'alert'
        | 'budget'
        | 'degradation'
        | 'metrics'
        | 'contexts'
        | 'health'
        | 'kept'
      )[];
      /** milliseconds between two notifications of metrics and the like */
      interval?: number;
      /** a subscription that is to end */
      cancel?: string;
    },
    options?: CallOptions,
  ): Promise<{
    /** its name, which each notification has */
    subscription: string;
    /** it goes on */
    active: boolean;
  }>;
}
