// The one table of settings. A row is all there is to say of a setting: from it come what is read and checked, the
// types, --help, the tables of README.md and docs/settings.md, and the config file's schema (`npm run generate`).
'use strict';
const os = require('node:os');
const { kBackends } = require('../core');
const { checkRows } = require('./check-rows');
const { kDoorRows } = require('./door-settings');
const { kOperationRows } = require('./operation-settings');
const { kServiceRows } = require('./service-settings');
const {
  boolean,
  integer,
  integerOrAuto,
  wholeMilliseconds,
  number,
  milliseconds,
  bytes,
  text,
  listOf,
  deviceIds,
  wordOf,
  logLevel,
} = require('./kinds');

// What a setting is about: the cluster, the engine, operations (all three are options of createGPUClusterManager() and
// of `switchyard start`), the HTTP service, or commands that ask a server.
/** @typedef {'manager'|'engine'|'operations'|'service'|'command'} Scope */
/**
 * @typedef {object} Row
 * @property {Scope} of
 * @property {import('./kinds').Kind} kind what is right for it
 * @property {readonly string[]} [env] environment variables; the first that is set counts
 * @property {string} [key] what else the config file may call it: 'gpu.memory_limit' stands as memory_limit below gpu
 * @property {unknown} [initial] the default; left out: undefined, which `otherwise` puts into words
 * @property {() => unknown} [serviceInitial] the default in `switchyard start`, where that is another
 * @property {string} [otherwise] the default in words, where a value does not say it
 * @property {string} [flag] the option of `switchyard start`
 * @property {boolean} [service] the environment and the config file say it to `switchyard start` alone: an application
 *   gives it in code
 * @property {boolean} [primary] it means something to the process that forks alone, and is not handed on to workers
 * @property {string} what one line, without a full stop
 * @property {string} [more] what the types and docs/settings.md say beyond that, in sentences
 */
/** @typedef {Row & { name: string }} Setting */

