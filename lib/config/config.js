// Reading settings: options in code win over the environment, the environment over switchyard.config.yaml, that over
// the default. Which there are, settings.js says.
'use strict';
const path = require('node:path');
const kinds = require('./kinds');
const { readConfigFile } = require('./file');
const { kSettings, settingsOf, settingNamed } = require('./settings');
const { invalid, show, refuseUnknownKeys } = require('../core');

/** @typedef {import('../generated').ManagerSettings & import('../generated').EngineSettings} CoreSettings */
/** @typedef {CoreSettings & import('../generated').OperationSettings} PlainSettings */
/** @typedef {PlainSettings & { debugShaderCache: boolean }} ManagerConfig `debugShaderCache`: by NODE_DEBUG */
/** @typedef {import('../generated').ServiceSettings} HttpConfig */
/** @typedef {import('../generated').CommandSettings} CommandSettings */
/** @typedef {import('../generated').ManagerOptions} ManagerOptions */
/** @typedef {Readonly<ManagerConfig>} Config what createGPUClusterManager() needs */
/** @typedef {Readonly<ManagerConfig & HttpConfig & { workers: number }>} ServiceConfig what cluster:start needs */
/** @typedef {import('./settings').Setting} Setting */
/** @typedef {(setting: Setting) => unknown} Read */

const kManager = settingsOf('manager', 'engine', 'operations');
const kOptionNames = new Set(kManager.map(({ name }) => name));
const kService = settingsOf('manager', 'engine', 'operations', 'service');
const kServiceOptionNames = new Set(kService.map(({ name }) => name));
/** What the file may call each setting. @type {ReadonlyMap<string, string>} */
const kFileNames = new Map(
  kSettings.flatMap(({ name, key = name }) => [
    /** @type {[string, string]} */ ([name, name]),
    /** @type {[string, string]} */ ([key, name]),
  ]),
);

/**
 * @param {string} what the setting, with where it came from
 * @param {unknown} value
 * @param {unknown} result
 * @param {string} must
 */
function accept(what, value, result, must) {
  if (kinds.wrong.is(result)) throw invalid(`${what}${result.at} is ${show(result.value)}, but ${result.must}`);
  if (result === kinds.bad) throw invalid(`${what} is ${show(value)}, but ${must}`);
  return result;
}

/**
 * Reads settings one by one, each from the first place that has it.
 * @param {Record<string, unknown>} options
 * @param {NodeJS.ProcessEnv} env
 * @param {string} cwd
 * @param {boolean} service whether it is for `switchyard start`
 * @returns {Read}
 */
