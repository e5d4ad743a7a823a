// The host's memory as Linux tells it: of a control group (version 2 or 1) that has a limit what its processes use, and
// of the machine what is available to this process. Files that the system keeps in memory and can drop are not in use.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

/** @typedef {{ used: number, limit: number, from: string }} HostUse in bytes */
/** @typedef {{ proc?: string, cgroup?: string, most?: number }} Places `most`: a limit that was set, in bytes */

const kNoLimit = 2 ** 60; // what version 1 says where there is none, or more
const kMemoryBytes = 1024; // units of /proc

/** @param {string} file @returns {string} empty: it is not there */
function read(file) {
  try {
    return fs.readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/**
 * @param {string} text lines of a name and a number
 * @param {string} name
 * @returns {number} NaN: it is not there
 */
function numberIn(text, name) {
  const found = new RegExp(`^${name}:?\\s+(\\d+)`, 'm').exec(text);
  return found ? Number(found[1]) : NaN;
}

/** @param {string} text @returns {number} Infinity: there is no limit; NaN: no number */
function limitOf(text) {
  const word = text.trim();
  if (word === 'max') return Infinity;
  const bytes = word === '' ? NaN : Number(word);
  return bytes >= kNoLimit ? Infinity : bytes;
}

// What the files of the two versions are called. `files`: what is kept of files on disks, lately read or not, which can
// all be dropped; shared memory is none of it.
const kVersions = [
  {
    from: 'cgroup v2',
    folder: '',
    isMine: (/** @type {string} */ id, /** @type {string} */ names) => id === '0' && names === '',
    limit: 'memory.max',
    used: 'memory.current',
    files: ['inactive_file', 'active_file'],
  },
  {
    from: 'cgroup v1',
    folder: 'memory',
    isMine: (/** @type {string} */ _id, /** @type {string} */ names) => names.split(',').includes('memory'),
    limit: 'memory.limit_in_bytes',
    used: 'memory.usage_in_bytes',
    files: ['total_inactive_file', 'total_active_file'],
  },
];

/**
 * The groups that this process is in, from its own up to the root: each may have a limit. In a container the root is
 * its own group, and the names in /proc are those outside of it.
 * @param {string} own the group's path
 * @returns {string[]}
 */
function upwards(own) {
  const folders = [];
  for (let at = own; at !== '/' && at !== '.' && at !== ''; at = path.dirname(at)) folders.push(at);
  return [...folders, '/'];
}

/**
 * Of all groups with a limit the one that is nearest to it.
 * @param {string} proc
 * @param {string} cgroup
 * @param {number} most
 * @returns {HostUse|undefined}
 */
function groupUse(proc, cgroup, most) {
  /** @type {HostUse|undefined} */
  let worst;
  const lines = read(path.join(proc, 'self/cgroup')).split('\n');
  for (const version of kVersions) {
    for (const line of lines) {
      const [id, names, ...rest] = line.split(':');
      if (names === undefined || !version.isMine(id, names)) continue;
      for (const group of upwards(path.normalize(rest.join(':')))) {
        const folder = path.join(cgroup, version.folder, group);
        const limit = limitOf(read(path.join(folder, version.limit)));
        if (!(limit < Infinity)) continue;
        const all = limitOf(read(path.join(folder, version.used)));
        const stat = read(path.join(folder, 'memory.stat'));
        const files = version.files.reduce((sum, name) => sum + (numberIn(stat, name) || 0), 0);
        if (!(all >= 0)) continue;
        const use = { used: Math.max(0, all - files), limit: Math.min(limit, most), from: version.from };
        if (!worst || use.used / use.limit > worst.used / worst.limit) worst = use;
      }
    }
  }
  return worst;
}

/**
 * What this process has by itself or shares with others, of that and what is available. Memory that others use is none
 * of its doing; that there is little left is its trouble all the same.
 * @param {string} proc
 * @param {number} most
 * @returns {HostUse|undefined}
 */
function machineUse(proc, most) {
  const available = numberIn(read(path.join(proc, 'meminfo')), 'MemAvailable') * kMemoryBytes;
  const status = read(path.join(proc, 'self/status'));
  const used = (numberIn(status, 'RssAnon') + numberIn(status, 'RssShmem')) * kMemoryBytes;
  if (!(available >= 0) || !(used > 0)) return undefined;
  return { used, limit: Math.min(used + available, most), from: 'host' };
}

/**
 * Whichever is nearer to its limit. Where nothing can be told (another system than Linux), there is no limit.
 * @param {Places} [places]
 * @returns {HostUse}
 */
function readHost({ proc = '/proc', cgroup = '/sys/fs/cgroup', most = Infinity } = {}) {
  const group = groupUse(proc, cgroup, most);
  const machine = machineUse(proc, most);
  if (!group || !machine) return group ?? machine ?? { used: 0, limit: Infinity, from: 'host' };
  return group.used / group.limit > machine.used / machine.limit ? group : machine;
}

module.exports = { readHost };
