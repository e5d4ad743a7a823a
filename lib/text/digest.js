// What a model is known by: SHA-256 over all of its files that decide what it gives. They are read in pieces, between
// which the event loop turns.
'use strict';
const { createHash } = require('node:crypto');
const fs = require('node:fs/promises');
const { GPUError, invalid } = require('../core');

const kPieceBytes = 1 << 20;

/**
 * @param {string} folder
 * @param {readonly string[]} files those that aren't there count as such
 * @param {{ signal?: AbortSignal, onBytes?: (loaded: number, total: number) => void }} [options]
 * @returns {Promise<string>} in hexadecimal
 * @throws {GPUError} (rejects with) ERR_CANCELED; ERR_INVALID_ARGUMENT: a file can't be read
 */
async function digestFiles(folder, files, { signal, onBytes } = {}) {
  const hash = createHash('sha256');
  const sizes = await Promise.all(files.map(sizeOf));
  const total = sizes.reduce((/** @type {number} */ sum, size) => sum + (size ?? 0), 0);
  const piece = Buffer.allocUnsafe(kPieceBytes);
  let loaded = 0;
  for (const [i, file] of files.entries()) {
    hash.update(`${file.startsWith(folder) ? file.slice(folder.length) : file}\0${sizes[i] ?? 'none'}\0`);
    if (sizes[i] === undefined) continue;
    const handle = await fs.open(file).catch(refuseFile(file));
    try {
      for (;;) {
        if (signal?.aborted) throw new GPUError('ERR_CANCELED', 'the loading was canceled by its signal');
        const { bytesRead } = await handle.read(piece, 0, kPieceBytes).catch(refuseFile(file));
        if (!bytesRead) break;
        hash.update(bytesRead === kPieceBytes ? piece : piece.subarray(0, bytesRead));
        onBytes?.((loaded += bytesRead), total);
      }
    } finally {
      await handle.close();
    }
  }
  return hash.digest('hex');
}

/**
 * @param {string} file
 * @returns {(error: Error) => never}
 */
function refuseFile(file) {
  return (error) => {
    throw invalid(`the file '${file}' can't be read: ${error.message}`);
  };
}

/**
 * @param {string} file
 * @returns {Promise<number|undefined>}
 */
async function sizeOf(file) {
  try {
    const found = await fs.stat(file);
    // One that is a pipe would be waited for without end.
    if (!found.isFile()) throw invalid(`'${file}' is no regular file, which a model is made of`);
    return found.size;
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    return refuseFile(file)(error);
  }
}

/** What files were at one time: whether they still are the same. */
class FileStamps {
  #stamps;

  /** @param {Map<string, string>} stamps by file */
  constructor(stamps) {
    this.#stamps = stamps;
  }

  /**
   * @param {readonly string[]} files
   * @returns {Promise<FileStamps>}
   */
  static async take(files) {
    const stamps = await Promise.all(files.map(stampOf));
    return new FileStamps(new Map(files.map((file, i) => [file, stamps[i]])));
  }

  /**
   * @param {readonly string[]} files
   * @throws {GPUError} (rejects with) ERR_INVALID_ARGUMENT: one is another now, or was not there
   */
  async check(files) {
    const now = await Promise.all(files.map(stampOf));
    const changed = files.find((file, i) => this.#stamps.get(file) !== now[i]);
    if (changed !== undefined)
      throw invalid(`the file '${changed}' was changed while the model was loaded: load it again`);
  }
}

/**
 * @param {string} file
 * @returns {Promise<string>} of which file it is, and when it was changed last
 */
async function stampOf(file) {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await fs.stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join();
  } catch (error) {
    if (error.code === 'ENOENT') return 'none';
    return refuseFile(file)(error);
  }
}

module.exports = { digestFiles, FileStamps };