function reader(options, env, cwd, service) {
  const file = readConfigFile(env, cwd, kFileNames);
  return ({ name, kind, env: variables = [], initial, serviceInitial, service: serviceOnly }) => {
    const otherwise = service && serviceInitial ? serviceInitial() : initial;
    if (options[name] !== undefined) return accept(name, options[name], kind.check(options[name]), kind.must);
    if (serviceOnly && !service) return otherwise;
    for (const variable of variables) {
      const value = env[variable];
      if (value !== undefined && value !== '')
        return accept(`the environment variable ${variable}`, value, kind.parse(value), kind.mustText ?? kind.must);
    }
    const entry = file.get(name);
    if (entry)
      return accept(
        `${entry.where}: ${entry.key}`,
        entry.value,
        (kind.checkFile ?? kind.check)(entry.value),
        kind.must,
      );
    return otherwise;
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
 * What one setting, the command line and NODE_DEBUG say about others.
 * @template {PlainSettings} Read
 * @param {Read} settings
 * @param {NodeJS.ProcessEnv} env
 * @returns {Read & { debugShaderCache: boolean }}
 */
function together(settings, env) {
  const debugLogging = settings.debugLogging || process.argv.includes('--gpu-debug') || nodeDebugs(env, 'gpu-cluster');
  return {
    ...settings,
    cuda: settings.cuda && settings.gpu,
    vulkan: settings.vulkan && settings.gpu,
    debugLogging,
    debugShaderCache: nodeDebugs(env, 'shader-cache'),
    logLevel: debugLogging && settings.logLevel !== 'trace' ? 'debug' : settings.logLevel,
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
 * @template Result
 * @param {Read} read
 * @param {readonly Setting[]} settings
 * @returns {Result}
 */
function readAll(read, settings) {
  return /** @type {Result} */ (Object.fromEntries(settings.map((setting) => [setting.name, read(setting)])));
}

/**
 * For createGPUClusterManager(). `workers` comes from the options alone: CLUSTER_WORKERS is for cluster:start, and must
 * not make an application fork that forks by itself. Settings of the HTTP service are not looked at: PORT may be
 * another server's.
 * @param {unknown} [options]
 * @param {NodeJS.ProcessEnv} [env]
 * @param {string} [cwd]
 * @returns {Config}
 * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT: a value that can't be right, with where it stands
 */
function readConfig(options = {}, env = process.env, cwd = process.cwd()) {
  const read = reader(checkOptions(options, kOptionNames, 'createGPUClusterManager()'), env, cwd, false);
  /** @type {PlainSettings} */
  const settings = readAll(read, kManager);
  return Object.freeze(together(settings, env));
}

/**
 * Refuses options that differ from those that hold already; what they leave out is not looked at.
 * @param {Config} config that holds
 * @param {unknown} options of another createGPUClusterManager()
 * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT: a value that can't be right, or another one
 */
function checkSameConfig(config, options) {
  const wanted = /** @type {Record<string, unknown>} */ (readConfig(options));
  const held = /** @type {Record<string, unknown>} */ (config);
  const comparable = (/** @type {string} */ name, /** @type {unknown} */ value) =>
    name === 'exec' && typeof value === 'string' ? path.resolve(value) : JSON.stringify(value) + String(value);
  for (const [name, given] of Object.entries(/** @type {object} */ (options))) {
    if (given === undefined || comparable(name, wanted[name]) === comparable(name, held[name])) continue;
    throw invalid(
      `${name} is ${show(given)}, but createGPUClusterManager() was called in this process before, where it became ` +
        `${held[name] === undefined ? 'what it is when it is left out' : show(held[name])}: ` +
        'a process has one manager. Give the same options, or none, or close the first one before',
      name,
    );
  }
}

/**
 * For `switchyard start`: the same, and what the HTTP service needs.
 * @param {unknown} [options]
 * @param {NodeJS.ProcessEnv} [env]
 * @param {string} [cwd]
 * @returns {ServiceConfig}
 * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT: a value that can't be right, with where it stands
 */
function readServiceConfig(options = {}, env = process.env, cwd = process.cwd()) {
  const read = reader(checkOptions(options, kServiceOptionNames, 'start'), env, cwd, true);
  /** @type {PlainSettings & HttpConfig & { workers: number }} */
  const settings = readAll(read, kService);
  return Object.freeze(together(settings, env));
}

/**
 * A few settings, where the others don't matter and may be wrong.
 * @template {keyof (PlainSettings & CommandSettings)} Name
 * @param {readonly Name[]} names
 * @returns {Pick<Config & CommandSettings, Name>}
 */
function readSome(names) {
  return readAll(reader({}, process.env, process.cwd(), false), names.map(settingNamed));
}

/**
 * The options of createGPUClusterManager() out of a config, for a worker that is to be like its primary.
 * @param {Config} config
 * @returns {ManagerOptions}
 */
function managerOptions(config) {
  const values = /** @type {Record<string, unknown>} */ ({ ...config });
  return Object.fromEntries(kManager.filter(({ primary }) => !primary).map(({ name }) => [name, values[name]]));
}

module.exports = { readConfig, checkSameConfig, readServiceConfig, readSome, managerOptions };
