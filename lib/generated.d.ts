// Written by `npm run generate` from the tables of settings and metrics and from what the addon exports: do not edit.

import type { AlertRule, AlertState, BudgetRule, CostUse, Degradation } from './types/operations';
import type { ResolvedAlertRule, ResultCacheUse } from './types/operations';

/** The kinds of numbers of a tensor. */
export type DType = 'float32' | 'float16' | 'bfloat16' | 'int32' | 'uint32' | 'int8' | 'uint8';

/** The kinds of devices, the preferred first. */
export type Backend = 'cuda' | 'vulkan' | 'cpu';

/** What `error.code` can be: docs/errors.md says what helps. */
export type ErrorCode =
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_UNKNOWN_WORKLOAD'
  | 'ERR_UNSUPPORTED'
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_DEVICE_LOST'
  | 'ERR_COMPILE'
  | 'ERR_TIMEOUT'
  | 'ERR_CANCELED'
  | 'ERR_QUEUE_FULL'
  | 'ERR_WORKER_LOST'
  | 'ERR_CLOSED'
  | 'ERR_INTERNAL'
  | 'ERR_NOT_FOUND'
  | 'ERR_DAMAGED'
  | 'ERR_LOCKED'
  | 'ERR_BUDGET';

/** From all to nothing. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** The built-in workloads. */
export type WorkloadName =
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'scale'
  | 'activation'
  | 'reduce'
  | 'normalize'
  | 'softmax'
  | 'layer-norm'
  | 'matmul'
  | 'attention'
  | 'top-k'
  | 'similarity-search'
  | 'quantize'
  | 'dequantize'
  | 'pca-fit'
  | 'pca-transform'
  | 'gather'
  | 'pool'
  | 'transpose'
  | 'slice'
  | 'cast'
  | 'reshape'
  | 'concat'
  | 'rms-norm'
  | 'rope'
  | 'linear'
  | 'pagerank'
  | 'force-layout'
  | 'evidence-timeline';

/** Those of them that `split: true` may cut. */
export type SplitName = 'normalize' | 'matmul' | 'similarity-search' | 'pca-transform' | 'linear';

/** The pictures the engine knows how to draw. */
export type SceneName = 'attention-heatmap' | 'document-network' | 'evidence-timeline';

