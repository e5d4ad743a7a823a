// Every setting: options in code win over the environment, the environment over switchyard.config.yaml, that over the
// default.
'use strict';
const os = require('node:os');
const kinds = require('./kinds');
const { readConfigFile } = require('./file');
const { invalid, show, refuseUnknownKeys } = require('../core');

/** @typedef {'cuda'|'vulkan'|'cpu'} ContextType */
/**
 * @typedef {object} ManagerConfig
 * @property {number|undefined} workers how many to fork; undefined: the application forks, or nobody
 * @property {string|undefined} exec the script of the forked workers
 * @property {number} contextsPerWorker
 * @property {readonly ContextType[]|undefined} contextTypes undefined: the best kind first, then one of another kind
 * @property {number|undefined} gpuWorkers how many workers own contexts on one card; undefined: automatic
 * @property {number} retries
 * @property {number} memoryLimit bytes of a context
 * @property {number} maxConcurrent jobs of a worker at a time
 * @property {number} queueLimit jobs
 * @property {number} timeout of a job that names none, in ms; Infinity: none
 * @property {number} contextSwitchTimeout ms
 * @property {number} shaderCacheSize programs
 * @property {string|undefined} shaderCacheDir
 * @property {number} targetFps
 * @property {boolean} optimizations batching, fusion, local placement
 * @property {boolean} hotReload
 * @property {boolean} performanceMonitoring
 * @property {boolean} cuda
 * @property {boolean} vulkan
 * @property {string} logLevel
 * @property {boolean} debugLogging
 * @property {boolean} debugShaderCache
 */
/**
 * @typedef {object} HttpConfig
 * @property {number} port 0: any that is free
 * @property {string} host
 * @property {number} bodyLimit bytes of one request
 * @property {number} headersTimeout ms until the headers must be complete
 * @property {number} requestTimeout ms until the whole request must be there
 * @property {number} maxConnections of a worker
 * @property {number} drainTimeout ms that requests under way get when the server stops
 */
/** @typedef {Readonly<ManagerConfig>} Config what createGPUClusterManager() needs */
/** @typedef {Readonly<ManagerConfig & HttpConfig & { workers: number }>} ServiceConfig what cluster:start needs */
/** @typedef {{ kind: kinds.Kind, env?: readonly string[], initial?: unknown }} Setting */

/**
 * @param {kinds.Kind} kind
 * @param {string|readonly string[]} [env]
 * @param {unknown} [initial]
 * @returns {Setting}
 */
function setting(kind, env, initial) {
  return { kind, env: typeof env === 'string' ? [env] : env, initial };
}

const { boolean, integer, integerOrAuto, number, milliseconds, bytes, text, listOf, logLevel } = kinds;

/** @type {Record<string, Setting>} the options of createGPUClusterManager() */
const kOptions = {
  workers: setting(integer(1, 1024), 'CLUSTER_WORKERS'),
  exec: setting(text),
  contextsPerWorker: setting(integer(1, 64), 'GPU_CONTEXTS_PER_WORKER', 2),
  contextTypes: setting(listOf(['cuda', 'vulkan', 'cpu'])),
  gpuWorkers: setting(integerOrAuto(0, 1024), 'GPU_WORKERS'),
  retries: setting(integer(0, 100), undefined, 2),
  memoryLimit: setting(bytes(1, 2 ** 30), 'GPU_MEMORY_LIMIT', 512 * 2 ** 20),
  maxConcurrent: setting(integer(1, 1024), 'MAX_CONCURRENT_WORKLOADS', 4),
  queueLimit: setting(integer(1, 10_000_000), undefined, 10_000),
  timeout: setting(milliseconds, 'WORKLOAD_TIMEOUT', 30_000),
  logLevel: setting(logLevel, 'LOG_LEVEL'),
};
/** @type {Record<string, Setting>} what only the environment and the file can say */
const kEngine = {
  contextSwitchTimeout: setting(milliseconds, 'CONTEXT_SWITCH_TIMEOUT', 5000),
  shaderCacheSize: setting(integer(1, 1_000_000), 'SHADER_CACHE_SIZE', 1000),
  shaderCacheDir: setting(text, 'SHADER_CACHE_DIR'),
  targetFps: setting(number(1, 1000), 'GPU_TARGET_FPS', 60),
  optimizations: setting(boolean, 'ENABLE_GPU_OPTIMIZATIONS', true),
  hotReload: setting(boolean, 'ENABLE_GPU_HOT_RELOAD', false),
  debugLogging: setting(boolean, 'GPU_DEBUG_LOGGING', false),
  performanceMonitoring: setting(boolean, 'GPU_PERFORMANCE_MONITORING', true),
  cuda: setting(boolean, 'ENABLE_CUDA', true),
  vulkan: setting(boolean, ['ENABLE_VULKAN', 'ENABLE_WEBGPU'], true),
};
/** @type {Record<string, Setting>} of the HTTP service */
const kHttp = {
  port: setting(integer(0, 65535), 'PORT', 3000),
  host: setting(text, 'HOST', '127.0.0.1'),
  bodyLimit: setting(bytes(1, 2048), 'HTTP_BODY_LIMIT', 64 * 2 ** 20),
  headersTimeout: setting(integer(1, 3_600_000), 'HTTP_HEADERS_TIMEOUT', 10_000),
  requestTimeout: setting(integer(1, 3_600_000), 'HTTP_REQUEST_TIMEOUT', 60_000),
  maxConnections: setting(integer(1, 1_000_000), 'HTTP_MAX_CONNECTIONS', 1024),
  drainTimeout: setting(integer(1, 3_600_000), 'HTTP_DRAIN_TIMEOUT', 30_000),
};
const kSettings = { ...kOptions, ...kEngine, ...kHttp };
const kOptionNames = new Set(Object.keys(kOptions));
const kServiceOptionNames = new Set([...kOptionNames, ...Object.keys(kHttp)]);
const kFileNames = new Set(Object.keys(kSettings));

