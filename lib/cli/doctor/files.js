// What the doctor reads of a machine: files, folders, the libraries that the dynamic linker would find.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { whereIs } = require('../whereabouts');

/**
 * @param {string} folder
 * @returns {string[]} its entries, sorted; none where it cannot be read
 */
function list(folder) {
  try {
    return fs.readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/**
 * @param {string} file
 * @returns {string} '' where it cannot be read
 */
function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** What the dynamic linker would find, name -> path: LD_LIBRARY_PATH first, then its cache. */
function libraries() {
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const folder of (process.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean)) {
    for (const name of list(folder)) if (!found.has(name)) found.set(name, path.join(folder, name));
  }
  for (const ldconfig of ['/sbin/ldconfig', '/usr/sbin/ldconfig', 'ldconfig']) {
    const out = spawnSync(ldconfig, ['-p'], { encoding: 'utf8' }).stdout;
    if (!out) continue;
    for (const match of out.matchAll(/^\s+(\S+) \(.*\) => (\S+)$/gm))
      if (!found.has(match[1])) found.set(match[1], match[2]);
    break;
  }
  return found;
}

// Where libraries of drivers may lie beside the linker's own folders.
const kLibraryFolders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64'];

/**
 * @param {Map<string, string>} known
 * @param {string} name
 */
function findLibrary(known, name) {
  if (known.has(name)) return known.get(name);
  return kLibraryFolders.map((folder) => path.join(folder, name)).find((file) => fs.existsSync(file));
}

/** Of NVIDIA's kernel driver. */
function driverVersion() {
  return /(?:NVRM version:.*?|Module\s+)(\d{3,}\.\d+(?:\.\d+)?)/.exec(read('/proc/driver/nvidia/version'))?.[1];
}

/** @param {import('../../index').DeviceInfo} device */
function describe(device) {
  const place = whereIs(device);
  return `${device.id} ${device.name}${device.driver ? ` (${device.driver})` : ''}${place && ` at ${place}`}`;
}

module.exports = { list, read, libraries, findLibrary, driverVersion, describe };
