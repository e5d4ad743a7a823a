// What one client may ask for. A client is a token, or where it has none a remote address.
'use strict';
const net = require('node:net');
const { codes } = require('../addon');
const { checkWaiting, estimate } = require('../call');
const { invalid } = require('../core');

/** @typedef {import('../config/config').HttpConfig & { timeout: number }} Config */
/** @typedef {import('./room').Wish} Wish */
/** @typedef {import('./workload').RequestedWorkload} RequestedWorkload */

const kFreeBytes = 64 * 1024; // answers up to here are bounded by the connections alone
const kLongMs = 100; // of the reference core: jobs from here on count where the operator has not said how many
const kMostWaitMs = 30_000;

/**
 * The client of an address: itself, or of IPv6 the /64 that one host has to itself.
 * @param {string} address
 * @example clientOf('::ffff:10.0.0.1'); // '10.0.0.1'
 */
function clientOf(address) {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1];
  if (!net.isIPv6(address)) return address;
  const [head, tail = ''] = address.split('%')[0].split('::');
  const left = head ? head.split(':') : [];
  const right = tail ? tail.split(':') : [];
  const groups = [...left, ...Array(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/**
 * @param {RequestedWorkload} workload
 * @returns {import('../call/estimate').Estimate|undefined} undefined: it will be refused, in the manager's words
 * @throws {import('../core').GPUError} what is our own fault, or a want of memory: nothing runs past the caps for it
 */
function estimateOf(workload) {
  try {
    return estimate(workload);
  } catch (error) {
    const status = codes.get(error.code)?.httpStatus ?? 500;
    if (status >= 500 && error.code !== 'ERR_UNSUPPORTED') throw error;
    return undefined;
  }
}

/**
 * @param {Record<string, unknown>} options of the job
 * @param {Config} config
 * @returns {number} ms that the job has
 * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT
 */
function timeoutOf({ timeout }, config) {
  if (timeout === undefined) return config.timeout;
  checkWaiting({ timeout });
  if (Number(timeout) > config.clientTimeout)
    throw invalid(
      `the option timeout is ${timeout} ms, but must be at most ${config.clientTimeout} (HTTP_CLIENT_TIMEOUT)`,
      'options.timeout',
    );
  return Number(timeout);
}

/**
 * What a request needs of the room; undefined: nothing that is counted.
 * @param {RequestedWorkload} workload
 * @param {number} timeout ms that the job has
 * @param {string} client
 * @param {Config} config
 * @param {() => number} contexts how many there are that run jobs
 * @returns {Wish|undefined}
 * @throws {import('../core').GPUError} ERR_INVALID_ARGUMENT: it is larger than a client's job may be
 */
function wishOf(workload, timeout, client, config, contexts) {
  const { clientJobs, clientCost } = config;
  const found = estimateOf(workload);
  if (!found) return undefined;
  const { ms, outputBytes } = found;
  if (ms > clientCost)
    throw invalid(
      `the job is estimated at ${Math.ceil(ms)} ms of work, but a client of this server may have at most ` +
        `${clientCost} under way (HTTP_CLIENT_COST): make it smaller`,
    );
  const counts = clientJobs !== undefined || ms >= kLongMs;
  const bytes = outputBytes > kFreeBytes ? outputBytes : 0;
  const cost = clientCost === Infinity ? 0 : ms;
  if (!counts && !bytes && !cost) return undefined;
  return {
    client,
    bytes,
    jobs: counts ? 1 : 0,
    mostJobs: clientJobs ?? Math.max(1, contexts() - 1),
    cost,
    mostCost: cost ? clientCost : 0,
    ms: Math.min(timeout, kMostWaitMs),
  };
}

/**
 * What an answer that no job is run for needs of the room; undefined: nothing that is counted.
 * @param {number} bytes
 * @param {string} client
 * @param {Pick<Config, 'timeout'>} config
 * @returns {Wish|undefined}
 */
function answerWish(bytes, client, { timeout }) {
  if (bytes <= kFreeBytes) return undefined;
  return { client, bytes, jobs: 0, mostJobs: 1, cost: 0, mostCost: 0, ms: Math.min(timeout, kMostWaitMs) };
}

module.exports = { clientOf, timeoutOf, wishOf, answerWish };
