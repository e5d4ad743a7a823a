// What this machine can do. Drivers that may crash or hang are asked in child processes with a time limit.
'use strict';
const path = require('node:path');
const { spawn } = require('node:child_process');
const { setTimeout, clearTimeout } = require('node:timers');
const { native, backendLabel, computeRank } = require('../addon');
const { readSettings } = require('../config');
const { invalid, show, refuseUnknownKeys, kDriverBackends, isSoftware } = require('../core');

/** @typedef {import('../index').DeviceInfo} DeviceInfo */
/** @typedef {{ devices: DeviceInfo[], problems: import('../addon/native').ProblemEntry[] }} Found */

const kProbe = path.join(__dirname, 'probe.js');
const kMark = 'switchyard-probe:';

/**
 * What there is to compute on, in the order CUDA, hardware Vulkan, CPU, software Vulkan. Asks the drivers in this
 * process.
 * @returns {DeviceInfo[]}
 * @throws {import('../core/errors').GPUError} ERR_INVALID_ARGUMENT: a setting of the environment or the config file
 *   that can't be right
 * @example const names = devices().map(({ id, name }) => `${id} ${name}`);
 */
function devices() {
  return findDevices(readSettings());
}

/**
 * @param {{ cuda: boolean, vulkan: boolean }} settings
 * @returns {DeviceInfo[]}
 */
function findDevices({ cuda, vulkan }) {
  return native.devices(cuda, vulkan).devices;
}

/** @param {DeviceInfo} device */
function rank(device) {
  return computeRank(device.backend, isSoftware(device));
}

/**
 * What a probe that gave no answer tells.
 * @param {'cuda'|'vulkan'} backend
 * @param {string} end how it ended
 * @param {boolean} hung
 * @param {string} output
 * @returns {Found}
 */
function failedProbe(backend, end, hung, output) {
  const name = backendLabel(backend);
  const last = output.trim().split('\n').slice(-3).join(' | ').slice(-300);
  return {
    devices: [],
    problems: [
      {
        backend,
        reason: hung ? 'driver hangs' : 'driver crashes',
        detail: `the probe of the ${name} driver ${end}${last ? `: ${last}` : ''}`,
        remedy: `update or remove the driver, or set ENABLE_${name.toUpperCase()}=false to leave it out`,
      },
    ],
  };
}

/**
 * What a probe that this process may not start tells.
 * @param {'cuda'|'vulkan'} backend
 * @param {{ code?: string, message: string }} error
 * @returns {Found}
 */
function unprobed(backend, { code, message }) {
  const denied = code === 'ERR_ACCESS_DENIED';
  return {
    devices: [],
    problems: [
      {
        backend,
        reason: denied ? 'probe not allowed' : 'probe not started',
        detail: denied ? "Node's permission model allows no child process, in which drivers are asked" : message,
        remedy: denied
          ? 'start Node with --allow-child-process; createContext() and devices() need no child process'
          : 'give this process the right and the room to start another; devices() asks the drivers in this process',
      },
    ],
  };
}

/**
 * @param {'cuda'|'vulkan'} backend
 * @param {number} timeout
 * @returns {Promise<Found>}
 */
function probe(backend, timeout) {
  return new Promise((resolve) => {
    const { NODE_OPTIONS: _, ...env } = process.env;
    let child;
    try {
      child = spawn(process.execPath, [kProbe, backend], {
        env: { ...env, ELECTRON_RUN_AS_NODE: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (error) {
      resolve(unprobed(backend, error));
      return;
    }
    let answer = '',
      complaint = '';
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, timeout);
    child.stdout.on('data', (chunk) => {
      answer += chunk;
    });
    child.stderr.on('data', (chunk) => {
      complaint += chunk;
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve(failedProbe(backend, `could not be started: ${error.message}`, false, ''));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const line = answer.split('\n').find((text) => text.startsWith(kMark));
      if (hung) resolve(failedProbe(backend, `gave no answer within ${timeout} ms`, true, complaint));
      else if (line) resolve(JSON.parse(line.slice(kMark.length)));
      else
        resolve(
          failedProbe(backend, signal ? `was ended by ${signal}` : `ended with exit code ${code}`, false, complaint),
        );
    });
  });
}

/**
 * What this machine can do, and why a backend is not there. Asks each driver in a child process of its own.
 * @param {{ timeout?: number }} [options] `timeout`: how long a driver may take to answer, in milliseconds
 * @returns {Promise<import('../index').GPUCapabilities>}
 * @throws {import('../core/errors').GPUError} (rejects with) ERR_INVALID_ARGUMENT: a timeout, or a setting of the
 *   environment or the config file, that can't be right
 * @example const { cuda, problems } = await checkGPUCapabilities({ timeout: 5000 });
 */
async function checkGPUCapabilities(options = {}) {
  refuseUnknownKeys(options, new Set(['timeout']), 'option of checkGPUCapabilities()');
  const { timeout = 20000 } = options;
  if (!(typeof timeout === 'number' && timeout > 0 && timeout <= 2 ** 31 - 1))
    throw invalid(`timeout is ${show(timeout)}, but must be a number of milliseconds above 0`);
  const settings = readSettings();
  const none = native.devices(false, false); // the CPU, which has no driver to fear, and what was turned off
  /** @type {Found[]} */
  const found = [
    { devices: none.devices, problems: none.problems.filter(({ backend }) => backend === 'cpu' || !settings[backend]) },
  ];
  const asked = kDriverBackends.filter((backend) => settings[backend]);
  found.push(...(await Promise.all(asked.map((backend) => probe(backend, timeout)))));

  const all = found.flatMap((part) => part.devices).sort((a, b) => rank(a) - rank(b) || a.index - b.index);
  /** @type {Record<string, import('../index').BackendProblem>} */
  const problems = {};
  for (const { backend, ...problem } of found.flatMap((part) => part.problems)) problems[backend] ??= problem;
  const has = (/** @type {string} */ backend) => all.some((device) => device.backend === backend);
  const graphics = all.some((device) => device.features.graphics);
  return {
    cuda: has('cuda'),
    vulkan: has('vulkan'),
    cpu: has('cpu'),
    graphics,
    webgpu: has('vulkan'),
    webgl: graphics,
    webgl2: graphics,
    devices: all,
    problems,
  };
}

module.exports = { devices, findDevices, checkGPUCapabilities };
