// What this machine offers switchyard and what is missing: `npx switchyard doctor`. Reads files and starts child
// processes; opens no device in this process.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { read } = require('./files');
const { buildRemedy, loadRemedy } = require('../../core');
const { readServiceConfig } = require('../../config');
const { checkCuda } = require('./cuda');
const { checkVulkan } = require('./vulkan');
const { checkContainer } = require('./container');

/**
 * One finding. `problem`: something needed, or something this machine has, cannot be used; `note`: good to know, works
 * without.
 * @typedef {{ name: string, status: 'ok' | 'note' | 'problem', found: string, why?: string, remedy?: string }} Check
 */

const addonFile = path.join(
  __dirname,
  '..',
  '..',
  '..',
  'build',
  process.env.SWITCHYARD_BUILD || 'release',
  'switchyard.node',
);

/** @returns {Check} */
function checkNode() {
  const { version, versions, platform, arch } = process;
  const found = `Node ${version}, ABI ${versions.modules}, Node-API ${versions.napi}, ${platform} ${arch}`;
  const [major, minor] = versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 9)) return { name: 'node', status: 'ok', found };
  return {
    name: 'node',
    status: 'problem',
    found,
    why: 'Node 20.9 or newer is needed',
    remedy: 'install Node 20.9 or newer',
  };
}

// Loaded in a child process: an addon that crashes must not take the doctor with it.
/** @returns {Check} */
function checkAddon() {
  const why = 'it carries every backend';
  if (!fs.existsSync(addonFile)) {
    return { name: 'addon', status: 'problem', found: 'not built', why, remedy: buildRemedy() };
  }
  const child = spawnSync(process.execPath, ['-e', 'require(process.argv[1])', addonFile], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (child.status === 0) {
    const compiler = path.join(path.dirname(fs.realpathSync(addonFile)), 'switchyard-compiler');
    if (!isExecutable(compiler)) {
      const found = `loads, but ${compiler} is missing or can't be executed`;
      return { name: 'addon', status: 'problem', found, why: 'it compiles your programs', remedy: buildRemedy() };
    }
    const megabytes = (fs.statSync(addonFile).size / 2 ** 20).toFixed(1);
    return { name: 'addon', status: 'ok', found: `loads (${megabytes} MB)` };
  }
  const reason = child.signal ? `crashes while it loads (${child.signal})` : errorLine(child.stderr);
  const [, code] = /code: '(\w+)'/.exec(child.stderr) ?? [];
  const remedy = loadRemedy({ code, message: reason }, addonFile);
  return { name: 'addon', status: 'problem', found: `does not load: ${reason}`, why, remedy };
}

/** @param {string} file */
function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} text */
function errorLine(text) {
  return text.split('\n').find((line) => /^\w*Error\b/.test(line)) ?? 'no reason given';
}

// The vector instructions that this processor reports to the system.
function processorLevel() {
  const flags = new Set((/^(?:flags|Features)\s*:\s*(.*)$/m.exec(read('/proc/cpuinfo'))?.[1] ?? '').split(' '));
  if (['avx512f', 'avx512bw', 'avx512dq', 'avx512vl'].every((flag) => flags.has(flag))) return 'AVX-512';
  if (flags.has('avx2') && flags.has('fma')) return 'AVX2 and FMA';
  return flags.has('asimd') ? 'NEON' : undefined;
}

/**
 * @param {import('../../index').DeviceInfo[]} devices
 * @returns {Check}
 */
function checkCpu(devices) {
  const name = 'cpu';
  const device = devices.find((entry) => entry.backend === 'cpu');
  const level = processorLevel();
  const threads = device?.computeUnits ?? os.availableParallelism();
  const model = `${device?.name ?? os.cpus()[0]?.model ?? 'unknown'}, ${threads} threads`;
  if (!device)
    return {
      name,
      status: 'problem',
      found: `${model}, no cpu device`,
      why: 'the fall-back for every job',
      remedy: buildRemedy(),
    };
  const found = `${model}, ${device.apiVersion} used${level ? `, ${level} there` : ''}`;
  if (level) return { name, status: 'ok', found };
  return {
    name,
    status: 'note',
    found,
    why: 'vector kernels run at a quarter of the speed or less',
    remedy: 'a virtual machine may hide AVX2: set its CPU model to "host"',
  };
}

/**
 * @param {import('../../index').DeviceInfo[]} devices
 * @returns {Check}
 */