/** @type {Record<string, Row>} in the order in which they are read, and shown */
const kRows = {
  workers: {
    of: 'manager',
    kind: integer(1, 1024),
    env: ['CLUSTER_WORKERS'],
    serviceInitial: () => Math.min(os.availableParallelism(), 8),
    otherwise: 'one a processor, at most 8',
    flag: '--workers <count>',
    service: true,
    primary: true,
    what: 'how many workers to fork',
    more:
      'Left out in code: the application forks by itself, or nobody does. The variable is for `switchyard start` ' +
      'alone.',
  },
  exec: {
    of: 'manager',
    kind: text,
    otherwise: 'a built-in one',
    primary: true,
    what: 'the script of the forked workers',
    more: 'Without one: a built-in worker that only runs jobs.',
  },
  contextsPerWorker: {
    of: 'manager',
    kind: integer(1, 64),
    env: ['GPU_CONTEXTS_PER_WORKER'],
    key: 'gpu.async.num_streams',
    initial: 2,
    flag: '--contexts <count>',
    what: 'contexts of each worker: the best kind first, then another',
  },
  contextTypes: {
    of: 'manager',
    kind: listOf(kBackends, 'Backend'),
    env: ['GPU_CONTEXT_TYPES'],
    key: 'gpu.device_preference',
    otherwise: 'the best, then another',
    flag: '--types <types>',
    what: 'the kinds of the contexts, some of cuda, vulkan, cpu, in this order',
    more: 'Those that a machine does not have are left out.',
  },
  devices: {
    of: 'manager',
    kind: deviceIds(kBackends),
    env: ['GPU_DEVICES'],
    key: 'gpu.multi_gpu.device_ids',
    otherwise: 'all there are',
    flag: '--devices <ids>',
    what: 'the devices that contexts may be opened on, and no others: cuda:0, or cuda for all of a kind',
    more: 'In the environment and the file a number alone is a CUDA card.',
  },
  gpuWorkers: {
    of: 'manager',
    kind: integerOrAuto(0, 1024),
    env: ['GPU_WORKERS'],
    otherwise: 'auto: 2',
    flag: '--gpu-workers <count>',
    what: 'workers that own contexts on one card; the others ask them',
  },
  retries: {
    of: 'manager',
    kind: integer(0, 100),
    env: ['WORKLOAD_RETRIES'],
    initial: 2,
    what: 'how often a job is run again after crashes and lost devices, where the call names no number',
  },
  memoryLimit: {
    of: 'manager',
    kind: bytes(1, 2 ** 30),
    env: ['GPU_MEMORY_LIMIT'],
    key: 'gpu.memory_limit',
    initial: 512 * 2 ** 20,
    flag: '--memory-limit <MB>',
    what: 'device memory of a context',
  },
  memoryFolder: {
    of: 'manager',
    kind: text,
    env: ['GPU_MEMORY_FOLDER'],
    otherwise: '/dev/shm',
    primary: true,
    what: 'where indexes without a store lie that all processes of a cluster share: they end with it',
    more: 'Where there is no such folder: that for temporary files.',
  },
  ownsMemory: {
    of: 'manager',
    kind: boolean,
    env: ['GPU_OWNS_MEMORY'],
    initial: true,
    what: 'whether this process may own stores and indexes that all processes of a cluster share',
    more: 'Without: it does where no other process has them open.',
  },
  maxConcurrent: {
    of: 'manager',
    kind: integer(1, 1024),
    env: ['MAX_CONCURRENT_WORKLOADS'],
    initial: 4,
    flag: '--max-concurrent <count>',
    what: 'launches of a worker at a time',
  },
  batchSize: {
    of: 'manager',
    kind: integer(1, 64),
    env: ['GPU_BATCH_SIZE'],
    key: 'processing.batch_size',
    initial: 64,
    flag: '--batch-size <count>',
    what: 'small jobs that one launch may run together',
  },
  queueLimit: {
    of: 'manager',
    kind: integer(1, 10_000_000),
    env: ['GPU_QUEUE_LIMIT'],
    initial: 10_000,
    flag: '--queue-limit <count>',
    what: 'jobs that may wait',
  },
  timeout: {
    of: 'manager',
    kind: milliseconds,
    env: ['WORKLOAD_TIMEOUT'],
    key: 'processing.timeout',
    initial: 30_000,
    flag: '--timeout <ms>',
    what: "the time until a job's deadline, where the call names none",
    more: 'Infinity: there is none.',
  },
  logLevel: {
    of: 'manager',
    kind: logLevel,
    env: ['LOG_LEVEL'],
    initial: 'warn',
    serviceInitial: () => 'info',
    otherwise: 'warn; info for the server',
    flag: '--log-level <level>',
    what: 'the least that is logged: trace, debug, info, warn, error, fatal or silent',
    more: 'Also `NODE_DEBUG=gpu-cluster` and `--gpu-debug`.',
  },
  traceEndpoint: {
    of: 'manager',
    kind: text,
    env: ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'],
    otherwise: 'none: there are no spans',
    what: 'where spans of jobs are sent to, by OTLP over HTTP: docs/operations.md',
  },
  telemetryEndpoint: {
    of: 'manager',
    kind: text,
    env: ['OTEL_EXPORTER_OTLP_ENDPOINT'],
    otherwise: 'none',
    what: 'the same without `/v1/traces`, where `traceEndpoint` is not given',
  },
  contextSwitchTimeout: {
    of: 'engine',
    kind: milliseconds,
    env: ['CONTEXT_SWITCH_TIMEOUT'],
    initial: 5000,
    what: 'the time that a job gets to stop before its process is ended',
  },
  shaderCacheSize: {
    of: 'engine',
    kind: integer(1, 1_000_000),
    env: ['SHADER_CACHE_SIZE'],
    key: 'processing.cache_size',
    initial: 1000,
    what: 'programs that a context keeps',
  },
  shaderCacheDir: {
    of: 'engine',
    kind: text,
    env: ['SHADER_CACHE_DIR'],
    otherwise: '`$XDG_CACHE_HOME/switchyard`, else `~/.cache/switchyard`',
    what: 'the folder of compiled programs and pipelines',
  },
  targetFps: {
    of: 'engine',
    kind: number(1, 1000),
    env: ['GPU_TARGET_FPS'],
    initial: 60,
    what: 'frames a second of `renderStream`',
  },
  optimizations: {
    of: 'engine',
    kind: boolean,
    env: ['ENABLE_GPU_OPTIMIZATIONS'],
    initial: true,
    what: 'joining small jobs, running a job in the worker that requests it',
  },
  hotReload: {
    of: 'engine',
    kind: boolean,
    env: ['ENABLE_GPU_HOT_RELOAD'],
    initial: false,
    what: 'watch the files of programs, and swap what changes',
  },
  debugLogging: {
    of: 'engine',
    kind: boolean,
    env: ['GPU_DEBUG_LOGGING'],
    initial: false,
    what: 'log everything that happens, as `--gpu-debug`',
  },
  performanceMonitoring: {
    of: 'engine',
    kind: boolean,
    env: ['GPU_PERFORMANCE_MONITORING'],
    initial: true,
    what: "read the cards' use and memory, every `memoryCheckInterval`",
  },
  memoryCheckInterval: {
    of: 'engine',
    kind: wholeMilliseconds(250, 3_600_000),
    env: ['GPU_MEMORY_CHECK_INTERVAL'],
    key: 'gpu.monitoring.memory_check_interval',
    initial: 5000,
    what: "the time between two looks at the cards' use and memory",
  },
  hostMemoryLimit: {
    of: 'engine',
    kind: bytes(64, 2 ** 30),
    env: ['GPU_HOST_MEMORY_LIMIT'],
    key: 'memory.host_limit',
    otherwise: "the control group's limit, else what is available",
    what: 'memory of the host that may be in use',
    more: 'From 60% of it on caches stop growing, from 80% on indexes take no more vectors: docs/memory.md.',
  },
  memoryFullWithin: {
    of: 'engine',
    kind: wholeMilliseconds(1000, 86_400_000),
    env: ['GPU_MEMORY_FULL_WITHIN'],
    key: 'memory.full_within',
    initial: 600_000,
    what: 'an event says that a tier of memory will be full, at the rate of the last minutes, within this time',
  },
  precision: {
    of: 'engine',
    kind: wordOf(['high', 'fast'], { float32: 'high', fp32: 'high', tf32: 'fast' }),
    env: ['GPU_PRECISION'],
    key: 'gpu.precision',
    initial: 'high',
    what: 'of products, where the call names none: high is float32 throughout, fast may round to TF32 or bfloat16',
  },
  execution: {
    of: 'engine',
    kind: wordOf(['libuv', 'threads'], {}),
    env: ['GPU_EXECUTION'],
    initial: 'libuv',
    what: "whose threads run a process's own jobs: libuv's, but for one of them, or threads of the contexts' own",
  },
  gpu: {
    of: 'engine',
    kind: boolean,
    env: ['ENABLE_GPU'],
    key: 'gpu.enabled',
    initial: true,
    what: 'CUDA and Vulkan; without them everything runs on the CPU',
  },
  cuda: {
    of: 'engine',
    kind: boolean,
    env: ['ENABLE_CUDA'],
    initial: true,
    what: 'the CUDA backend',
  },
  vulkan: {
    of: 'engine',
    kind: boolean,
    env: ['ENABLE_VULKAN', 'ENABLE_WEBGPU'],
    initial: true,
    what: 'the Vulkan backend',
  },
  ...kOperationRows,
  ...kServiceRows,
  ...kDoorRows,
};

const kSettings = checkRows(kRows);
const byName = new Map(kSettings.map((setting) => [setting.name, setting]));

/**
 * @param {...Scope} scopes
 * @returns {readonly Readonly<Setting>[]} the settings of these, in the table's order
 */
function settingsOf(...scopes) {
  return kSettings.filter(({ of }) => scopes.includes(of));
}

/**
 * @param {string} name
 * @returns {Readonly<Setting>}
 */
function settingNamed(name) {
  return /** @type {Setting} */ (byName.get(name));
}

/**
 * A setting's default: in words where the row has some, else as an environment variable has it.
 * @param {Setting} setting
 * @param {boolean} [withUnit]
 */
function defaultText({ otherwise, initial, kind }, withUnit = true) {
  return otherwise ?? `${kind.show(initial)}${withUnit && kind.variableUnit ? ` ${kind.variableUnit}` : ''}`;
}

module.exports = { kSettings, settingsOf, settingNamed, defaultText };