/** What is left out comes from the environment, from switchyard.config.yaml, or is the default. */
export interface ManagerOptions {
  /**
   * How many workers to fork.
   * Left out in code: the application forks by itself, or nobody does. The variable is for `switchyard start`
   * alone.
   */
  workers?: number;
  /**
   * The script of the forked workers.
   * Without one: a built-in worker that only runs jobs.
   * @default a built-in one
   */
  exec?: string;
  /**
   * Contexts of each worker: the best kind first, then another.
   * @default GPU_CONTEXTS_PER_WORKER, else 2
   */
  contextsPerWorker?: number;
  /**
   * The kinds of the contexts, some of cuda, vulkan, cpu, in this order.
   * Those that a machine does not have are left out.
   * @default GPU_CONTEXT_TYPES, else the best, then another
   */
  contextTypes?: readonly Backend[] | 'auto';
  /**
   * The devices that contexts may be opened on, and no others: cuda:0, or cuda for all of a kind.
   * In the environment and the file a number alone is a CUDA card.
   * @default GPU_DEVICES, else all there are
   */
  devices?: readonly string[];
  /**
   * Workers that own contexts on one card; the others ask them.
   * @default GPU_WORKERS, else auto: 2
   */
  gpuWorkers?: number | 'auto';
  /**
   * How often a job is run again after crashes and lost devices, where the call names no number.
   * @default WORKLOAD_RETRIES, else 2
   */
  retries?: number;
  /**
   * Device memory of a context, in bytes.
   * @default GPU_MEMORY_LIMIT, else 512 MB
   */
  memoryLimit?: number | string;
  /**
   * Where indexes without a store lie that all processes of a cluster share: they end with it.
   * Where there is no such folder: that for temporary files.
   * @default GPU_MEMORY_FOLDER, else /dev/shm
   */
  memoryFolder?: string;
  /**
   * Whether this process may own stores and indexes that all processes of a cluster share.
   * Without: it does where no other process has them open.
   * @default GPU_OWNS_MEMORY, else true
   */
  ownsMemory?: boolean;
  /**
   * Launches of a worker at a time.
   * @default MAX_CONCURRENT_WORKLOADS, else 4
   */
  maxConcurrent?: number;
  /**
   * Small jobs that one launch may run together.
   * @default GPU_BATCH_SIZE, else 64
   */
  batchSize?: number;
  /**
   * Jobs that may wait.
   * @default GPU_QUEUE_LIMIT, else 10000
   */
  queueLimit?: number;
  /**
   * The time until a job's deadline, where the call names none, in ms.
   * Infinity: there is none.
   * @default WORKLOAD_TIMEOUT, else 30000 ms
   */
  timeout?: number;
  /**
   * The least that is logged: trace, debug, info, warn, error, fatal or silent.
   * Also `NODE_DEBUG=gpu-cluster` and `--gpu-debug`.
   * @default LOG_LEVEL, else warn; info for the server
   */
  logLevel?: LogLevel;
  /**
   * Where spans of jobs are sent to, by OTLP over HTTP: docs/operations.md.
   * @default OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, else none: there are no spans
   */
  traceEndpoint?: string;
  /**
   * The same without `/v1/traces`, where `traceEndpoint` is not given.
   * @default OTEL_EXPORTER_OTLP_ENDPOINT, else none
   */
  telemetryEndpoint?: string;
  /**
   * The time that a job gets to stop before its process is ended, in ms.
   * @default CONTEXT_SWITCH_TIMEOUT, else 5000 ms
   */
  contextSwitchTimeout?: number;
  /**
   * Programs that a context keeps.
   * @default SHADER_CACHE_SIZE, else 1000
   */
  shaderCacheSize?: number;
  /**
   * The folder of compiled programs and pipelines.
   * @default SHADER_CACHE_DIR, else $XDG_CACHE_HOME/switchyard, else ~/.cache/switchyard
   */
  shaderCacheDir?: string;
  /**
   * Frames a second of `renderStream`.
   * @default GPU_TARGET_FPS, else 60
   */
  targetFps?: number;
  /**
   * Joining small jobs, running a job in the worker that requests it.
   * @default ENABLE_GPU_OPTIMIZATIONS, else true
   */
  optimizations?: boolean;
  /**
   * Watch the files of programs, and swap what changes.
   * @default ENABLE_GPU_HOT_RELOAD, else false
   */
  hotReload?: boolean;
  /**
   * Log everything that happens, as `--gpu-debug`.
   * @default GPU_DEBUG_LOGGING, else false
   */
  debugLogging?: boolean;
  /**
   * Read the cards' use and memory, every `memoryCheckInterval`.
   * @default GPU_PERFORMANCE_MONITORING, else true
   */
  performanceMonitoring?: boolean;
  /**
   * The time between two looks at the cards' use and memory, in ms.
   * @default GPU_MEMORY_CHECK_INTERVAL, else 5000 ms
   */
  memoryCheckInterval?: number;
  /**
   * Memory of the host that may be in use, in bytes.
   * From 60% of it on caches stop growing, from 80% on indexes take no more vectors: docs/memory.md.
   * @default GPU_HOST_MEMORY_LIMIT, else the control group's limit, else what is available
   */
  hostMemoryLimit?: number | string;
  /**
   * An event says that a tier of memory will be full, at the rate of the last minutes, within this time, in ms.
   * @default GPU_MEMORY_FULL_WITHIN, else 600000 ms
   */
  memoryFullWithin?: number;
  /**
   * Of products, where the call names none: high is float32 throughout, fast may round to TF32 or bfloat16.
   * @default GPU_PRECISION, else high
   */
  precision?: 'high' | 'fast';
  /**
   * Whose threads run a process's own jobs: libuv's, but for one of them, or threads of the contexts' own.
   * @default GPU_EXECUTION, else libuv
   */
  execution?: 'libuv' | 'threads';
  /**
   * CUDA and Vulkan; without them everything runs on the CPU.
   * @default ENABLE_GPU, else true
   */
  gpu?: boolean;
  /**
   * The CUDA backend.
   * @default ENABLE_CUDA, else true
   */
  cuda?: boolean;
  /**
   * The Vulkan backend.
   * @default ENABLE_VULKAN or ENABLE_WEBGPU, else true
   */
  vulkan?: boolean;
  /**
   * Results of jobs with `cache: true` that each process keeps in memory; 0: none, in bytes.
   * @default RESULT_CACHE_MEMORY, else 64 MB
   */
  resultMemory?: number | string;
  /**
   * How long a result is kept in memory, in ms.
   * @default RESULT_CACHE_MEMORY_TIME, else 300000 ms
   */
  resultMemoryTime?: number;
  /**
   * A Redis that keeps results, too, as redis://:password@host:6379/0; the package ioredis has to be installed.
   * The variable is for `switchyard start` alone.
   */
  redisUrl?: string;
  /**
   * How long a result is kept in Redis, in ms.
   * @default RESULT_CACHE_REDIS_TIME, else 3600000 ms
   */
  resultRedisTime?: number;
  /**
   * The time that Redis gets to answer; one that takes longer is left alone for a while, in ms.
   * @default REDIS_TIMEOUT, else 50 ms
   */
  redisTimeout?: number;
  /**
   * A folder that keeps results, too; who can write to it can change results.
   * The variable is for `switchyard start` alone.
   */
  cacheDir?: string;
  /**
   * What results may take in that folder, in bytes.
   * @default RESULT_CACHE_DISK, else 1024 MB
   */
  resultDisk?: number | string;
  /**
   * How long a result is kept in that folder, in ms.
   * @default RESULT_CACHE_DISK_TIME, else 86400000 ms
   */
  resultDiskTime?: number;
  /**
   * What an hour of a device costs, by its id, its name or its kind; the first that is there counts.
   * @default GPU_PRICES, else none: costs are 0
   */
  prices?: Readonly<Record<string, number>>;
  /**
   * The currency of the prices.
   * @default GPU_CURRENCY, else USD
   */
  currency?: string;
  /**
   * What may be spent in a day or a month of UTC: from `warnAt` of it on (0.8) there is a warning.
   * At the limit jobs are refused (ERR_BUDGET), unless `stop` is false.
   * @default GPU_BUDGETS, else none
   */
  budgets?: readonly BudgetRule[];
  /**
   * The folder where costs are kept over restarts, by one cluster at a time.
   * The variable is for `switchyard start` alone.
   */
  costsDir?: string;
  /**
   * Where jobs go that name no kind of device: cost sends those of little work to the cheapest kind there is.
   * @default GPU_ROUTING, else speed
   */
  routing?: 'speed' | 'cost';
  /**
   * The complexity (0 to 100) below which `routing: cost` sends a job to the cheapest kind of device.
   * @default GPU_ROUTING_BELOW, else 50
   */
  routingBelow?: number;
  /**
   * When to be told: docs/operations.md.
   * @default none
   */
  alerts?: readonly AlertRule[];
  /**
   * How long the oldest job waits when there is overload: more is given up at twice and at four times as much, in
   * ms.
   * @default GPU_OVERLOAD_AGE, else Infinity: nothing is given up; of the server 5000 ms
   */
  overloadAge?: number;
}