function checkLockedMemory(devices) {
  const match = /^Max locked memory\s+(\S+)/m.exec(read('/proc/self/limits'));
  const name = 'locked memory';
  if (!match) return { name, status: 'note', found: 'no limit can be read here' };
  if (match[1] === 'unlimited') return { name, status: 'ok', found: 'no limit' };
  const megabytes = Number(match[1]) / 2 ** 20;
  const found = `limit ${megabytes.toFixed(0)} MB`;
  if (megabytes >= 64 || devices.every((device) => device.type === 'cpu')) return { name, status: 'ok', found };
  return {
    name,
    status: 'note',
    found,
    why: 'some GPU drivers count pinned staging memory against it, and fall back to slower copies',
    remedy: 'ulimit -l unlimited (docker run --ulimit memlock=-1; systemd: LimitMEMLOCK=infinity)',
  };
}

/** @returns {Check} */
function checkHugePages() {
  const mode = /\[(\w+)\]/.exec(read('/sys/kernel/mm/transparent_hugepage/enabled'))?.[1];
  const name = 'huge pages';
  if (!mode) return { name, status: 'note', found: 'transparent huge pages are not available' };
  if (mode !== 'never') return { name, status: 'ok', found: `transparent huge pages: ${mode}` };
  return {
    name,
    status: 'note',
    found: 'transparent huge pages: never',
    why: 'the first use of large result memory costs about four times as much',
    remedy: 'echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled',
  };
}

// The folder that the backends use for compiled pipelines.
function cacheFolder() {
  const { SHADER_CACHE_DIR, XDG_CACHE_HOME, HOME } = process.env;
  if (SHADER_CACHE_DIR) return SHADER_CACHE_DIR;
  if (XDG_CACHE_HOME) return path.join(XDG_CACHE_HOME, 'switchyard');
  return HOME ? path.join(HOME, '.cache', 'switchyard') : '';
}

/** @returns {Check} */
function checkCacheFolder() {
  const name = 'shader cache';
  const why = 'without it every process compiles its GPU kernels anew';
  const remedy = 'set SHADER_CACHE_DIR to a folder that this user may write';
  const folder = cacheFolder();
  if (!folder) return { name, status: 'note', found: 'neither SHADER_CACHE_DIR nor HOME is set', why, remedy };
  // It is made at first use, so what counts is the nearest folder that exists.
  let existing = path.resolve(folder);
  while (!fs.existsSync(existing)) existing = path.dirname(existing);
  try {
    if (!fs.statSync(existing).isDirectory()) throw new Error('not a folder');
    fs.accessSync(existing, fs.constants.W_OK | fs.constants.X_OK);
    if (existing === path.resolve(folder) && fs.statSync(existing).mode & 0o002)
      return {
        name,
        status: process.env.SHADER_CACHE_DIR ? 'problem' : 'note',
        found: `${folder} can be written by every user: it is not used, since what lies there is run`,
        why,
        remedy:
          `set SHADER_CACHE_DIR to a folder that this user alone may write, ${path.join(folder, 'switchyard')} ` +
          `for example`,
      };
    return { name, status: 'ok', found: `${folder} is writable` };
  } catch {
    return {
      name,
      status: process.env.SHADER_CACHE_DIR ? 'problem' : 'note',
      found: `${folder} cannot be written`,
      why,
      remedy,
    };
  }
}

/** @returns {Check} */
function checkSettings() {
  const name = 'settings';
  try {
    readServiceConfig();
    return { name, status: 'ok', found: 'the environment and the config file say nothing that is wrong' };
  } catch (error) {
    return {
      name,
      status: 'problem',
      found: error.message,
      why: 'a manager and the server refuse to start with it',
      remedy: 'put it right, or take it out: docs/settings.md has all there are',
    };
  }
}

/** @returns {Promise<import('../../index').GPUCapabilities | undefined>} */
async function capabilities() {
  try {
    return await require('../../index').checkGPUCapabilities();
  } catch {
    return undefined; // checkAddon has said why
  }
}

/**
 * @returns {Promise<{ ok: boolean, checks: Check[], devices: import('../../index').DeviceInfo[] }>}
 */
async function diagnose() {
  const found = await capabilities();
  const devices = found?.devices ?? [];
  const problems = found?.problems;
  const checks = [
    checkNode(),
    checkAddon(),
    checkSettings(),
    checkCpu(devices),
    ...checkCuda(devices, problems),
    ...checkVulkan(devices, problems),
    ...checkContainer(devices),
    checkLockedMemory(devices),
    checkHugePages(),
    checkCacheFolder(),
  ];
  return { ok: checks.every((check) => check.status !== 'problem'), checks, devices };
}

module.exports = { diagnose };
