// The rows of the table of settings (settings.js) that are about operations: kept results, costs, alerts, overload.
'use strict';
const os = require('node:os');
const path = require('node:path');
const { integer, milliseconds, bytes, text, wordOf } = require('./kinds');
const { prices, budgets, alerts } = require('./operation-kinds');

const kMegabyte = 2 ** 20;

/**
 * A folder below one that the XDG rules name.
 * @param {string} variable
 * @param {string} otherwise below the home folder
 * @param {string} name
 */
function folderIn(variable, otherwise, name) {
  const given = process.env[variable];
  return path.join(given && path.isAbsolute(given) ? given : path.join(os.homedir(), otherwise), 'switchyard', name);
}

const kServiceAge = 5000;
/** Of the server's results. */
const resultsFolder = () => folderIn('XDG_CACHE_HOME', '.cache', 'results');
/** Of the server's costs. */
const costsFolder = () => folderIn('XDG_DATA_HOME', path.join('.local', 'share'), 'costs');
/** The server's. */
const serviceAge = () => kServiceAge;

/** @type {Record<string, import('./settings').Row>} */
const kOperationRows = {
  resultMemory: {
    of: 'operations',
    kind: bytes(0, 2 ** 20),
    env: ['RESULT_CACHE_MEMORY'],
    key: 'results.memory',
    initial: 64 * kMegabyte,
    what: 'results of jobs with `cache: true` that each process keeps in memory; 0: none',
  },
  resultMemoryTime: {
    of: 'operations',
    kind: milliseconds,
    env: ['RESULT_CACHE_MEMORY_TIME'],
    key: 'results.memory_time',
    initial: 300_000,
    what: 'how long a result is kept in memory',
  },
  redisUrl: {
    of: 'operations',
    kind: text,
    env: ['REDIS_URL'],
    key: 'results.redis',
    service: true,
    otherwise: 'none',
    what: 'a Redis that keeps results, too, as redis://:password@host:6379/0; the package ioredis has to be installed',
    more: 'The variable is for `switchyard start` alone.',
  },
  resultRedisTime: {
    of: 'operations',
    kind: milliseconds,
    env: ['RESULT_CACHE_REDIS_TIME'],
    key: 'results.redis_time',
    initial: 3_600_000,
    what: 'how long a result is kept in Redis',
  },
  redisTimeout: {
    of: 'operations',
    kind: milliseconds,
    env: ['REDIS_TIMEOUT'],
    key: 'results.redis_timeout',
    initial: 50,
    what: 'the time that Redis gets to answer; one that takes longer is left alone for a while',
  },
  cacheDir: {
    of: 'operations',
    kind: text,
    env: ['CACHE_DIR'],
    key: 'results.folder',
    service: true,
    serviceInitial: resultsFolder,
    otherwise: 'none; of the server `$XDG_CACHE_HOME/switchyard/results`, else `~/.cache/switchyard/results`',
    what: 'a folder that keeps results, too; who can write to it can change results',
    more: 'The variable is for `switchyard start` alone.',
  },
  resultDisk: {
    of: 'operations',
    kind: bytes(1, 2 ** 24),
    env: ['RESULT_CACHE_DISK'],
    key: 'results.disk',
    initial: 1024 * kMegabyte,
    what: 'what results may take in that folder',
  },
  resultDiskTime: {
    of: 'operations',
    kind: milliseconds,
    env: ['RESULT_CACHE_DISK_TIME'],
    key: 'results.disk_time',
    initial: 86_400_000,
    what: 'how long a result is kept in that folder',
  },
  prices: {
    of: 'operations',
    kind: prices,
    env: ['GPU_PRICES'],
    key: 'costs.prices',
    otherwise: 'none: costs are 0',
    what: 'what an hour of a device costs, by its id, its name or its kind; the first that is there counts',
  },
  currency: {
    of: 'operations',
    kind: text,
    env: ['GPU_CURRENCY'],
    key: 'costs.currency',
    initial: 'USD',
    what: 'the currency of the prices',
  },
  budgets: {
    of: 'operations',
    kind: budgets,
    env: ['GPU_BUDGETS'],
    key: 'costs.budgets',
    primary: true,
    otherwise: 'none',
    what: 'what may be spent in a day or a month of UTC: from `warnAt` of it on (0.8) there is a warning',
    more: 'At the limit jobs are refused (ERR_BUDGET), unless `stop` is false.',
  },
  costsDir: {
    of: 'operations',
    kind: text,
    env: ['COSTS_DIR'],
    key: 'costs.folder',
    service: true,
    primary: true,
    serviceInitial: costsFolder,
    otherwise: 'none; of the server `$XDG_DATA_HOME/switchyard/costs`, else `~/.local/share/switchyard/costs`',
    what: 'the folder where costs are kept over restarts, by one cluster at a time',
    more: 'The variable is for `switchyard start` alone.',
  },
  routing: {
    of: 'operations',
    kind: wordOf(['speed', 'cost'], {}),
    env: ['GPU_ROUTING'],
    key: 'costs.routing',
    initial: 'speed',
    what: 'where jobs go that name no kind of device: cost sends those of little work to the cheapest kind there is',
  },
  routingBelow: {
    of: 'operations',
    kind: integer(0, 100),
    env: ['GPU_ROUTING_BELOW'],
    key: 'costs.routing_below',
    initial: 50,
    what: 'the complexity (0 to 100) below which `routing: cost` sends a job to the cheapest kind of device',
  },
  alerts: {
    of: 'operations',
    kind: alerts,
    primary: true,
    otherwise: 'none',
    what: 'when to be told: docs/operations.md',
  },
  overloadAge: {
    of: 'operations',
    kind: milliseconds,
    env: ['GPU_OVERLOAD_AGE'],
    key: 'overload.age',
    primary: true,
    initial: Infinity,
    serviceInitial: serviceAge,
    otherwise: 'Infinity: nothing is given up; of the server 5000 ms',
    what: 'how long the oldest job waits when there is overload: more is given up at twice and at four times as much',
  },
};

module.exports = { kOperationRows };