/** Settings of the cluster, as they were read. */
export interface ManagerSettings {
  /** How many workers to fork. */
  workers: number | undefined;
  /** The script of the forked workers. */
  exec: string | undefined;
  /** Contexts of each worker: the best kind first, then another. */
  contextsPerWorker: number;
  /** The kinds of the contexts, some of cuda, vulkan, cpu, in this order. */
  contextTypes: readonly Backend[] | undefined;
  /** The devices that contexts may be opened on, and no others: cuda:0, or cuda for all of a kind. */
  devices: readonly string[] | undefined;
  /** Workers that own contexts on one card; the others ask them. */
  gpuWorkers: number | undefined;
  /** How often a job is run again after crashes and lost devices, where the call names no number. */
  retries: number;
  /** Device memory of a context. */
  memoryLimit: number;
  /** Where indexes without a store lie that all processes of a cluster share: they end with it. */
  memoryFolder: string | undefined;
  /** Whether this process may own stores and indexes that all processes of a cluster share. */
  ownsMemory: boolean;
  /** Launches of a worker at a time. */
  maxConcurrent: number;
  /** Small jobs that one launch may run together. */
  batchSize: number;
  /** Jobs that may wait. */
  queueLimit: number;
  /** The time until a job's deadline, where the call names none. */
  timeout: number;
  /** The least that is logged: trace, debug, info, warn, error, fatal or silent. */
  logLevel: LogLevel;
  /** Where spans of jobs are sent to, by OTLP over HTTP: docs/operations.md. */
  traceEndpoint: string | undefined;
  /** The same without `/v1/traces`, where `traceEndpoint` is not given. */
  telemetryEndpoint: string | undefined;
}

