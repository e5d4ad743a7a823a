// A cluster's own folder, on memory where there is such: for the sockets of owners, and for what ends with the cluster.
// It is made at the first need and removed at the end; what a killed cluster has left is removed by the next one.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { GPUError } = require('../../core');

const kOnMemory = '/dev/shm';
const kMostSocketBytes = 107; // of a socket's path
const kSocketName = '/s0123456789'; // the longest one in the folder, after an owner's turn
const kRandom = 'XXXXXX'; // what mkdtemp() puts behind
const kName = /^switchyard-([0-9a-z]+)-([0-9a-z]+)-(\d+)-([0-9a-z]+)-[\w-]+$/;
const kBase = 36; // of long numbers in the name, so that it is short

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
 * @returns {string} 0: there is none, or nobody says
 */
function startOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return short(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return '0';
  }
}

/** @param {string|number} number */
const short = (number) => Number(number).toString(kBase);

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
    const user = short(process.getuid?.() ?? 0),
      namespace = short(namespaceOfPids());
    const name = `switchyard-${user}-${namespace}-${process.pid}-${startOf(process.pid)}-`;
    try {
      const most = kMostSocketBytes - Buffer.byteLength(`/${name}${kRandom}${kSocketName}`);
      const bytes = Buffer.byteLength(parent);
      if (bytes > most)
        throw new GPUError(
          'ERR_INVALID_ARGUMENT',
          `its path has ${bytes} bytes, but can have at most ${most}, since sockets lie in it`,
        );
      this.#removeLeftovers(parent, user, namespace);
      return fs.mkdtempSync(path.join(parent, name)); // which nobody else may look into
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

  /** What other processes still write into it, who have only just been told of the end, goes with this one. */
  remove() {
    const folder = this.#path;
    this.#path = undefined;
    if (folder === undefined || removeTree(folder)) return;
    process.once('exit', () => removeTree(folder, this.#log));
  }
}

/**
 * @param {string} folder
 * @param {import('../../core/log').Logger} [log] of what could not be removed
 * @returns {boolean}
 */
function removeTree(folder, log) {
  try {
    fs.rmSync(folder, { recursive: true, force: true });
    return true;
  } catch (error) {
    log?.warn({ folder, reason: error.message }, "a cluster's folder could not be removed");
    return false;
  }
}

module.exports = { ClusterFolder };
