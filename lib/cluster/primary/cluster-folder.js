// A cluster's own folder, on memory where there is such: for the sockets of owners, and for what ends with the cluster.
// It is made at the first need and removed at the end; what a killed cluster has left is removed by the next one.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { GPUError } = require('../../core');

const kOnMemory = '/dev/shm';
const kMostPathBytes = 60; // a socket's path, which has this one before it, has at most 107
const kName = /^switchyard-(\d+)-(\d+)-(\d+)-(\d+)-[\w-]+$/;

/** Processes of another namespace have other numbers. */
function namespaceOfPids() {
  try {
    return /\d+/.exec(fs.readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}

/**
 * When a process began, in the kernel's ticks: its number alone may be another one's by now.
 * @param {string|number} pid
 * @returns {string|undefined} undefined: there is none
 */
function startOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** @param {string} folder */
function canWrite(folder) {
  try {
    fs.accessSync(folder, fs.constants.W_OK | fs.constants.X_OK);
    return fs.statSync(folder).isDirectory();
  } catch {
    return false;
  }
}

class ClusterFolder {
  /** @type {string|undefined} once it was made */
  #path;
  #parent;
  #log;

  /**
   * @param {string|undefined} parent where it is to be
   * @param {import('../../core/log').Logger} log
   */
  constructor(parent, log) {
    this.#parent = parent;
    this.#log = log;
  }

  /** @returns {string} where it is, from the first call on */
  open() {
    return (this.#path ??= this.#make());
  }

  #make() {
    const parent = path.resolve(this.#parent ?? (canWrite(kOnMemory) ? kOnMemory : os.tmpdir()));
    const owner = [process.getuid?.() ?? 0, namespaceOfPids(), process.pid, startOf(process.pid) ?? '0'];
    try {
      if (Buffer.byteLength(parent) > kMostPathBytes - 10)
        throw new GPUError('ERR_INVALID_ARGUMENT', `its path has more than ${kMostPathBytes - 10} bytes`);
      this.#removeLeftovers(parent, String(owner[0]), String(owner[1]));
      return fs.mkdtempSync(path.join(parent, `switchyard-${owner.join('-')}-`)); // which nobody else may look into
    } catch (error) {
      throw new GPUError(
        'ERR_INVALID_ARGUMENT',
        `the cluster's own folder can't be made in '${parent}': ${error.message}: name another one by memoryFolder`,
        { cause: error },
      );
    }
  }

  /**
   * Of clusters of this user whose primary process is not there any more.
   * @param {string} parent
   * @param {string} user
   * @param {string} namespace
   */
  #removeLeftovers(parent, user, namespace) {
    for (const name of fs.readdirSync(parent)) {
      const [, ofUser, inNamespace, pid, start] = kName.exec(name) ?? [];
      if (pid === undefined || ofUser !== user || inNamespace !== namespace || startOf(pid) === start) continue;
      this.#log.info({ folder: name }, 'a cluster that was killed has left its folder, which is removed');
      removeTree(path.join(parent, name), this.#log);
    }
  }

  remove() {
    if (this.#path !== undefined) removeTree(this.#path, this.#log);
    this.#path = undefined;
  }
}

/**
 * @param {string} folder
 * @param {import('../../core/log').Logger} log
 */
function removeTree(folder, log) {
  try {
    fs.rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    log.warn({ folder, reason: error.message }, "a cluster's folder could not be removed");
  }
}

module.exports = { ClusterFolder };
