// The doctor's look at Vulkan: the loader, driver files, render nodes. Looks at files only.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { list, libraries, findLibrary, describe } = require('./files');

/**
 * @typedef {import('./doctor').Check} Check
 * @typedef {import('../../index').DeviceInfo[]} Devices
 * @typedef {import('../../index').GPUCapabilities['problems'] | undefined} Problems
 */

/** Driver files ("ICDs") in the loader's own order of search, or what the environment names instead. */
function driverFiles() {
  const named = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
  if (named) {
    const variable = process.env.VK_DRIVER_FILES ? 'VK_DRIVER_FILES' : 'VK_ICD_FILENAMES';
    const files = named
      .split(':')
      .filter(Boolean)
      .flatMap((entry) => {
        const inside = list(entry).filter((name) => name.endsWith('.json'));
        return inside.length ? inside.map((name) => path.join(entry, name)) : [entry];
      });
    return { variable, files };
  }
  const home = os.homedir();
  const roots = [
    process.env.XDG_CONFIG_HOME || path.join(home, '.config'),
    ...(process.env.XDG_CONFIG_DIRS || '/etc/xdg').split(':'),
    '/usr/local/etc',
    '/etc',
    process.env.XDG_DATA_HOME || path.join(home, '.local/share'),
    ...(process.env.XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(':'),
  ];
  const files = [...new Set(roots)].flatMap((root) => {
    const folder = path.join(root, 'vulkan', 'icd.d');
    return list(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => path.join(folder, name));
  });
  return { variable: undefined, files };
}

/**
 * What is wrong with one driver file, or undefined.
 * @param {string} file
 * @param {Map<string, string>} known
 */
function driverFileFault(file, known) {
  if (!fs.existsSync(file)) return 'does not exist';
  let library;
  try {
    library = JSON.parse(fs.readFileSync(file, 'utf8')).ICD?.library_path;
  } catch {
    return 'cannot be read as JSON';
  }
  if (typeof library !== 'string') return 'names no library';
  const there = library.includes('/')
    ? fs.existsSync(path.resolve(path.dirname(file), library))
    : Boolean(findLibrary(known, library));
  return there ? undefined : `names ${library}, which is not installed`;
}

/**
 * @param {Devices} devices
 * @param {Problems} problems
 * @returns {Check[]}
 */
function checkVulkan(devices, problems) {
  const known = libraries();
  const loader = known.get('libvulkan.so.1');
  /** @type {Check} */
  const loaderCheck = loader
    ? { name: 'vulkan loader', status: 'ok', found: loader }
    : {
        name: 'vulkan loader',
        status: 'note',
        found: 'libvulkan.so.1 was not found',
        why: 'without it there is no Vulkan device',
        remedy: 'apt install libvulkan1',
      };
  return [loaderCheck, checkDriverFiles(known), checkVulkanDevices(devices, problems), ...checkRenderNodes(devices)];
}

/**
 * @param {Map<string, string>} known
 * @returns {Check}
 */
function checkDriverFiles(known) {
  const name = 'vulkan drivers';
  const { variable, files } = driverFiles();
  const where = variable ? ` (from ${variable})` : '';
  const faults = files.map((file) => ({ file, fault: driverFileFault(file, known) })).filter((entry) => entry.fault);
  if (!files.length) {
    return {
      name,
      status: 'note',
      found: 'no driver file',
      why: 'the loader alone is no Vulkan: it needs a driver',
      remedy: 'apt install mesa-vulkan-drivers (a software device, and AMD and Intel cards); NVIDIA brings its own',
    };
  }
  if (!faults.length)
    return { name, status: 'ok', found: `${files.map((file) => path.basename(file)).join(', ')}${where}` };
  return {
    name,
    status: variable || faults.length === files.length ? 'problem' : 'note',
    found: faults.map((entry) => `${entry.file} ${entry.fault}`).join('; ') + where,
    why: 'the loader leaves such drivers out',
    remedy: variable
      ? `unset ${variable}, or name files that exist`
      : 'install the package of the missing library, or remove the file',
  };
}

/**
 * @param {Devices} devices
 * @param {Problems} problems
 * @returns {Check}
 */
function checkVulkanDevices(devices, problems) {
  const name = 'vulkan devices';
  const mine = devices.filter((device) => device.backend === 'vulkan');
  if (mine.length) {
    const software = mine.every((device) => device.type === 'cpu') ? '; software only' : '';
    return { name, status: 'ok', found: mine.map(describe).join('; ') + software };
  }
  const problem = problems?.vulkan;
  const found = problem ? [problem.reason, problem.detail].filter(Boolean).join(': ') : 'none';
  return {
    name,
    status: 'note',
    found,
    why: 'no drawing, and no GPU but through CUDA',
    remedy: problem?.remedy ?? 'apt install libvulkan1 mesa-vulkan-drivers',
  };
}

// A card whose render node this user may not open looks like no card at all.
/**
 * @param {Devices} devices
 * @returns {Check[]}
 */
function checkRenderNodes(devices) {
  const nodes = list('/dev/dri')
    .filter((name) => name.startsWith('renderD'))
    .map((name) => path.join('/dev/dri', name));
  if (!nodes.length) return [];
  const closed = nodes.filter((node) => {
    try {
      fs.accessSync(node, fs.constants.R_OK | fs.constants.W_OK);
      return false;
    } catch {
      return true;
    }
  });
  const name = 'render nodes';
  if (closed.length) {
    return [
      {
        name,
        status: 'problem',
        found: `${closed.join(', ')} may not be opened by this user`,
        why: 'the card behind it cannot be used',
        remedy:
          'sudo usermod -aG render,video $USER, then log in again (docker run --device /dev/dri --group-add render)',
      },
    ];
  }
  const hardware = devices.some((device) => device.backend === 'vulkan' && device.type !== 'cpu');
  if (hardware) return [{ name, status: 'ok', found: nodes.join(', ') }];
  return [
    {
      name,
      status: 'note',
      found: `${nodes.join(', ')}, but no hardware Vulkan device`,
      why: 'there may be a card whose driver has no Vulkan',
      remedy: 'apt install mesa-vulkan-drivers (AMD, Intel), or the NVIDIA driver',
    },
  ];
}

module.exports = { checkVulkan, driverFiles };