/** Settings of the engine, as they were read. */
export interface EngineSettings {
  /** The time that a job gets to stop before its process is ended. */
  contextSwitchTimeout: number;
  /** Programs that a context keeps. */
  shaderCacheSize: number;
  /** The folder of compiled programs and pipelines. */
  shaderCacheDir: string | undefined;
  /** Frames a second of `renderStream`. */
  targetFps: number;
  /** Joining small jobs, running a job in the worker that requests it. */
  optimizations: boolean;
  /** Watch the files of programs, and swap what changes. */
  hotReload: boolean;
  /** Log everything that happens, as `--gpu-debug`. */
  debugLogging: boolean;
  /** Read the cards' use and memory, every `memoryCheckInterval`. */
  performanceMonitoring: boolean;
  /** The time between two looks at the cards' use and memory. */
  memoryCheckInterval: number;
  /** Memory of the host that may be in use. */
  hostMemoryLimit: number | undefined;
  /**
   * An event says that a tier of memory will be full, at the rate of the last minutes, within this time.
   */
  memoryFullWithin: number;
  /**
   * Of products, where the call names none: high is float32 throughout, fast may round to TF32 or bfloat16.
   */
  precision: 'high' | 'fast';
  /**
   * Whose threads run a process's own jobs: libuv's, but for one of them, or threads of the contexts' own.
   */
  execution: 'libuv' | 'threads';
  /** CUDA and Vulkan; without them everything runs on the CPU. */
  gpu: boolean;
  /** The CUDA backend. */
  cuda: boolean;
  /** The Vulkan backend. */
  vulkan: boolean;
}

/** Settings of kept results, costs, alerts and overload, as they were read. */
export interface OperationSettings {
  /** Results of jobs with `cache: true` that each process keeps in memory; 0: none. */
  resultMemory: number;
  /** How long a result is kept in memory. */
  resultMemoryTime: number;
  /**
   * A Redis that keeps results, too, as redis://:password@host:6379/0; the package ioredis has to be installed.
   */
  redisUrl: string | undefined;
  /** How long a result is kept in Redis. */
  resultRedisTime: number;
  /** The time that Redis gets to answer; one that takes longer is left alone for a while. */
  redisTimeout: number;
  /** A folder that keeps results, too; who can write to it can change results. */
  cacheDir: string | undefined;
  /** What results may take in that folder. */
  resultDisk: number;
  /** How long a result is kept in that folder. */
  resultDiskTime: number;
  /** What an hour of a device costs, by its id, its name or its kind; the first that is there counts. */
  prices: Readonly<Record<string, number>> | undefined;
  /** The currency of the prices. */
  currency: string;
  /** What may be spent in a day or a month of UTC: from `warnAt` of it on (0.8) there is a warning. */
  budgets: readonly Required<BudgetRule>[] | undefined;
  /** The folder where costs are kept over restarts, by one cluster at a time. */
  costsDir: string | undefined;
  /**
   * Where jobs go that name no kind of device: cost sends those of little work to the cheapest kind there is.
   */
  routing: 'speed' | 'cost';
  /** The complexity (0 to 100) below which `routing: cost` sends a job to the cheapest kind of device. */
  routingBelow: number;
  /** When to be told: docs/operations.md. */
  alerts: readonly ResolvedAlertRule[] | undefined;
  /**
   * How long the oldest job waits when there is overload: more is given up at twice and at four times as much.
   */
  overloadAge: number;
}