/**
 * @param {string} what the setting, with where it came from
 * @param {unknown} value
 * @param {any} result
 * @param {string} must
 */
function accept(what, value, result, must) {
  if (result === kinds.bad) throw invalid(`${what} is ${show(value)}, but ${must}`);
  return result;
}

/**
 * Reads settings one by one, each from the first place that has it.
 * @param {Record<string, unknown>} options
 * @param {NodeJS.ProcessEnv} env
 * @param {string} cwd
 * @returns {(name: string, initial?: unknown, optionOnly?: boolean) => any}
 */
function reader(options, env, cwd) {
  const file = readConfigFile(env, cwd, kFileNames);
  return (name, initial = kSettings[name].initial, optionOnly = false) => {
    const { kind, env: variables = [] } = kSettings[name];
    if (options[name] !== undefined) return accept(name, options[name], kind.check(options[name]), kind.must);
    if (optionOnly) return initial;
    for (const variable of variables) {
      const value = env[variable];
      if (value !== undefined && value !== '')
        return accept(`the environment variable ${variable}`, value, kind.parse(value), kind.mustText ?? kind.must);
    }
    const entry = file.get(name);
    if (entry)
      return accept(`${entry.where}: ${name}`, entry.value, (kind.checkFile ?? kind.check)(entry.value), kind.must);
    return initial;
  };
}

/**
 * Whether NODE_DEBUG names a section; it may use * as Node's own sections may.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} section
 */
function nodeDebugs(env, section) {
  const patterns = (env.NODE_DEBUG ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  return patterns.some((name) =>
    new RegExp(`^${name.replace(/[|\\{}()[\]^$+?.]/g, '\\$&').replace(/\*/g, '.*')}$`, 'i').test(section),
  );
}

/**
 * @param {ReturnType<typeof reader>} read
 * @param {NodeJS.ProcessEnv} env
 * @param {string} quietLevel the level where nobody asks for one
 */
function readLogging(read, env, quietLevel) {
  const asked = read('debugLogging') || process.argv.includes('--gpu-debug') || nodeDebugs(env, 'gpu-cluster');
  const level = read('logLevel', quietLevel);
  return {
    debugLogging: asked,
    debugShaderCache: nodeDebugs(env, 'shader-cache'),
    logLevel: asked && level !== 'trace' ? 'debug' : level,
  };
}

/**
 * @param {unknown} options
 * @param {ReadonlySet<string>} known
 * @param {string} what
 * @returns {Record<string, unknown>}
 */
function checkOptions(options, known, what) {
  if (options === null || typeof options !== 'object')
    throw invalid(`${what}'s options are ${show(options)}, but must be an object`);
  refuseUnknownKeys(options, known, `option of ${what}`);
  return /** @type {Record<string, unknown>} */ (options);
}

/**
 * @param {ReturnType<typeof reader>} read
 * @param {readonly string[]} names
 */
function readAll(read, names) {
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

const kPlain = [...Object.keys(kOptions), ...Object.keys(kEngine)].filter(
  (name) => !['workers', 'debugLogging', 'logLevel'].includes(name),
);

/**
 * For createGPUClusterManager(). `workers` comes from the options alone: CLUSTER_WORKERS is for cluster:start, and must
 * not make an application fork that forks by itself. Settings of the HTTP service are not looked at: PORT may be
 * another server's.
 * @param {unknown} [options]
 * @param {NodeJS.ProcessEnv} [env]
 * @param {string} [cwd]
 * @returns {Config}
 */
function readConfig(options = {}, env = process.env, cwd = process.cwd()) {
  const read = reader(checkOptions(options, kOptionNames, 'createGPUClusterManager()'), env, cwd);
  return Object.freeze(
    /** @type {any} */ ({
      ...readAll(read, kPlain),
      workers: read('workers', undefined, true),
      ...readLogging(read, env, 'warn'),
    }),
  );
}

/**
 * For `switchyard start`: the same, and what the HTTP service needs.
 * @param {unknown} [options]
 * @param {NodeJS.ProcessEnv} [env]
 * @param {string} [cwd]
 * @returns {ServiceConfig}
 */
function readServiceConfig(options = {}, env = process.env, cwd = process.cwd()) {
  const read = reader(checkOptions(options, kServiceOptionNames, 'start'), env, cwd);
  const workers = read('workers', Math.min(os.availableParallelism(), 8));
  return Object.freeze(
    /** @type {any} */ ({
      ...readAll(read, [...kPlain, ...Object.keys(kHttp)]),
      workers,
      ...readLogging(read, env, 'info'),
    }),
  );
}

/**
 * A few settings, where the others don't matter and may be wrong.
 * @template {keyof ManagerConfig} Name
 * @param {readonly Name[]} names
 * @returns {Pick<Config, Name>}
 */
function readSome(names) {
  return /** @type {any} */ (readAll(reader({}, process.env, process.cwd()), names));
}

/**
 * The options of createGPUClusterManager() out of a config, for a worker that is to be like its primary.
 * @param {Config} config
 */
function managerOptions(config) {
  const {
    contextsPerWorker,
    contextTypes,
    gpuWorkers,
    retries,
    memoryLimit,
    maxConcurrent,
    queueLimit,
    timeout,
    logLevel: level,
  } = config;
  return {
    contextsPerWorker,
    contextTypes: contextTypes && [...contextTypes],
    gpuWorkers,
    retries,
    memoryLimit,
    maxConcurrent,
    queueLimit,
    timeout,
    logLevel: level,
  };
}

module.exports = { readConfig, readServiceConfig, readSome, managerOptions };