/** Settings of the HTTP service. */
export interface ServiceSettings {
  /** Where to listen; 0: any that is free. */
  port: number;
  /** The address to listen on; 0.0.0.0: reachable from everywhere. */
  host: string;
  /** The body of one request. */
  bodyLimit: number;
  /** All named tensors of the cluster together, beyond which none is taken by HTTP; 0: none is. */
  tensorLimit: number;
  /** The time until the headers must be complete. */
  headersTimeout: number;
  /** The time until the whole request must be there. */
  requestTimeout: number;
  /** Connections of a worker. */
  maxConnections: number;
  /** The answers of all workers that clients have not read yet; one client gets about half of it. */
  answerLimit: number;
  /** The time in which a client must take a megabyte of its answer, or the rest of it. */
  answerTimeout: number;
  /** The longest `timeout` that a client's request may have. */
  clientTimeout: number;
  /** The estimated work of the jobs that a client has under way, on a core of 100 GFLOP/s and 20 GB/s. */
  clientCost: number;
  /** Jobs that a client has under way at a time; others of its wait. */
  clientJobs: number | undefined;
  /**
   * The proxies whose X-Forwarded-For says who the client is: addresses, networks like 10.0.0.0/8, or loopback.
   */
  trustProxy: string | undefined;
  /** The time that requests under way get when the server stops. */
  drainTimeout: number;
  /** Where to listen for WebSockets; 0: any that is free; the same as `port`: there alone, at /ws. */
  rpcPort: number | undefined;
  /** The one token that requests must have, as `Authorization: Bearer <token>`; 16 characters at least. */
  authToken: string | undefined;
  /** A file of several tokens, with names, scopes, expiry and quotas: docs/rpc.md. */
  authTokensFile: string | undefined;
  /** Whether requests without a token are taken on an address that others can reach. */
  allowAnonymous: boolean;
  /** The origins whose pages in browsers may send requests, with commas between them; *: all. */
  allowedOrigins: string | undefined;
  /** The file of the certificate, with those between it and its root, for HTTPS and WSS; with `tlsKey`. */
  tlsCert: string | undefined;
  /** The file of the certificate's key. */
  tlsKey: string | undefined;
  /** The folder of what clients have kept: memories, indexes, objects. */
  memoryDir: string;
  /** A folder whose folders are models of texts that clients may name. */
  modelsDir: string | undefined;
  /** What texts are embedded with where a client names no model: a folder, or the name of a package. */
  textModel: string | undefined;
  /** A cross-encoder, by which documents are put in order; without one by their vectors. */
  textReranker: string | undefined;
  /** WebSockets of a worker. */
  rpcConnections: number;
  /** WebSockets of a client with a worker. */
  rpcClientConnections: number;
  /** What may wait to be read by the client of a WebSocket; beyond that it is closed. */
  rpcBuffer: number;
  /** The time between two pings on a WebSocket; one that does not answer by the next is closed. */
  rpcPing: number;
}

/** Settings of commands that ask a server. */
export interface CommandSettings {
  /** The folder in which `run`, `embed` and `rerank` with `--server` keep answers for an hour. */
  answersDir: string | undefined;
}

/** What half of all values, and 99 of 100, do not exceed. */
export interface Percentiles {
  /** Half of them are at most this. */
  p50: number;
  /** 99 of 100 are at most this. */
  p99: number;
}

/** Durations in ms, memory in MB, rates in per cent. */
export interface GPUClusterMetrics {
  /** Contexts, whatever their state. */
  totalContexts: number;
  /** Contexts that take jobs. */
  activeContexts: number;
  /** Compiled programs that contexts hold. */
  totalShaders: number;
  /** How many jobs of a program found it compiled, in per cent. */
  cacheHitRate: number;
  /** What a new program takes, in ms: its source, and then a device's part of it. */
  compilationTime: number;
  memoryUsage: {
    /** Device memory in use, in MB. */
    total: number;
    /** Device memory that a context uses, on average, in MB. */
    perContext: number;
    /** The same of each, by its id, in MB. */
    contexts: Record<string, number>;
    /** Sealed tensors that stay on devices between jobs, in MB. */
    resident: number;
    /** Memory of compiled programs, in MB. */
    shaderCache: number;
    /** Shared memory of the tensors that are published, in MB. */
    published: number;
    /**
     * Shared memory of all tensors that processes hold, sealed or not, and of outputs of split jobs, in MB.
     */
    shared: number;
  };
  performance: {
    /** Pictures a second, over the last ten. */
    frameRate: number;
    /** Compute time of a picture, in ms. */
    renderTime: number;
    /** Jobs a second, over the last ten. */
    jobsPerSecond: number;
    /** Jobs that wait for a context. */
    queueDepth: number;
    /** Jobs that a context has. */
    running: number;
    /** How long the oldest of the waiting jobs has waited, in ms. */
    queueAge: number;
    recent: {
      /** From the call to the result, of the last ten seconds, in ms; 0: there was none. */
      latency: Percentiles;
      /** From the call until a context took the job, of the last ten seconds, in ms; 0: there was none. */
      queueTime: Percentiles;
      /**
       * From the decision for another context to its first command, of the last ten seconds, in ms; 0: there was none.
       */
      contextSwitchTime: Percentiles;
    };
    /** Times that work went to another context than before. */
    contextSwitches: number;
    /** From the decision for another context to its first command, in ms. */
    contextSwitchTime: Percentiles;
    /** From the call to the result, for jobs completed, in ms. */
    latency: Percentiles;
  };
  /** Kept results. */
  resultCache: ResultCacheUse;
  /** What jobs cost. */
  costs: CostUse;
  /** The alerts of the settings. */
  alerts: AlertState[];
  /** What is given up under overload. */
  degradation: Degradation;
}
